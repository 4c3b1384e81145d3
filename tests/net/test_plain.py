"""The plain protocol's codec."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.plain import ack_of, decode, encode_ack, encode_push
from net.protocol import Invalid, Request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(), JSON, st.none() | st.integers(-(2**53), 2**53) | st.text())
def test_a_request_is_read_as_it_was_written(event: str, data: object, ack: int | str | None) -> None:
    message: dict[str, object] = {"event": event, "data": data}
    if ack is not None:
        message["id"] = ack
    assert decode(orjson.dumps(message).decode()) == Request(event, data, ack)


@given(st.text() | st.binary())
def test_whatever_comes_in_is_a_request_or_invalid(message: str | bytes) -> None:
    with suppress(Invalid):
        assert isinstance(decode(message).event, str)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "[]",
        "3",
        "null",
        '"connect"',
        "{}",
        '{"event": 3}',
        '{"event": "x", "id": true}',
        '{"event":"x","id":1.5}',
        "[" * 100000,
        '{"event": "\\ud800"}',
        b"{}",
    ],
)
def test_what_is_no_request_is_invalid(message: str | bytes) -> None:
    with pytest.raises(Invalid):
        decode(message)


def test_a_bad_event_is_answered_under_its_ack_id() -> None:
    with pytest.raises(Invalid) as invalid:
        decode('{"event": 3, "id": 7}')
    assert invalid.value.ack == 7
    assert ack_of('{"event": 3, "id": 7}') == 7
    assert ack_of("no json") is None


@given(st.integers(-(2**53), 2**53) | st.text(), JSON)
def test_an_answer_carries_its_ack_id_and_the_body_as_it_is(ack: int | str, body: object) -> None:
    assert orjson.loads(encode_ack(ack, orjson.dumps(body))) == {"ack": ack, "data": body}


@given(JSON)
def test_a_push_carries_its_event_and_the_body_as_it_is(body: object) -> None:
    assert orjson.loads(encode_push("game:state", orjson.dumps(body))) == {"event": "game:state", "data": body}
