"""How far one server goes on one machine: against the games that are played, against the connections that rest beside
them, and what each of these takes up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

from net.auth import Scope
from net.bench.crowd_guest import Guest
from net.bench.load import LoadPlan, percentile, user
from net.bench.load_crew import SECRET, RemoteServer, play, server_to_load
from net.bench.process import MachineMeter, ProcessMeter, quiet
from net.bench.recovery import Bench, resting_server
from net.bench.workload import BenchDuel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from net.bench.process import Meter
    from net.bench.progress import Watcher
    from net.bench.server import LocalServer

GAMES: Final = (1, 10, 50, 200, 1_000, 5_000)
CONNECTIONS: Final = (0, 1_000, 5_000, 10_000)
"""The sizes that are measured, up to the greatest that was asked for, which is measured too."""

BESIDE: Final = 50
"""So many games are played beside the connections that rest."""

BUSY: Final = 0.85
"""Whoever uses so much of a processor has no more to give: the rest is what the kernel does for it elsewhere, and what
it loses to its neighbours."""

_ARRIVING: Final = 32
_AT_REST: Final = 2_000
_GUESTS_FROM: Final = 1_000_000
"""Users of their own: none of them plays."""

_PING_EVERY: Final = 25
"""As servers have it by default: a connection that rests is not free."""

_SETTLED: Final = 3.0
"""Seconds that a server may take to come to rest, with thousands to ping."""


@frozen
class Plan:
    """What is measured: up to so many games and so many connections, each for so many seconds, played by so many
    processes."""

    games: int
    connections: int
    seconds: float
    processes: int

    @property
    def sizes(self) -> list[int]:
        """The numbers of games."""
        return up_to(GAMES, self.games)

    @property
    def crowds(self) -> list[int]:
        """The numbers of connections that rest."""
        return up_to(CONNECTIONS, self.connections)

    @property
    def beside(self) -> int:
        """How many games are played beside them."""
        return min(BESIDE, self.games)

    @property
    def files(self) -> int:
        """How many connections are open at once, in the server, and at most in one of the others."""
        return max(2 * self.games, self.connections + 2 * self.beside)

    def load(self, games: int) -> LoadPlan:
        """What the players do."""
        return LoadPlan(BenchDuel.name, games, seconds=self.seconds)


def up_to(sizes: Iterable[int], most: int) -> list[int]:
    """Those that are less, and this one."""
    return [*(size for size in sizes if size < most), most]


@frozen
class Point:
    """So many games, played in a closed loop, with so many connections beside them that rest. Waits are seconds from an
    action to its answer; CPU is in processors: the server, its store, all who play, and the whole `machine`, others'
    work on it too. `empty` is bytes of the server's memory before the players came, `seated` when they sat and had not
    begun."""

    games: int
    resting: int
    actions: int
    seconds: float
    half: float
    p99: float
    failures: int
    server: float
    store: float
    players: float
    machine: float
    empty: int
    seated: int

    @property
    def rate(self) -> float:
        """Actions a second."""
        return self.actions / self.seconds

    @property
    def each(self) -> float:
        """Seconds of the server's CPU for an action."""
        return self.server / self.rate if self.actions else 0.0

    def limit(self, processors: int, processes: int) -> str:
        """What has no more to give; `others`, if the machine has other work; the disk, and the round trips to it, where
        nobody is busy."""
        if self.server >= BUSY:
            return "server"
        if self.store >= BUSY:
            return "store"
        if self.players >= BUSY * processes:
            return "players"
        if self.server + self.store + self.players >= BUSY * processors:
            return "machine"
        return "others" if self.machine >= BUSY * processors else "disk"


@frozen
class Memory:
    """Bytes of the server's memory: for a session that rests; for a game of two who sit at it and have not begun, their
    sessions not counted; for a game at rest. And what the store has for one of these."""

    session: float | None
    running: float | None
    at_rest: float
    at_rest_in_store: float


@frozen
class Figures:
    """What was measured: against the games, and against the connections beside `Plan.beside` games."""

    games: tuple[Point, ...]
    connections: tuple[Point, ...]
    memory: Memory


async def measure(plan: Plan, watcher: Watcher) -> Figures:
    """On servers of its own: one for the games at rest, one for the connections, and one for each number of games.
    Raises BenchFailed, ServerFailed, alone or in a group; leaves nothing running."""
    at_rest, in_store = await _at_rest(min(plan.games, _AT_REST), watcher)
    connections, session = await _against_connections(plan, watcher)
    games = [await _against_games(plan, games, watcher) for games in plan.sizes]
    most = games[-1]
    running = None if session is None else (most.seated - most.empty) / most.games - 2 * session
    return Figures(tuple(games), tuple(connections), Memory(session, running, at_rest, in_store))


async def _at_rest(games: int, watcher: Watcher) -> tuple[float, float]:
    """What a game takes up that nobody talks to: in the server, and in the store. The first games are not counted: they
    take memory that is there for the next ones."""
    watcher.step("starting a server", 1)
    async with resting_server() as server:
        bench, meter = Bench(server, watcher), ProcessMeter(server.pid)
        await bench.deal(0, games)
        await quiet(meter)
        memory, store = meter.memory(), await bench.store_memory()
        await bench.deal(games, 2 * games)
        await quiet(meter)
        return max(meter.memory() - memory, 0) / games, (await bench.store_memory() - store) / games


async def _against_games(plan: Plan, games: int, watcher: Watcher) -> Point:
    watcher.step("starting a server", 1)
    async with server_to_load(2 * games) as server:
        return await _point(server, plan, games, 0, watcher)


async def _against_connections(plan: Plan, watcher: Watcher) -> tuple[list[Point], float | None]:
    """A point for each number of connections; and what a session takes up, in bytes: None when nobody rests."""
    watcher.step("starting a server", 1)
    points: list[Point] = []
    taken, guests = 0, list[Guest]()
    async with (
        server_to_load(plan.files, CROUPIER_SESSIONS_PING_INTERVAL=str(_PING_EVERY)) as server,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(server.watch)
        try:
            for crowd in plan.crowds:
                meter = ProcessMeter(server.pid)
                await quiet(meter, limit=_SETTLED)
                memory = meter.memory()
                if crowd > len(guests):
                    await _arrive(server, guests, crowd, nursery, watcher)
                    await quiet(meter, limit=_SETTLED)
                    taken += meter.memory() - memory
                points.append(await _point(server, plan, plan.beside, crowd, watcher))
        finally:
            for guest in guests:
                guest.hang_up()
            nursery.cancel_scope.cancel()
    return points, taken / len(guests) if guests else None


async def _arrive(
    server: LocalServer, guests: list[Guest], until: int, nursery: trio.Nursery, watcher: Watcher
) -> None:
    """Lets guests come until there are so many."""
    remote = RemoteServer(server.address, SECRET)
    numbers = iter(range(len(guests), until))
    watcher.step(f"{until - len(guests)} connections are made, to rest", until - len(guests))

    async def come() -> None:
        for number in numbers:
            guest = Guest(remote.dial, remote.token(user(_GUESTS_FROM + number), Scope.PLAYER), nursery)
            guests.append(guest)
            await guest.arrive()
            watcher.done()

    async with trio.open_nursery() as arriving:
        for _ in range(_ARRIVING):
            arriving.start_soon(come)


async def _point(server: LocalServer, plan: Plan, games: int, resting: int, watcher: Watcher) -> Point:
    meter = ProcessMeter(server.pid)
    meters: list[Meter] = [meter, ProcessMeter(server.store_pid), MachineMeter()]
    await quiet(meter, limit=_SETTLED)
    empty = meter.memory()
    played = await play(plan.load(games), plan.processes, RemoteServer(server.address, SECRET), watcher, meters)
    tally, (server_cpu, store_cpu, all_cpu) = played.tally, played.cpu
    return Point(
        games,
        resting,
        tally.actions,
        plan.seconds,
        percentile(tally.answers, 0.5) or 0.0,
        percentile(tally.answers, 0.99) or 0.0,
        tally.errors,
        server=server_cpu / plan.seconds,
        store=store_cpu / plan.seconds,
        players=tally.cpu / plan.seconds,
        machine=all_cpu / plan.seconds,
        empty=empty,
        seated=played.seated[0],
    )
