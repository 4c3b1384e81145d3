"""Wherever a snapshot is taken, and however long the game goes on after it: what is rebuilt from it is what was, for
every viewer's eyes, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from actors.attendance import Attendance
from actors.audience import Audience
from actors.events import Created
from actors.failures import Failure
from actors.game import Game
from actors.house import House
from actors.moves import expiry, extension, judge
from actors.recovery import answered_in, restored, snapshot_of
from actors.rules.crazy_eights import CrazyEights
from actors.rules.duel import Duel
from actors.rules.registry import Registry
from actors.rules.validation import checked_options
from actors.snapshot import Loaded
from actors.table_messages import Act, Draw, Resign
from actors.telling import Telling
from actors.timers import Timers
from net.event_codec import decode_event, encode_event
from net.protocol import JsonEncoder
from net.snapshot_codec import decode_snapshot, encode_snapshot
from tests.samples.memory import CountingEntropy, FixedClock, Listener, MemoryClockStore, MemoryJournal
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from actors.events import Event
    from actors.game import Position
    from actors.moves import Move
    from actors.rules.interface import AnyRules, JsonObject

RULES: tuple[AnyRules, ...] = (CrazyEights(), Tally(), Duel())
PLAYERS = tuple("abcde")
MOST_EVENTS = 40
WHAT_HAPPENS = (*("act",) * 12, "resign", "time_out", "extend", "draw", "draw")


class Played:
    """A game that is played as a table would play it, with what is journalled of it and every position."""

    def __init__(self, rules: AnyRules, players: int, options: JsonObject, seed: str, timeout: float | None) -> None:
        self.clock, self.service = FixedClock(), FixedClock(1000.0)
        created = Created(
            1, self.clock.now(), "g", rules.name, rules.version, PLAYERS[:players], seed,
            checked_options(rules, options), turn_timeout_seconds=timeout, clock=self.service.now(),
        )  # fmt: skip
        self.game = Game.of(created, rules)
        self.telling = Telling(self.clock, self.service, JsonEncoder(), Audience())
        timers = Timers(self.service, MemoryClockStore(), lambda _: None)
        self.house = House(
            MemoryJournal(), Registry([rules]), self.clock, CountingEntropy(), JsonEncoder(), self.service, timers,
            Attendance(self.service, JsonEncoder()),
        )  # fmt: skip
        self.events: list[Event] = [created]
        self.positions: list[Position] = [self.game.begin()]

    @property
    def at(self) -> Position:
        return self.positions[-1]

    def step(self, data: st.DataObject) -> None:
        """One thing that may happen to a game happens, if it may happen now."""
        number = len(self.events)
        passed = data.draw(st.sampled_from((0.0, 0.1, 3.7, 10.0)), label="seconds")
        self.clock.time += passed
        self.service.time += passed
        message_id = data.draw(st.none() | st.just(f"m{number}"), label="message_id")
        match data.draw(st.sampled_from(WHAT_HAPPENS), label="what"):
            case "act":
                seats = self.game.rules.to_act(self.at.state)
                seat = data.draw(st.sampled_from(seats))
                legal = self.game.rules.legal(self.at.state, seat)
                assume(legal)
                assert legal is not None
                action = self.game.rules.dump(data.draw(st.sampled_from(list(legal))))
                self.ask(Act(PLAYERS[seat], Listener(), action, message_id), seat)
            case "resign":
                seat = self.anybody(data)
                self.ask(Resign(PLAYERS[seat], Listener(), message_id), seat)
            case "draw":
                seat = self.anybody(data)
                move = data.draw(st.sampled_from(("offer", "accept", "decline")))
                self.ask(Draw(PLAYERS[seat], Listener(), move, message_id), seat)  # type: ignore[arg-type]
            case "time_out":
                if self.at.deadline is not None:
                    self.service.time = max(self.service.time, self.at.deadline)
                    self.stands(expiry(self.game, self.at, self.telling))
            case "extend":
                given = extension(self.game, self.at, self.anybody(data), self.house, self.telling)
                if given is not None:
                    self.stands(given)

    def anybody(self, data: st.DataObject) -> int:
        return data.draw(st.integers(0, len(self.game.created.players) - 1), label="seat")

    def ask(self, message: Act | Resign | Draw, seat: int) -> None:
        outcome = judge(self.game, self.at, message, seat, self.telling)
        if not isinstance(outcome, Failure):
            self.stands(outcome)

    def stands(self, move: Move) -> None:
        self.events.append(move.event)
        self.positions.append(move.after)

    def shown(self, at: Position) -> list[bytes]:
        """The position as everybody is shown it."""
        seats = (None, *range(len(self.game.created.players)))
        return [self.telling.push(self.telling.view(self.game, at, seat, changes=True)).json for seat in seats]


def options_of(rules: AnyRules) -> st.SearchStrategy[JsonObject]:
    """Options that fit the schema: any of each that says what it may be."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, schema in rules.options_schema["properties"].items():
        types = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type")]
        values = [st.sampled_from(schema["enum"])] if "enum" in schema else []
        if "boolean" in types:
            values.append(st.booleans())
        if "integer" in types:
            values.append(st.integers(schema["minimum"], schema["maximum"]))
        if "null" in types:
            values.append(st.none())
        if values:
            fields[name] = st.one_of(values)
    return st.fixed_dictionaries({}, optional=fields)


def carried_on(at: Position) -> Position:
    """What a snapshot keeps of a position: not what its own event changed."""
    return evolve(at, changes=(), message="")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_snapshot_at_any_event_and_what_came_after_it_are_the_game_to_the_byte(data: st.DataObject) -> None:
    rules = data.draw(st.sampled_from(RULES), label="rules")
    players = data.draw(st.integers(rules.min_players, min(rules.max_players, len(PLAYERS))), label="players")
    timeout = data.draw(st.sampled_from((None, 30.0, 7.3)), label="timeout")
    seed = data.draw(st.text("abc", min_size=1, max_size=4), label="seed")
    played = Played(rules, players, data.draw(options_of(rules), label="options"), seed, timeout)
    for _ in range(data.draw(st.integers(0, MOST_EVENTS), label="steps")):
        if played.at.ended is not None:
            break
        played.step(data)
    events = [decode_event(encode_event(event)) for event in played.events]
    assert events == played.events
    created = events[0]
    assert isinstance(created, Created)
    game = Game.of(created, rules)
    shown = [played.shown(at) for at in played.positions]
    for kept, live in enumerate(played.positions):
        if live.ended is not None:
            break
        answered = answered_in(Loaded(created, None, tuple(events[1 : kept + 1])))
        snapshot = decode_snapshot(encode_snapshot(snapshot_of(game, live, events[kept].at, answered)))
        assert snapshot == snapshot_of(game, live, events[kept].at, answered)
        loaded = Loaded(created, snapshot, tuple(events[kept + 1 :]))
        assert answered_in(loaded) == answered_in(Loaded(created, None, tuple(events[1:])))
        assert loaded.last_event_id == len(events)
        at = restored(game, snapshot)
        assert at == carried_on(live)
        assert repr(at) == repr(carried_on(live))  # 1 and 1.0, a list and a tuple of a plain class: all told apart
        assert played.shown(at) == played.shown(carried_on(live))
        for event, then, seen in zip(loaded.events, played.positions[kept + 1 :], shown[kept + 1 :], strict=True):
            at = game.replay(at, event)
            assert at == then
            assert played.shown(at) == seen
