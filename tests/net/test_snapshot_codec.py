"""Snapshots as they stand in the store: they come back as they went, or are left aside."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.snapshot import Snapshot
from net.snapshot_codec import SCHEMA_VERSION, UnreadableSnapshot, decode_snapshot, encode_snapshot
from tests.samples.journal import snapshot

whole = st.integers(min_value=1, max_value=2**53)
seconds = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(codec="utf-8"))
snapshots = st.builds(
    Snapshot,
    game_id=words,
    event_id=whole,
    at=seconds,
    rules=words,
    rules_version=words,
    chance_position=whole,
    state=st.dictionaries(words, st.none() | whole | words | st.lists(words)),
    deadline=st.none() | seconds,
    extended=st.lists(seconds).map(tuple),
    agreed=st.lists(whole).map(tuple),
    declined=st.lists(whole).map(tuple),
    offered_at=whole,
    answered=st.lists(st.tuples(words, words, whole)).map(tuple),
)


@given(snapshots)
def test_a_snapshot_comes_back_as_it_went(kept: Snapshot) -> None:
    assert decode_snapshot(encode_snapshot(kept)) == kept


@given(snapshots)
def test_it_begins_with_its_version_and_event_as_the_scripts_read_it(kept: Snapshot) -> None:
    assert encode_snapshot(kept).startswith(b'{"v":%d,"event_id":%d,' % (SCHEMA_VERSION, kept.event_id))


def test_these_are_the_bytes_of_version_1() -> None:
    version_1 = (
        b'{"v":1,"event_id":3,"at":1003.0,"game_id":"game-1","rules":"crazy_eights","rules_version":"1",'
        b'"chance_position":7,"deadline":12.5,"extended":[],"agreed":[],"declined":[],"offered_at":0,'
        b'"state":{"cards":[1,2],"after":3},"answered":[["ann","m1",2],["ben","m1",3]]}'
    )
    assert encode_snapshot(snapshot(3)) == version_1
    assert decode_snapshot(version_1) == snapshot(3)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"v": SCHEMA_VERSION + 1}, f"schema version {SCHEMA_VERSION + 1}"),
        ({"v": True}, "schema version True"),
        ({"event_id": "3"}, "damaged: event_id"),
        ({"event_id": True}, "damaged: event_id"),
        ({"deadline": "soon"}, "damaged: deadline"),
        ({"state": [], "rules": 1}, "damaged: rules, state"),
        ({"surplus": 1}, "damaged: surplus"),
        ({"answered": [["ann", "m1"]]}, "damaged: answered"),
        ({"answered": [["ann", "m1", True]]}, "damaged: answered"),
    ],
)
def test_what_this_program_does_not_know_is_unreadable(changes: dict[str, Any], complaint: str) -> None:
    written = orjson.dumps({**orjson.loads(encode_snapshot(snapshot(3))), **changes})
    with pytest.raises(UnreadableSnapshot, match=complaint):
        decode_snapshot(written)


@given(st.binary() | st.sampled_from([b"[]", b"null", b"5", b"{}"]))
def test_whatever_else_stands_there_is_unreadable(written: bytes) -> None:
    with pytest.raises(UnreadableSnapshot):
        decode_snapshot(written)


def test_the_complaint_does_not_tell_what_the_snapshot_hides() -> None:
    written = orjson.dumps({**orjson.loads(encode_snapshot(snapshot(3))), "state": "ace of spades"})
    with pytest.raises(UnreadableSnapshot) as error:
        decode_snapshot(written)
    assert "ace" not in str(error.value)


def test_a_state_that_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        encode_snapshot(snapshot(3, state={"card": object()}))
