"""Why a connection ended, when its client comes back, and how often it tries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11
import orjson
import trio
import wsproto.utilities
from attrs import define
from trio_websocket import ConnectionClosed, HandshakeError

from net.client.errors import ConnectionLost, ConnectRefused, leaves

if TYPE_CHECKING:
    from net.client.streams import Connector

INTRODUCTION: Final = 10.0
"""Seconds that a server has to take a client back."""

ENDINGS: Final = (
    ConnectRefused,
    ConnectionLost,
    ConnectionClosed,
    HandshakeError,
    trio.TooSlowError,
    orjson.JSONDecodeError,
    # What trio-websocket's reader lets through when a server answers the handshake with rubbish: it tries to reject it.
    wsproto.utilities.ProtocolError,
    h11.LocalProtocolError,
)
"""What ends a connection, and nothing else."""

_REPLACED, _BAD_CONNECT, _UNAUTHORIZED, _TRY_AGAIN = 4001, 4400, 4401, 1013
_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = 2.0


def why(endings: BaseExceptionGroup[BaseException] | None) -> ConnectionLost:
    """Why the connection ended, of all that went wrong at its end: whatever says most."""
    for ending in leaves(endings):
        match ending:
            case ConnectionLost():
                return ending
            case ConnectRefused(code="rate_limited"):
                return ConnectionLost(_TRY_AGAIN, ending.code)
            case ConnectRefused():
                return ConnectionLost(_UNAUTHORIZED, ending.code)
            case orjson.JSONDecodeError():
                return ConnectionLost(1007, "the server sent what is not JSON")
            case HandshakeError():
                return ConnectionLost(reason=f"the server refused the handshake: {ending!r}")
            case ConnectionClosed(reason=reason) if reason is not None:
                return ConnectionLost(reason.code, reason.reason or "")
    return ConnectionLost()


def may_come_back(lost: ConnectionLost) -> bool:
    """Whether anything could be won by coming back after this (docs/protocol.md, close codes)."""
    return lost.code not in (_REPLACED, _BAD_CONNECT, _UNAUTHORIZED)


@define
class Patience:
    """The waits between the tries of one client: they grow up to two seconds, and begin anew after a connection that
    has lasted longer than that."""

    _wait: float = _FIRST_WAIT
    _opened: float | None = None

    async def open_again(self, where: Connector) -> trio.abc.Stream:
        """A fresh stream, however often it takes."""
        if self._opened is not None and trio.current_time() - self._opened > _LONGEST_WAIT:
            self._wait = _FIRST_WAIT
        while True:
            await trio.sleep(self._wait)
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
            try:
                stream = await where()
            except OSError:
                continue
            self._opened = trio.current_time()
            return stream
