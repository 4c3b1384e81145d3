"""Players for a load: real sockets, as fast as they may, at a rate, or with a time to think; and how long they wait.

A closed loop acts as soon as it is somebody's turn. At a fixed rate each game has its own timetable, and a wait counts
from the time at which the action was due, whether the players were ready then or not: a server that stalls must not be
spared the actions that it kept from being sent (coordinated omission). One process plays the games that it is given;
`net.bench.load_crew` starts several.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson
import trio
from attrs import define, field, frozen

from net.auth import Scope
from net.bench.client import TRANSPORTS, Client
from net.bench.errors import BenchFailed
from net.bench.transport import Server
from net.client import Api, ApiFailed, ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Sequence


REPORT_EVERY: Final = 0.5
_ARRIVING: Final = 16
"""So many clients connect at the same time."""


@frozen
class LoadPlan:
    """What is played, and for how long (seconds). `rate` is actions a second of all games together, 0: as many as
    there can be; `think` is how long a player waits before they act; every `storm` seconds all connections break at
    once, 0: never. The games are those numbered from `first` on."""

    rules: str
    games: int
    spectators: int = 0
    seconds: float = 5.0
    warmup: float = 1.0
    rate: float = 0.0
    think: float = 0.0
    storm: float = 0.0
    first: int = 0
    state_encoding: str = "full"
    """What everybody asks for when they join."""

    @property
    def people(self) -> int:
        """How many users each game has."""
        return 2 + self.spectators


@define
class Tally:
    """What was measured; waits are in seconds. `frames` are the states that came, and `state_bytes` the length of
    their messages. `answers` are from an action to its answer, `states` to the other player's state, `storms` from a
    break of all connections until everybody is back in their seat. `cpu` is what the players' own process used, in
    seconds."""

    actions: int = 0
    frames: int = 0
    errors: int = 0
    answers: list[float] = field(factory=list)
    states: list[float] = field(factory=list)
    storms: list[float] = field(factory=list)
    cpu: float = 0.0
    state_bytes: int = 0

    def add(self, other: Tally) -> None:
        """Counts another's, too."""
        self.actions += other.actions
        self.frames += other.frames
        self.errors += other.errors
        self.answers += other.answers
        self.states += other.states
        self.storms += other.storms
        self.cpu += other.cpu
        self.state_bytes += other.state_bytes


def percentile(waits: Sequence[float], part: float) -> float | None:
    """The wait that this part of all waits does not exceed; None when there is none."""
    return sorted(waits)[min(len(waits) - 1, int(len(waits) * part))] if waits else None


def user(number: int) -> str:
    """A person: their ids are UUIDs."""
    return str(UUID(int=number, version=4))


@define(eq=False)
class _Table:
    """One game after the other, of the same people."""

    number: int
    due: float = 0.0
    sent_at: float = 0.0
    game_id: str = ""
    made: trio.Event = field(factory=trio.Event)


@define(eq=False)
class Load:
    """Plays a plan on a server, in this process. `progress` is told at the beginning, now and then, and at the end how
    many actions there were, `sits` each time that somebody has sat down; with everybody seated nobody acts until
    `together` has returned."""

    server: Server
    plan: LoadPlan
    progress: Callable[[int], None]
    sits: Callable[[], None]
    together: Callable[[], Awaitable[None]]
    tally: Tally = field(factory=Tally, init=False)
    _measuring: bool = field(default=False, init=False)
    _out: int = field(default=0, init=False)
    _all_in: trio.Event = field(factory=trio.Event, init=False)
    _begun: trio.Event = field(factory=trio.Event, init=False)
    _lines: set[Client] = field(factory=set, init=False)
    _gate: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(_ARRIVING), init=False)

    async def play(self) -> Tally:
        """Seats everybody, warms up, and measures. Raises BenchFailed, alone or in a group."""
        plan = self.plan
        self._out = plan.games * plan.people
        async with trio.open_nursery() as nursery:
            for number in range(plan.first, plan.first + plan.games):
                table = _Table(number)
                for seat in range(plan.people):
                    nursery.start_soon(self._take_part, table, seat)
            await self._all_in.wait()
            await self.together()
            self._begun.set()
            await trio.sleep(plan.warmup)
            self.tally, self._measuring = Tally(), True
            cpu = time.process_time()
            self.progress(0)
            if plan.storm:
                nursery.start_soon(self._storm)
            end = trio.current_time() + plan.seconds
            while trio.current_time() < end:
                await trio.sleep(min(REPORT_EVERY, max(0.0, end - trio.current_time())))
                self.progress(self.tally.actions)
            self._measuring = False
            self.tally.cpu = time.process_time() - cpu
            nursery.cancel_scope.cancel()
        return self.tally

    # ---- one of the people

    async def _take_part(self, table: _Table, seat: int) -> None:
        """Connects, and again whenever the connection breaks, and plays or watches."""
        number = table.number * self.plan.people + seat
        token = self.server.token(user(number), Scope.PLAYER)
        while True:
            client: Client | None = None
            try:
                async with self._gate:
                    client = await TRANSPORTS[0].connect(self.server.dial, token)
                self._lines.add(client)
                while True:
                    await self._play_one(client, table, seat)
            except (BenchFailed, trio.ClosedResourceError):  # closed is what we closed ourselves
                if not self.plan.storm:
                    raise
            finally:
                if client is not None:
                    self._lines.discard(client)
                    client.hang_up()

    async def _play_one(self, client: Client, table: _Table, seat: int) -> None:
        """One game to its end."""
        if seat == 0 and not table.game_id:
            await self._deal(table)
        await table.made.wait()
        game_id = table.game_id
        wanted = {"game_id": game_id, "state_encoding": self.plan.state_encoding}
        await client.tell("game:join" if seat < 2 else "game:spectate", wanted)
        seated, sent_at = False, 0.0
        while True:
            said = await client.hear()
            message: Any = orjson.loads(said)
            data = message["data"]
            if "ack" in message:
                if not data.get("success"):
                    self.tally.errors += 1
                elif not seated:
                    seated = True
                    self._is_in()
                elif self._measuring:
                    self.tally.answers.append(trio.current_time() - sent_at)
                continue
            if data.get("game_id") != game_id:
                continue
            if message["event"] == "game:game_over":
                if table.game_id == game_id:  # the first who hears it makes room for the next
                    table.game_id, table.made = "", trio.Event()
                self._out += 1
                return
            if message["event"] == "game:state":
                self._saw(table, seat, data, len(said))
                if data.get("legal_actions"):
                    sent_at = await self._act(client, table, data, game_id)

    def _saw(self, table: _Table, seat: int, state: Any, size: int) -> None:  # noqa: ANN401 - JSON
        if self._measuring:
            self.tally.frames += 1
            self.tally.state_bytes += size
            if seat < 2 and state["is_your_turn"] and table.sent_at:
                self.tally.states.append(trio.current_time() - table.sent_at)

    async def _act(self, client: Client, table: _Table, state: Any, game_id: str) -> float:  # noqa: ANN401 - JSON
        """Acts, now or when it is due; from when on the wait for the answer counts."""
        plan = self.plan
        if not self._begun.is_set():  # or those who sit already would keep the others waiting for the server
            await self._begun.wait()
        if plan.think:
            await trio.sleep(plan.think)
        now = trio.current_time()
        if plan.rate:
            interval = plan.games / plan.rate
            # The first actions are spread over one interval.
            table.due = table.due + interval if table.due else now + interval * (table.number % plan.games) / plan.games
            if table.due > now:
                await trio.sleep_until(table.due)
            now = table.due
        table.sent_at = now
        if self._measuring:
            self.tally.actions += 1
        await client.tell("game:action", {"game_id": game_id, "action": state["legal_actions"][0]})
        return now

    async def _deal(self, table: _Table) -> None:
        first = table.number * self.plan.people
        api = Api(self.server.connect, self.server.token("bench", Scope.SERVICE))
        try:
            async with self._gate:
                table.game_id = await api.create_game(self.plan.rules, [user(first), user(first + 1)])
        except (ApiFailed, ConnectionLost, OSError) as error:
            raise BenchFailed(f"the server makes no game: {error}") from None
        table.made.set()

    # ---- all of them

    def _is_in(self) -> None:
        self._out -= 1
        if not self._begun.is_set():
            self.sits()
        if not self._out:
            self._all_in.set()

    async def _storm(self) -> None:
        """Breaks all connections at once, again and again, and takes the time until everybody is back."""
        while True:
            await trio.sleep(self.plan.storm)
            broken = list(self._lines)
            self._all_in = trio.Event()
            self._out += len(broken)
            began = trio.current_time()
            for client in broken:
                client.hang_up()
            await self._all_in.wait()
            self.tally.storms.append(trio.current_time() - began)
