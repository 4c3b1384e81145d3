"""Rules that run apart play the same game as those that do not, whatever happens in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.apart.desk import Desk
from actors.apart.inline import Inline
from actors.apart.patience import patiently
from actors.apart.questions import Died, Failed, Kind, Late, Question, Refused, Told, dump_reply, parse_reply
from actors.apart.rules import Apart
from actors.failures import Code
from actors.game import RulesFault, ask_rules
from actors.kit.supervisor import DynamicSupervisor
from actors.messages import GameOver, View
from actors.rules.interface import MalformedAction
from actors.rules.registry import Registry
from actors.rules.validation import BadOptions
from actors.table_messages import Act, Describe, Draw, Join, Resign
from net.protocol import JsonEncoder
from tests.samples.memory import Listener
from tests.samples.room import GAME, MISS, RUDE, Room, code, described
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from actors.apart.questions import Reply
    from actors.kit.actor import Ask
    from actors.rules.interface import AnyRules

BOW = {"type": "bow"}


def apart(rules: Tally, room: Room, workers: object | None = None) -> Apart:
    """From now on the room plays by these rules, which run apart."""
    stand_in = Apart(rules, workers or Inline())  # type: ignore[arg-type]
    room.sets(registry=Registry([stand_in]))
    return stand_in


@pytest.fixture
async def other(nursery: trio.Nursery) -> AsyncIterator[Room]:
    """A room that is like the first, but that its rules run apart."""
    supervisor = DynamicSupervisor("apart")
    await nursery.start(supervisor.run)
    room = Room(supervisor, Tally())
    apart(room.rules, room)
    yield room
    await supervisor.stop()


SCENES: list[Callable[[Listener], Ask[object]]] = [
    lambda who: Act("a", who, MISS, "m1"),
    lambda who: Act("a", who, MISS, "m2"),
    lambda who: Act("b", who, {"type": "guess", "number": -1}),
    lambda who: Act("b", who, {"type": "nonsense"}),
    lambda who: Act("b", who, RUDE),
    lambda who: Act("b", who, MISS),
    lambda who: Act("b", who, BOW),
    lambda who: Draw("a", who, "offer"),
    lambda who: Act("c", who, MISS),
    lambda who: Resign("c", who),
    lambda who: Resign("c", who),
    lambda who: Draw("b", who, "offer"),
    lambda who: Join("b", who, last_event_id=2),
    lambda who: Draw("a", who, "accept"),
    lambda who: Act("a", who, MISS),
]


async def test_every_answer_and_every_push_is_the_same_as_of_rules_on_the_loop(room: Room, other: Room) -> None:
    logs = []
    for house in (room, other):
        await house.new_game(3)
        listeners = {user: await house.joined(user) for user in "abc"}
        for scene in SCENES:
            message = scene(Listener())
            listeners["a"].answered(await house.ask(message))
        assert described(await house.ask(Describe())) == ("ended", 9, "draw_agreed")
        logs.append([listener.log for listener in listeners.values()])
    assert logs[0] == logs[1]
    assert [bytes_of(log) for log in logs[0]] == [bytes_of(log) for log in logs[1]]
    assert room.journal.games == other.journal.games


def bytes_of(log: list[Any]) -> list[bytes]:
    """As it goes over the wire: the order of fields counts."""
    return [JsonEncoder().push(item) for item in log if isinstance(item, View | GameOver)]


async def test_a_game_is_recovered_from_its_snapshot_and_from_its_events(other: Room) -> None:
    await other.new_game()
    await other.take_turns(3)
    before = await other.joins("a")
    await other.leaves_memory()
    assert other.journal.snapshots
    assert await other.joins("a") == before
    await other.leaves_memory()
    other.journal.snapshots.clear()
    assert await other.joins("a") == before
    await other.take_turns(1, start=3)
    missed = (await other.joins("a", last_event_id=1)).missed
    assert isinstance(missed, tuple)
    assert [view.event_id for view in missed] == [2, 3, 4, 5]


async def test_games_that_ran_on_the_loop_go_on_apart_and_the_other_way_round(room: Room, other: Room) -> None:
    await room.new_game()
    await room.take_turns(2)
    other.keep_in(room.journal)
    await other.take_turns(2, start=2)
    await room.tables.stop_child(f"table:{GAME}:1")
    await room.take_turns(2, start=4)
    assert (await other.joins("b")).event_id in (5, 7)
    assert (await room.joins("b")).event_id == 7


@pytest.mark.parametrize("fail_in", ["apply", "view", "turn", "save"])
async def test_rules_that_fail_apart_suspend_their_game_and_the_log_tells_where_and_no_secret(
    other: Room, fail_in: str, caplog: pytest.LogCaptureFixture
) -> None:
    await other.new_game()
    await other.joined("a")
    other.rules.fail_in, other.rules.escape = fail_in, KeyError("".join(["42", "17"]))
    assert code(await other.act("a")) == Code.INTERNAL_ERROR
    assert described(await other.ask(Describe()))[0] == "suspended"
    assert "_maybe_fail" in caplog.text
    assert "KeyError" in caplog.text
    assert "4217" not in caplog.text
    other.rules.fail_in = ""
    assert isinstance(await other.joins("b"), View)


async def test_what_has_no_json_is_a_fault_of_the_rules(other: Room) -> None:
    await other.new_game()
    await other.joined("a")
    other.rules.shows = {"x": 2**70}
    assert code(await other.act("a")) == Code.INTERNAL_ERROR


async def test_rules_that_fail_to_set_up_make_no_game(other: Room) -> None:
    other.rules.fail_in = "set_up"
    with pytest.raises(RulesFault):
        await other.new_game()


async def test_options_that_do_not_go_together_are_told_of_as_by_rules_on_the_loop(room: Room, other: Room) -> None:
    for house in (room, other):
        house.rules.fail_in, house.rules.escape = "set_up", BadOptions("highest", "not on Sundays")
        with pytest.raises(BadOptions, match="highest: not on Sundays"):
            await house.new_game()


async def test_the_clocks_of_a_game_run_apart(other: Room, nursery: trio.Nursery) -> None:
    await nursery.start(other.timers.run)
    await other.new_game(turn_timeout_seconds=5)
    listener = await other.joined("b")
    other.service.time += 6
    other.directory.expire(GAME)
    await other.ask(Describe())
    assert isinstance(listener.log[-1], View)
    assert listener.log[-1].changes == ({"type": "timed_out", "seat": 0, "bowed": False},)


class Slow:
    """Workers that answer when they are told to, or as they are told to."""

    def __init__(self) -> None:
        self.go = trio.Event()
        self.reply: Reply | None = None
        self._inline = Inline()

    async def ask(self, rules: AnyRules, question: Question) -> Reply:
        await self.go.wait()
        return await self._inline.ask(rules, question) if self.reply is None else self.reply


async def test_while_one_table_waits_for_its_rules_the_others_go_on(room: Room, autojump_clock: object) -> None:
    slow = Slow()
    slow.go.set()
    apart(room.rules, room, slow)
    await room.new_game()
    await room.new_game(game_id="g2")
    await room.ask(Join("a", Listener()))
    await room.ask(Join("a", Listener()), "g2")
    slow.go = trio.Event()
    answers: list[object] = []
    room.directory.table(GAME).post(Act("a", Listener(), MISS), answers.append)
    await trio.sleep(1)
    assert answers == []
    assert isinstance(await room.ask(Join("b", Listener()), "g2"), View)
    slow.go.set()
    await trio.sleep(1)
    assert len(answers) == 1


@pytest.mark.parametrize(("reply", "why"), [(Late(), "ran past its time limit"), (Died("was killed"), "was killed")])
async def test_a_process_that_had_to_be_ended_or_died_suspends_the_game_that_it_was_for(
    room: Room, reply: Reply, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow()
    slow.go.set()
    apart(room.rules, room, slow)
    await room.new_game()
    await room.ask(Join("a", Listener()))
    slow.reply = reply
    assert code(await room.act("a")) == Code.INTERNAL_ERROR
    assert why in caplog.text
    slow.reply = None
    assert code(await room.act("a")) == Code.UNAVAILABLE


# ---- patience


async def test_what_asks_no_such_rules_is_called_once_and_does_not_wait() -> None:
    calls: list[int] = []

    def fold() -> int:
        calls.append(1)
        return len(calls)

    assert await patiently(fold) == 1


async def test_a_function_that_always_asks_something_else_is_not_asked_for_ever() -> None:
    rules, number = Apart(Tally(), Inline()), iter(range(1000))
    with pytest.raises(RulesFault, match="no end"):
        await patiently(lambda: ask_rules(rules.parse, {"type": "guess", "number": next(number)}))


async def test_what_is_known_in_one_attempt_is_forgotten_after_it() -> None:
    rules = Apart(Tally(), Inline())
    assert await patiently(lambda: rules.parse(MISS)) == MISS
    assert rules.answers == {}
    with pytest.raises(MalformedAction, match="an action is guess"):
        await patiently(lambda: rules.parse({"type": "x"}))
    assert rules.answers == {}


# ---- questions and replies as bytes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(), JSON, st.binary())
def test_a_question_comes_out_of_its_bytes_as_it_went_in(call: str, argument: object, state: bytes) -> None:
    question = Question.of(call, state, argument=argument)
    assert Question.parse(question.dump()) == question


REPLIES = (
    st.builds(Told, st.dictionaries(st.text(), JSON), st.binary())
    | st.builds(Refused, st.sampled_from(Kind), st.text(), st.text())
    | st.builds(Failed, st.text(), st.text())
)


@given(REPLIES)
def test_a_reply_comes_out_of_its_bytes_as_it_went_in(reply: Told | Refused | Failed) -> None:
    assert parse_reply(dump_reply(reply)) == reply


@pytest.mark.parametrize("data", [b"\0\0\0\x02{}", b"\0\0\0\x0c" + b'{"told": 42}', b"", b"\0\0\0\x01x"])
def test_what_is_no_reply_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's own is one
        parse_reply(data)


def test_a_desk_keeps_the_latest_positions_and_restores_the_others() -> None:
    rules = Tally()
    desk = Desk(rules, keep=2)
    begun = desk.answer(Question.of("set_up", players=2, options={}, key="00" * 32, position=0))
    assert isinstance(begun, Told)
    saves = [begun.state]
    for turn in range(4):
        told = desk.answer(
            Question.of("apply", saves[-1], players=2, seat=turn % 2, action=MISS, key="00" * 32, position=0)
        )
        assert isinstance(told, Told)
        saves.append(told.state)
    rules.fail_in = "restore"
    question = Question.of("resign", saves[-1], players=2, seat=0, key="00" * 32, position=0)
    assert isinstance(desk.answer(question), Told)
    question = Question.of("resign", saves[0], players=2, seat=0, key="00" * 32, position=0)
    assert isinstance(desk.answer(question), Failed)


def test_a_desk_that_is_asked_what_it_does_not_know_says_so() -> None:
    desk = Desk(Tally())
    assert isinstance(desk.answer(Question.of("dance", players=2, key="00", position=0)), Failed)
