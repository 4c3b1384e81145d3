"""Events as they stand in the journal: they come back as they went, or say that they cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.events import Aborted, Acted, Event
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
    assert encode_event(ABORTED) == (b'{"v":1,"kind":"aborted","event_id":3,"at":1.5,"reason":"by an operator"}')


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"v": SCHEMA_VERSION + 1}, f"schema version {SCHEMA_VERSION + 1}"),
        ({"v": None}, "schema version None"),
        ({"v": True}, "schema version True"),
        ({"kind": "timed_out"}, "unknown kind 'timed_out'"),
        ({"kind": ["aborted"]}, "unknown kind"),
        ({"at": "1.5"}, r"damaged: \$.at: expected float"),
        ({"surplus": 1}, r"damaged: \$: unknown: surplus"),
    ],
)
def test_what_this_program_does_not_know_is_unreadable(changes: dict[str, Any], complaint: str) -> None:
    written = orjson.dumps({**orjson.loads(encode_event(ABORTED)), **changes})
    with pytest.raises(UnreadableEvent, match=complaint):
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
