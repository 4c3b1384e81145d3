"""Events as they stand in the journal: they come back as they went, or say that they cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.events import Aborted, Acted, Created, Event, Resigned, TimedOut
from actors.messages import ActionAnswer
from actors.ports import StoreLostData
from net.event_codec import SCHEMA_VERSION, UnreadableEvent, decode_event, encode_event
from tests.samples.values import instances

if TYPE_CHECKING:
    from typing import Any

events: st.SearchStrategy[Event] = st.one_of(*(instances(cls) for cls in get_args(Event)))

ABORTED = Aborted(event_id=3, at=1.5, reason="by an operator")


@given(events)
def test_an_event_comes_back_as_it_went(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


@given(events)
def test_an_event_that_is_written_again_is_the_same_bytes(event: Event) -> None:
    written = encode_event(event)
    assert encode_event(decode_event(written)) == written


def test_the_kinds_tell_the_events_apart() -> None:
    kinds = [cls.kind for cls in get_args(Event)]
    assert len(set(kinds)) == len(kinds)


def test_it_is_json_with_version_and_kind_first() -> None:
    assert encode_event(ABORTED) == (
        b'{"v":2,"kind":"aborted","event_id":3,"at":1.5,"reason":"by an operator","clock":0.0}'
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"v": SCHEMA_VERSION + 1}, f"schema version {SCHEMA_VERSION + 1}"),
        ({"v": None}, "schema version None"),
        ({"v": True}, "schema version True"),
        ({"v": 0}, "schema version 0"),
        ({"v": -1}, "schema version -1"),
        ({"kind": "dealt"}, "unknown kind 'dealt'"),
        ({"kind": ["aborted"]}, "unknown kind"),
        ({"at": "1.5"}, r"damaged: \$.at: expected float"),
        ({"surplus": 1}, r"damaged: \$: unknown: surplus"),
    ],
)
def test_what_this_program_does_not_know_is_unreadable(changes: dict[str, Any], complaint: str) -> None:
    written = orjson.dumps({**orjson.loads(encode_event(ABORTED)), **changes})
    with pytest.raises(UnreadableEvent, match=complaint):
        decode_event(written)


def test_the_complaint_about_a_newer_version_says_what_to_do() -> None:
    written = orjson.dumps({**orjson.loads(encode_event(ABORTED)), "v": SCHEMA_VERSION + 1})
    with pytest.raises(UnreadableEvent, match=r"a newer Croupier wrote; .* go on with the newer one"):
        decode_event(written)


# ---- what version 1 wrote, byte for byte

VERSION_1: list[tuple[bytes, Event]] = [
    (
        b'{"v":1,"kind":"created","event_id":1,"at":1700000000.0,"game_id":"g","rules":"crazy_eights",'
        b'"rules_version":"1","players":["ann","ben"],"seed":"s","options":{"hand_size":5},"spectators":"none"}',
        Created(1, 1700000000.0, "g", "crazy_eights", "1", ("ann", "ben"), "s", {"hand_size": 5}, "none"),
    ),
    (
        b'{"v":1,"kind":"acted","event_id":2,"at":1700000001.5,"player_id":"ann","action":{"type":"draw"},'
        b'"chance_position":56,"message_id":"m1","answer":{"game_id":"g","event_id":2,"action_type":"draw",'
        b'"message":"you drew","turn_changed":false,"current_player_id":"ann","to_act":["ann"],"changes":[{"n":1}],'
        b'"game_over":false,"server_time":1700000001.5}}',
        Acted(
            2,
            1700000001.5,
            "ann",
            {"type": "draw"},
            56,
            "m1",
            ActionAnswer("g", 2, "draw", "you drew", False, "ann", ("ann",), ({"n": 1},), False, 1700000001.5),
        ),
    ),
    (
        b'{"v":1,"kind":"resigned","event_id":3,"at":1700000002.0,"player_id":"ben","chance_position":56,'
        b'"message_id":null,"answer":null}',
        Resigned(3, 1700000002.0, "ben", 56),
    ),
    (
        b'{"v":1,"kind":"aborted","event_id":4,"at":1700000003.0,"reason":"by an operator"}',
        Aborted(4, 1700000003.0, "by an operator"),
    ),
]


@pytest.mark.parametrize(("written", "event"), VERSION_1)
def test_what_version_1_wrote_is_read(written: bytes, event: Event) -> None:
    assert decode_event(written) == event
    assert event.clock == 0.0


@pytest.mark.parametrize(("written", "event"), VERSION_1)
def test_what_version_1_wrote_is_written_again_as_the_present_version(written: bytes, event: Event) -> None:
    assert decode_event(encode_event(decode_event(written))) == event


def test_version_1_knew_no_timeouts() -> None:
    written = orjson.dumps({**orjson.loads(encode_event(TimedOut(2, 1.0, ("ann",), 0))), "v": 1})
    with pytest.raises(UnreadableEvent, match="unknown kind 'timed_out'"):
        decode_event(written)


@pytest.mark.parametrize("written", [b"", b"{", b"[]", b"null", b"5", b'"aborted"', b"\xff"])
def test_what_is_no_object_is_unreadable(written: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        decode_event(written)


@given(st.binary())
def test_whatever_stands_there_is_an_event_or_unreadable(written: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        decode_event(written)


def test_the_complaint_does_not_tell_what_the_event_hides() -> None:
    written = orjson.dumps({**orjson.loads(encode_event(ABORTED)), "at": "ace of spades"})
    with pytest.raises(UnreadableEvent) as error:
        decode_event(written)
    assert "ace" not in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__


def test_an_unreadable_event_is_a_loss_to_whoever_loads_the_game() -> None:
    assert issubclass(UnreadableEvent, StoreLostData)


def test_an_event_that_is_no_json_is_refused_before_it_is_written() -> None:
    event = Acted(event_id=2, at=1.0, player_id="ann", action={"card": object()}, chance_position=0)
    with pytest.raises(TypeError):
        encode_event(event)
