"""A game rebuilt from what stands of it, and what is kept so that this is quick.

A snapshot only shortens recovery. Whenever it is of no use (its rules cannot restore it, or are others by now), and
whenever somebody has to be told of what lies before it, the game is replayed from the beginning.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, evolve, field

from actors.apart.patience import patiently
from actors.draws import Draws
from actors.events import Abandoned, Aborted, Acted, Created, DrawMoved, Resigned
from actors.game import ABANDONED, ABORTED, Ended, Game, Position, ReplayDiverged, RulesFault, ask_rules
from actors.messages import ActionAnswer
from actors.ports import StoreLostData
from actors.rules.registry import RulesVersionMissing, UnknownRules
from actors.snapshot import Loaded, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actors.events import Event
    from actors.ports import Journal
    from actors.rules.registry import Registry

log = logging.getLogger("croupier.recovery")

MISSED_EVENTS: Final = 200
"""The last so many positions are kept at hand; past that, a joiner is told to resync (contract, section 2)."""

BREATH: Final = 50
"""Events that are replayed before other tasks have their turn."""

Requests = dict[tuple[str, str], int]
"""Which event answered which request: user and message id."""


def _last_positions() -> deque[Position]:
    return deque(maxlen=MISSED_EVENTS)


@define
class Recovered:
    """How far a game could be rebuilt. `problem` is why it could not be rebuilt to its end; `at` is then where it got
    stuck, None if it did not come that far. `recent` are the last positions, each with what its event changed."""

    loaded: Loaded
    game: Game | None = None
    at: Position | None = None
    problem: Exception | None = None
    recent: deque[Position] = field(factory=_last_positions)

    @property
    def last(self) -> Event:
        """The last event, as far as it is known without what a snapshot stands for."""
        return self.loaded.events[-1] if self.loaded.events else self.loaded.created

    def stand_at(self, position: Position) -> None:
        """The game has come this far."""
        self.at = position
        self.recent.append(position)


# ---- rebuilding


async def recover(game_id: str, journal: Journal, registry: Registry, *, known: int = 0, told: int | None) -> Recovered:
    """Rebuilds a game up to its last event, or to the abort that ended it.

    `known` is the last event that is known to have stood: less is a loss. `told` is the last event that those who
    follow the game were told of, None when nobody follows it: what comes after it is then among the recent positions,
    if it is not more than those hold.

    Raises GameNotFound, StoreUnavailable, StoreLostData (what stands cannot be read). All else is a `problem`:
    StoreLostData (something is missing), UnknownRules, RulesVersionMissing, RulesFault, ReplayDiverged.
    """
    loaded, lost = await what_stands(game_id, journal)
    if lost is None and loaded.last_event_id < known:
        lost = StoreLostData(f"event {known} stood, the journal ends with {loaded.last_event_id}")
    if lost is not None:
        return Recovered(loaded, problem=lost)
    try:
        rules = registry.find(loaded.created.rules, loaded.created.rules_version)
    except (UnknownRules, RulesVersionMissing) as missing:
        return Recovered(loaded, problem=missing)
    game = Game.of(loaded.created, rules)
    if loaded.snapshot is not None:
        if told is None or told >= loaded.snapshot.event_id:
            recovered = await _replayed(game, loaded)
            if recovered.problem is None:
                return recovered
            log.warning(
                "the snapshot of game %s at event %d leads nowhere (%s); it is replayed from the beginning",
                game_id, loaded.snapshot.event_id, _named(recovered.problem),
            )  # fmt: skip
        loaded = await _whole(game_id, journal)
    return await _replayed(game, loaded)


async def what_stands(game_id: str, journal: Journal) -> tuple[Loaded, StoreLostData | None]:
    """What the journal has of the game; and the loss, if it ends before its own snapshot. Raises GameNotFound,
    StoreUnavailable, and StoreLostData when what stands cannot be read."""
    try:
        return await journal.load(game_id), None
    except StoreLostData as lost:
        return await _whole(game_id, journal), lost


async def look_back(game: Game, at: Position, journal: Journal) -> deque[Position]:
    """The last positions up to this one, from the beginning of the game. Raises GameNotFound, StoreUnavailable,
    StoreLostData, RulesFault, and ReplayDiverged when the events do not lead to this very position."""
    loaded = await _whole(game.created.game_id, journal)
    recent = _last_positions()
    recent.append(await patiently(game.begin))
    await replay(game, recent[0], (event for event in loaded.events if event.event_id <= at.event_id), recent.append)
    if not ask_rules(_are_the_same, recent[-1], at):
        raise ReplayDiverged(f"the events do not lead to the position at event {at.event_id}")
    return recent


async def replay(game: Game, at: Position, events: Iterable[Event], stand_at: Callable[[Position], None]) -> None:
    """Goes on from this position over the events and calls `stand_at` with each position. Lets other tasks run. Raises
    ReplayDiverged, RulesFault; what was reached until then stands."""
    for number, event in enumerate(events, 1):
        at = await patiently(partial(game.replay, at, event))
        stand_at(at)
        if number % BREATH == 0:
            await trio.lowlevel.checkpoint()


async def _replayed(game: Game, loaded: Loaded) -> Recovered:
    recovered = Recovered(loaded, game)
    try:
        if loaded.snapshot is None:
            start = await patiently(game.begin)
            recovered.stand_at(start)
        else:
            # It does not know what its own event changed, so it can be shown, and not told of.
            start = recovered.at = await patiently(partial(restored, game, loaded.snapshot))
        # An abort is not the rules' matter: it stands even if they cannot be followed until then.
        events = (event for event in loaded.events if not isinstance(event, Aborted))
        await replay(game, start, events, recovered.stand_at)
    except (RulesFault, ReplayDiverged) as problem:
        recovered.problem = problem
    return recovered


async def _whole(game_id: str, journal: Journal) -> Loaded:
    created, *events = await journal.history(game_id)
    if not isinstance(created, Created):
        raise StoreLostData(f"the journal of {game_id} does not begin with its creation")
    return Loaded(created, None, tuple(events))


def _are_the_same(one: Position, other: Position) -> bool:
    return evolve(one, changes=(), message="") == evolve(other, changes=(), message="")


def _named(problem: Exception) -> str:
    """The kinds of these errors. What they say may be hidden state."""
    cause = problem.__cause__
    return type(problem).__name__ + (f" after {type(cause).__name__}" if cause is not None else "")


# ---- snapshots


def snapshot_of(game: Game, at: Position, last_at: float, answered: Mapping[tuple[str, str], int]) -> Snapshot:
    """What is kept of a running game at this position, whose event came at this wall time. Raises RulesFault."""
    return Snapshot(
        game_id=game.created.game_id,
        event_id=at.event_id,
        at=last_at,
        rules=game.created.rules,
        rules_version=game.created.rules_version,
        chance_position=at.chance_position,
        state=ask_rules(game.rules.save, at.state),
        deadline=at.deadline,
        extended=at.extended,
        agreed=at.draws.agreed,
        declined=at.draws.declined,
        offered_at=at.draws.offered_at,
        answered=tuple((user_id, message_id, event_id) for (user_id, message_id), event_id in answered.items()),
    )


def restored(game: Game, snapshot: Snapshot) -> Position:
    """The position that was kept. Raises RulesFault, and ReplayDiverged for a snapshot of other rules."""
    created = game.created
    if (snapshot.rules, snapshot.rules_version) != (created.rules, created.rules_version):
        raise ReplayDiverged(f"the snapshot is of {snapshot.rules} {snapshot.rules_version}")
    state = ask_rules(game.rules.restore, snapshot.state)
    return Position(
        event_id=snapshot.event_id,
        state=state,
        chance_position=snapshot.chance_position,
        deadline=snapshot.deadline,
        extended=snapshot.extended,
        draws=Draws(snapshot.agreed, snapshot.declined, snapshot.offered_at),
    )


def answered_in(loaded: Loaded) -> Requests:
    """Every request whose answer is journalled. It needs no rules: an acknowledged request stays acknowledged, whatever
    they say today."""
    answered: Requests = {}
    if loaded.snapshot is not None:
        answered = {(user_id, message_id): event_id for user_id, message_id, event_id in loaded.snapshot.answered}
    for event in loaded.events:
        match event:
            case (
                Acted(message_id=str() as message_id)
                | Resigned(message_id=str() as message_id)
                | DrawMoved(message_id=str() as message_id)
            ):
                answered[event.player_id, message_id] = event.event_id
    return answered


# ---- the end


def ended_by(created: Created, last: Event) -> Ended | None:
    """How the game ended with this event, as far as the event itself tells. For games whose rules cannot be asked."""
    match last:
        case Aborted():
            return Ended(None, (0,) * len(created.players), ABORTED)
        case Abandoned():
            return Ended(None, (0,) * len(created.players), ABANDONED)
        case Acted(
            answer=ActionAnswer(game_over=True, results=dict() as results, winner_id=winner, end_reason=str() as reason)
        ):
            seat = created.players.index(winner) if isinstance(winner, str) else None
            return Ended(seat, tuple(results[player] for player in created.players), reason)
        case _:
            return None
