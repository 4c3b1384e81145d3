"""Actors: every ask ends, whatever crashes, is cancelled or stopped when."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import frozen

from actors.kit.actor import Actor, ActorCrashed, ActorStopped, Ask, AskTimeout, MailboxFull, Ref
from actors.kit.actor import actor_child as child_of
from actors.kit.policy import Restart
from tests.actors.kit.troupe import (
    Add,
    Adder,
    Fail,
    Finish,
    FinishThenFail,
    Mishap,
    ReplyThenFail,
    ReplyTwice,
    Script,
    Sleep,
    Sum,
)

if TYPE_CHECKING:
    from actors.kit.actor import ActorError
    from actors.kit.supervisor import DynamicSupervisor
    from tests.actors.kit.troupe import (
        Message,
    )


# ---- tell, ask, post, reply


async def test_what_is_told_is_handled_in_order(adder: Ref[Message], script: Script) -> None:
    for n in (1, 2, 3):
        adder.tell(Add(n))
    assert await adder.ask(Sum(), timeout=1) == 6
    assert script.trace == ["start", "add 1", "add 2", "add 3"]


async def test_telling_a_full_actor_is_refused(adder: Ref[Message]) -> None:
    for _ in range(8):
        adder.tell(Add(1))
    with pytest.raises(MailboxFull):
        adder.tell(Add(1))
    assert await adder.ask(Sum(), timeout=1) == 8


async def test_a_send_waits_for_room_but_not_for_the_message_to_be_handled(adder: Ref[Message], script: Script) -> None:
    adder.post(Sleep(5), lambda _: None)
    await trio.testing.wait_all_tasks_blocked()
    for n in range(8):
        await adder.send(Add(n))
    assert trio.current_time() == 0
    await adder.send(Add(8))
    assert trio.current_time() == 5
    assert await adder.ask(Sum(), timeout=1) == 36
    assert script.trace == ["start", *(f"add {n}" for n in range(9))]


async def test_a_send_is_refused_when_there_is_no_room_in_time_or_the_actor_is_gone(
    stage: DynamicSupervisor, adder: Ref[Message]
) -> None:
    adder.post(Sleep(3), lambda _: None)
    await trio.testing.wait_all_tasks_blocked()
    for _ in range(8):
        adder.tell(Add(1))
    with pytest.raises(MailboxFull):
        await adder.send(Add(1), timeout=2)
    assert trio.current_time() == 2
    await adder.send(Add(1), timeout=2)
    assert await adder.ask(Sum(), timeout=1) == 9
    await stage.stop_child("adder")
    with pytest.raises(ActorStopped):
        await adder.send(Add(1))


async def test_what_is_told_first_is_handled_first(adder: Ref[Message], script: Script) -> None:
    for n in range(8):
        adder.tell(Add(n))
    adder.tell_first(Add(100))
    adder.tell_first(Add(200))
    await trio.testing.wait_all_tasks_blocked()
    assert script.trace[:4] == ["start", "add 100", "add 200", "add 0"]


async def test_no_message_is_handled_before_the_start_is_over(stage: DynamicSupervisor, script: Script) -> None:
    script.start_takes = 3.0
    ref: Ref[Message] = Ref("slow")
    stage.spawn(child_of(ref, script.adder))
    ref.tell(Add(1))
    await trio.sleep(2.9)
    assert script.trace == []
    assert await ref.ask(Sum(), timeout=1) == 1


async def test_an_answer_to_a_tell_goes_nowhere(adder: Ref[Message]) -> None:
    adder.tell(Sum())
    adder.tell(ReplyTwice())
    assert await adder.ask(Sum(), timeout=1) == 0


async def test_a_post_is_answered_once_in_the_actors_task(adder: Ref[Message]) -> None:
    answers: list[int | ActorError] = []
    adder.tell(Add(2))
    adder.post(Sum(), answers.append)
    assert answers == []
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [2]


async def test_a_post_to_a_full_or_stopped_actor_is_refused_at_once(
    stage: DynamicSupervisor, adder: Ref[Message]
) -> None:
    answers: list[int | ActorError] = []
    for _ in range(8):
        adder.tell(Add(1))
    with pytest.raises(MailboxFull):
        adder.post(Sum(), answers.append)
    await stage.stop_child("adder")
    with pytest.raises(ActorStopped):
        adder.post(Sum(), answers.append)
    assert answers == []


async def test_a_callback_that_raises_does_not_hurt_the_actor(
    adder: Ref[Message], caplog: pytest.LogCaptureFixture
) -> None:
    def on_answer(_: int | ActorError) -> None:
        raise Mishap

    adder.tell(Add(1))
    adder.post(Sum(), on_answer)
    assert await adder.ask(Sum(), timeout=1) == 1
    assert "the callback of a Sum failed" in caplog.text


async def test_a_reply_comes_before_handle_returns(adder: Ref[Message]) -> None:
    answers: list[str | ActorError] = []
    adder.post(ReplyThenFail(), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    assert answers == ["early"]


async def test_only_the_first_reply_counts(adder: Ref[Message]) -> None:
    assert await adder.ask(ReplyTwice(), timeout=1) == "first"


def test_replying_with_no_message_in_hand_is_an_error(script: Script) -> None:
    with pytest.raises(RuntimeError, match="does not run"):
        script.adder().reply(1)


async def test_replying_in_the_start_hook_is_an_error(stage: DynamicSupervisor) -> None:
    class Hasty(Adder):
        async def start(self) -> None:
            self.reply(1)

    ref: Ref[Message] = Ref("hasty")
    stage.spawn(child_of(ref, lambda: Hasty(Script())))
    with pytest.raises(ActorStopped) as stopped:
        await ref.ask(Sum(), timeout=1)
    assert isinstance(stopped.value.reason, RuntimeError)


def test_a_slotted_message_class_can_be_an_ask() -> None:
    @frozen
    class Question(Ask[int]):
        text: str

    assert not hasattr(Question("?"), "__dict__")


# ---- deadlines


async def test_an_ask_that_takes_too_long_times_out(adder: Ref[Message]) -> None:
    with pytest.raises(AskTimeout, match="adder gave no answer within 2 s"):
        await adder.ask(Sleep(5), timeout=2)
    assert trio.current_time() == 2


async def test_the_deadline_covers_the_wait_for_room(stage: DynamicSupervisor, script: Script) -> None:
    ref: Ref[Message] = Ref("small", capacity=1)
    stage.spawn(child_of(ref, script.adder))
    ref.post(Sleep(10), lambda _: None)
    await trio.testing.wait_all_tasks_blocked()
    ref.tell(Add(1))
    with pytest.raises(AskTimeout):
        await ref.ask(Sum(), timeout=3)
    assert trio.current_time() == 3


async def test_a_late_answer_is_harmless(adder: Ref[Message]) -> None:
    with pytest.raises(AskTimeout):
        await adder.ask(Sleep(5), timeout=2)
    assert await adder.ask(Sum(), timeout=10) == 0
    assert trio.current_time() == 5


async def test_a_message_past_its_deadline_is_never_handled(adder: Ref[Message], script: Script) -> None:
    @frozen
    class AddNow(Add, Ask[int]):
        pass

    adder.post(Sleep(5), lambda _: None)
    with pytest.raises(AskTimeout):
        await adder.ask(AddNow(1), timeout=2)
    assert await adder.ask(Sum(), timeout=10) == 0
    assert script.trace == ["start"]


async def test_a_cancelled_ask_leaves_the_actor_as_it_was(adder: Ref[Message]) -> None:
    with trio.move_on_after(1):
        await adder.ask(Sleep(5), timeout=100)
    assert await adder.ask(Sum(), timeout=10) == 0


# ---- crashes


async def test_an_ask_that_the_actor_crashes_on_raises_actor_crashed(adder: Ref[Message]) -> None:
    with pytest.raises(ActorCrashed, match="adder crashed on a Fail"):
        await adder.ask(Fail(Mishap("queen of spades")), timeout=1)


async def test_actor_crashed_never_carries_contents(adder: Ref[Message]) -> None:
    with pytest.raises(ActorCrashed) as crashed:
        await adder.ask(Fail(Mishap("queen of spades")), timeout=1)
    assert "queen" not in repr(crashed.value) + str(crashed.value)
    assert crashed.value.__cause__ is None
    assert crashed.value.__context__ is None


async def test_a_post_that_the_actor_crashes_on_gets_actor_crashed(adder: Ref[Message]) -> None:
    answers: list[int | ActorError] = []
    adder.post(Fail(), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    (answer,) = answers
    assert isinstance(answer, ActorCrashed)


async def test_the_rest_of_the_mailbox_survives_a_crash_and_the_poison_does_not(
    adder: Ref[Message], script: Script
) -> None:
    adder.tell(Add(1))
    adder.tell(Fail())
    adder.tell(Add(2))
    assert await adder.ask(Sum(), timeout=1) == 2
    assert script.trace == ["start", "add 1", "stop", "start", "add 2"]


async def test_an_ask_that_waits_for_room_survives_a_crash(stage: DynamicSupervisor, script: Script) -> None:
    ref: Ref[Message] = Ref("small", capacity=1)
    stage.spawn(child_of(ref, script.adder))
    ref.tell(Fail())
    assert await ref.ask(Sum(), timeout=1) == 0


async def test_an_exception_group_is_a_crash_too(adder: Ref[Message]) -> None:
    with pytest.raises(ActorCrashed):
        await adder.ask(Fail(ExceptionGroup("two", [Mishap(), OSError()])), timeout=1)
    assert await adder.ask(Sum(), timeout=1) == 0


async def test_messages_sent_between_two_incarnations_wait(stage: DynamicSupervisor, script: Script) -> None:
    ref: Ref[Message] = Ref("adder")
    stage.spawn(child_of(ref, script.adder))
    await trio.testing.wait_all_tasks_blocked()
    script.start_takes = 1.0
    ref.tell(Fail())
    await trio.sleep(0.5)
    ref.tell(Add(1))
    assert await ref.ask(Sum(), timeout=1) == 1


async def test_an_actor_that_always_crashes_stops_and_says_why(stage: DynamicSupervisor, script: Script) -> None:
    ref: Ref[Message] = Ref("doomed")
    stage.spawn(child_of(ref, script.adder))
    for _ in range(4):
        ref.tell(Fail())
    with pytest.raises(ActorStopped) as stopped:
        await ref.ask(Sum(), timeout=1)
    assert isinstance(stopped.value.reason, Mishap)
    assert not stopped.value.begun
    assert ref.stopped
    with pytest.raises(ActorStopped):
        ref.tell(Add(1))


async def test_a_start_that_fails_surfaces_as_itself(stage: DynamicSupervisor, script: Script) -> None:
    error = OSError("no such game")
    script.start_errors = [error]
    ends: list[BaseException | None] = []
    ref: Ref[Message] = Ref("stillborn")
    stage.spawn(child_of(ref, script.adder, ended=ends.append))
    with pytest.raises(ActorStopped, match=r"stillborn has stopped \(OSError\)") as stopped:
        await ref.ask(Sum(), timeout=1)
    assert stopped.value.reason is error
    assert ends == [error]
    assert script.trace == []


async def test_making_an_incarnation_may_fail_as_its_start_may(stage: DynamicSupervisor) -> None:
    def make() -> Adder:
        raise Mishap

    ref: Ref[Message] = Ref("unmade")
    stage.spawn(child_of(ref, make))
    with pytest.raises(ActorStopped) as stopped:
        await ref.ask(Sum(), timeout=1)
    assert isinstance(stopped.value.reason, Mishap)


# ---- the end


async def test_everything_queued_is_failed_when_the_actor_is_stopped(
    stage: DynamicSupervisor, adder: Ref[Message]
) -> None:
    answers: list[object] = []
    adder.post(Sleep(1), answers.append)
    adder.post(Sum(), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("adder")
    rested, stopped = answers
    assert rested == "rested"
    assert isinstance(stopped, ActorStopped)
    assert stopped.reason is None
    assert not stopped.begun


async def test_a_stop_does_not_queue_behind_messages(stage: DynamicSupervisor, adder: Ref[Message]) -> None:
    for _ in range(8):
        adder.tell(Sleep(4))
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("adder")
    assert trio.current_time() == 4


async def test_an_actor_finishes_only_when_nothing_waits(adder: Ref[Message]) -> None:
    answers: list[object] = []
    adder.post(Finish(), answers.append)
    adder.post(Finish(), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [False, True]
    assert adder.stopped


async def test_no_message_slips_between_finishing_and_the_end(stage: DynamicSupervisor, script: Script) -> None:
    """From the moment in which finish() says so, senders are refused; and `ended` is called after the stop hook."""
    script.stop_takes = 0.5
    ends: list[BaseException | None] = []
    ref: Ref[Message] = Ref("adder")
    stage.spawn(child_of(ref, script.adder, ended=ends.append))
    assert await ref.ask(Finish(), timeout=1)
    assert ref.stopped
    assert ends == []
    with pytest.raises(ActorStopped):
        await ref.ask(Sum(), timeout=1)
    await trio.sleep(1)
    assert ends == [None]
    assert script.trace == ["start", "stop", "stopped"]


async def test_a_permanent_actor_that_finishes_is_started_again(stage: DynamicSupervisor, script: Script) -> None:
    ref: Ref[Message] = Ref("adder")
    stage.spawn(child_of(ref, script.adder, restart=Restart.PERMANENT))
    assert await ref.ask(Finish(), timeout=1)
    await trio.testing.wait_all_tasks_blocked()
    assert await ref.ask(Sum(), timeout=1) == 0
    assert script.trace == ["start", "stop", "start"]


async def test_an_actor_that_crashes_after_it_finished_does_not_come_back(
    stage: DynamicSupervisor, script: Script
) -> None:
    ends: list[BaseException | None] = []
    ref: Ref[Message] = Ref("adder")
    stage.spawn(child_of(ref, script.adder, ended=ends.append))
    assert await ref.ask(FinishThenFail(), timeout=1)
    await trio.testing.wait_all_tasks_blocked()
    assert script.trace == ["start", "stop"]
    assert len(stage.reports) == 1
    assert len(ends) == 1
    assert ref.stopped


async def test_whoever_hears_of_the_end_finds_ended_done(stage: DynamicSupervisor, script: Script) -> None:
    order: list[str] = []
    script.start_errors = [Mishap()]
    ref: Ref[Message] = Ref("adder")
    stage.spawn(child_of(ref, script.adder, ended=lambda _: order.append(f"ended {ref.stopped} {'adder' in stage}")))
    ref.post(Sum(), lambda _: order.append("told"))
    await trio.testing.wait_all_tasks_blocked()
    assert order == ["ended True False", "told"]


async def test_an_ended_callback_that_raises_keeps_nobody_waiting(
    stage: DynamicSupervisor, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    def ended(_: BaseException | None) -> None:
        raise OSError("in ended")

    script.start_errors = [Mishap()]
    ref: Ref[Message] = Ref("adder")
    stage.spawn(child_of(ref, script.adder, ended=ended))
    with pytest.raises(ActorStopped):
        await ref.ask(Sum(), timeout=1)
    assert "what adder does at its end failed" in caplog.text


async def test_a_ref_tells_its_name_and_depth(adder: Ref[Message], stage: DynamicSupervisor) -> None:
    adder.tell(Add(1))
    adder.tell(Add(1))
    assert (adder.name, adder.depth, adder.stopped, repr(adder)) == ("adder", 2, False, "<Ref adder>")
    await stage.stop_child("adder")
    assert (adder.depth, adder.stopped, repr(adder)) == (0, True, "<Ref adder (stopped)>")


async def test_an_actor_without_a_handler_crashes_on_its_first_message(stage: DynamicSupervisor) -> None:
    ref: Ref[Message] = Ref("idle")
    stage.spawn(child_of(ref, Actor))
    with pytest.raises(ActorCrashed):
        await ref.ask(Sum(), timeout=1)


async def test_a_failed_ask_leaves_no_garbage_for_the_collector(adder: Ref[Message]) -> None:
    gc.disable()
    try:
        try:
            await adder.ask(Fail(), timeout=1)
        except ActorCrashed as crashed:
            error = weakref.ref(crashed)
        assert error() is None
    finally:
        gc.enable()
