"""The plain WebSocket protocol (path `/ws`, subprotocol `croupier.v1.json`): texts in, requests out; answers and
pushes in, texts out. No await.

A request is `{"event", "data", "id"?}`, its answer `{"ack": id, "data"}`, a push `{"event", "data", "offset"?}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from net.protocol import Invalid, Request, check_nesting, load_json

if TYPE_CHECKING:
    from net.protocol import AckId

# Close codes; docs/protocol.md says when each comes.
CLOSE_RESTARTING = 1012
CLOSE_REPLACED = 4001
CLOSE_EVICTED = 4002
CLOSE_BAD_CONNECT = 4400
CLOSE_UNAUTHORIZED = 4401
CLOSE_CONNECT_TIMEOUT = 4408
CLOSE_CONNECTS_TOO_OFTEN = 4429
CLOSE_FLOODS = 1008


def decode(text: str | bytes) -> Request:
    """The request in this message. Raises Invalid."""
    if isinstance(text, bytes):
        raise Invalid("messages must be text frames that hold JSON")
    message = load_json(text)
    if not isinstance(message, dict):
        raise Invalid("the message must be an object with event and data")
    event, ack = message.get("event"), message.get("id")
    if ack is not None and type(ack) not in (int, str):
        raise Invalid("id must be a string or a whole number", field="id")
    check_nesting(text, ack)
    if not isinstance(event, str):
        raise Invalid("event must be a string", ack=ack, field="event")
    return Request(event, message.get("data"), ack)


def ack_of(text: str | bytes) -> AckId | None:
    """The ack id of a message that was refused before it was looked into, if it can be told."""
    try:
        return decode(text).ack
    except Invalid as invalid:
        return invalid.ack


def encode_ack(ack: AckId, body: bytes) -> bytes:
    """The answer to the request with this id; `body` is JSON already."""
    return b'{"ack":%b,"data":%b}' % (orjson.dumps(ack), body)


def encode_push(event: str, body: bytes, offset: str | None = None) -> bytes:
    """A push; `body` is JSON already. With an offset the client is told where it stands when it has it."""
    if offset is None:
        return b'{"event":%b,"data":%b}' % (orjson.dumps(event), body)
    return b'{"event":%b,"data":%b,"offset":%b}' % (orjson.dumps(event), body, orjson.dumps(offset))
