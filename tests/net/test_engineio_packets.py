"""The Engine.IO codec. Vectors marked "reference" were fed to engine.io-parser 5.2.3 and gave the same."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.engineio_packets import (
    CLOSE,
    NOOP,
    PING,
    PONG_PROBE,
    EngineConfig,
    Packet,
    PacketType,
    ProtocolViolation,
    decode_packet,
    decode_payload,
    encode_handshake,
    encode_message,
    encode_payload,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x1e"))
MESSAGES = st.one_of(TEXTS, st.binary())


def decode_all(body: bytes) -> list[tuple[PacketType, str | bytes]]:
    return list(decode_payload(body, max_packets=1000))


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [  # reference
        ("0{}", (PacketType.OPEN, "{}")),
        ("1", (PacketType.CLOSE, "")),
        ("2", (PacketType.PING, "")),
        ("2probe", (PacketType.PING, "probe")),
        ("3probe", (PacketType.PONG, "probe")),
        ("4hello", (PacketType.MESSAGE, "hello")),
        ("4€", (PacketType.MESSAGE, "€")),
        ("4", (PacketType.MESSAGE, "")),
        ("5", (PacketType.UPGRADE, "")),
        ("6", (PacketType.NOOP, "")),
        ("bAQIDBA==", (PacketType.MESSAGE, b"\x01\x02\x03\x04")),
        ("b", (PacketType.MESSAGE, b"")),
        (b"\x01\x02", (PacketType.MESSAGE, b"\x01\x02")),
        (b"", (PacketType.MESSAGE, b"")),
    ],
)
def test_a_packet_is_decoded(encoded: str | bytes, decoded: tuple[PacketType, str | bytes]) -> None:
    assert decode_packet(encoded) == decoded


@pytest.mark.parametrize("encoded", ["", "7", "a", "abc", "-1", " 4hello", "٤hello", "\x1e", "B"])
def test_a_packet_of_no_known_type_is_refused(encoded: str) -> None:
    with pytest.raises(ProtocolViolation):
        decode_packet(encoded)


@pytest.mark.parametrize("text", ["AQ\nIDBA==\n", "AQIDBA", "AQIDBA=="])
def test_base64_with_line_breaks_or_without_padding_is_understood(text: str) -> None:
    assert decode_packet("b" + text) == (PacketType.MESSAGE, b"\x01\x02\x03\x04")


def test_base64_of_the_url_alphabet_is_understood() -> None:
    assert decode_packet("b-_-_") == decode_packet("b+/+/") == (PacketType.MESSAGE, b"\xfb\xff\xbf")


@pytest.mark.parametrize("encoded", ["bA", "bAQIDB", "bü", "b\ud800"])
def test_base64_that_is_none_is_refused(encoded: str) -> None:
    with pytest.raises(ProtocolViolation):
        decode_packet(encoded)


def test_a_payload_is_packets_joined_by_the_record_separator() -> None:
    packets = [encode_message("hello"), PING, encode_message(b"\x01\x02\x03\x04")]
    assert encode_payload(packets) == b"4hello\x1e2\x1ebAQIDBA=="


def test_a_binary_message_is_raw_in_a_frame_and_base64_in_text() -> None:
    packet = encode_message(b"\x01\x02\x03\x04")
    assert packet == Packet(b"\x01\x02\x03\x04", binary=True)
    assert packet.as_text() == b"bAQIDBA=="


def test_control_packets_look_as_the_protocol_says() -> None:
    assert [packet.data for packet in (CLOSE, PING, PONG_PROBE, NOOP)] == [b"1", b"2", b"3probe", b"6"]


def test_the_handshake_holds_exactly_five_fields_in_the_order_of_the_reference() -> None:
    config = EngineConfig(ping_interval=25, ping_timeout=20, max_payload=100)
    assert encode_handshake("S", ["websocket"], config).data == (
        b'0{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}'
    )


@given(st.integers(1, 10_000_000), st.integers(1, 10_000_000))
def test_every_interval_of_whole_milliseconds_survives(interval: int, timeout: int) -> None:
    config = EngineConfig(ping_interval=interval / 1000, ping_timeout=timeout / 1000)
    handshake = orjson.loads(encode_handshake("S", [], config).data[1:])
    assert (handshake["pingInterval"], handshake["pingTimeout"]) == (interval, timeout)


@given(st.lists(MESSAGES, min_size=1, max_size=20))
def test_messages_survive_a_payload(messages: list[str | bytes]) -> None:
    body = encode_payload([encode_message(message) for message in messages])
    assert decode_all(body) == [(PacketType.MESSAGE, message) for message in messages]


@given(MESSAGES)
def test_a_message_survives_a_frame(message: str | bytes) -> None:
    packet = encode_message(message)
    frame = packet.data if packet.binary else packet.data.decode()
    assert decode_packet(frame) == (PacketType.MESSAGE, message)


def test_the_packets_before_a_broken_one_count() -> None:
    packets = decode_payload(b"4a\x1ejunk\x1e4b", max_packets=1000)
    assert next(packets) == (PacketType.MESSAGE, "a")
    with pytest.raises(ProtocolViolation):
        next(packets)


@pytest.mark.parametrize("body", [b"", b"\x1e", b"4a\x1e", b"\x1e4a", b"4\xff", b"4\xed\xa0\x80"])
def test_a_payload_that_does_not_parse_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        decode_all(body)


def test_a_payload_of_too_many_packets_is_refused_before_its_first_one() -> None:
    assert len(list(decode_payload(b"\x1e".join([b"3"] * 5), max_packets=5))) == 5
    with pytest.raises(ProtocolViolation):
        next(decode_payload(b"\x1e".join([b"3"] * 6), max_packets=5))


@given(st.binary(max_size=200))
def test_arbitrary_bodies_decode_or_are_refused(body: bytes) -> None:
    try:
        packets = decode_all(body)
    except ProtocolViolation:
        return
    assert len(packets) == body.count(b"\x1e") + 1


@given(st.one_of(st.text(st.characters(), max_size=50), st.binary(max_size=50)))
def test_arbitrary_frames_decode_or_are_refused(frame: str | bytes) -> None:
    try:
        packet_type, content = decode_packet(frame)
    except ProtocolViolation:
        return
    assert packet_type is PacketType.MESSAGE or isinstance(content, str)
