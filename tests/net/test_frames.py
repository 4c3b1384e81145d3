"""Plain frames, taken out of what a client sends: with what is left, however all of it is cut, they are what wsproto
reads of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from net.frames import PlainFrames, TooLarge

if TYPE_CHECKING:
    from net.frames import Message

LIMIT = 300
MASK = b"\x12\x34\x56\x78"


def frame(opcode: int, payload: bytes, *, mask: bytes = MASK, length: bytes | None = None) -> bytes:
    """A client's frame; `length` in place of the shortest that says it."""
    size = len(payload)
    if length is None:
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([opcode]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def fed(*pieces: bytes, limit: int = LIMIT) -> tuple[list[Message], bytes]:
    """What is taken out of these, and what is left."""
    plain = PlainFrames(limit)
    messages: list[Message] = []
    left = b""
    for piece in pieces:
        taken, more = plain.feed(piece)
        assert not (taken and left and not _is_control(left))
        messages += taken
        left += more
    return messages, left


def _is_control(data: bytes) -> bool:
    return data[0] in (0x89, 0x8A)


def as_wsproto_reads(data: bytes) -> list[Message | int]:
    """The messages by wsproto, by the book; at the end the code of a close, if there is one."""
    wsproto = Connection(ConnectionType.SERVER)
    wsproto.receive_data(data)
    read: list[Message | int] = []
    parts: list[str | bytes] = []
    for event in wsproto.events():
        match event:
            case TextMessage() | BytesMessage():
                parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    message: str | bytes = parts[0][:0].join(parts)  # type: ignore[arg-type]  # all of one kind
                    size = len(message.encode() if isinstance(message, str) else message)
                    read.append(message if size <= LIMIT else TooLarge(message, size))
                    parts = []
            case CloseConnection(code=code):
                read.append(int(code))
                break
            case _:
                pass
    return read


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
def test_what_is_taken_out_and_what_is_left_is_what_wsproto_reads_of_the_whole(
    frames: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    messages, left = fed(*[whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)])
    assert [*messages, *as_wsproto_reads(left)] == as_wsproto_reads(whole)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 299, 300])
def test_a_message_up_to_the_limit_is_given_as_it_is(size: int) -> None:
    assert fed(frame(0x82, b"x" * size)) == ([b"x" * size], b"")


@pytest.mark.parametrize("size", [301, 1200])
def test_a_message_over_the_limit_is_marked(size: int) -> None:
    assert fed(frame(0x82, b"x" * size), frame(0x81, b"next")) == ([TooLarge(b"x" * size, size), "next"], b"")


def test_a_message_far_over_the_limit_is_left_before_it_is_whole() -> None:
    whole = frame(0x82, b"x" * 2000)
    assert fed(whole[:100], whole[100:150]) == ([], whole[:150])


def test_a_frame_that_comes_byte_by_byte_is_looked_at_when_it_is_whole() -> None:
    whole = frame(0x81, "é".encode() * 100)
    assert fed(*[whole[at : at + 1] for at in range(len(whole))]) == (["é" * 100], b"")


def test_a_length_of_eight_bytes_is_left() -> None:
    message = b"x" * 70_000
    whole = frame(0x82, message, length=b"\xff" + len(message).to_bytes(8, "big"))
    assert fed(whole, limit=100_000) == ([], whole)


def test_control_frames_are_left_whole_and_what_follows_them_is_taken_out() -> None:
    ping, pong = frame(0x89, b"?"), frame(0x8A, b"!")
    assert fed(ping + frame(0x81, b"a") + pong[:3], pong[3:] + frame(0x81, b"b")) == (["a", "b"], ping + pong)


def test_what_follows_a_fragment_is_left() -> None:
    pieces = [frame(0x81, b"a"), frame(0x01, b"b"), frame(0x89, b"?"), frame(0x80, b"c"), frame(0x81, b"d")]
    assert fed(*pieces) == (["a"], b"".join(pieces[1:]))
