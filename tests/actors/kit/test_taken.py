"""Messages that are taken at once, in the task of whoever posts them: one at a time all the same, and every one of them
is settled, whatever crashes or is stopped when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from attrs import define, field

from actors.kit.actor import NOT_AT_ONCE, TAKEN, Actor, ActorCrashed, ActorStopped, Ref, Taken, actor_child

if TYPE_CHECKING:
    from actors.kit.supervisor import DynamicSupervisor


@define(eq=False)
class Hands:
    """What the incarnations of a Quick did: `at_once` and `later` are the messages that they handled so, `held` those
    that they took."""

    at_once: list[object] = field(factory=list)
    later: list[object] = field(factory=list)
    held: list[Taken] = field(factory=list)
    answers: list[object] = field(factory=list)
    ref: Ref[Any] = field(factory=lambda: Ref("quick", capacity=4))

    def post(self, message: object) -> None:
        """Posts it; the answer comes among the others."""
        self.ref.post(message, self.answers.append)  # type: ignore[arg-type]


class Quick(Actor[str]):
    """Answers at once; but takes what begins with `hold`, leaves what begins with `later`, fails at `fail`."""

    takes_at_once = True

    def __init__(self, hands: Hands) -> None:
        self.hands = hands

    def handle_at_once(self, message: str) -> object:
        """Does as the message says."""
        if message.startswith("later"):
            return NOT_AT_ONCE
        self.hands.at_once.append(message)
        if message.startswith("hold"):
            self.hands.held.append(self.taken())
            return TAKEN
        if message == "fail":
            raise RuntimeError("no")
        return message.upper()

    async def handle(self, message: str) -> object:
        """Handles what was left to it, or handed on."""
        self.hands.later.append(message)
        await trio.lowlevel.checkpoint()
        return f"later: {message}"


@pytest.fixture
async def hands(stage: DynamicSupervisor) -> Hands:
    """An actor that waits for messages."""
    hands = Hands()
    stage.spawn(actor_child(hands.ref, lambda: Quick(hands)))
    await trio.testing.wait_all_tasks_blocked()
    return hands


async def test_a_message_is_answered_before_post_returns(hands: Hands) -> None:
    hands.post("a")
    assert hands.answers == ["A"]
    node = hands.ref.node()
    assert (node.handled, node.in_hand, node.mailbox_peak) == (1, None, 1)


async def test_a_message_that_is_not_for_now_is_handled_by_the_actors_task(hands: Hands) -> None:
    hands.post("later")
    assert hands.answers == []
    await trio.testing.wait_all_tasks_blocked()
    assert (hands.later, hands.answers) == (["later"], ["later: later"])


async def test_while_one_is_taken_all_others_wait_in_order(hands: Hands) -> None:
    hands.post("hold")
    hands.post("b")
    hands.post("later")
    await trio.testing.wait_all_tasks_blocked()
    assert (hands.at_once, hands.answers, hands.ref.depth) == (["hold"], [], 2)
    assert hands.ref.node().in_hand == "str"
    hands.held[0].reply("held")
    hands.held[0].done()
    await trio.testing.wait_all_tasks_blocked()
    assert hands.answers == ["held", "later: b", "later: later"]
    hands.post("c")
    assert hands.answers[-1] == "C"


async def test_one_that_is_handed_on_goes_before_those_that_wait(hands: Hands) -> None:
    hands.post("hold")
    hands.post("b")
    hands.held[0].hand_on()
    await trio.testing.wait_all_tasks_blocked()
    assert hands.later == ["hold", "b"]
    assert hands.answers == ["later: hold", "later: b"]


async def test_only_the_first_answer_counts(hands: Hands) -> None:
    hands.post("hold")
    hands.held[0].reply("first")
    hands.held[0].reply("second")
    hands.held[0].hand_on()
    await trio.testing.wait_all_tasks_blocked()
    assert hands.answers == ["first"]


async def test_what_is_done_is_over(hands: Hands) -> None:
    hands.post("hold")
    hands.held[0].done()
    assert hands.held[0].over
    hands.held[0].done()
    hands.held[0].hand_on()
    await trio.testing.wait_all_tasks_blocked()
    assert hands.later == []


async def test_an_ask_and_a_tell_are_handled_by_the_actors_task(hands: Hands) -> None:
    assert await hands.ref.ask("a", timeout=1) == "later: a"  # type: ignore[arg-type]
    hands.ref.tell("b")
    await trio.testing.wait_all_tasks_blocked()
    assert (hands.at_once, hands.later) == ([], ["a", "b"])


async def test_what_it_raises_is_a_crash_and_the_next_incarnation_goes_on(hands: Hands) -> None:
    hands.post("fail")
    hands.post("later")
    await trio.sleep(10)
    crashed, answered = hands.answers
    assert isinstance(crashed, ActorCrashed)
    assert answered == "later: later"
    assert hands.ref.node().last_crash == "RuntimeError on str"


async def test_a_step_that_fails_is_a_crash_of_the_actor_and_not_of_whoever_takes_it(hands: Hands) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    hands.post("hold")
    hands.held[0].go_on(fail)
    await trio.sleep(10)
    (crashed,) = hands.answers
    assert isinstance(crashed, ActorCrashed)
    hands.post("a")
    assert hands.answers[-1] == "A"


async def test_an_actor_that_is_asked_to_stop_ends_after_the_message_in_hand(
    hands: Hands, stage: DynamicSupervisor, nursery: trio.Nursery
) -> None:
    hands.post("hold")
    hands.post("b")
    nursery.start_soon(stage.stop)
    await trio.testing.wait_all_tasks_blocked()
    assert hands.answers == []
    hands.held[0].reply("held")
    hands.held[0].done()
    await trio.testing.wait_all_tasks_blocked()
    assert hands.answers[0] == "held"
    assert isinstance(hands.answers[1], ActorStopped)


async def test_one_that_does_not_end_in_time_is_cut_off_and_what_comes_late_has_no_effect(
    hands: Hands, stage: DynamicSupervisor
) -> None:
    hands.post("hold")
    await stage.stop()
    (stopped,) = hands.answers
    assert isinstance(stopped, ActorStopped)
    assert stopped.begun
    hands.held[0].reply("late")
    hands.held[0].go_on(lambda: pytest.fail("it is over"))
    hands.held[0].hand_on()
    hands.held[0].done()
    assert len(hands.answers) == 1


async def test_outside_of_a_message_there_is_nothing_to_take(hands: Hands) -> None:
    with pytest.raises(RuntimeError):
        Quick(hands).taken()
