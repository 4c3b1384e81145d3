"""What a crowd costs the server: to let it in, to hear that it is alive, to show it one game; and how long it takes
until all are in their seats again when the server was killed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from statistics import median
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

import trio
from attrs import define, field, frozen

from net.bench.crowd_guest import Guest
from net.bench.errors import BenchFailed
from net.bench.process import ProcessMeter, quiet
from net.bench.progress import Watcher
from net.bench.server import LocalServer
from net.client import ApiFailed, ConnectionLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from net.bench.process import Meter

T = TypeVar("T")

_ROUNDS: Final = 3
"""Rounds of pings that are measured."""

_ARRIVING: Final = 32
"""So many guests arrive at the same time, when nobody hurries."""

_DEALING: Final = 16
_RULES: Final = "crazy_eights"
_OPTIONS: Final = {"hand_size": 9, "first_player": "seat_0"}
_WRITTEN_DOWN: Final = 1.0
"""Seconds after which it is written down who sits where; who joins in the last instant before a kill begins afresh."""

_PATIENCE: Final = 120.0
"""Seconds after which a crowd that is not in its seats is not waited for any longer."""


@frozen
class Plan:
    """How many guests there are, and how many of them watch one game, while so many actions are taken in it; and how
    often each is pinged, in seconds."""

    guests: int
    spectators: int
    actions: int
    ping_every: float


@frozen
class Arrival:
    """So many guests let in, 32 at a time: seconds until all were, the server's CPU, and bytes of its memory."""

    guests: int
    seconds: float
    cpu: float
    memory: int


@frozen
class Beats:
    """What hearing that all are alive cost the server: its CPU over `rounds` of pings and pongs, and over as long a
    time as one round when nobody was there."""

    guests: int
    rounds: int
    cpu: float
    idle: float

    @property
    def each_round(self) -> float:
        """Seconds of CPU for one round, beyond what an empty server takes."""
        return max(self.cpu / self.rounds - self.idle, 0.0)


@frozen
class Broadcast:
    """So many actions in a game with so many spectators: the server's CPU for all of them, and for each action the
    seconds until the last spectator was shown the state."""

    spectators: int
    cpu: float
    delays: tuple[float, ...]

    @property
    def each(self) -> float:
        """Seconds of CPU for one action."""
        return self.cpu / len(self.delays)

    @property
    def delay(self) -> float:
        """Seconds until the last spectator was shown it, the median."""
        return median(self.delays)


@frozen
class Return:
    """All guests at once, after a kill -9. Seconds from when the server could be connected to until each was in its
    seat, in order; `down` is how long it could not be, `cpu` what the server used meanwhile. `recovered`: they had
    their sessions back; else they were put into their games with fresh ones."""

    recovered: bool
    down: float
    cpu: float
    seconds: tuple[float, ...]

    @property
    def slowest(self) -> float:
        """Until the last was in its seat."""
        return self.seconds[-1]

    @property
    def middle(self) -> float:
        """Until half of them were."""
        return median(self.seconds)


@frozen
class Figures:
    """What was measured. `few` is a game with one spectator, `many` the same with all of them."""

    arrival: Arrival
    beats: Beats
    few: Broadcast
    many: Broadcast
    returns: tuple[Return, ...]

    @property
    def per_spectator(self) -> float:
        """Seconds of CPU that one spectator more costs for each action."""
        more = self.many.spectators - self.few.spectators
        return max(self.many.each - self.few.each, 0.0) / max(more, 1)


@define(eq=False)
class Crowd:
    """The guests of one server, measured step by step. Every method raises BenchFailed, alone or in a group."""

    server: LocalServer
    plan: Plan
    watcher: Watcher
    guests: list[Guest] = field(factory=list, init=False)

    @property
    def _meter(self) -> Meter:
        return ProcessMeter(self.server.pid)  # of the server as it lives now

    async def measure(self) -> Figures:
        """All of it, in this order: a server that was just started comes first."""
        async with self._settling():
            idle = await self._idle()
            arrival = await self._arrive()
            beats = await self._beat(idle)
            few = await self._broadcast(1)
            many = await self._broadcast(self.plan.spectators)
            await self._take_seats()
            returns = (await self._come_back(recovered=True), await self._come_back(recovered=False))
        return Figures(arrival, beats, few, many, returns)

    @asynccontextmanager
    async def _settling(self) -> AsyncIterator[None]:
        """Guests read what they are sent for the length of a block, and are gone at its end."""
        async with trio.open_nursery() as nursery:
            self.guests = [
                Guest(self.server.dial, self.server.token(_user(number)), nursery) for number in range(self.plan.guests)
            ]
            try:
                yield
            finally:
                for guest in self.guests:
                    guest.hang_up()
                nursery.cancel_scope.cancel()

    # ---- coming

    async def _arrive(self) -> Arrival:
        meter = self._meter
        await quiet(meter)
        memory, cpu, began = meter.memory(), meter.cpu(), trio.current_time()
        await self._each("guests arrive", self.guests, lambda guest: guest.arrive(), at_a_time=_ARRIVING)
        seconds = trio.current_time() - began
        await quiet(meter)
        return Arrival(len(self.guests), seconds, meter.cpu() - cpu, meter.memory() - memory)

    async def _idle(self) -> float:
        meter = self._meter
        self.watcher.step("nobody is there", 1)
        await quiet(meter)
        cpu = meter.cpu()
        await trio.sleep(self.plan.ping_every)
        return meter.cpu() - cpu

    async def _beat(self, idle: float) -> Beats:
        meter = self._meter
        self.watcher.step(f"{_ROUNDS} rounds of pings", _ROUNDS)
        await trio.sleep(self.plan.ping_every)
        cpu = meter.cpu()
        pongs = sum(guest.pongs for guest in self.guests)
        for _ in range(_ROUNDS):
            await trio.sleep(self.plan.ping_every)
            self.watcher.done()
        cpu = meter.cpu() - cpu
        rounds = (sum(guest.pongs for guest in self.guests) - pongs) / len(self.guests)
        if rounds < 1:
            raise BenchFailed("the server has not pinged its clients")
        return Beats(len(self.guests), round(rounds), cpu, idle)

    # ---- one game that many see

    async def _broadcast(self, count: int) -> Broadcast:
        spectators, players = self.guests[:count], self.guests[-2:]
        game_id = await self._deal([_user(len(self.guests) - 2), _user(len(self.guests) - 1)])
        for player in players:
            await player.join(game_id)
        await self._each(f"{count} spectators come", spectators, lambda one: one.spectate(game_id), at_a_time=_ARRIVING)
        delays = []
        meter = self._meter
        await quiet(meter)
        cpu = meter.cpu()
        self.watcher.step(f"{self.plan.actions} actions before {count} spectators", self.plan.actions)
        for _ in range(self.plan.actions):
            delays.append(await self._act(players, spectators, game_id))
            self.watcher.done()
        await quiet(meter)
        cpu = meter.cpu() - cpu
        await self._each(f"{count} spectators go", spectators, lambda one: one.leave(game_id), at_a_time=_ARRIVING)
        return Broadcast(count, cpu, tuple(delays))

    async def _act(self, players: Sequence[Guest], spectators: Sequence[Guest], game_id: str) -> float:
        """Seconds from an action to the last spectator's state."""
        [player] = [player for player in players if player.legal]
        for guest in (*players, *spectators):
            guest.expect("game:state")
        began = trio.current_time()
        await player.act(game_id)
        for guest in (*players, *spectators):
            await guest.shown(_PATIENCE)
        return trio.current_time() - began

    # ---- coming back

    async def _take_seats(self) -> None:
        """Every two guests play a game."""
        pairs = [(number, number + 1) for number in range(0, len(self.guests) - 1, 2)]

        async def seat(pair: tuple[int, int]) -> None:
            game_id = await self._deal([_user(number) for number in pair])
            for number in pair:
                await self.guests[number].join(game_id)

        await self._each("games are dealt and joined", pairs, seat, at_a_time=_DEALING)
        await trio.sleep(_WRITTEN_DOWN)

    async def _come_back(self, *, recovered: bool) -> Return:
        """Kills the server, starts it, and has everybody come at once."""
        seated = self.guests[: len(self.guests) // 2 * 2]
        self.watcher.step(f"{len(seated)} guests come back after a kill -9", len(seated))
        await self.server.kill()
        killed = trio.current_time()
        for guest in seated:
            guest.hang_up()
        await self.server.start()
        up, meter = trio.current_time(), self._meter
        cpu = meter.cpu()
        seconds: list[float] = []

        async def come(guest: Guest) -> None:
            await (guest.recover() if recovered else guest.arrive_afresh())
            seconds.append(trio.current_time() - up)
            self.watcher.done()

        with trio.move_on_after(_PATIENCE):
            async with trio.open_nursery() as nursery:
                for guest in seated:
                    nursery.start_soon(come, guest)
        if len(seconds) < len(seated):
            raise BenchFailed(f"{len(seated) - len(seconds)} guests are not in their seats after {_PATIENCE:g} s")
        await quiet(meter)
        return Return(recovered, up - killed, meter.cpu() - cpu, tuple(sorted(seconds)))

    # ---- what they share

    async def _each(self, what: str, whom: Iterable[T], do: Callable[[T], Awaitable[None]], *, at_a_time: int) -> None:
        everybody = list(whom)
        self.watcher.step(f"{len(everybody)} {what}" if what[0].isalpha() else what, len(everybody))
        queue = iter(everybody)

        async def work() -> None:
            for one in queue:
                await do(one)
                self.watcher.done()

        async with trio.open_nursery() as nursery:
            for _ in range(min(at_a_time, len(everybody))):
                nursery.start_soon(work)

    async def _deal(self, users: Sequence[str]) -> str:
        try:
            return await self.server.api.create_game(_RULES, users, options=_OPTIONS)
        except (ApiFailed, ConnectionLost, OSError) as error:
            raise BenchFailed(f"the server makes no game: {error}") from None


def _user(number: int) -> str:
    """A person: their ids are UUIDs."""
    return str(UUID(int=number, version=4))
