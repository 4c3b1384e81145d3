"""A game that was played as it should be, with the diaries of its players: for checkers to find nothing in, and for
tests to spoil."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from attrs import evolve, frozen

from actors.audience import Audience
from actors.events import Acted, Created, TimedOut
from actors.game import Game, Position
from actors.rules.registry import Registry
from actors.views import Now, Scene, game_over, view
from net.checks import Answered, Asked, Connected, Diary, Dropped, Over, Replayed, Shown, Written, replayed
from net.client.player import How
from net.protocol import JsonEncoder
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.events import Event
    from net.checks import Record, Violation

Json = dict[str, Any]

REGISTRY = Registry([Tally()])
PLAYERS = ("anna", "ben")
START = 1000.0
TURN = 0.5
"""Seconds between two events."""

NOW = Now(0.0, Audience())


@frozen
class Played:
    """A game, its journal, and what its players kept of it."""

    game: Game
    journal: tuple[Written, ...]
    positions: tuple[Position, ...]
    diaries: tuple[Diary, ...]

    def diary(self, user_id: str) -> Diary:
        return next(diary for diary in self.diaries if diary.user_id == user_id)

    def with_diary(self, diary: Diary) -> tuple[Diary, ...]:
        """The diaries, with this one in the place of its player's."""
        return tuple(diary if one.user_id == diary.user_id else one for one in self.diaries)


def played(*, timeout: float | None = None, dawdle_at: int | None = None) -> Played:
    """A whole game of Tally. The player who is to make event `dawdle_at` lets the time pass instead."""
    rules = REGISTRY.latest("tally")
    created = Created(1, START, "g", "tally", rules.version, PLAYERS, "game", {}, "public", timeout, clock=START)
    game = Game.of(created, rules)
    positions = [game.begin()]
    events: list[Event] = [created]
    answers: dict[int, Json] = {}
    at = START
    while positions[-1].ended is None:
        before = positions[-1]
        [seat] = rules.to_act(before.state)
        event: Event
        if timeout is not None and before.event_id + 1 == dawdle_at:
            at += timeout
            after = game.time_out(before, clock=at)
            event = TimedOut(after.event_id, at, (PLAYERS[seat],), after.chance_position, clock=at)
        else:
            at += TURN
            action: Json = {"type": "guess", "number": 1 + before.event_id // 2}
            after = game.act(before, seat, rules.parse(action), clock=at)
            answer = Scene.of(game, after, NOW).action_answer(before, seat, action["type"])
            message_id = f"m{after.event_id}"
            event = Acted(
                after.event_id, at, PLAYERS[seat], action, after.chance_position, message_id, answer, clock=at
            )
            answers[after.event_id] = orjson.loads(JsonEncoder().answer(answer))
        positions.append(after)
        events.append(event)
    journal = tuple(Written(event.event_id, event, "one") for event in events)
    diaries = tuple(_diary(game, seat, events, positions, answers) for seat in range(len(PLAYERS)))
    return Played(game, journal, tuple(positions), diaries)


def watched(one: Played) -> Diary:
    """What a spectator of this game kept."""
    return _diary(one.game, None, [entry.event for entry in one.journal], list(one.positions), {})


def _diary(
    game: Game, seat: int | None, events: list[Event], positions: list[Position], answers: dict[int, Json]
) -> Diary:
    who = "carl" if seat is None else PLAYERS[seat]
    asked_first = Asked(START, 1, 1, "game:spectate" if seat is None else "game:join")
    records: list[Record] = [Connected(START, 1), asked_first]
    joined = {**seen(game, positions[0], seat, changes=False), "success": True}
    records += [Answered(START, 1, 1, joined), Shown(START, 1, How.JOINED, joined)]
    again = {**seen(game, positions[0], seat, changes=True), "changes": []}
    records.append(Shown(START, 1, How.LIVE, again))
    for number, (event, position) in enumerate(zip(events[1:], positions[1:], strict=True), 2):
        if isinstance(event, Acted) and event.player_id == who:
            asked = Asked(event.at, 1, number, "game:action", event.message_id, event.action)
            records += [asked, Answered(event.at, 1, number, answers[event.event_id])]
        records.append(Shown(event.at, 1, How.LIVE, seen(game, position, seat, changes=True)))
    last = positions[-1]
    word = orjson.loads(JsonEncoder().push(game_over(game, last, game.rules.view(last.state, seat))))
    records += [Over(events[-1].at, 1, word), Dropped(events[-1].at, 1)]
    return Diary(who, "g", tuple(records), watches=seat is None)


def seen(game: Game, at: Position, seat: int | None, *, changes: bool) -> Json:
    """What that seat is shown of this position."""
    shown: Json = orjson.loads(JsonEncoder().push(view(game, at, seat, NOW, changes=changes)))
    return shown


def spoilt(diary: Diary, which: type[Record], spoil: Callable[[Any], Record | None], *, number: int = 0) -> Diary:
    """The diary with one record of this kind changed, or left out: the `number`th."""
    at = [index for index, record in enumerate(diary.records) if isinstance(record, which)][number]
    instead = spoil(diary.records[at])
    return evolve(
        diary, records=(*diary.records[:at], *([] if instead is None else [instead]), *diary.records[at + 1 :])
    )


def promises(violations: Iterable[Violation]) -> list[str]:
    """What was broken, by name."""
    return [violation.promise.name for violation in violations]


def truth(game: Played) -> Replayed:
    """The game as its journal has it."""
    found = replayed(game.journal, REGISTRY)
    assert isinstance(found, Replayed)
    return found
