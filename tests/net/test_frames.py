"""Frames that a client sends, read back: whatever they are and however they are cut, as wsproto reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from net.frames import FrameReader, Over, Pinged, TooLarge, close_frame

if TYPE_CHECKING:
    from net.frames import Incoming

LIMIT = 300
MASK = b"\x12\x34\x56\x78"


def frame(opcode: int, payload: bytes, *, mask: bytes = MASK, length: bytes | None = None) -> bytes:
    """A client's frame; `length` in place of the shortest that says it."""
    size = len(payload)
    if length is None:
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([opcode]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def fed(*pieces: bytes, limit: int = LIMIT) -> list[Incoming]:
    """What a reader makes of these."""
    reader = FrameReader(limit)
    return [incoming for piece in pieces for incoming in reader.feed(piece)]


def as_wsproto_reads(data: bytes) -> list[Incoming]:
    """The same by wsproto alone, and by the book."""
    wsproto = Connection(ConnectionType.SERVER)
    wsproto.receive_data(data)
    incoming: list[Incoming] = []
    parts: list[str | bytes] = []
    for event in wsproto.events():
        match event:
            case TextMessage() | BytesMessage():
                parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    message: str | bytes = parts[0][:0].join(parts)  # type: ignore[arg-type]  # all of one kind
                    size = len(message.encode() if isinstance(message, str) else message)
                    incoming.append(message if size <= LIMIT else TooLarge(message, size))
                    parts = []
            case Ping(payload=payload):
                incoming.append(Pinged(bytes(payload)))
            case CloseConnection(code=code, reason=reason):
                goodbye = wsproto.state is ConnectionState.REMOTE_CLOSING
                farewell = wsproto.send(event.response()) if goodbye else close_frame(code, reason or "")
                incoming.append(Over(int(code), reason or "", farewell, goodbye))
                break
            case _:
                pass
    return incoming


texts = st.text(max_size=80).map(lambda text: frame(0x81, text.encode()))
binaries = st.binary(max_size=200).map(lambda data: frame(0x82, data))
controls = st.tuples(st.sampled_from([0x89, 0x8A]), st.binary(max_size=125)).map(lambda one: frame(*one))
anything = st.tuples(st.integers(0, 255), st.binary(max_size=150), st.binary(min_size=4, max_size=4)).map(
    lambda one: frame(one[0], one[1], mask=one[2])
)
fragments = st.lists(st.text(max_size=20), min_size=2, max_size=4).map(
    lambda parts: b"".join(
        frame((0x01 if at == 0 else 0x00) | (0x80 if at == len(parts) - 1 else 0), part.encode())
        for at, part in enumerate(parts)
    )
)
noise = st.binary(max_size=20)


@given(st.lists(st.one_of(texts, texts, binaries, controls, fragments, anything, noise), max_size=8), st.data())
def test_it_reads_what_wsproto_reads_however_the_bytes_are_cut(frames: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert fed(*pieces) == as_wsproto_reads(whole)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 299, 300])
def test_a_message_up_to_the_limit_is_given_as_it_is(size: int) -> None:
    assert fed(frame(0x82, b"x" * size)) == [b"x" * size]


@pytest.mark.parametrize("size", [301, 1200])
def test_a_message_over_the_limit_is_marked(size: int) -> None:
    assert fed(frame(0x82, b"x" * size), frame(0x81, b"next")) == [TooLarge(b"x" * size, size), "next"]


def test_a_message_far_over_the_limit_ends_it_before_it_is_whole() -> None:
    whole = frame(0x82, b"x" * 2000)
    reader = FrameReader(LIMIT)
    assert reader.feed(whole[:100]) == []
    (over,) = reader.feed(whole[100:1900])
    assert isinstance(over, Over)
    assert (over.code, over.goodbye) == (1009, False)
    assert reader.feed(whole[1900:]) == []


def test_a_frame_that_comes_byte_by_byte_is_looked_at_when_it_is_whole() -> None:
    whole = frame(0x81, "é".encode() * 100)
    assert fed(*[whole[at : at + 1] for at in range(len(whole))]) == ["é" * 100]


def test_a_length_of_eight_bytes_is_read() -> None:
    message = b"x" * 70_000
    length = b"\xff" + len(message).to_bytes(8, "big")
    assert fed(frame(0x82, message, length=length), limit=100_000) == [message]


def test_after_a_fragmented_message_plain_ones_are_still_read() -> None:
    pieces = [frame(0x01, b"a"), frame(0x89, b"?"), frame(0x80, b"b"), frame(0x81, b"c")]
    assert fed(*pieces) == [Pinged(b"?"), "ab", "c"]
