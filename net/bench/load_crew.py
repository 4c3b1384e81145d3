"""The processes that play a load: started, told to begin together when all have seated their people, and counted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
import trio
from attrs import asdict, evolve, field, frozen

from net.auth import Tokens
from net.bench.errors import BenchFailed
from net.bench.load import Load, LoadPlan, Tally
from net.bench.process import Meter
from net.bench.progress import Watcher
from net.bench.server import dial_tcp, started_server
from net.bench.transport import share
from net.client import tcp
from net.config import Auth
from net.outside import SystemClock
from net.process import TOKEN_TTL, own_command, own_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from actors.rules.interface import JsonObject
    from net.auth import Scope
    from net.bench.server import LocalServer
    from net.wire import Wire

SECRET: Final = "only for the benchmark's own server, on loopback, for a moment"
SPARE: Final = 200
"""Connections, and files, besides those of the players."""

_SEATED_AT_A_TIME: Final = 20
"""One word for so many who have sat down."""

_PATIENT: Final = {
    "CROUPIER_GAMES_MAX_EVENTS": "1000000",
    "CROUPIER_LIMITS_HANDSHAKE_TIMEOUT": "60",
    "CROUPIER_SESSIONS_CONNECT_TIMEOUT": "60",
}
"""Thousands come at the same time, from a machine that is busy: who is slow is not hung up on."""


@frozen
class RemoteServer:
    """A server at this address, whose secret we were told."""

    address: str
    secret: str = field(repr=False)

    async def dial(self) -> Wire:
        """See `net.bench.transport.Server`."""
        return await dial_tcp(self.address)

    async def connect(self) -> trio.abc.Stream:
        """See `net.bench.transport.Server`."""
        host, _, port = self.address.rpartition(":")
        return await tcp(host, int(port))()

    def token(self, user_id: str, scope: Scope) -> str:
        """See `net.bench.transport.Server`."""
        return Tokens((self.secret,), Auth().audience, SystemClock()).issue(user_id, scope, TOKEN_TTL)


@frozen
class Played:
    """What the players measured; and what each process that was watched meanwhile took, in their order: seconds of CPU
    over the plan's time, and bytes of memory just before they began and when they had nearly done."""

    tally: Tally
    cpu: tuple[float, ...] = ()
    seated: tuple[int, ...] = ()
    memory: tuple[int, ...] = ()


def server_to_load(
    connections: int, *, stages: bool = False, **environ: str
) -> AbstractAsyncContextManager[LocalServer]:
    """A server of our own for so many players, with the benchmarks' game, long games, patience, and SECRET."""
    settings = {**_PATIENT, "CROUPIER_AUTH_SECRET": SECRET, **environ}
    return started_server(connections=connections + SPARE, environ=settings, bench_rules=True, stages=stages)


async def play(
    plan: LoadPlan, processes: int, server: RemoteServer, watcher: Watcher, meters: Sequence[Meter] = ()
) -> Played:
    """Lets so many processes play, no more than there are games, and sums up what they measured. Raises BenchFailed,
    alone or in a group."""
    crew = _Crew(plan, min(processes, plan.games), server, watcher, meters)
    async with trio.open_nursery() as nursery:
        for number in range(crew.processes):
            nursery.start_soon(crew.play_share, number)
    return crew.result()


@frozen(eq=False)
class _Crew:
    plan: LoadPlan
    processes: int
    server: RemoteServer
    watcher: Watcher
    meters: Sequence[Meter]
    tally: Tally = field(factory=Tally, init=False)
    _ready: list[trio.Process] = field(factory=list, init=False)
    _cpu: list[tuple[float, ...]] = field(factory=list, init=False)
    _memory: list[tuple[int, ...]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        people = self.plan.games * self.plan.people
        self.watcher.step(f"{self.plan.games} games: {people} people sit down", people // _SEATED_AT_A_TIME)

    async def play_share(self, number: int) -> None:
        """One process, which plays its part of the games."""
        plan, processes = self.plan, self.processes
        shares = [share(plan.games, at, processes) for at in range(processes)]
        games = shares[number]
        part = evolve(plan, games=games, first=sum(shares[:number]), rate=plan.rate * games / plan.games)
        task = {"address": self.server.address, "secret": self.server.secret, "plan": asdict(part)}
        async with _worker(task) as process:
            async for line in _said_by(process):
                match line:
                    case {"seated": True}:
                        await self._is_ready(process)
                    case {"seated": False}:
                        self.watcher.done()
                    case {"tally": tally}:
                        self.tally.add(Tally(**tally))
                    case {"actions": _} if number == 0:
                        self.watcher.done()
                        self._look()

    async def _is_ready(self, process: trio.Process) -> None:
        """When all processes are, they begin."""
        self._ready.append(process)
        if len(self._ready) < self.processes:
            return
        plan = self.plan
        self.watcher.step(f"{plan.games} games are played for {plan.seconds:g} s", max(1, int(plan.seconds * 2)))
        self._memory.append(tuple(meter.memory() for meter in self.meters))
        for ready in self._ready:
            assert ready.stdin is not None
            await ready.stdin.aclose()

    def _look(self) -> None:
        self._cpu.append(tuple(meter.cpu() for meter in self.meters))
        self._memory[1:] = [tuple(meter.memory() for meter in self.meters)]

    def result(self) -> Played:
        """When all have played. The first look was at the beginning of the plan's time, the last at its end."""
        if not self.meters:
            return Played(self.tally)
        cpu = (last - first for first, last in zip(self._cpu[0], self._cpu[-1], strict=True))
        return Played(self.tally, tuple(cpu), self._memory[0], self._memory[-1])


@asynccontextmanager
async def _worker(task: JsonObject) -> AsyncIterator[trio.Process]:
    """A process that plays, dead at the end of the block. It waits with everybody seated until its input is closed."""
    process = await trio.lowlevel.open_process(
        own_command("bench", "load-worker"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=own_environment(),
        process_group=0,
    )
    try:
        assert process.stdin is not None
        await process.stdin.send_all(orjson.dumps(task) + b"\n")
        yield process
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                assert pipe is not None
                await pipe.aclose()


async def _said_by(process: trio.Process) -> AsyncIterator[Any]:
    """Its lines of JSON. Raises BenchFailed when it fails."""
    assert process.stdout is not None
    assert process.stderr is not None
    held = b""
    async for data in process.stdout:
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            yield orjson.loads(line)
    if await process.wait():
        said = (b"".join([part async for part in process.stderr])).decode(errors="replace").strip().splitlines()
        raise BenchFailed(said[-1].removeprefix("croupier: ") if said else "a process that plays has failed")


def run_worker() -> None:
    """One process that plays: the task is the first line of standard input, at whose end it begins; lines of JSON go to
    standard output."""
    task = orjson.loads(sys.stdin.buffer.readline())
    seated = 0

    def say(line: JsonObject) -> None:
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()

    def sits() -> None:
        nonlocal seated
        seated += 1
        if seated % _SEATED_AT_A_TIME == 0:
            say({"seated": False})

    async def together() -> None:
        say({"seated": True})
        await trio.to_thread.run_sync(sys.stdin.buffer.read, abandon_on_cancel=True)

    server = RemoteServer(task["address"], task["secret"])
    load = Load(server, LoadPlan(**task["plan"]), lambda actions: say({"actions": actions}), sits, together)
    say({"tally": asdict(trio.run(load.play))})
