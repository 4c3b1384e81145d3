"""The opening handshake of a WebSocket (RFC 6455, section 4.2): which requests are let in, at which paths, and how
trio-websocket is told of one that was. No extension is ever agreed on: compressed sizes tell what hidden things look
like.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen
from trio_websocket import wrap_server_stream

from net.http import error_response
from net.stream import RECEIVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio
    from trio_websocket import WebSocketConnection

    from net.http import Request, Response
    from net.websocket import SocketLimits, WebSocket

SocketHandler: TypeAlias = "Callable[[Request, WebSocket], Awaitable[None]]"


@frozen
class Accept:
    """This request becomes a WebSocket, which `handler` has until it returns."""

    handler: SocketHandler
    subprotocol: str | None = None


class SocketRoutes:
    """WebSocket handlers by path; tells what becomes of a request for a WebSocket."""

    def __init__(self) -> None:
        self._table: dict[str, Accept] = {}

    def add(self, path: str, handler: SocketHandler, *, subprotocol: str | None = None) -> None:
        """With a `subprotocol`, only clients that offer it are accepted; it is then chosen."""
        if self._table.setdefault(path, accept := Accept(handler, subprotocol)) is not accept:
            raise ValueError(f"{path} has a handler")

    def __call__(self, request: Request) -> Response | Accept:
        """What accepts the request, or its refusal."""
        accept = self._table.get(request.path)
        if accept is None:
            return error_response(404, "not_found", "there is no WebSocket at this path")
        refusal = refuse_handshake(request)
        if refusal is not None:
            return refusal
        wanted = accept.subprotocol
        if wanted is not None and wanted not in request.tokens("sec-websocket-protocol"):
            message = f"offer the subprotocol {wanted}"
            return error_response(400, "subprotocol_required", message, {"subprotocol": wanted})
        return accept

    async def upgrade_required(self, request: Request) -> Response:
        """An HTTP handler for a path that is a WebSocket's."""
        headers = (("Upgrade", "websocket"), ("Connection", "upgrade"))
        return error_response(426, "upgrade_required", "this path is for WebSockets", headers=headers)


def refuse_handshake(request: Request) -> Response | None:
    """The refusal of a request that is not an opening handshake (RFC 6455, section 4.2.1); None when it is
    one."""
    if request.header("sec-websocket-version") != "13":
        headers = (("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket"), ("Connection", "upgrade"))
        return error_response(426, "upgrade_required", "only version 13 is spoken here", headers=headers)
    checks = {
        "the method must be GET": request.method == "GET",
        "there must be no body": not request.body,
        "Connection must name upgrade": "upgrade" in [t.lower() for t in request.tokens("connection")],
        "Sec-WebSocket-Key must be 16 bytes in Base64": _is_key(request.header("sec-websocket-key") or ""),
    }
    wrong = [what for what, holds in checks.items() if not holds]
    return error_response(400, "bad_request", "; ".join(wrong)) if wrong else None


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


async def shake_hands(
    nursery: trio.Nursery, stream: trio.abc.Stream, limits: SocketLimits, subprotocol: str | None
) -> WebSocketConnection:
    """Has trio-websocket answer the opening handshake that is the first on this stream, and read in the nursery from
    then on. Raises what trio-websocket does. Cancelled, the connection is good for nothing but closing."""
    proposal = await wrap_server_stream(
        nursery,
        stream,
        message_queue_size=limits.queue,
        # It counts characters, and what is past it is not worth an answer but 1009.
        max_message_size=4 * limits.message_bytes,
        receive_buffer_size=RECEIVE_BYTES,
    )
    return await proposal.accept(subprotocol=subprotocol)


def opening_handshake(request: Request, subprotocol: str | None) -> bytes:
    """A head for trio-websocket that holds nothing of the client's but its key: other headers can make it
    raise."""
    lines = [
        "GET / HTTP/1.1",
        "Host: croupier",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {request.header('sec-websocket-key')}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
