"""Which session a request to the Engine.IO path is for, and how one that is for none is refused.

Source: `verify` in engine.io 6.6.12, whose order of checks this is; a HEAD, PUT or DELETE with a sid, which
the reference answers with a bare 500, is a bad request here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import frozen

from net.engineio import EngineSession
from net.engineio_effects import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

REVISION: Final = "4"
"""The value of the query parameter `EIO`."""

_TRANSPORTS: Final = frozenset({"polling", "websocket"})


@frozen
class Handshake:
    """A new session is wanted, over the transport by which the request came. `base64`: the client takes no
    binary frames."""

    base64: bool


@frozen
class ForSession:
    """The request is for this session: a GET is its `poll`, a POST its `post_opened`, a WebSocket its
    `websocket_opened`."""

    session: EngineSession
    base64: bool


Route: TypeAlias = Handshake | ForSession | Refusal


def route(method: str, query: Mapping[str, str], *, websocket: bool, sessions: Mapping[str, EngineSession]) -> Route:
    """Finds what a request is for. `websocket`: it asks for the upgrade of its connection."""
    transport = query.get("transport")
    if transport not in _TRANSPORTS:
        return Refusal.UNKNOWN_TRANSPORT
    if websocket and transport != "websocket":
        return Refusal.BAD_REQUEST
    sid = query.get("sid")
    base64 = bool(query.get("b64"))
    if not sid:
        return _handshake(method, query, base64=base64, in_order=websocket or transport == "polling")
    session = sessions.get(sid)
    if session is None:
        return Refusal.UNKNOWN_SID
    in_order = websocket or (transport == "polling" and session.polling and method in {"GET", "POST"})
    if not in_order or query.get("EIO") != REVISION:
        return Refusal.BAD_REQUEST
    return ForSession(session, base64)


def _handshake(method: str, query: Mapping[str, str], *, base64: bool, in_order: bool) -> Route:
    if method != "GET":
        return Refusal.BAD_HANDSHAKE_METHOD
    if not in_order:
        return Refusal.BAD_REQUEST
    if query.get("EIO") != REVISION:
        return Refusal.UNSUPPORTED_PROTOCOL_VERSION
    return Handshake(base64)
