"""The mailbox: one reader, bounded, and every letter settled at most once."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from actors.kit.errors import ActorCrashed, ActorError, ActorStopped, AskTimeout, MailboxFull
from actors.kit.mailbox import Asked, Letter, Mailbox


def fill(box: Mailbox, *messages: str) -> None:
    for message in messages:
        box.put(Letter(message))


async def taken(box: Mailbox) -> object:
    letter = await box.take()
    return None if letter is None else letter.message


async def test_letters_are_taken_in_the_order_in_which_they_were_put() -> None:
    box = Mailbox("box", 3)
    fill(box, "a", "b", "c")
    assert [await taken(box) for _ in range(3)] == ["a", "b", "c"]


async def test_a_reader_that_waits_is_woken_by_a_letter(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 3)
    seen: list[object] = []

    async def read() -> None:
        seen.append(await taken(box))

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    fill(box, "a")
    await trio.testing.wait_all_tasks_blocked()
    assert seen == ["a"]


def test_a_full_mailbox_refuses_and_keeps_what_it_has() -> None:
    box = Mailbox("box", 2)
    fill(box, "a", "b")
    with pytest.raises(MailboxFull, match="box"):
        fill(box, "c")
    assert box.depth == 2


def test_a_mailbox_holds_at_least_one_message() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mailbox("box", 0)


async def test_the_peak_is_the_most_that_ever_waited() -> None:
    box = Mailbox("box", 5)
    fill(box, "a", "b", "c")
    await box.take()
    await box.take()
    fill(box, "d")
    assert (box.depth, box.peak) == (2, 3)


async def test_a_request_to_stop_overtakes_everything_that_is_queued() -> None:
    box = Mailbox("box", 5)
    fill(box, "a", "b")
    box.ask_to_stop()
    assert await box.take() is None
    assert box.depth == 2


async def test_a_request_to_stop_wakes_a_reader_that_waits(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 5)
    seen: list[object] = []

    async def read() -> None:
        seen.append(await box.take())

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    box.ask_to_stop()
    await trio.testing.wait_all_tasks_blocked()
    assert seen == [None]


async def test_taking_lets_other_tasks_run_even_when_letters_wait() -> None:
    box = Mailbox("box", 5)
    fill(box, "a", "b")
    with trio.testing.assert_checkpoints():
        await box.take()


async def test_a_cancelled_take_loses_no_letter() -> None:
    box = Mailbox("box", 5)
    fill(box, "a")
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.take()
    assert scope.cancelled_caught
    assert await taken(box) == "a"


async def test_a_reader_that_was_cancelled_while_waiting_is_not_woken_later() -> None:
    box = Mailbox("box", 5)
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.take()
    fill(box, "a")
    assert await taken(box) == "a"


# ---- asks


async def test_an_ask_waits_for_room_and_for_its_answer(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "first")
    answers: list[object] = []

    async def ask() -> None:
        answers.append(await box.ask("second", 1.0))

    nursery.start_soon(ask)
    await trio.testing.wait_all_tasks_blocked()
    assert box.depth == 2
    assert await taken(box) == "first"
    letter = await box.take()
    assert letter is not None
    letter.answer(42)
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [42]


async def test_nobody_overtakes_an_ask_that_waits_for_room(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    for message in ("b", "c"):
        nursery.start_soon(box.ask, message, 10.0)
        await trio.testing.wait_all_tasks_blocked()
    assert await taken(box) == "a"
    with pytest.raises(MailboxFull):
        fill(box, "d")
    assert [await taken(box), await taken(box)] == ["b", "c"]
    nursery.cancel_scope.cancel()


async def test_the_deadline_covers_the_wait_for_room(autojump_clock: trio.testing.MockClock) -> None:
    box = Mailbox("box", 1)
    fill(box, "in the way")
    with pytest.raises(AskTimeout, match="box"):
        await box.ask("never queued", 2.0)
    assert trio.current_time() == 2.0
    assert box.depth == 1


async def test_an_ask_that_gave_up_makes_room_for_the_next_that_waits(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    box = Mailbox("box", 1)
    nursery.start_soon(box.ask, "patient", 50.0)
    await trio.testing.wait_all_tasks_blocked()

    async def impatient() -> None:
        with pytest.raises(AskTimeout):
            await box.ask("impatient", 1.0)

    async def late() -> None:
        assert await box.ask("late", 10.0) == "done"

    patient = await box.take()
    nursery.start_soon(impatient)
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(late)
    await trio.sleep(2.0)
    letter = await box.take()
    assert letter is not None
    assert letter.message == "late"
    letter.answer("done")
    assert patient is not None
    patient.answer(None)


class Compared(Letter):
    """Counts how often one of them is looked at to find another."""

    __slots__ = ()
    looks = 0

    def __eq__(self, other: object) -> bool:
        Compared.looks += 1
        return self is other

    __hash__ = object.__hash__


@pytest.mark.parametrize("last_first", [True, False])
def test_those_that_wait_for_room_may_give_up_by_the_thousand(last_first: bool) -> None:
    """Each is found without a look at the others: else ten thousand that give up hold the loop for a second."""
    Compared.looks = 0
    box = Mailbox("box", 1)
    fill(box, "in the way")
    letters = [Compared(number) for number in range(1000)]
    for letter in letters:
        box._wait_for_room(letter)
    for letter in reversed(letters) if last_first else letters:
        box.withdraw(letter)
    assert box.depth == 1
    assert Compared.looks <= 2 * len(letters)


async def test_those_that_go_on_waiting_keep_their_order_when_one_gives_up(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "in the way")
    async with trio.open_nursery() as impatient:
        for name in ("a", "gives up", "b", "c"):
            (impatient if name == "gives up" else nursery).start_soon(box.send, name, 100.0)
            await trio.testing.wait_all_tasks_blocked()
        impatient.cancel_scope.cancel()
    assert [await taken(box) for _ in range(4)] == ["in the way", "a", "b", "c"]


async def test_a_letter_past_its_deadline_is_not_taken(autojump_clock: trio.testing.MockClock) -> None:
    box = Mailbox("box", 5)
    box.put(Asked("stale", box, deadline=1.0))
    box.put(Letter("fresh"))
    autojump_clock.jump(1.0)
    assert await taken(box) == "fresh"


@pytest.mark.parametrize("queued_before", [[], ["in the way"]], ids=["queued", "waiting for room"])
async def test_a_cancelled_ask_withdraws_its_message(queued_before: list[str], nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, *queued_before)
    nursery.start_soon(box.ask, "withdrawn", 1.0)
    await trio.testing.wait_all_tasks_blocked()
    assert box.depth == len(queued_before) + 1
    nursery.cancel_scope.cancel()
    await trio.lowlevel.cancel_shielded_checkpoint()
    assert box.depth == len(queued_before)


async def test_an_ask_in_a_cancelled_scope_is_never_seen_by_the_reader(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    seen: list[object] = []

    async def read() -> None:
        seen.append(await taken(box))

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.ask("withdrawn", 1.0)
    fill(box, "next")
    await trio.testing.wait_all_tasks_blocked()
    assert seen == ["next"]


async def test_an_answer_that_comes_too_late_hurts_nobody(autojump_clock: trio.testing.MockClock) -> None:
    box = Mailbox("box", 1)
    letters: list[Letter | None] = []

    async def slow_reader() -> None:
        letters.append(await box.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow_reader)
        with pytest.raises(AskTimeout):
            await box.ask("question", 1.0)
    (letter,) = letters
    assert letter is not None
    letter.answer("too late")
    letter.fail(ActorStopped())
    await trio.testing.wait_all_tasks_blocked()


async def test_only_the_first_answer_counts(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    answers: list[object] = []

    async def ask() -> None:
        answers.append(await box.ask("question", 1.0))

    nursery.start_soon(ask)
    letter = await box.take()
    assert letter is not None
    letter.answer("first")
    letter.answer("second")
    letter.fail(ActorStopped())
    await trio.testing.wait_all_tasks_blocked()
    assert answers == ["first"]


async def test_an_answer_wins_over_a_deadline_in_the_same_moment(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    box = Mailbox("box", 1)

    async def reader() -> None:
        letter = await box.take()
        assert letter is not None
        autojump_clock.jump(5.0)
        letter.answer("in time")

    nursery.start_soon(reader)
    await trio.testing.wait_all_tasks_blocked()
    assert await box.ask("question", 5.0) == "in time"


async def test_an_ask_with_no_time_left_times_out(autojump_clock: trio.testing.MockClock) -> None:
    box = Mailbox("box", 1)
    with pytest.raises(AskTimeout):
        await box.ask("question", 0.0)
    assert box.depth == 0


async def test_an_error_is_raised_in_the_asker(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)

    async def reader() -> None:
        letter = await box.take()
        assert letter is not None
        letter.fail(ActorCrashed("box", letter.message_type))

    nursery.start_soon(reader)
    with pytest.raises(ActorCrashed, match="box crashed on a str"):
        await box.ask("question", 1.0)


# ---- sends


async def test_a_send_with_room_is_queued_at_once_and_lets_other_tasks_run() -> None:
    box = Mailbox("box", 1)
    with trio.testing.assert_checkpoints():
        await box.send("a", 1.0)
    assert await taken(box) == "a"


async def test_a_send_waits_for_room_and_no_longer(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    sent: list[str] = []

    async def send() -> None:
        await box.send("b", 1e6)
        sent.append("b")

    nursery.start_soon(send)
    await trio.testing.wait_all_tasks_blocked()
    assert (sent, box.depth) == ([], 2)
    await box.take()
    await trio.testing.wait_all_tasks_blocked()
    assert (sent, box.depth) == (["b"], 1)


async def test_whoever_waits_for_room_gets_it_in_order_asks_and_sends_alike(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    for message in "bcdefg":
        nursery.start_soon(box.ask if message in "ce" else box.send, message, 10.0)
        await trio.testing.wait_all_tasks_blocked()
    seen = []
    for _ in range(7):
        seen.append(await taken(box))
        with pytest.raises(MailboxFull):
            fill(box, *"xx")  # one too many, however much was taken
    assert seen[:7] == list("abcdefg")
    nursery.cancel_scope.cancel()


async def test_a_send_for_which_there_is_no_room_in_time_is_not_taken(autojump_clock: trio.testing.MockClock) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    with pytest.raises(MailboxFull, match="box"):
        await box.send("b", 2.0)
    assert trio.current_time() == 2.0
    assert box.depth == 1
    with pytest.raises(MailboxFull):
        await box.send("b", 0.0)
    assert await taken(box) == "a"
    await box.send("c", 0.0)
    assert await taken(box) == "c"


async def test_a_cancelled_send_is_not_taken(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.send("never queued", 1.0)
    assert (scope.cancelled_caught, box.depth) == (True, 0)
    fill(box, "a")
    nursery.start_soon(box.send, "withdrawn", 1.0)
    await trio.testing.wait_all_tasks_blocked()
    assert box.depth == 2
    nursery.cancel_scope.cancel()
    await trio.lowlevel.cancel_shielded_checkpoint()
    assert box.depth == 1


async def test_a_send_that_was_taken_cannot_be_cancelled_any_more(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    scope = trio.CancelScope()
    ends: list[str] = []

    async def send() -> None:
        with scope:
            await box.send("b", 1.0)
            ends.append("sent")

    nursery.start_soon(send)
    await trio.testing.wait_all_tasks_blocked()
    await box.take()  # moves it up; its sender has not run since
    scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert ends == ["sent"]
    assert not scope.cancelled_caught
    assert await taken(box) == "b"


async def test_a_send_to_a_closed_mailbox_is_refused_and_one_that_waits_is_told(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    reason = OSError()
    errors: list[ActorStopped] = []

    async def send() -> None:
        with pytest.raises(ActorStopped) as stopped:
            await box.send("b", 1.0)
        errors.append(stopped.value)

    nursery.start_soon(send)
    await trio.testing.wait_all_tasks_blocked()
    box.fail(box.close(reason))
    await trio.testing.wait_all_tasks_blocked()
    await send()
    assert [(error.reason, error.begun) for error in errors] == [(reason, False)] * 2


async def test_a_send_that_was_taken_is_not_failed_when_the_mailbox_is_closed(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    nursery.start_soon(box.send, "b", 1.0)
    await trio.testing.wait_all_tasks_blocked()
    await box.take()
    box.fail(box.close(None))
    await trio.testing.wait_all_tasks_blocked()


# ---- the control lane


async def test_control_letters_go_before_all_others_in_their_own_order() -> None:
    box = Mailbox("box", 2)
    fill(box, "a", "b")
    box.put_first(Letter("first"))
    box.put_first(Letter("second"))
    assert [await taken(box) for _ in range(4)] == ["first", "second", "a", "b"]


async def test_a_control_letter_wakes_a_reader_that_waits(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    seen: list[object] = []

    async def read() -> None:
        seen.append(await taken(box))

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    box.put_first(Letter("first"))
    await trio.testing.wait_all_tasks_blocked()
    assert seen == ["first"]


async def test_taking_a_control_letter_lets_other_tasks_run_and_loses_nothing_when_cancelled() -> None:
    box = Mailbox("box", 1)
    box.put_first(Letter("first"))
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.take()
    assert scope.cancelled_caught
    with trio.testing.assert_checkpoints():
        assert await taken(box) == "first"


def test_the_control_lane_is_bounded_for_those_who_send() -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    box.put_first(Letter("first"))
    with pytest.raises(MailboxFull):
        box.put_first(Letter("second"))
    box.close(None)
    with pytest.raises(ActorStopped):
        box.put_first(Letter("third"))


async def test_a_request_to_stop_overtakes_control_letters_too() -> None:
    box = Mailbox("box", 1)
    box.put_first(Letter("first"))
    box.ask_to_stop()
    assert await box.take() is None


async def test_control_letters_count_for_finishing_and_wait_for_the_next_incarnation() -> None:
    box = Mailbox("box", 1)
    box.put_first(Letter("first"))
    assert not box.finish()
    box.end_incarnation()
    box.begin(reopen=False)
    assert await taken(box) == "first"
    assert box.finish()


def test_control_letters_are_handed_over_when_the_mailbox_is_closed() -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    box.put_first(Letter("first"))
    assert [letter.message for letter in box.close(None)] == ["first", "a"]


# ---- timers


async def test_taking_what_a_timer_brings_lets_other_tasks_run_and_loses_nothing_when_cancelled() -> None:
    box = Mailbox("box", 1)
    box.timers.set(0.0, "tick")
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.take()
    assert scope.cancelled_caught
    with trio.testing.assert_checkpoints():
        assert await taken(box) == "tick"


async def test_a_reader_that_waits_for_a_timer_can_be_cancelled_and_read_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    box = Mailbox("box", 1)
    box.timers.set(5.0, "tick")
    with trio.move_on_after(1) as scope:
        await box.take()
    assert scope.cancelled_caught
    assert await taken(box) == "tick"
    assert trio.current_time() == 5.0


# ---- finishing and closing


def test_a_mailbox_with_letters_in_it_does_not_finish() -> None:
    box = Mailbox("box", 5)
    fill(box, "a")
    assert not box.finish()
    fill(box, "b")
    assert box.depth == 2


async def test_an_empty_mailbox_finishes_and_refuses_from_then_on() -> None:
    box = Mailbox("box", 5)
    assert box.finish()
    assert box.finish()
    assert not box.takes_messages
    assert await box.take() is None
    with pytest.raises(ActorStopped) as refused:
        fill(box, "a")
    assert refused.value.reason is None
    assert not refused.value.begun


async def test_closing_refuses_and_hands_over_everything_that_waited(nursery: trio.Nursery) -> None:
    box = Mailbox("box", 1)
    fill(box, "a")
    errors: list[ActorError] = []

    async def ask() -> None:
        try:
            await box.ask("b", 1.0)
        except ActorError as error:
            errors.append(error)

    nursery.start_soon(ask)
    await trio.testing.wait_all_tasks_blocked()
    reason = OSError("gone")
    left = box.close(reason)
    assert [letter.message for letter in left] == ["a", "b"]
    with pytest.raises(ActorStopped):
        fill(box, "c")
    box.fail(left)
    await trio.testing.wait_all_tasks_blocked()
    (error,) = errors
    assert isinstance(error, ActorStopped)
    assert error.reason is reason
    assert box.depth == 0


async def test_a_new_incarnation_reads_what_the_last_one_left() -> None:
    box = Mailbox("box", 5)
    fill(box, "a", "b")
    await box.take()
    assert box.begin(reopen=False)
    assert await taken(box) == "b"


def test_an_actor_that_crashed_after_it_had_finished_has_nothing_left_to_do() -> None:
    box = Mailbox("box", 5)
    box.finish()
    assert not box.begin(reopen=False)
    assert box.begin(reopen=True)
    assert box.takes_messages


def test_a_closed_mailbox_opens_again_for_a_new_life() -> None:
    box = Mailbox("box", 5)
    box.close(OSError("gone"))
    assert box.begin(reopen=False)
    fill(box, "a")
    assert box.depth == 1
