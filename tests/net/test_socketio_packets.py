"""The Socket.IO codec, against what socket.io-parser 4.2.7 made of the same messages
(`socketio_vectors.json`)."""

from __future__ import annotations

import base64
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from net.engineio_packets import Packet, ProtocolViolation
from net.socketio_packets import (
    MAX_ACK_ID,
    RESERVED_EVENTS,
    Limits,
    PacketReader,
    SocketPacket,
    SocketPacketType,
    encode_ack,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_event,
    encode_packet,
    parse_plain_event,
)

if TYPE_CHECKING:
    from net.socketio_packets import (
        Json,
    )

VECTORS: list[dict[str, Any]] = orjson.loads(Path(__file__).with_name("socketio_vectors.json").read_bytes())


def read(messages: list[str | bytes], limits: Limits | None = None) -> tuple[list[SocketPacket], bool]:
    """The packets of these messages, and whether one was refused at last."""
    reader = PacketReader(Limits() if limits is None else limits)
    packets: list[SocketPacket] = []
    for message in messages:
        try:
            packet = reader.feed(message)
        except ProtocolViolation:
            return packets, True
        if packet is not None:
            packets.append(packet)
    return packets, False


def accepted(message: str) -> SocketPacket:
    packets, refused = read([message])
    assert not refused
    (packet,) = packets
    return packet


def is_refused(*messages: str | bytes, limits: Limits | None = None) -> bool:
    return read(list(messages), limits)[1]


def sent(packets: tuple[Packet, ...]) -> list[str | bytes]:
    """Encoded packets as the other side's Engine.IO hands them up."""
    return [packet.data if packet.binary else packet.data.decode().removeprefix("4") for packet in packets]


def from_vector(packet: dict[str, Any]) -> SocketPacket:
    packet_type = SocketPacketType(str(packet["type"]))
    return SocketPacket(packet_type, packet["nsp"], with_bytes(packet.get("data")), packet.get("id"))


def with_bytes(value: Json) -> Json:
    match value:
        case {"$bytes": encoded}:
            return base64.b64decode(encoded)
        case dict():
            return {key: with_bytes(item) for key, item in value.items()}
        case list():
            return [with_bytes(item) for item in value]
        case _:
            return value


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["messages"])[:60])
def test_messages_are_read_as_the_reference_reads_them(vector: dict[str, Any]) -> None:
    messages = [
        message if isinstance(message, str) else base64.b64decode(message["b64"]) for message in vector["messages"]
    ]
    assert read(messages) == ([from_vector(packet) for packet in vector["packets"]], vector["refused"])


# ---- where we are stricter than the reference, or it has no limit


@pytest.mark.parametrize("message", ["", " ", "\n{}", "٢[]", "²[]"])
def test_a_type_is_one_ascii_digit(message: str) -> None:
    assert is_refused(message)


@pytest.mark.parametrize("message", ["2", "2/game,", "212", "51-", "51-/game,1", '2/game["a"]'])
def test_an_event_needs_its_array(message: str) -> None:
    assert is_refused(message)


@pytest.mark.parametrize("message", ["3", "3/game,5", "31", "61-/game,1"])
def test_an_ack_needs_its_array(message: str) -> None:
    assert is_refused(message)


@pytest.mark.parametrize(
    "message", ['2 ["a"]', '2/game, ["a"]', '2\n1["a"]', '21\t["a"]', "0 {}", "1 ", '51e0-["a"]', '50x1-["a"]']
)
def test_numbers_are_plain_digits_without_space(message: str) -> None:
    assert is_refused(message)


def test_an_ack_id_is_one_that_javascript_can_count_to() -> None:
    assert accepted(f'2{MAX_ACK_ID}["a"]').ack_id == MAX_ACK_ID
    assert is_refused(f'2{MAX_ACK_ID + 1}["a"]')
    assert is_refused('2{}["a"]'.format("9" * 100_000))


def test_the_number_of_attachments_is_limited() -> None:
    limits = Limits(attachments=2)
    assert not is_refused('52-["a"]', limits=limits)
    assert is_refused('53-["a"]', limits=limits)
    assert is_refused('5{}-["a"]'.format("9" * 100_000), limits=limits)


def test_the_size_of_all_attachments_together_is_limited() -> None:
    limits = Limits(attachment_bytes=10)
    assert not is_refused('52-["a"]', b"12345", b"67890", limits=limits)
    assert is_refused('52-["a"]', b"12345", b"678901", limits=limits)
    assert not is_refused('51-["a"]', b"12345", '51-["a"]', b"1234567890", limits=limits)


def test_the_nesting_is_limited() -> None:
    limits = Limits(nesting=5)
    assert not is_refused('2["a",{"b":[{"c":[]}]}]', limits=limits)
    assert is_refused('2["a",{"b":[{"c":[[]]}]}]', limits=limits)
    assert not is_refused('2["a",[],[],[],[],[],{},{}]', limits=limits)
    assert not is_refused(r'2["[[[[[[\"[[[\\",{"{{{{{{":"]]]\"]]"}]', limits=limits)


@pytest.mark.parametrize("depth", [65, 1000, 100_000])
def test_nesting_to_any_depth_is_refused(depth: int) -> None:
    assert is_refused('2["a",' + "[" * depth + "]" * depth + "]")
    assert is_refused('51-["a",' + '{"a":' * depth + "1" + "}" * depth + "]")


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud800", "\ufffd"),
        (r"\udc00x", "\ufffdx"),
        (r"\uDBFF\uD800", "\ufffd\ufffd"),
        (r"\udc00\ud83d", "\ufffd\ufffd"),
        (r"\ud83d\ude00\ud83d", "😀\ufffd"),
        (r"\\ud800\ud800", "\\ud800\ufffd"),
        (r"\\\ud800", "\\\ufffd"),
    ],
)
def test_half_a_surrogate_pair_is_read_as_a_replacement_character(escaped: str, text: str) -> None:
    assert accepted(f'2["a","{escaped}"]').data == ["a", text]


def test_a_flood_of_half_surrogate_pairs_is_refused() -> None:
    assert not is_refused('2["a","{}"]'.format(r"\ud800" * 1000))
    assert is_refused('2["a","{}"]'.format(r"\ud800" * 1001))


def wrap(value: Json, wrapping: str) -> Json:
    match wrapping:
        case "[":
            return ["[{", value]
        case "{":
            return {"]}": 1, '"\\': value}
        case _:
            return [[], {}, value, []]


@given(st.lists(st.sampled_from(["[", "{", "[["]), min_size=1, max_size=12), st.integers(1, 12))
def test_the_nesting_of_any_data_is_found(wrappings: list[str], limit: int) -> None:
    text = orjson.dumps(["event", reduce(wrap, wrappings, "[")]).decode()
    # A wrapping of three is two deep by itself, whatever it wraps.
    depth = 1 + max(n + (wrapping == "[[") for n, wrapping in enumerate(reversed(wrappings), 1))
    assert is_refused("2" + text, limits=Limits(nesting=limit)) is (depth > limit)


def test_a_placeholder_number_that_is_no_index_is_refused() -> None:
    for number in ("0.5", "true", "1e0", "[0]"):
        assert is_refused(f'51-["a",{{"_placeholder":true,"num":{number}}}]', b"x")


def test_a_namespace_with_half_a_surrogate_pair_is_refused() -> None:
    assert is_refused("0/\ud800,")


# ---- encoding


@pytest.mark.parametrize(
    ("packets", "texts"),
    [
        (encode_connect("/game", "S", "P"), ['40/game,{"sid":"S","pid":"P"}']),
        (encode_connect("/", "S"), ['40{"sid":"S"}']),
        (
            encode_connect_error("/game", "no", {"code": "unauthorized"}),
            ['44/game,{"message":"no","data":{"code":"unauthorized"}}'],
        ),
        (encode_connect_error("/name", "Invalid namespace"), ['44/name,{"message":"Invalid namespace"}']),
        (encode_disconnect("/game"), ["41/game,"]),
        (encode_event("/game", "event", [{"a": 1}]), ['42/game,["event",{"a":1}]']),
        (encode_event("/game", "event", []), ['42/game,["event"]']),
        (encode_event("/", "event", [1, "2", {"3": [True]}]), ['42["event",1,"2",{"3":[true]}]']),
        (encode_event("/game", "event", [{}], ack_id=7), ['42/game,7["event",{}]']),
        (encode_ack("/game", 12, [{"success": True}]), ['43/game,12[{"success":true}]']),
        (encode_ack("/", 0, []), ["430[]"]),
        (encode_ack("/", 456, [1, "2", {"3": [False]}]), ['43456[1,"2",{"3":[false]}]']),
    ],
)
def test_a_packet_is_encoded_as_the_reference_does(packets: tuple[Packet, ...], texts: list[str]) -> None:
    assert [packet.data.decode() for packet in packets] == texts


def test_bytes_become_attachments_in_the_order_in_which_they_stand() -> None:
    packets = encode_event("/game", "e", [{"a": b"1", "b": [bytearray(b"2")]}, memoryview(b"3")], ack_id=7)
    assert packets == (
        Packet(
            b'453-/game,7["e",{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1}]},'
            b'{"_placeholder":true,"num":2}]'
        ),
        Packet(b"1", binary=True),
        Packet(b"2", binary=True),
        Packet(b"3", binary=True),
    )


def test_an_ack_with_bytes_is_a_binary_one() -> None:
    assert encode_ack("/", 15, ["bar", b"\x01"]) == (
        Packet(b'461-15["bar",{"_placeholder":true,"num":0}]'),
        Packet(b"\x01", binary=True),
    )


def test_an_offset_is_the_last_argument() -> None:
    (packet,) = encode_event("/game", "game:state", [{"a": 1}], offset="OFFSET")
    assert packet.data == b'42/game,["game:state",{"a":1},"OFFSET"]'


def test_an_event_without_offset_cannot_end_in_a_string() -> None:
    with pytest.raises(ValueError, match="string"):
        encode_event("/game", "event", [{}, "text"])
    assert encode_event("/game", "event", ["text"], offset="OFFSET")


def test_json_that_was_made_before_goes_in_as_it_is() -> None:
    (packet,) = encode_event("/game", "event", [orjson.Fragment(b'{"a":1}')])
    assert packet.data == b'42/game,["event",{"a":1}]'


def test_only_events_and_acks_take_bytes() -> None:
    with pytest.raises(TypeError):
        encode_connect_error("/game", "no", {"a": b"1"})


def test_a_value_that_json_cannot_say_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        encode_event("/game", "event", [object()])


def test_a_namespace_with_a_comma_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="comma"):
        encode_disconnect("/a,b")


def test_no_packet_holds_the_separator_of_http_payloads() -> None:
    (packet,) = encode_event("/game", "\x1e", [{"\x1e": "\x1e"}])
    assert b"\x1e" not in packet.data


# ---- round trips

NAMESPACES = st.one_of(
    st.just("/"),
    st.text(st.characters(codec="utf-8", exclude_characters=","), max_size=10).map("/".__add__),
)
ACK_IDS = st.one_of(st.none(), st.integers(0, MAX_ACK_ID))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=10),
    st.binary(max_size=10),
)
KEYS = st.text(st.characters(codec="utf-8"), max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
).filter(lambda value: orjson.dumps(value, default=lambda _: "").count(b"_placeholder") == 0)
EVENTS = st.text(st.characters(codec="utf-8"), max_size=10).filter(lambda name: name not in RESERVED_EVENTS)
ALL_ATTACHMENTS = Limits(attachments=100)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no defect
@given(NAMESPACES, EVENTS, st.lists(VALUES, max_size=3), ACK_IDS)
def test_an_event_survives_the_way(namespace: str, event: str, args: list[Json], ack_id: int | None) -> None:
    packets = encode_packet(SocketPacketType.EVENT, namespace, [event, *args], ack_id)
    expected = SocketPacket(SocketPacketType.EVENT, namespace, [event, *args], ack_id)
    assert read(sent(packets), ALL_ATTACHMENTS) == ([expected], False)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no defect
@given(NAMESPACES, st.integers(0, MAX_ACK_ID), st.lists(VALUES, max_size=3))
def test_an_ack_survives_the_way(namespace: str, ack_id: int, args: list[Json]) -> None:
    expected = SocketPacket(SocketPacketType.ACK, namespace, args, ack_id)
    assert read(sent(encode_ack(namespace, ack_id, args)), ALL_ATTACHMENTS) == ([expected], False)


# ---- whatever comes

HEADS = ["0", "1", '2["a"]', "3[]", "4", "5", "6", "51-", "62-", "/game,", "/", ",", "12", "-", "9" * 20]
BODIES = ['["a",', "]", "{", "}", '{"_placeholder":true,"num":0}', '"', "\\", "\\ud800", "[" * 70]
OTHERS = ["é", "\x1e", "1e400", "NaN"]
FRAGMENTS = st.sampled_from([*HEADS, *BODIES, *OTHERS])
MESSAGES = st.one_of(
    st.lists(FRAGMENTS, max_size=6).map("".join),
    st.text(st.characters(), max_size=40),
    st.binary(max_size=20),
)


@given(st.lists(MESSAGES, max_size=6))
def test_arbitrary_messages_are_read_or_refused(messages: list[str | bytes]) -> None:
    packets, _ = read(messages)
    for packet in packets:
        match packet.type:
            case SocketPacketType.CONNECT:
                assert packet.data is None or isinstance(packet.data, dict)
            case SocketPacketType.DISCONNECT:
                assert packet.data is None
            case SocketPacketType.EVENT:
                assert isinstance(packet.data, list)
                assert isinstance(packet.data[0], str | int | float)
            case SocketPacketType.ACK:
                assert isinstance(packet.data, list)
            case SocketPacketType.CONNECT_ERROR:
                assert packet.data is None or isinstance(packet.data, str | dict)
            case _:
                pytest.fail("a binary packet that was not put together")


@given(st.text(st.characters(), max_size=40))
def test_a_violation_quotes_nothing_of_what_was_sent(message: str) -> None:
    marker = "secret-" + message
    with pytest.raises(ProtocolViolation) as violation:
        PacketReader(Limits()).feed("2" + marker)
    assert "secret" not in str(violation.value)


# ---- plain events, read in one look

_TEXTS = st.one_of(
    st.builds(
        "2/game,{}{}".format,
        st.one_of(st.just(""), st.integers(0, 10**18).map(str), st.text("0٢²x ", max_size=4)),
        st.one_of(
            st.lists(st.one_of(st.text(max_size=5), st.integers(), st.just({"a": [1]})), max_size=4).map(
                lambda data: orjson.dumps(data, default=str).decode() if _is_small(data) else "[]"
            ),
            st.sampled_from(['["connect"]', "[1]", '["a",]', "{}", '"a"', '[["a"]]', '["a"]x', "[" * 70 + "]" * 70]),
        ),
    ),
    st.text(max_size=20),
    st.sampled_from(['2["a"]', '2/game["a"]', '2/other,["a"]', '51-/game,["a",{"_placeholder":true,"num":0}]']),
)


def _is_small(data: list[Any]) -> bool:
    return all(abs(item) < 2**63 for item in data if isinstance(item, int))


@given(_TEXTS)
@settings(max_examples=300)
def test_a_plain_event_is_what_the_reader_would_have_read(text: str) -> None:
    plain = parse_plain_event(text, "2/game,", Limits())
    if plain is None:
        return
    packet = accepted(text)
    assert (packet.type, packet.namespace) == (SocketPacketType.EVENT, "/game")
    assert ([plain[0], *plain[1]], plain[2]) == (packet.data, packet.ack_id)


@pytest.mark.parametrize("ack", ["", "0", "12", "999999999999999"])
def test_an_ordinary_event_is_plain(ack: str) -> None:
    expected = ("game:action", [{"game_id": "g"}], int(ack) if ack else None)
    assert parse_plain_event(f'2/game,{ack}["game:action",{{"game_id":"g"}}]', "2/game,", Limits()) == expected


@pytest.mark.parametrize(
    "text",
    [
        '2/game,1["connect"]',
        "2/game,1[1]",
        "2/game,1[]",
        '2/game,9999999999999999["a"]',
        '2/other,["a"]',
        '2/game,["a"',
    ],
)
def test_what_is_unusual_is_left_to_the_reader(text: str) -> None:
    assert parse_plain_event(text, "2/game,", Limits()) is None
