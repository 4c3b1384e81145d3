"""One incarnation: its hooks, in order and whatever happens, and what the tree tells of it."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.actor import ActorCrashed, ActorStopped, Ref
from actors.kit.actor import actor_child as child_of
from actors.kit.supervisor import DynamicSupervisor
from tests.actors.kit.puppet import Do, Strings, fail, rest
from tests.actors.kit.troupe import Add, Fail, Finish, Mishap, Sleep

if TYPE_CHECKING:
    from actors.kit.actor import ActorError
    from tests.actors.kit.puppet import Puppet
    from tests.actors.kit.troupe import Message, Script


@pytest.fixture
def puppet(stage: DynamicSupervisor) -> Strings:
    """A running puppet."""
    strings = Strings()
    stage.spawn(strings.child())
    return strings


# ---- the stop hook


async def test_the_stop_hook_runs_after_the_message_in_hand_when_the_actor_is_stopped(
    stage: DynamicSupervisor, adder: Ref[Message], script: Script
) -> None:
    answers: list[str | ActorError] = []
    adder.post(Sleep(2), answers.append)
    adder.tell(Add(1))
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("adder")
    assert answers == ["rested"]
    assert script.trace == ["start", "stop"]


async def test_the_stop_hook_runs_on_cancel_shielded(
    stage: DynamicSupervisor, adder: Ref[Message], script: Script
) -> None:
    script.stop_takes = 0.5
    answers: list[str | ActorError] = []
    adder.post(Sleep(100), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("adder")
    assert script.trace == ["start", "stop", "stopped"]
    (answer,) = answers
    assert isinstance(answer, ActorStopped)
    assert answer.begun
    assert trio.current_time() == 5.5


async def test_the_stop_hook_is_cut_off_when_it_takes_too_long(
    stage: DynamicSupervisor, adder: Ref[Message], script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.stop_takes = 100
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("adder")
    assert script.trace == ["start", "stop"]
    assert trio.current_time() == 1
    assert "the stop hook of adder took longer than 1 s" in caplog.text


async def test_a_stop_hook_that_fails_after_a_crash_does_not_hide_the_crash(
    stage: DynamicSupervisor, adder: Ref[Message], script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.stop_error = OSError("in stop")
    adder.tell(Fail())
    await trio.testing.wait_all_tasks_blocked()
    assert [report.error.rpartition(".")[2] for report in stage.reports] == ["Mishap"]
    assert "the stop hook of adder failed" in caplog.text


async def test_a_stop_hook_that_fails_at_a_normal_end_is_a_crash(
    stage: DynamicSupervisor, adder: Ref[Message], script: Script
) -> None:
    script.stop_error = OSError("in stop")
    assert await adder.ask(Finish(), timeout=1)
    await trio.testing.wait_all_tasks_blocked()
    assert [report.error for report in stage.reports] == ["OSError"]


async def test_the_stop_hook_does_not_run_when_the_start_failed(stage: DynamicSupervisor, script: Script) -> None:
    script.start_takes = 10
    ref: Ref[Message] = Ref("slow")
    stage.spawn(child_of(ref, script.adder))
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("slow")
    assert script.trace == []


# ---- the crash hook


async def test_the_crash_hook_runs_between_the_crash_and_the_stop_hook(puppet: Strings) -> None:
    seen: list[Exception] = []
    puppet.on_crash = lambda _, error: seen.append(error)
    error = Mishap()
    puppet.ref.tell(Do(lambda _: fail(error)))
    await trio.testing.wait_all_tasks_blocked()
    assert puppet.hooks == ["start", "crashed Mishap", "stop", "start"]
    assert seen == [error]


async def test_whoever_asked_is_told_before_the_crash_hook_runs(puppet: Strings) -> None:
    puppet.on_crash = lambda *_: rest(0.5)
    with pytest.raises(ActorCrashed):
        await puppet.do(lambda _: fail(Mishap()))
    assert trio.current_time() == 0


async def test_the_crash_hook_runs_for_a_crash_only(stage: DynamicSupervisor) -> None:
    finished, stopped = Strings(ref=Ref("finished")), Strings(ref=Ref("stopped"))
    stillborn = Strings(ref=Ref("stillborn"), on_start=lambda _: fail(Mishap()))
    last_words = Strings(ref=Ref("last words"), on_stop=lambda _: fail(Mishap()))
    cancelled = Strings(ref=Ref("cancelled"))
    for strings in (finished, stopped, stillborn, last_words, cancelled):
        stage.spawn(strings.child(shutdown=1))
    await finished.do(lambda me: me.finish())
    await last_words.do(lambda me: me.finish())
    cancelled.ref.tell(Do(lambda _: rest(100)))
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("stopped")
    await stage.stop_child("cancelled")
    assert finished.hooks == stopped.hooks == cancelled.hooks == last_words.hooks == ["start", "stop"]
    assert stillborn.hooks == ["start"]


async def test_a_crash_hook_that_fails_is_logged_and_changes_nothing(
    stage: DynamicSupervisor, puppet: Strings, caplog: pytest.LogCaptureFixture
) -> None:
    puppet.on_crash = lambda *_: fail(OSError(" ".join(("queen", "of", "spades"))))
    puppet.ref.tell(Do(lambda _: fail(Mishap())))
    await trio.testing.wait_all_tasks_blocked()
    assert puppet.hooks == ["start", "crashed Mishap", "stop", "start"]
    assert [report.error.rpartition(".")[2] for report in stage.reports] == ["Mishap"]
    assert "the crashed hook of puppet failed" in caplog.text
    assert "queen of spades" not in caplog.text


async def test_a_crash_hook_that_takes_too_long_is_cut_off(puppet: Strings, caplog: pytest.LogCaptureFixture) -> None:
    puppet.on_crash = lambda *_: rest(100)
    puppet.on_stop = lambda _: rest(100)
    puppet.ref.tell(Do(lambda _: fail(Mishap())))
    await trio.sleep(0.5)
    puppet.on_start = lambda me: me.strings.noted.append(trio.current_time())
    await trio.sleep(10)
    assert puppet.noted == [2]
    assert "the crashed hook of puppet took longer than 1 s and was cut off" in caplog.text
    assert "the stop hook of puppet took longer than 1 s and was cut off" in caplog.text


async def test_the_crash_hook_is_shielded_from_cancellation(stage: DynamicSupervisor) -> None:
    async def take_notes(me: Puppet, _: Exception) -> None:
        await trio.sleep(0.75)
        me.strings.noted.append("noted")

    strings = Strings(on_crash=take_notes)
    stage.spawn(strings.child(shutdown=0))
    strings.ref.tell(Do(lambda _: fail(Mishap())))
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("puppet")
    assert trio.current_time() == 0.75
    assert strings.noted == ["noted"]
    assert strings.hooks == ["start", "crashed Mishap", "stop"]


async def test_the_stop_hook_runs_even_if_the_crash_hook_breaks_everything() -> None:
    class Interrupt(BaseException):
        """Which no `except Exception` holds."""

    strings = Strings(on_crash=lambda *_: fail(Interrupt()))
    stage = DynamicSupervisor("stage")

    async def run() -> None:
        with pytest.raises(Interrupt):
            await stage.run()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked()
        stage.spawn(strings.child())
        strings.ref.tell(Do(lambda _: fail(Mishap())))
    assert strings.hooks == ["start", "crashed Mishap", "stop"]


# ---- what is left of an incarnation


async def test_what_an_old_incarnation_does_late_does_not_touch_the_next(puppet: Strings) -> None:
    actors: list[Puppet] = []
    await puppet.do(actors.append)
    with pytest.raises(ActorCrashed):
        await puppet.do(lambda _: fail(Mishap()))
    answers: list[object] = []
    puppet.ref.post(Do(lambda _: rest(1)), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    for late in (actors[0].finish, lambda: actors[0].reply("from the dead")):
        with pytest.raises(RuntimeError, match="does not run"):
            late()
    await trio.sleep(2)
    assert answers == [None]
    assert not puppet.ref.stopped


async def test_a_crashed_incarnation_is_gone_without_the_help_of_the_collector(stage: DynamicSupervisor) -> None:
    actors: list[weakref.ref[Puppet]] = []
    strings = Strings(on_start=lambda me: actors.append(weakref.ref(me)))
    gc.disable()
    try:
        stage.spawn(strings.child())
        strings.ref.tell(Do(lambda _: fail(Mishap())))
        await trio.testing.wait_all_tasks_blocked()
        assert [actor() is None for actor in actors] == [True, False]
    finally:
        gc.enable()


# ---- what the tree tells of it


async def test_the_tree_tells_how_long_the_message_in_hand_has_been_handled(puppet: Strings) -> None:
    await trio.sleep(3)
    assert (puppet.ref.node().in_hand, puppet.ref.node().in_hand_for) == (None, 0.0)
    puppet.ref.tell(Do(lambda _: rest(10)))
    await trio.sleep(4)
    puppet.ref.tell("waits")
    assert (puppet.ref.node().in_hand, puppet.ref.node().in_hand_for) == ("Do", 4.0)
    await trio.sleep(10)
    assert (puppet.ref.node().in_hand, puppet.ref.node().in_hand_for) == (None, 0.0)


async def test_the_tree_tells_of_the_last_crash_its_types_and_nothing_else(
    stage: DynamicSupervisor, puppet: Strings
) -> None:
    assert puppet.ref.node().last_crash is None
    puppet.ref.tell(Do(lambda _: fail(Mishap("queen of spades"))))
    await puppet.do(lambda _: None)
    assert puppet.ref.node().last_crash == "Mishap on Do"
    puppet.on_stop = lambda _: fail(OSError("queen of spades"))
    await puppet.do(lambda me: me.finish())
    await trio.testing.wait_all_tasks_blocked()
    assert puppet.ref.node().last_crash == "OSError in stop"
    stillborn = Strings(ref=Ref("stillborn"), on_start=lambda _: fail(ValueError("queen of spades")))
    stage.spawn(stillborn.child())
    await trio.testing.wait_all_tasks_blocked()
    assert stillborn.ref.node().last_crash == "ValueError in start"


async def test_a_cancellation_is_no_crash(stage: DynamicSupervisor, puppet: Strings) -> None:
    puppet.ref.tell(Do(lambda _: rest(100)))
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("puppet")
    assert puppet.ref.node().last_crash is None
