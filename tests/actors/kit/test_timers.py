"""Timers: at their time and in order, before the queue but never instead of it, and gone with the incarnation."""

from __future__ import annotations

import gc
import math
import weakref
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from actors.kit.actor import Actor
from actors.kit.timers import Timer, Timers
from tests.actors.kit.puppet import Do, Strings, fail, rest
from tests.actors.kit.troupe import Mishap

if TYPE_CHECKING:
    from actors.kit.supervisor import DynamicSupervisor
    from tests.actors.kit.puppet import Puppet


@pytest.fixture
def puppet(stage: DynamicSupervisor) -> Strings:
    """A running puppet, whose mailbox has room for one message."""
    strings = Strings()
    strings.ref._box.capacity = 1
    stage.spawn(strings.child())
    return strings


def at_its_time(me: Puppet, seconds: float, name: str) -> Timer:
    """Has the time at which it is handled noted together with the name."""
    return me.after(seconds, Do(lambda it: it.strings.noted.append((name, trio.current_time()))))


# ---- after


async def test_a_message_comes_after_its_time_and_once(puppet: Strings) -> None:
    timer = await puppet.do(lambda me: at_its_time(me, 3, "tick"))
    assert timer.pending
    await trio.sleep(100)
    assert puppet.noted == [("tick", 3)]
    assert not timer.pending


async def test_timers_go_off_in_the_order_in_which_they_are_due(puppet: Strings) -> None:
    await puppet.do(lambda me: [at_its_time(me, seconds, str(seconds)) for seconds in (4, 2, 9, 1)])
    await trio.sleep(100)
    assert puppet.noted == [("1", 1), ("2", 2), ("4", 4), ("9", 9)]


async def test_of_two_that_are_due_in_the_same_moment_the_one_that_was_set_first_goes_off_first(
    puppet: Strings,
) -> None:
    await puppet.do(lambda me: [me.after(1, name) for name in "abcdef"])
    await trio.sleep(2)
    assert puppet.noted == list("abcdef")


async def test_messages_are_handled_while_a_timer_is_pending(puppet: Strings) -> None:
    await puppet.do(lambda me: me.after(5, "timer"))
    await trio.sleep(1)
    puppet.ref.tell("told")
    await trio.sleep(1)
    assert puppet.noted == ["told"]
    await trio.sleep(5)
    assert puppet.noted == ["told", "timer"]


async def test_a_timer_that_is_due_goes_before_what_waits_however_full_the_mailbox_is(puppet: Strings) -> None:
    await puppet.do(lambda me: me.after(1, "timer"))
    puppet.ref.post(Do(lambda _: rest(5)), lambda _: None)
    await trio.testing.wait_all_tasks_blocked()
    puppet.ref.tell("told")
    await trio.sleep(10)
    assert puppet.noted == ["timer", "told"]


async def test_of_several_that_are_due_each_is_followed_by_a_message_that_waits(
    puppet: Strings, nursery: trio.Nursery
) -> None:
    await puppet.do(lambda me: [me.after(1, name) for name in ("timer 1", "timer 2", "timer 3")])
    puppet.ref.post(Do(lambda _: rest(5)), lambda _: None)
    await trio.testing.wait_all_tasks_blocked()
    for message in ("told 1", "told 2"):
        nursery.start_soon(puppet.ref.send, message)
        await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(10)
    assert puppet.noted == ["timer 1", "told 1", "timer 2", "told 2", "timer 3"]


async def test_an_actor_that_times_itself_at_once_for_ever_still_handles_its_messages(puppet: Strings) -> None:
    def again(me: Puppet) -> None:
        me.after(0, Do(again))

    await puppet.do(again)
    for n in range(3):
        assert await puppet.do(lambda _, n=n: n) == n  # type: ignore[misc]  # a default in a lambda
    await puppet.do(lambda me: me.finish())


async def test_a_timer_that_somebody_else_sets_wakes_an_actor_that_waits(puppet: Strings) -> None:
    """A callback of `post` runs in the other actor's task."""
    actors: list[Puppet] = []
    await puppet.do(actors.append)
    await puppet.do(lambda me: me.after(50, "late"))
    await trio.testing.wait_all_tasks_blocked()
    at_its_time(actors[0], 2, "early")
    at_its_time(actors[0], 60, "last")
    await trio.sleep(100)
    assert puppet.noted == [("early", 2), "late", ("last", 60)]


async def test_a_timer_set_in_the_start_hook_goes_off(stage: DynamicSupervisor) -> None:
    strings = Strings(on_start=lambda me: me.after(1, "tick"))
    stage.spawn(strings.child())
    await trio.sleep(2)
    assert strings.noted == ["tick"]


@pytest.mark.parametrize("seconds", [-1, -math.inf, math.nan])
async def test_a_time_that_makes_no_sense_is_refused(puppet: Strings, seconds: float) -> None:
    def set_it(me: Puppet) -> None:
        with pytest.raises(ValueError, match="a timer cannot be due"):
            me.after(seconds, "tick")
        with pytest.raises(ValueError, match="a timer cannot be due"):
            me.every(seconds, "tick")
        with pytest.raises(ValueError, match="a timer cannot be due"):
            me.every(0, "tick")

    await puppet.do(set_it)


async def test_a_timer_in_infinity_never_goes_off(puppet: Strings) -> None:
    timer = await puppet.do(lambda me: me.after(math.inf, "tick"))
    await trio.sleep(80_000)
    assert puppet.noted == []
    assert timer.pending


# ---- cancelling


async def test_a_cancelled_timer_does_not_go_off(puppet: Strings) -> None:
    timer = await puppet.do(lambda me: me.after(1, "tick"))
    assert timer.cancel()
    assert not timer.pending
    assert not timer.cancel()
    await trio.sleep(5)
    assert puppet.noted == []


async def test_a_timer_that_was_due_can_still_be_cancelled(puppet: Strings) -> None:
    """Erlang's may have its message in the mailbox already."""
    timer = await puppet.do(lambda me: me.after(1, "tick"))

    async def be_late(_: Puppet) -> None:
        await trio.sleep(5)
        assert timer.cancel()

    await puppet.do(be_late)
    await trio.sleep(5)
    assert puppet.noted == []


async def test_cancelling_one_that_went_off_does_nothing(puppet: Strings) -> None:
    timer = await puppet.do(lambda me: me.after(1, "tick"))
    await trio.sleep(5)
    assert not timer.cancel()
    assert puppet.noted == ["tick"]


async def test_the_timers_after_a_cancelled_one_still_go_off(puppet: Strings) -> None:
    first, _ = await puppet.do(lambda me: [at_its_time(me, 1, "first"), at_its_time(me, 2, "second")])
    first.cancel()
    await trio.sleep(5)
    assert puppet.noted == [("second", 2)]


async def test_a_timer_lets_go_of_its_message_when_it_is_cancelled(puppet: Strings) -> None:
    message = Do(lambda _: None)
    seen = weakref.ref(message.action)
    timer = await puppet.do(lambda me, message=message: me.after(1, message))  # type: ignore[misc]
    del message
    timer.cancel()
    await puppet.do(lambda _: None)
    gc.collect()
    assert seen() is None


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers(lambda: None)
    kept = timers.set(1e6, "kept")
    for n in range(10_000):
        timers.set(1e9 + n, "timeout").cancel()
        assert len(timers._heap) < 70
    assert kept.pending
    assert timers.next_due() == 1e6


# ---- every


async def test_a_tick_comes_again_and_again_without_drift(puppet: Strings) -> None:
    async def tick(me: Puppet) -> None:
        me.strings.noted.append(trio.current_time())
        await trio.sleep(0.75)

    timer = await puppet.do(lambda me: me.every(2, Do(tick)))
    await trio.sleep(9)
    assert puppet.noted == [2, 4, 6, 8]
    assert timer.pending
    assert timer.cancel()
    await trio.sleep(9)
    assert len(puppet.noted) == 4


async def test_ticks_do_not_pile_up_when_the_handler_is_slow(puppet: Strings) -> None:
    async def tick(me: Puppet) -> None:
        me.strings.noted.append(trio.current_time())
        await trio.sleep(4.5 if len(me.strings.noted) == 1 else 0.25)

    await puppet.do(lambda me: me.every(1, Do(tick)))
    await trio.sleep(8.75)
    assert puppet.noted == [1, 5.5, 6, 7, 8]  # those of 2, 3, 4 and 5 are one, late; then in step again


async def test_ticks_that_pass_during_another_message_are_one(puppet: Strings) -> None:
    await puppet.do(lambda me: me.every(1, "tick"))
    await puppet.do(lambda _: rest(10.5))
    await trio.testing.wait_all_tasks_blocked()
    assert puppet.noted == ["tick"]
    await trio.sleep(1)
    assert puppet.noted == ["tick", "tick"]


async def test_messages_are_handled_between_ticks_that_are_always_due(puppet: Strings) -> None:
    await puppet.do(lambda me: me.every(0.001, Do(lambda _: rest(1))))
    for n in range(5):
        assert await puppet.do(lambda _, n=n: n) == n  # type: ignore[misc]  # a default in a lambda
    assert trio.current_time() < 10


async def test_a_tick_can_end_itself(puppet: Strings) -> None:
    timers: list[Timer] = []

    def tick(me: Puppet) -> None:
        me.strings.noted.append("tick")
        assert timers[0].cancel()

    timers.append(await puppet.do(lambda me: me.every(1, Do(tick))))
    await trio.sleep(9)
    assert puppet.noted == ["tick"]


# ---- the end


async def test_a_restarted_actor_gets_none_of_its_old_timers(puppet: Strings) -> None:
    timers = await puppet.do(lambda me: [me.after(1, "old"), me.every(1, "old too")])
    puppet.ref.tell(Do(lambda _: fail(Mishap())))
    await trio.sleep(5)
    assert puppet.hooks == ["start", "crashed Mishap", "stop", "start"]
    assert puppet.noted == []
    assert [timer.pending for timer in timers] == [False, False]
    assert [timer.cancel() for timer in timers] == [False, False]


async def test_a_timer_that_is_due_does_not_keep_an_actor_from_stopping(
    stage: DynamicSupervisor, puppet: Strings
) -> None:
    await puppet.do(lambda me: me.every(1, Do(lambda _: rest(2))))
    await trio.sleep(1.5)
    await stage.stop_child("puppet")
    assert trio.current_time() == 3
    assert puppet.hooks == ["start", "stop"]


async def test_a_timer_that_is_pending_or_due_does_not_keep_an_actor_from_finishing(puppet: Strings) -> None:
    await puppet.do(lambda me: [me.after(0, "tick"), me.every(1, "tick")])

    async def finish(me: Puppet) -> bool:
        await trio.sleep(5)
        return me.finish()

    assert await puppet.do(finish)
    await trio.sleep(5)
    assert puppet.noted == ["tick"]  # the one that was due before it finished
    assert puppet.hooks == ["start", "stop"]


async def test_a_timer_set_in_the_stop_hook_is_lost(stage: DynamicSupervisor) -> None:
    strings = Strings(on_stop=lambda me: me.after(0, "lost"))
    stage.spawn(strings.child())
    strings.ref.tell(Do(lambda _: fail(Mishap())))
    await trio.sleep(5)
    assert strings.hooks == ["start", "crashed Mishap", "stop", "start"]
    assert strings.noted == []


async def test_a_handler_that_fails_on_a_timers_message_crashes_on_it(puppet: Strings) -> None:
    await puppet.do(lambda me: me.after(1, Do(lambda _: fail(Mishap()))))
    await trio.sleep(2)
    assert puppet.ref.node().last_crash == "Mishap on Do"


def test_an_actor_that_does_not_run_sets_no_timers() -> None:
    with pytest.raises(RuntimeError, match="does not run"):
        Actor[str]().after(1, "tick")
    with pytest.raises(RuntimeError, match="does not run"):
        Actor[str]().every(1, "tick")


async def test_the_ended_incarnation_of_an_actor_sets_no_timers(puppet: Strings) -> None:
    actors: list[Puppet] = []
    await puppet.do(actors.append)
    puppet.ref.tell(Do(lambda _: fail(Mishap())))
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(RuntimeError, match="does not run"):
        actors[0].after(1, "for the next incarnation")
    await trio.sleep(5)
    assert puppet.noted == []


# ---- the heap, against a plain model


@define
class Model:
    """One timer, as the model has it."""

    due: float
    number: int
    interval: float | None
    timer: Timer
    cancelled: bool = False


moves = st.lists(
    st.one_of(
        st.tuples(st.just("after"), st.integers(0, 20)),
        st.tuples(st.just("every"), st.integers(1, 7)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.integers(0, 20)),
        st.tuples(st.just("take"), st.just(0)),
    ),
    max_size=60,
)


@given(moves)
def test_the_timers_agree_with_a_plain_model(moves: list[tuple[str, int]]) -> None:
    timers = Timers(lambda: None)
    model: list[Model] = []
    now = 0
    numbers = iter(range(1000))
    for move, n in moves:
        match move:
            case "after":
                model.append(Model(now + n, next(numbers), None, timers.set(now + n, len(model))))
            case "every":
                model.append(Model(now + n, next(numbers), n, timers.set(now + n, len(model), n)))
            case "cancel" if model:
                chosen = model[n % len(model)]
                assert chosen.timer.cancel() is not chosen.cancelled
                chosen.cancelled = True
            case "wait":
                now += n
            case "take":
                letter = timers.take(now, others_wait=False)
                live = [timer for timer in model if not timer.cancelled and timer.due <= now]
                first = min(live, key=lambda timer: (timer.due, timer.number), default=None)
                assert (None if letter is None else letter.message) == (None if first is None else model.index(first))
                if first is None:
                    continue
                if first.interval is None:
                    first.cancelled = True
                else:
                    missed = (now - first.due) // first.interval
                    first.due += first.interval * (missed + 1)
                    first.number = next(numbers)
        assert [one.timer.pending for one in model] == [not one.cancelled for one in model]
        assert timers.next_due() == min((one.due for one in model if not one.cancelled), default=math.inf)


@given(st.floats(0, 1e9), st.floats(1e-6, 1e6), st.floats(0, 1e6))
def test_the_next_tick_is_never_past_and_never_more_than_an_interval_away(
    due: float, interval: float, late: float
) -> None:
    now = due + late
    timers = Timers(lambda: None)
    timers.set(due, "tick", interval)
    assert timers.take(now, others_wait=False) is not None
    assert now <= timers.next_due() <= now + interval
