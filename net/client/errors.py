"""What goes wrong for a client, and what it can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject


class ConnectionLost(Exception):
    """The connection is over, whoever ended it. A request that was not answered may have counted or not: send it again
    with the same `message_id`.

    `code` is the WebSocket's close code (RFC 6455, section 7.4), 1006 when there was no closing handshake.
    """

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class RequestFailed(Exception):
    """The server refused a request; nothing was applied. `data` is its answer, whole."""

    def __init__(self, data: JsonObject) -> None:
        error = data["error"]
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]
        self.message: str = error["message"]
        self.details: JsonObject = error.get("details", {})
        self.message_id: str = data.get("request_message_id", "")
        self.data = data


class ConnectRefused(RequestFailed):
    """The server refused the connect itself: `unauthorized`, `token_expired` or `invalid_message`."""


class ApiFailed(Exception):
    """The HTTP API answered with another status than the one hoped for. `code` is the failure's, if it names one."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def leaves(group: BaseExceptionGroup[BaseException] | None) -> list[BaseException]:
    """The exceptions in a group, and in the groups in it; none where there is no group."""
    found: list[BaseException] = []
    for error in group.exceptions if group is not None else ():
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
