"""A request for a WebSocket, as a good client makes it."""

from __future__ import annotations

from net.http import Request, split_path

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def handshake(path: str = "/ws", method: str = "GET", body: bytes = b"", **headers: str | None) -> Request:
    """An opening handshake; a header that is None is left out."""
    given = {
        "connection": "keep-alive, Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": KEY,
        "sec-websocket-protocol": "chat, croupier.v1.json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    present = tuple((name, value) for name, value in given.items() if value is not None)
    return Request(method, path, split_path(path), {}, present, body, "client")
