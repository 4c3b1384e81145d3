"""Monitors: whoever asks is told of an end, once, before everything else, and neither keeps the other alive."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.actor import Actor, ActorStopped, Down, Monitor, Ref
from actors.kit.policy import Restart
from tests.actors.kit.puppet import Do, Strings, fail, rest
from tests.actors.kit.troupe import Mishap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.kit.supervisor import DynamicSupervisor
    from tests.actors.kit.puppet import Puppet


@pytest.fixture
def watcher(stage: DynamicSupervisor) -> Strings:
    """A running actor that is to monitor another; there is room for one message in its mailbox."""
    strings = Strings(ref=Ref("watcher", capacity=1))
    stage.spawn(strings.child())
    return strings


@pytest.fixture
def watched(stage: DynamicSupervisor) -> Strings:
    """A running actor that is to be monitored."""
    strings = Strings(ref=Ref("watched"))
    stage.spawn(strings.child())
    return strings


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What nothing refers to is gone at once; a cycle would stay."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def watch(watcher: Strings, watched: Strings, *, incarnations: bool = False) -> Monitor:
    """Has it note every Down, as it is."""
    monitor = await watcher.do(lambda me: me.monitor(watched.ref, lambda down: down, incarnations=incarnations))
    assert isinstance(monitor, Monitor)
    return monitor


async def crash(strings: Strings, error: Exception | None = None) -> Exception:
    """Has it crash, and waits until all is over."""
    error = Mishap() if error is None else error
    strings.ref.tell(Do(lambda _: fail(error)))
    await trio.testing.wait_all_tasks_blocked()
    return error


# ---- what is told


async def test_an_end_in_order_is_told_with_no_reason(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    monitor = await watch(watcher, watched)
    assert monitor.active
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("watched")]
    assert not monitor.active


async def test_an_actor_that_finished_is_told_of_too(watcher: Strings, watched: Strings) -> None:
    await watch(watcher, watched)
    assert await watched.do(lambda me: me.finish())
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("watched")]


async def test_a_restart_is_not_told_but_giving_up_is(watcher: Strings, watched: Strings) -> None:
    await watch(watcher, watched)
    for _ in range(3):
        await crash(watched)
        assert watcher.noted == []
    error = await crash(watched)
    assert watcher.noted == [Down("watched", error)]


async def test_each_incarnations_end_is_told_to_whoever_wants_it(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    monitor = await watch(watcher, watched, incarnations=True)
    error = await crash(watched)
    assert watcher.noted == [Down("watched", error, gone=False)]
    assert monitor.active
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted[1:] == [Down("watched", gone=False), Down("watched", gone=True)]


async def test_an_incarnations_end_is_told_after_its_stop_hook(watcher: Strings, watched: Strings) -> None:
    watched.on_stop = lambda _: rest(0.5)
    await watch(watcher, watched, incarnations=True)
    await crash(watched)
    assert watcher.noted == []
    await trio.sleep(1)
    assert len(watcher.noted) == 1


async def test_an_incarnation_that_fails_in_its_stop_hook_is_told_with_that_reason(
    watcher: Strings, watched: Strings
) -> None:
    error = OSError()
    watched.on_stop = lambda _: fail(error)
    await watch(watcher, watched, incarnations=True)
    await watched.do(lambda me: me.finish())
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted[0] == Down("watched", error, gone=False)


async def test_of_an_incarnation_that_never_was_up_only_the_end_for_good_is_told(
    stage: DynamicSupervisor, watcher: Strings
) -> None:
    error = OSError()
    stillborn = Strings(ref=Ref("stillborn"), on_start=lambda _: fail(error))
    await watch(watcher, stillborn, incarnations=True)
    stage.spawn(stillborn.child())
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("stillborn", error)]


async def test_an_actor_that_has_ended_is_told_at_once_with_its_reason(
    stage: DynamicSupervisor, watcher: Strings
) -> None:
    error = OSError()
    stillborn = Strings(ref=Ref("stillborn"), on_start=lambda _: fail(error))
    stage.spawn(stillborn.child())
    await trio.testing.wait_all_tasks_blocked()
    await watch(watcher, stillborn)
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("stillborn", error, noproc=True)]


async def test_an_actor_that_has_not_started_is_waited_for(stage: DynamicSupervisor, watcher: Strings) -> None:
    unborn = Strings(ref=Ref("unborn"))
    await watch(watcher, unborn)
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == []
    stage.spawn(unborn.child())
    await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("unborn")
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("unborn")]


async def test_a_permanent_actor_that_finishes_ends_an_incarnation_only(
    stage: DynamicSupervisor, watcher: Strings
) -> None:
    strings = Strings(ref=Ref("permanent"))
    stage.spawn(strings.child(restart=Restart.PERMANENT))
    await watch(watcher, strings)
    await watch(watcher, strings, incarnations=True)
    await strings.do(lambda me: me.finish())
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("permanent", gone=False)]


async def test_the_end_is_told_when_ended_has_been_called_and_the_senders_have_been_told(
    stage: DynamicSupervisor, watcher: Strings
) -> None:
    order: list[str] = []
    strings = Strings(ref=Ref("watched"), on_start=lambda _: fail(Mishap()))
    strings.ref.monitor(lambda _: order.append("down"))
    strings.ref.post(Do(lambda _: None), lambda error: order.append(type(error).__name__))
    stage.spawn(strings.child(ended=lambda _: order.append("ended")))
    await trio.testing.wait_all_tasks_blocked()
    assert order == ["ended", ActorStopped.__name__, "down"]


async def test_a_down_does_not_show_what_the_actor_raised(watcher: Strings, watched: Strings) -> None:
    await watch(watcher, watched, incarnations=True)
    await crash(watched, Mishap("queen of spades"))
    assert "queen of spades" not in repr(watcher.noted)
    assert "Mishap" in repr(watcher.noted)
    assert "None" in repr(Down("watched"))


async def test_of_two_lives_of_one_ref_only_the_ones_end_is_told(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    await watch(watcher, watched)

    async def be_late(_: Puppet) -> None:
        await stage.stop_child("watched")
        stage.spawn(watched.child())
        await trio.testing.wait_all_tasks_blocked()
        await stage.stop_child("watched")

    await watcher.do(be_late)
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("watched")]


# ---- how it is told


async def test_an_end_is_told_before_what_waits_however_full_the_mailbox_is(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    await watch(watcher, watched)
    await watcher.do(lambda me: me.after(1, "timer"))
    watcher.ref.post(Do(lambda _: rest(5)), lambda _: None)
    await trio.testing.wait_all_tasks_blocked()
    watcher.ref.tell("told")
    await stage.stop_child("watched")
    await trio.sleep(10)
    assert watcher.noted == [Down("watched"), "timer", "told"]


async def test_those_who_monitor_are_told_in_the_order_in_which_they_began_to(
    stage: DynamicSupervisor, watched: Strings
) -> None:
    order: list[int] = []
    for n in range(20):
        watched.ref.monitor(lambda _, n=n: order.append(n))  # type: ignore[misc]  # a default in a lambda
    await stage.stop_child("watched")
    assert order == list(range(20))


async def test_two_monitors_of_one_actor_are_two(stage: DynamicSupervisor, watcher: Strings, watched: Strings) -> None:
    for _ in range(2):
        await watch(watcher, watched)
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("watched")] * 2


async def test_an_end_that_waits_to_be_told_keeps_the_watcher_from_finishing(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    await watch(watcher, watched)

    async def finish(me: Puppet) -> bool:
        await stage.stop_child("watched")
        return me.finish()

    assert not await watcher.do(finish)
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("watched")]
    assert await watcher.do(lambda me: me.finish())


async def test_a_monitor_that_cannot_make_its_message_crashes_its_own_actor(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    def make_message(_: Down) -> object:
        raise Mishap

    await watcher.do(lambda me: me.monitor(watched.ref, make_message))
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.hooks == ["start", "crashed Mishap", "stop", "start"]
    assert watcher.ref.node().last_crash == "Mishap in a monitor's make_message"


# ---- its end


async def test_a_cancelled_monitor_tells_nothing(stage: DynamicSupervisor, watcher: Strings, watched: Strings) -> None:
    monitor = await watch(watcher, watched)
    assert monitor.cancel()
    assert not monitor.active
    assert not monitor.cancel()
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == []


async def test_cancelling_takes_back_what_waits_in_the_mailbox(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    monitor = await watch(watcher, watched, incarnations=True)

    async def cancel_too_late(me: Puppet) -> bool:
        await crash(watched)
        await stage.stop_child("watched")
        assert monitor.cancel()
        return me.finish()

    assert await watcher.do(cancel_too_late)
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == []


async def test_what_was_taken_back_does_not_hold_up_what_waits(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    monitor = await watch(watcher, watched)

    async def cancel_too_late(me: Puppet) -> None:
        await stage.stop_child("watched")
        monitor.cancel()
        me.strings.ref.tell("told")

    await watcher.do(cancel_too_late)
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == ["told"]


async def test_the_other_monitors_go_on_when_one_is_cancelled(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    first = await watch(watcher, watched)
    await watch(watcher, watched)

    async def cancel_too_late(_: Puppet) -> None:
        await stage.stop_child("watched")
        first.cancel()

    await watcher.do(cancel_too_late)
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("watched")]


async def test_a_monitor_that_has_told_the_end_has_nothing_to_cancel(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    monitor = await watch(watcher, watched)
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert not monitor.cancel()


async def test_a_restarted_watcher_is_not_told_what_the_last_one_wanted_to_know(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    monitor = await watch(watcher, watched)
    await crash(watcher)
    assert not monitor.active
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == []


async def test_what_waits_to_be_told_ends_with_the_watchers_incarnation(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    await watch(watcher, watched)

    async def crash_too_late(me: Puppet) -> None:
        await stage.stop_child("watched")
        me.strings.ref.tell_first("told first")
        raise Mishap

    watcher.ref.tell(Do(crash_too_late))
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.hooks == ["start", "crashed Mishap", "stop", "start"]
    assert watcher.noted == ["told first"]  # others sent that: it waits for the next incarnation


async def test_two_that_monitor_each_other_end_in_peace(
    stage: DynamicSupervisor, watcher: Strings, watched: Strings
) -> None:
    await watch(watcher, watched, incarnations=True)
    await watch(watched, watcher, incarnations=True)
    await stage.stop_child("watched")
    await trio.testing.wait_all_tasks_blocked()
    assert len(watcher.noted) == 2
    await stage.stop_child("watcher")
    assert watched.noted == []


async def test_an_actor_that_monitors_itself_is_told_nothing(stage: DynamicSupervisor, watcher: Strings) -> None:
    await watch(watcher, watcher, incarnations=True)
    await crash(watcher)
    await stage.stop_child("watcher")
    assert watcher.noted == []


def test_an_actor_that_does_not_run_monitors_nobody() -> None:
    with pytest.raises(RuntimeError, match="does not run"):
        Actor[Down]().monitor(Ref("watched"), lambda down: down)


# ---- callbacks


async def test_a_callback_is_called_at_the_end_and_for_each_incarnation_if_wanted(watched: Strings) -> None:
    ends: list[Down] = []
    each: list[Down] = []
    watched.ref.monitor(ends.append)
    watched.ref.monitor(each.append, incarnations=True)
    errors = [await crash(watched) for _ in range(4)]
    assert ends == [Down("watched", errors[-1])]
    assert each == [*(Down("watched", error, gone=False) for error in errors), Down("watched", errors[-1])]


async def test_a_callback_for_an_actor_that_has_ended_is_called_at_once(
    stage: DynamicSupervisor, watched: Strings
) -> None:
    await stage.stop_child("watched")
    ends: list[Down] = []
    monitor = watched.ref.monitor(ends.append)
    assert ends == [Down("watched", noproc=True)]
    assert not monitor.active


async def test_a_callback_that_raises_hurts_nobody_and_is_logged_without_its_words(
    stage: DynamicSupervisor, watched: Strings, caplog: pytest.LogCaptureFixture
) -> None:
    ends: list[Down] = []
    watched.ref.monitor(lambda _: fail(Mishap(" ".join(("queen", "of", "spades")))))
    watched.ref.monitor(ends.append)
    await stage.stop_child("watched")
    assert ends == [Down("watched")]
    assert "what is done at the end of watched failed" in caplog.text
    assert "queen of spades" not in caplog.text


async def test_a_callback_may_cancel_one_that_is_still_to_be_told(stage: DynamicSupervisor, watched: Strings) -> None:
    ends: list[Down] = []
    monitors: list[Monitor] = []
    watched.ref.monitor(lambda _: fail(Mishap()) if not monitors.pop().cancel() else None)
    monitors.append(watched.ref.monitor(ends.append))
    others: list[Down] = []
    watched.ref.monitor(others.append)
    await stage.stop_child("watched")
    assert ends == []
    assert others == [Down("watched")]


async def test_a_cancelled_callback_is_not_called(stage: DynamicSupervisor, watched: Strings) -> None:
    ends: list[Down] = []
    monitor = watched.ref.monitor(ends.append)
    assert monitor.cancel()
    await stage.stop_child("watched")
    assert ends == []


# ---- nobody is kept alive


@pytest.mark.usefixtures("no_collector")
async def test_a_watcher_that_has_ended_is_not_kept_alive_by_what_it_monitored(
    stage: DynamicSupervisor, watched: Strings
) -> None:
    async def watch_and_leave() -> tuple[weakref.ref[Monitor], list[weakref.ref[Puppet]]]:
        watcher = Strings(ref=Ref("watcher"))
        actors: list[weakref.ref[Puppet]] = []
        watcher.on_start = lambda me: actors.append(weakref.ref(me))
        stage.spawn(watcher.child())
        monitor = weakref.ref(await watch(watcher, watched))
        assert monitor() is not None
        await stage.stop_child("watcher")
        return monitor, actors

    monitor, (actor,) = await watch_and_leave()
    await trio.testing.wait_all_tasks_blocked()
    assert monitor() is None
    assert actor() is None


@pytest.mark.usefixtures("no_collector")
async def test_an_actor_that_has_ended_is_not_kept_alive_by_who_monitored_it(
    stage: DynamicSupervisor, watcher: Strings
) -> None:
    async def be_watched_and_leave() -> tuple[weakref.ref[Ref[object]], list[weakref.ref[Puppet]], Monitor]:
        watched = Strings(ref=Ref("watched"))
        actors: list[weakref.ref[Puppet]] = []
        watched.on_start = lambda me: actors.append(weakref.ref(me))
        stage.spawn(watched.child())
        monitor = await watch(watcher, watched)
        await stage.stop_child("watched")
        return weakref.ref(watched.ref), actors, monitor

    ref, (actor,), monitor = await be_watched_and_leave()
    await trio.testing.wait_all_tasks_blocked()
    assert watcher.noted == [Down("watched")]
    assert not monitor.active
    assert ref() is None
    assert actor() is None
