"""What waits for a client without an open way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net.engineio_backlog import Backlog
from net.engineio_packets import Packet


def packet(text: str) -> Packet:
    return Packet(text.encode())


def test_packets_come_out_once_and_in_order() -> None:
    backlog = Backlog()
    backlog.add([packet("a"), packet("b")], None, drop_older=True)
    backlog.add([packet("c")], None, drop_older=True)
    assert backlog.take() == [packet("a"), packet("b"), packet("c")]
    assert backlog.take() == []
    assert not backlog


def test_a_newer_packet_of_a_key_replaces_the_older_one_at_the_end() -> None:
    backlog = Backlog()
    backlog.add([packet("state 1")], "game", drop_older=True)
    backlog.add([packet("answer")], None, drop_older=True)
    backlog.add([packet("state 2")], "game", drop_older=True)
    assert backlog.take() == [packet("answer"), packet("state 2")]


def test_older_packets_of_a_key_stay_unless_they_are_to_be_dropped() -> None:
    backlog = Backlog()
    backlog.add([packet("state 1")], "game", drop_older=True)
    backlog.add([packet("state 2")], "game", drop_older=False)
    assert backlog.take() == [packet("state 1"), packet("state 2")]


def test_keys_are_kept_apart() -> None:
    backlog = Backlog()
    backlog.add([packet("a1")], "a", drop_older=True)
    backlog.add([packet("b1")], "b", drop_older=True)
    backlog.add([packet("a2")], "a", drop_older=True)
    assert backlog.take() == [packet("b1"), packet("a2")]


def test_the_packets_of_one_call_do_not_replace_each_other() -> None:
    backlog = Backlog()
    backlog.add([packet("head"), packet("attachment")], "game", drop_older=True)
    assert backlog.take() == [packet("head"), packet("attachment")]


@given(
    st.lists(st.tuples(st.lists(st.binary(max_size=9), max_size=3), st.sampled_from([None, "a", "b"]), st.booleans()))
)
def test_the_size_is_that_of_what_waits(calls: list[tuple[list[bytes], str | None, bool]]) -> None:
    backlog = Backlog()
    for datas, key, drop in calls:
        backlog.add([Packet(data) for data in datas], key, drop_older=drop)
    size = backlog.size
    assert size == sum(len(packet.data) for packet in backlog.take())
    assert backlog.size == 0
