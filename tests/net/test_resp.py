"""The sans-IO half of the client: order, bounds, and what becomes of those who wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ports import StoreUnavailable
from net.resp import CommandRefused, OutOfStep, Pipeline, ResultUnknown, Slot, pack, refusal

if TYPE_CHECKING:
    from net.resp import Reply


def pipeline(*, max_calls: int = 1000, max_bytes: int = 1000) -> Pipeline:
    return Pipeline(max_calls=max_calls, max_bytes=max_bytes)


def encoded(reply: Reply) -> bytes:
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(reply), reply)
        case list():
            return b"*%d\r\n%s" % (len(reply), b"".join(map(encoded, reply)))
        case CommandRefused():
            raise AssertionError("not used here")


replies = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(replies, max_size=8), st.data())
def test_replies_are_the_same_however_the_bytes_are_cut(sent: list[Reply], data: st.DataObject) -> None:
    line = pipeline()
    slots = [Slot(1) for _ in sent]
    for slot in slots:
        line.add(b"x", slot)
    line.take()
    wire = b"".join(map(encoded, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    counted = 0
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        counted += line.feed(wire[start:end])
    assert [slot.replies for slot in slots] == [[reply] for reply in sent]
    assert counted == len(sent)
    assert not line.awaits_replies


def test_a_slot_for_several_commands_is_woken_once_all_their_replies_are_there() -> None:
    line, slot, woken = pipeline(), Slot(2), []
    slot.wake = lambda: woken.append(list(slot.replies))
    line.add(pack([("A",), ("B",)]), slot)
    line.take()
    line.feed(b":1\r\n")
    assert woken == []
    line.feed(b":2\r\n")
    assert woken == [[1, 2]]


def test_what_was_taken_is_in_doubt_and_what_was_not_was_certainly_not_executed() -> None:
    line, taken, queued = pipeline(), Slot(1), Slot(1)
    line.add(b"x", taken)
    assert line.take() == b"x"
    line.add(b"y", queued)
    line.fail("gone")
    assert isinstance(taken.error(), ResultUnknown)
    assert isinstance(queued.error(), StoreUnavailable)
    assert not line.has_unsent


def test_beyond_the_bound_of_calls_nothing_is_queued() -> None:
    line = pipeline(max_calls=2)
    line.add(b"x", Slot(1))
    line.take()  # sent and not answered, so it still counts
    line.add(b"y", Slot(1))
    with pytest.raises(StoreUnavailable):
        line.add(b"z", Slot(1))
    assert line.take() == b"y"


def test_beyond_the_bound_of_bytes_nothing_is_queued() -> None:
    line = pipeline(max_bytes=3)
    line.add(b"xx", Slot(1))
    with pytest.raises(StoreUnavailable):
        line.add(b"yy", Slot(1))
    assert line.take() == b"xx"
    line.add(b"yy", Slot(1))


def test_a_command_larger_than_the_bound_passes_alone() -> None:
    line = pipeline(max_bytes=3)
    line.add(b"large", Slot(1))
    assert line.take() == b"large"


def test_a_reply_that_nobody_asked_for_is_out_of_step() -> None:
    with pytest.raises(OutOfStep):
        pipeline().feed(b"+OK\r\n")


def test_what_is_no_reply_is_out_of_step() -> None:
    line = pipeline()
    line.add(b"x", Slot(1))
    line.take()
    with pytest.raises(OutOfStep):
        line.feed(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize("argument", [None, True, [1], {}])
def test_what_is_no_argument_is_refused_before_anything_is_sent(argument: object) -> None:
    with pytest.raises(TypeError):
        pack([("SET", "k", argument)])  # type: ignore[list-item]


def test_a_lone_surrogate_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        pack([("SET", "k", "\ud800")])


@pytest.mark.parametrize("code", ["LOADING", "BUSY", "OOM", "MISCONF", "READONLY", "NOREPLICAS"])
def test_a_store_that_cannot_now_is_away(code: str) -> None:
    assert isinstance(refusal(CommandRefused(f"{code} not now")), StoreUnavailable)


def test_any_other_refusal_is_the_commands_own() -> None:
    error = refusal(CommandRefused("WRONGTYPE Operation against a key"))
    assert isinstance(error, CommandRefused)
    assert error.code == "WRONGTYPE"
