"""HTTP as a handler sees it: requests, responses, errors as JSON, and the table of routes. What carries them
is `net.conversation`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import orjson
import trio
from attrs import evolve, field, frozen, validators

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject

Headers: TypeAlias = tuple[tuple[str, str], ...]
Handler: TypeAlias = "Callable[[Request], Awaitable[Response]]"
Report: TypeAlias = Callable[[str, BaseException], str]
"""Logs what went wrong while something was done, and returns the id that the log entry has. A client may be
told that id, and nothing else."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e\x80-\xff]+([ \t]+[\x21-\x7e\x80-\xff]+)*|")


@frozen
class HttpLimits:
    """What one request may take: bytes of head and body, and seconds (`timeout`) to begin it after the one
    before, to send it, and to take its response. The handlers of the paths in `hear_of_too_large` are asked even when
    the body was too large; for the others that is answered (413)."""

    head_bytes: int = 16384
    body_bytes: int = 65536
    timeout: float = 15.0
    hear_of_too_large: frozenset[str] = frozenset()


async def _never() -> None:
    await trio.sleep_forever()


@frozen(eq=False)
class Request:
    """A request whose body is read. `path` and `segments` (what stands between its slashes) are percent-decoded; of a
    query field that is given twice the first counts; header names are in lower case. `peer` is whom it came from,
    `HOST:PORT`, or the address for which a trusted proxy sent it."""

    method: str
    path: str
    segments: tuple[str, ...] = field(repr=False)
    query: dict[str, str] = field(repr=False)
    headers: Headers = field(repr=False)
    _body: bytes = field(repr=False)
    peer: str
    params: dict[str, str] = field(factory=dict)
    _too_large: Response | None = field(default=None, repr=False)
    _peer_gone: Callable[[], Awaitable[None]] = field(default=_never, repr=False)

    @property
    def too_large(self) -> bool:
        """Whether the body was over the limit, and not read. The connection ends after the response."""
        return self._too_large is not None

    @property
    def body(self) -> bytes:
        """What came behind the head. Raises Refused (413) when it was too large."""
        if self._too_large is not None:
            raise Refused(self._too_large)
        return self._body

    def header(self, name: str) -> str | None:
        """The value of that header; several of that name are joined by commas (RFC 9110, section 5.3)."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None

    def tokens(self, name: str) -> tuple[str, ...]:
        """The elements of a header that is a list, as they stand there."""
        return tuple(token for part in (self.header(name) or "").split(",") if (token := part.strip()))

    async def peer_gone(self) -> None:
        """Returns when the peer has closed its side or the connection is lost: for handlers that hang. Reads
        ahead for that, at most one head's bytes, so it is for one task at a time. Cancelled, nothing is
        lost."""
        await self._peer_gone()


def _valid_headers(_: object, __: object, headers: Headers) -> None:
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"not a header: {name!r}")
        if name.lower() in ("content-length", "transfer-encoding"):
            raise ValueError(f"{name} is the connection's to say")


@frozen
class Response:
    """What is answered. `on_lost` is called if it could not be written to its end. Raises ValueError for a status or a
    header that HTTP does not have."""

    status: int = field(validator=[validators.ge(200), validators.lt(600)])
    headers: Headers = field(default=(), validator=_valid_headers)
    body: bytes = field(default=b"", repr=False)
    on_lost: Callable[[], None] | None = field(default=None, repr=False, eq=False)


class Refused(Exception):
    """A handler may raise this in place of returning the response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def json_response(status: int, body: object, headers: Headers = ()) -> Response:
    """A response that holds JSON, and that no cache keeps. Raises TypeError when `body` has no JSON form."""
    fixed = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
    return Response(status, fixed + headers, orjson.dumps(body))


def error_response(
    status: int, code: str, message: str, details: JsonObject | None = None, headers: Headers = ()
) -> Response:
    """A refusal as JSON: `{"error": {"code", "message", "details"?}}`."""
    error: JsonObject = {"code": code, "message": message}
    if details:
        error["details"] = details
    return json_response(status, {"error": error}, headers)


class Routes:
    """Handlers by method and path; is a handler itself. The first pattern that was added and fits, counts."""

    def __init__(self) -> None:
        self._table: dict[tuple[str, ...], dict[str, Handler]] = {}

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """`/games/{id}` is every path of two segments that begins so; what stands for `{id}` is in `params`,
        and is not empty. GET answers HEAD too."""
        if not pattern.startswith("/"):
            raise ValueError(f"a path begins with a slash: {pattern!r}")
        handlers = self._table.setdefault(split_path(pattern), {})
        if handlers.setdefault(method, handler) is not handler:
            raise ValueError(f"{method} {pattern} has a handler")

    async def __call__(self, request: Request) -> Response:
        """What the handler responds; 404 when no pattern fits, 405 when none of that method does."""
        for pattern, handlers in self._table.items():
            params = _match(pattern, request.segments)
            if params is None:
                continue
            handler = handlers.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                allow = ", ".join(sorted(handlers.keys() | ({"HEAD"} if "GET" in handlers else set())))
                message = f"this path allows {allow}"
                return error_response(405, "method_not_allowed", message, headers=(("Allow", allow),))
            return await handler(evolve(request, params=params))
        return error_response(404, "not_found", "there is nothing at this path")


def split_path(path: str) -> tuple[str, ...]:
    """What stands between the slashes of a path."""
    return tuple(path.split("/")[1:])


def _match(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    params = {}
    for wanted, given in zip(pattern, segments, strict=True):
        if wanted.startswith("{") and given:
            params[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return params
