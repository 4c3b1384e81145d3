"""What a transport costs the server: memory for a session that does nothing, CPU for a message."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias
from uuid import UUID

import trio
from attrs import evolve, field, frozen

from net.auth import Scope
from net.bench.client import Client, Transport
from net.bench.errors import BenchFailed
from net.bench.process import Meter, quiet
from net.bench.progress import Watcher
from net.client import Api, ApiFailed, ConnectionLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from net.wire import Wire

CONNECTIONS: Final = 20
"""So many connections ask at the same time, each for one thing at a time."""

_ARRIVING: Final = 32
"""So many sessions connect at the same time."""

_FIRST_GUESTS: Final = 8
"""Sessions that come and go before memory is looked at: what the server makes once is made then."""

_STATES_ONE_IN: Final = 2
"""A state costs more than a heartbeat; so many fewer of them are measured."""

_WARM_UP_ONE_IN: Final = 10

_TURNS: Final = 5

_RULES: Final = "crazy_eights"

_MOST_ROUNDS: Final = 6
_SETTLED: Final = 0.02
"""A round may take so much more than the one before, as a part of what the first took,"""

_SETTLED_BYTES: Final = 256 * 1024
"""or so much: less is what any process takes and gives."""


Ask: TypeAlias = "Callable[[Client, str], Awaitable[None]]"
"""Asks for one thing; the second argument is the client's game."""


class Server(Protocol):
    """The server that is measured."""

    async def dial(self) -> Wire:
        """A fresh connection to it, for those who count every microsecond. Raises OSError while it is down."""

    async def connect(self) -> trio.abc.Stream:
        """A fresh stream to it. Raises OSError while it is down."""

    def token(self, user_id: str, scope: Scope) -> str:
        """A token that it accepts."""


@frozen
class Plan:
    """How much is measured."""

    sessions: int
    messages: int

    @property
    def states(self) -> int:
        """How many states are asked for."""
        return max(self.messages // _STATES_ONE_IN, CONNECTIONS)


@frozen
class Memory:
    """What the server held, in bytes: before anybody came, and each time that `sessions` were connected; between two
    times they had all gone."""

    sessions: int
    before: int
    rounds: tuple[int, ...]

    @property
    def per_session(self) -> float:
        """Bytes for a session that does nothing, the first time."""
        return (self.rounds[0] - self.before) / self.sessions

    @property
    def kept_per_session(self) -> float:
        """Bytes by which a session took more the last time than the first. What ended sessions leave in reference
        cycles stays until the garbage collector finds it, so with few sessions this is some KiB, once."""
        return (self.rounds[-1] - self.rounds[0]) / self.sessions

    @property
    def settled(self) -> bool:
        """Whether the last time took about what the time before it took: what sessions held is used again."""
        if len(self.rounds) < 2:
            return False
        return self.rounds[-1] - self.rounds[-2] <= max(_SETTLED * (self.rounds[0] - self.before), _SETTLED_BYTES)


@frozen
class Work:
    """What the server spent on `count` requests: seconds of its CPU, within seconds of real time."""

    count: int = 0
    cpu: float = 0.0
    elapsed: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.count + other.count, self.cpu + other.cpu, self.elapsed + other.elapsed)

    @property
    def each(self) -> float:
        """Seconds of CPU for one of them."""
        return self.cpu / self.count


@frozen
class Figures:
    """What one transport costs."""

    transport: Transport
    memory: Memory
    heartbeat: Work = Work()
    state: Work = Work()


async def compare(benches: Sequence[Bench]) -> list[Figures]:
    """Measures all these. Raises BenchFailed, alone or in a group; leaves nothing connected.

    Memory goes first, while each heap is what it was at the start. CPU goes by turns, a slice of the work to each: the
    machine's mood changes, and the ratios must not change with it.
    """
    figures = [Figures(bench.transport, await bench.measure_memory()) for bench in benches]
    async with AsyncExitStack() as stack:
        asking = [await stack.enter_async_context(bench.asking()) for bench in benches]
        for one in asking:
            await one.warm_up()
        for turn in range(_TURNS):
            for at, one in enumerate(asking):
                heartbeat, state = await one.take_turn(turn)
                so_far = figures[at]
                figures[at] = evolve(so_far, heartbeat=so_far.heartbeat + heartbeat, state=so_far.state + state)
    return figures


@frozen(eq=False)
class Bench:
    """Measures one transport on a server that was just started and serves nobody else."""

    transport: Transport
    server: Server
    meter: Meter
    plan: Plan
    watcher: Watcher = field(repr=False)

    async def measure_memory(self) -> Memory:
        """Lets all sessions come and go until that takes no more memory. Raises BenchFailed."""
        async with self._crowd(_FIRST_GUESTS, "warming up") as clients:
            for client in clients:
                await _heartbeat(client)
        await quiet(self.meter)
        memory = Memory(self.plan.sessions, self.meter.memory(), ())
        while not memory.settled and len(memory.rounds) < _MOST_ROUNDS:
            memory = evolve(memory, rounds=(*memory.rounds, await self._memory_with_all(len(memory.rounds) + 1)))
        return memory

    async def _memory_with_all(self, time: int) -> int:
        async with self._crowd(self.plan.sessions, f"{self.plan.sessions} sessions connect, round {time}"):
            await quiet(self.meter)
            memory = self.meter.memory()
        await quiet(self.meter)
        return memory

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Asking]:
        """Clients that ask, each seated at a table; gone at the end. Raises BenchFailed."""
        async with self._crowd(CONNECTIONS, "connecting") as clients:
            yield Asking(self, list(zip(clients, await self._seat(CONNECTIONS), strict=True)))

    async def _seat(self, count: int) -> list[str]:
        """Makes a game for every two of the first `count` users; the game of each, in their order."""
        api = Api(self.server.connect, self.server.token("bench", Scope.SERVICE))
        tables: list[str] = []
        for number in range(0, count, 2):
            players = [_user(number), _user(number + 1)]
            try:
                tables += [await api.create_game(_RULES, players, seed=f"bench {number}")] * 2
            except (ApiFailed, ConnectionLost, OSError) as error:
                raise BenchFailed(f"the server makes no game: {error}") from None
        return tables

    # ---- clients

    @asynccontextmanager
    async def _crowd(self, count: int, what: str) -> AsyncIterator[list[Client]]:
        """So many clients that are connected and rest, the users from 0 on in their order; gone at the end."""
        clients: dict[int, Client] = {}
        users = iter(range(count))
        self._say(what, count)
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(min(count, _ARRIVING)):
                    nursery.start_soon(self._let_in, users, clients)
            yield [clients[number] for number in range(count)]
        finally:
            for client in clients.values():
                client.hang_up()

    async def _let_in(self, users: Iterator[int], clients: dict[int, Client]) -> None:
        for number in users:
            token = self.server.token(_user(number), Scope.PLAYER)
            client = clients[number] = await self.transport.connect(self.server.dial, token)
            client.rest()
            self.watcher.done()

    def _say(self, what: str, total: int) -> None:
        self.watcher.step(f"{self.transport.name}: {what}", total)


@frozen(eq=False)
class Asking:
    """Clients of one transport with the game of each. Both methods raise BenchFailed, alone or in a group."""

    bench: Bench
    seated: Sequence[tuple[Client, str]]

    async def warm_up(self) -> None:
        """Asks some of everything, of each at least once. What the joins have others told of is fetched with the
        heartbeats, so that it counts for nothing later."""
        plan, each = self.bench.plan, len(self.seated)
        await self._ask_all("warming up", max(plan.states // _WARM_UP_ONE_IN, each), _join)
        await self._ask_all("warming up", max(plan.messages // _WARM_UP_ONE_IN, each), _beat)
        await quiet(self.bench.meter)

    async def take_turn(self, turn: int) -> tuple[Work, Work]:
        """The slice of this turn: what its heartbeats and its states cost."""
        plan, which = self.bench.plan, f"turn {turn + 1} of {_TURNS}"
        heartbeat = await self._measure(f"heartbeats, {which}", share(plan.messages, turn, _TURNS), _beat)
        return heartbeat, await self._measure(f"states, {which}", share(plan.states, turn, _TURNS), _join)

    async def _measure(self, what: str, count: int, ask: Ask) -> Work:
        meter = self.bench.meter
        cpu, at = meter.cpu(), trio.current_time()
        await self._ask_all(what, count, ask)
        elapsed = trio.current_time() - at
        await quiet(meter)  # of the last answers' aftermath some is still to be done
        return Work(count, meter.cpu() - cpu, elapsed)

    async def _ask_all(self, what: str, count: int, ask: Ask) -> None:
        self.bench.watcher.step(f"{self.bench.transport.name}: {what}", count)
        async with trio.open_nursery() as nursery:
            for number, (client, game_id) in enumerate(self.seated):
                nursery.start_soon(self._ask, client, game_id, share(count, number, len(self.seated)), ask)

    async def _ask(self, client: Client, game_id: str, times: int, ask: Ask) -> None:
        for _ in range(times):
            await ask(client, game_id)
            self.bench.watcher.done()


def share(count: int, number: int, parts: int) -> int:
    """How much of `count` falls to the part of this number."""
    return count // parts + (number < count % parts)


def _user(number: int) -> str:
    """A person: their ids are UUIDs."""
    return str(UUID(int=number, version=4))


async def _heartbeat(client: Client) -> None:
    await client.ask("heartbeat", {}, mark=b'"server_time":')


async def _beat(client: Client, _game_id: str) -> None:
    await _heartbeat(client)


async def _join(client: Client, game_id: str) -> None:
    """Joining again what one follows already: nothing changes, the view is answered and the state pushed."""
    await client.ask("game:join", {"game_id": game_id}, mark=b'"success":true', push="game:state")
