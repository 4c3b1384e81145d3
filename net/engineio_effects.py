"""What an Engine.IO session asks the code around it to do, and the answers that the reference gives over
HTTP.

The numbers of polls, posts and WebSockets are whatever the surrounding code gave in with them.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

import orjson
from attrs import frozen

from net.engineio_packets import NOOP, Packet, encode_payload

TEXT: Final = "text/plain; charset=UTF-8"
HTML: Final = "text/html"
JSON: Final = "application/json"


class Refusal(enum.Enum):
    """Why a request is refused: the reference's code, message and HTTP status (engine.io 6.6,
    `abortRequest`)."""

    UNKNOWN_TRANSPORT = (0, "Transport unknown", 400)
    UNKNOWN_SID = (1, "Session ID unknown", 400)
    BAD_HANDSHAKE_METHOD = (2, "Bad handshake method", 400)
    BAD_REQUEST = (3, "Bad request", 400)
    FORBIDDEN = (4, "Forbidden", 403)
    UNSUPPORTED_PROTOCOL_VERSION = (5, "Unsupported protocol version", 400)

    def __init__(self, code: int, message: str, status: int) -> None:
        self.code = code
        self.message = message
        self.status = status
        self.body = orjson.dumps({"code": code, "message": message})


class CloseReason(enum.StrEnum):
    """Why a session ended; the texts are the reference's where it has the case."""

    TRANSPORT_CLOSE = "transport close"
    """The client said so (`1`), or its WebSocket closed."""
    TRANSPORT_ERROR = "transport error"
    """A poll was cut off, requests overlapped, or a packet came that a client may not send."""
    PARSE_ERROR = "parse error"
    TOO_LARGE = "payload too large"
    PING_TIMEOUT = "ping timeout"
    TOO_SLOW = "too slow to read"
    """More was waiting for the client than a session may hold."""
    FORCED = "forced close"
    """The server closed it."""
    GOING_AWAY = "going away"
    """The server stops, and the client is to come back."""


@frozen
class RespondPoll:
    """Answer this GET. Every answer also gets `Cache-Control: no-store`."""

    poll: int
    status: int
    body: bytes
    content_type: str


@frozen
class RespondPost:
    """Answer this POST; whatever is left of its body is not wanted."""

    post: int
    status: int
    body: bytes
    content_type: str


@frozen
class SendFrame:
    """Write one frame: a text frame of these UTF-8 bytes, or a binary one."""

    websocket: int
    packet: Packet


@frozen
class CloseWebSocket:
    """Close this WebSocket, after the frames before."""

    websocket: int
    code: int = 1000


@frozen
class Upgraded:
    """This WebSocket is the session's transport from now on."""

    websocket: int


@frozen
class Deliver:
    """A message for the layer above."""

    message: str | bytes


@frozen
class Closed:
    """The session is over for the layer above: nothing more is delivered, and what it sends goes nowhere. It
    comes once, and `Ended` follows, at once or when the client has fetched what was left for it."""

    reason: CloseReason


@frozen
class Ended:
    """Forget the sid. The last effect of a session; from here on it answers everything like one that never
    was."""


Effect: TypeAlias = RespondPoll | RespondPost | SendFrame | CloseWebSocket | Upgraded | Deliver | Closed | Ended


def poll_answer(poll: int, packets: list[Packet]) -> RespondPoll:
    """The answer to a GET that carries these packets."""
    return RespondPoll(poll, 200, encode_payload(packets), TEXT)


def carries_messages(answer: RespondPoll) -> bool:
    """Whether the session suffers when this answer is lost on the way: an error or a bare noop tells
    nothing."""
    return answer.status == 200 and answer.body != NOOP.data


def refuse_poll(poll: int, refusal: Refusal) -> RespondPoll:
    """The refusal of a GET."""
    return RespondPoll(poll, refusal.status, refusal.body, JSON)


def post_ok(post: int) -> RespondPost:
    """The answer to a POST that was taken in. The content type is the reference's."""
    return RespondPost(post, 200, b"ok", HTML)


def refuse_post(post: int, refusal: Refusal, *, status: int | None = None) -> RespondPost:
    """The refusal of a POST."""
    return RespondPost(post, refusal.status if status is None else status, refusal.body, JSON)
