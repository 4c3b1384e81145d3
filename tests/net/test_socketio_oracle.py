"""Our codecs against those of python-engineio and python-socketio, where they agree with the reference."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from engineio import packet as engineio_packet
from engineio import payload as engineio_payload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from socketio import packet as socketio_packet

from net.engineio_packets import decode_payload, encode_message, encode_payload
from net.socketio_packets import (
    Limits,
    PacketReader,
    SocketPacket,
    SocketPacketType,
    encode_ack,
    encode_event,
)

if TYPE_CHECKING:
    from net.socketio_packets import (
        Json,
    )


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text("abc é€😀/,-1", max_size=5), st.binary(max_size=5)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)
ACK_IDS = st.one_of(st.none(), st.integers(0, 10**9))


def as_data(frame: Json) -> Json:
    """A frame with its JSON as data, so that its spelling does not count."""
    if isinstance(frame, bytes):
        return frame
    head, bracket, rest = frame.partition("[")
    return head, json.loads(bracket + rest)


@given(st.lists(st.one_of(st.text("abc é€😀", max_size=9), st.binary(max_size=9)), min_size=1, max_size=9))
def test_payloads_are_the_same(messages: list[str | bytes]) -> None:
    ours = encode_payload([encode_message(message) for message in messages]).decode()
    theirs = [engineio_packet.Packet(engineio_packet.MESSAGE, message) for message in messages]
    assert engineio_payload.Payload(packets=theirs).encode() == ours
    decoded = engineio_payload.Payload(encoded_payload=ours).packets
    assert [packet.packet_type for packet in decoded] == [engineio_packet.MESSAGE] * len(messages)
    assert [content for _, content in decode_payload(ours.encode(), max_packets=10)] == messages


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no defect
@given(st.lists(VALUES, max_size=3), ACK_IDS, st.sampled_from(["/", "/game"]))
def test_events_are_the_same(args: list[Json], ack_id: int | None, namespace: str) -> None:
    data = ["event", *args, {}]
    theirs = socketio_packet.Packet(socketio_packet.EVENT, data, namespace, ack_id).encode()
    frames = theirs if isinstance(theirs, list) else [theirs]
    ours = encode_event(namespace, "event", data[1:], ack_id=ack_id)
    assert [as_data(packet.data if packet.binary else packet.data.decode()[1:]) for packet in ours] == [
        as_data(frame) for frame in frames
    ]
    reader = PacketReader(Limits(attachments=100))
    *before, packet = [reader.feed(frame) for frame in frames]
    assert before == [None] * (len(frames) - 1)
    assert packet == SocketPacket(SocketPacketType.EVENT, namespace, data, ack_id)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no defect
@given(st.lists(VALUES, max_size=3), st.integers(0, 10**9))
def test_their_client_understands_our_acks(args: list[Json], ack_id: int) -> None:
    head, *attachments = encode_ack("/game", ack_id, args)
    packet = socketio_packet.Packet(encoded_packet=head.data.decode()[1:])
    for attachment in attachments:
        packet.add_attachment(attachment.data)
    assert (packet.namespace, packet.id, packet.data) == ("/game", ack_id, args)
