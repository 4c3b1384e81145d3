"""One world: its house, its games, its people, what is done to them, and the judgement."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import define, evolve, field, frozen

from actors.ports import GameNotFound
from actors.rules.crazy_eights import CrazyEights
from actors.rules.duel import Duel
from actors.rules.registry import Registry
from net.checks import (
    Promise,
    Reading,
    Served,
    Standing,
    Violation,
    Written,
    can_end,
    check_game,
    fair_clocks,
    one_writer,
    rebuilt_is_served,
    replayed,
    whole,
)
from net.client import ApiFailed, ConnectionLost
from net.event_codec import decode_event
from net.testing.determinism import virtual_clock
from net.testing.house import ADDRESS, House, open_house
from net.testing.trace import Trace
from net.testing.world.pairs import OTHER_CARDS, leaks
from net.testing.world.people import Person, Scene
from net.testing.world.plan import SMALL, Game, Plan, make_plan
from net.testing.world.strikes import Striker, merged
from net.testing.world.veil import Veil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.testing.world.plan import Scale

PATIENCE: Final = 150.0
"""Seconds, from the moment at which all is calm, within which every game must have come to its end."""

_RETRY: Final = 0.2
_LOST_FOR: Final = 10.0
"""Seconds of calm after which nobody waits any more for a game that the store has lost."""


@frozen
class Outcome:
    """What became of a world."""

    seed: int
    violations: tuple[Violation, ...]
    digest: str
    seconds: float
    """Virtual ones."""
    events: int
    games: int
    ended: int
    faults: Counter[str]
    said: Counter[str]


@define(eq=False)
class Table:
    """A game that there is, and its people."""

    game_id: str
    plan: Game
    people: list[Person] = field(factory=list)

    @property
    def over(self) -> bool:
        """Whether everybody has come to its end."""
        return all(person.done for person in self.people)


@define(eq=False)
class World:
    """A world while it lasts."""

    plan: Plan
    house: House
    registry: Registry
    scene: Scene
    striker: Striker
    people: list[Person]
    tables: list[Table] = field(factory=list, init=False)

    # ---- its course

    async def run(self) -> Outcome:
        """From the first game to the judgement."""
        async with trio.open_nursery() as everything:
            everything.start_soon(self.striker.keep_up)
            async with trio.open_nursery() as nursery:
                await nursery.start(self._open_tables)
                await self.striker.run()
                with trio.move_on_after(PATIENCE) as patience:
                    await self._until_over()
                nursery.cancel_scope.cancel()
            violations = [one for one in self.scene.violations if one.game_id not in self.striker.excused]
            if patience.cancelled_caught:
                violations += self._stuck()
            violations += await self._judge()
            if self.plan.looks_again and not violations:
                violations += await self._look_again()
            everything.cancel_scope.cancel()
        return self._outcome(violations)

    async def _open_tables(self, *, task_status: trio.TaskStatus[None]) -> None:
        """The games, each at its time. The first one is there before anything else happens."""
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number, game in enumerate(self.plan.games):
                await trio.sleep_until(began + game.begins_at)
                table = await self._open_table(game)
                for person in table.people:
                    nursery.start_soon(person.live)
                if number == 0:
                    task_status.started()

    async def _open_table(self, game: Game) -> Table:
        while True:
            try:
                game_id = await self.house.new_game(
                    game.rules,
                    [guest.user_id for guest in game.players],
                    options=game.options,
                    turn_timeout_seconds=game.turn_timeout,
                    seed=game.seed,
                )
            except (ConnectionLost, OSError, ApiFailed) as error:
                if isinstance(error, ApiFailed) and error.status not in (500, 503):
                    raise
                await trio.sleep(_RETRY)
            else:
                break
        others = tuple(table.game_id for table in self.tables)
        table = Table(game_id, game)
        guests = [*((guest, False) for guest in game.players), *((guest, True) for guest in game.watchers)]
        for guest, watches in guests:
            table.people.append(Person(self.scene, guest, watches, game_id, others))
        self.tables.append(table)
        self.people += table.people
        self.striker.games.append(game_id)
        return table

    async def _until_over(self) -> None:
        calm_at = trio.current_time()

        def all_settled() -> bool:
            made = len(self.tables) == len(self.plan.games)
            return made and all(self._is_settled(table, calm_at) for table in self.tables)

        while not all_settled():  # noqa: ASYNC110 - a look now and then will do
            await trio.sleep(_RETRY)

    def _is_settled(self, table: Table, calm_at: float) -> bool:
        lost = table.game_id in self.striker.excused and trio.current_time() > calm_at + _LOST_FOR
        return table.over or lost

    # ---- the judgement

    def _stuck(self) -> list[Violation]:
        found = []
        for table in self.tables:
            if not table.over and table.game_id not in self.striker.excused:
                who = ", ".join(person.user_id for person in table.people if not person.done)
                text = f"after {PATIENCE:g} s of calm it is not over for {who}"
                found.append(Violation(Promise.STUCK, table.game_id, text))
        if len(self.tables) < len(self.plan.games):
            found.append(Violation(Promise.STUCK, "-", f"after {PATIENCE:g} s of calm no game can be made"))
        return found

    async def _judge(self) -> list[Violation]:
        found: list[Violation] = []
        readings: list[Reading] = []
        until = self.house.clock.now()
        for table in self.tables:
            journal = await self._journal(table.game_id)
            if table.game_id in self.striker.excused:
                found += self._judge_lost(table.game_id, journal)
                continue
            diaries = [person.diary() for person in table.people]
            found += check_game(table.game_id, diaries, journal, self.registry, until=until)
            readings += [Reading(entry.event.at, entry.event.clock) for entry in journal]
        if not self.striker.lost:
            found += fair_clocks(readings, merged(self.striker.outages))
        return found

    def _judge_lost(self, game_id: str, journal: Sequence[Written]) -> list[Violation]:
        """Of a game of which the store has lost events, what is left must be whole, and go together."""
        if not journal:
            return []
        found = [*whole(game_id, journal), *one_writer(game_id, journal)]
        truth = replayed(journal, self.registry)
        return [*found, truth] if isinstance(truth, Violation) else found

    async def _look_again(self) -> list[Violation]:
        """After one more kill, with nothing in memory: what is served is what stands."""
        self.house.kill()
        found: list[Violation] = []
        for table in self.tables:
            if table.game_id in self.striker.excused:
                continue
            with trio.move_on_after(PATIENCE) as patience:
                async with trio.open_nursery() as nursery:
                    for person in table.people:
                        nursery.start_soon(person.look_again)
            if patience.cancelled_caught:
                found.append(Violation(Promise.REBUILT, table.game_id, "it is not shown any more"))
                continue
            truth = replayed(await self._journal(table.game_id), self.registry)
            assert not isinstance(truth, Violation), "it was judged before"
            served = [(person, person.served) for person in table.people]
            finals = [Served(person.diary().eyes, view) for person, view in served if view is not None]
            found += rebuilt_is_served(finals, truth)
            status = (await self.house.api.game(table.game_id))["status"]
            found += can_end([Standing(table.game_id, status, playable=False)])
        return found

    async def _journal(self, game_id: str) -> tuple[Written, ...]:
        """What stands of the game, read past the server."""
        key = f"{self.plan.config.store.prefix}game:{game_id}"
        entries: Any = self.house.redis.execute("XRANGE", key, "-", "+")
        if not entries:
            try:
                events = await self.house.archive.events(game_id)
            except GameNotFound:
                return ()
            return tuple(Written(event.event_id, event) for event in events)
        found = []
        for entry_id, fields in entries:
            named = dict(zip(fields[::2], fields[1::2], strict=True))
            number = int(entry_id.partition(b"-")[0])
            found.append(Written(number, decode_event(named[b"event"]), named[b"nonce"].decode()))
        return tuple(found)

    def _outcome(self, violations: Sequence[Violation]) -> Outcome:
        return Outcome(
            seed=self.plan.seed,
            violations=tuple(violations),
            digest=self.house.trace.digest,
            seconds=trio.current_time(),
            events=sum(person.view["event_id"] for one in self.tables for person in one.people[:1] if person.view),
            games=len(self.tables),
            ended=sum(table.over for table in self.tables),
            faults=self.striker.done,
            said=Counter(self.scene.said),
        )


def run_world(seed: int, scale: Scale = SMALL, trace: Trace | None = None) -> Outcome:
    """The world of this seed, from its beginning to its judgement. It takes no real time but that of the processor, and
    goes the same way each time."""
    plan = make_plan(seed, scale)
    if not plan.paired:
        return run_plan(plan, trace)
    trace = Trace(keep=None) if trace is None or trace.keep is not None else trace
    other = Trace(keep=None)
    outcome, twin = run_plan(plan, trace), run_plan(evolve(plan, shift=OTHER_CARDS), other)
    owners = {game.players[0].user_id for game in plan.games}
    found = leaks(trace.moments, other.moments, owners)
    violations = (*outcome.violations, *(one for one in twin.violations if one not in outcome.violations), *found)
    return evolve(outcome, violations=violations)


def run_plan(plan: Plan, trace: Trace | None = None) -> Outcome:
    """The same, for a plan."""
    return trio.run(_run, plan, Trace() if trace is None else trace, clock=virtual_clock())


@cache
def _registry(shift: int) -> Registry:
    return Registry([Veil(shift), CrazyEights(), Duel()])


async def _run(plan: Plan, trace: Trace) -> Outcome:
    registry = _registry(plan.shift)
    outcome: Outcome | None = None
    async with open_house(
        plan.config, registry, seed=plan.seed, patience=3600.0, store_config={"appendfsync": plan.fsync}, trace=trace
    ) as house:
        house.network.links[house.redis.address] = house.network.link  # a slow store is a fault of its own
        house.network.link = plan.link
        people: list[Person] = []
        scene = Scene(house.network, ADDRESS, house.clock, house.token)
        striker = Striker(house, plan, scene, people)
        outcome = await World(plan, house, registry, scene, striker, people).run()
    assert outcome is not None
    return outcome
