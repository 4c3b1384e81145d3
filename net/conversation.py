"""One HTTP/1.1 connection of a server: keep-alive, pipelining, limits and timeouts, on h11 (RFC 9110, RFC
9112).

Which handler a request goes to is given from outside; handlers are async and may hang for as long as they
like. No `Date` is sent: a server without a trustworthy clock must not (RFC 9110, section 6.6.1).
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, unquote

import h11
import trio

from actors.failures import Code
from net.forwarded import TrustedProxies
from net.http import Refused, Request, Response, error_response, split_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from net.http import Handler, HttpLimits, Report
    from net.stream import PushStream

U = TypeVar("U")

_NO_PROXIES = TrustedProxies()
_QUERY_FIELDS = 100
_BODILESS = frozenset({204, 304})
_STATUSES = frozenset(HTTPStatus)


class Draining:
    """What the HTTP connections of a server that goes away are told: the idle ones end, the others after
    their response. New WebSockets are refused."""

    def __init__(self) -> None:
        self.begun = False
        self._idle: dict[trio.CancelScope, None] = {}  # a set would wake them in another order every time

    def begin(self) -> None:
        """The server goes away. Idempotent."""
        self.begun = True
        for scope in self._idle:
            scope.cancel()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """What waits inside is cut short, without an exception, when draining begins."""
        with trio.CancelScope() as scope:
            if self.begun:
                scope.cancel()
            self._idle[scope] = None
            try:
                yield
            finally:
                del self._idle[scope]


async def serve_connection(
    stream: PushStream,
    respond: Handler,
    *,
    upgrade: Callable[[Request], Response | U],
    limits: HttpLimits,
    report: Report,
    draining: Draining,
    proxies: TrustedProxies = _NO_PROXIES,
) -> tuple[Request, U] | None:
    """Answers the requests of one connection until it is over, and then returns None; the caller closes the
    stream.

    A request for a WebSocket is shown to `upgrade`. What that gives, if it is no response, is returned with
    the request: the caller goes on with the stream, on which nothing was answered and nothing is left unread.
    Malformed, too large and too slow requests are answered (400, 413, 431, 408, 505), and the connection then
    ends. A handler that raises is answered for with 500 and the id of the report. Where the peer is one of the
    `proxies`, a request's peer is whom it speaks for.
    """
    conversation = _Conversation(stream, limits, proxies)
    try:
        while (request := await conversation.next_request(draining)) is not None:
            decision = await _decide(request, respond, upgrade, report, draining)
            if not isinstance(decision, Response):
                conversation.check_nothing_sent_ahead()
                return request, decision
            if not await conversation.answer(decision, last=draining.begun):
                return None
    except Refused as refused:
        await conversation.answer_if_possible(refused.response)
    except _Gone:
        pass
    return None


async def refuse_connection(stream: PushStream, response: Response, *, limits: HttpLimits) -> None:
    """Answers whatever the peer is going to ask with this, and closes the stream."""
    await _Conversation(stream, limits, _NO_PROXIES).answer_if_possible(response)
    await stream.aclose()


async def _decide(
    request: Request,
    respond: Handler,
    upgrade: Callable[[Request], Response | U],
    report: Report,
    draining: Draining,
) -> Response | U:
    try:
        if "websocket" not in [token.lower() for token in request.tokens("upgrade")]:
            return await respond(request)
        if draining.begun:
            return error_response(503, Code.DRAINING, "the server goes away")
        return upgrade(request)
    except Refused as refused:
        return refused.response
    except Exception as failure:
        report_id = report(f"{request.method} {request.path!r}", failure)
        message = "the server failed; the id tells its operator more"
        return error_response(500, Code.INTERNAL_ERROR, message, {"id": report_id})


class _Gone(Exception):
    """The connection is lost; there is nobody to answer."""


class _Conversation:
    """h11 on a stream."""

    def __init__(self, stream: PushStream, limits: HttpLimits, proxies: TrustedProxies) -> None:
        self._stream = stream
        self._limits = limits
        self._proxy = proxies if proxies.trusts(stream.peer) else None
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._method = b""

    # ---- requests

    async def next_request(self, draining: Draining) -> Request | None:
        """The next request; None when the peer closed, or did not begin another in time. Raises Refused,
        after which there can be no other, and _Gone."""
        self._method = b""  # of a request that cannot be read, too
        buffered, ended = self._h11.trailing_data
        if not buffered and not ended:
            got = b""
            with draining.idle(), trio.move_on_after(self._limits.timeout):
                got = await self._receive()
            if not got:
                if draining.begun:
                    # Nothing is under way that could get lost; and there are clients that keep a connection in their
                    # pool, and do not look at it for long.
                    self._stream.close_now("the server goes away")
                return None
        with trio.move_on_after(self._limits.timeout):
            return await self._read_request()
        raise Refused(error_response(408, "timeout", "the request took too long to arrive"))

    async def _read_request(self) -> Request | None:
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        self._method = head.method
        size = len(head.method) + len(head.target) + sum(len(name) + len(value) + 4 for name, value in head.headers)
        if size > self._limits.head_bytes:
            raise Refused(_too_large(431, "head", self._limits.head_bytes))
        if head.http_version not in (b"1.0", b"1.1"):
            raise Refused(error_response(505, "bad_request", "this server speaks HTTP/1.1"))
        path, query = _read_target(head.target)
        headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers)
        body = await self._read_body(dict(headers).get("content-length", "0"))
        too_large = _too_large(413, "body", self._limits.body_bytes) if body is None else None
        if too_large is not None and unquote(path) not in self._limits.hear_of_too_large:
            raise Refused(too_large)
        return Request(
            method=head.method.decode("ascii"),
            path=unquote(path),
            segments=tuple(unquote(segment) for segment in split_path(path)),
            query=query,
            headers=headers,
            body=b"" if body is None else body,
            peer=self._stream.peer if self._proxy is None else self._proxy.client_of(self._stream.peer, headers),
            too_large=too_large,
            peer_gone=self._watch,
        )

    async def _read_body(self, announced: str) -> bytes | None:
        """The body; None when it is too large, and what is left of it stays unread."""
        limit = self._limits.body_bytes
        if len(announced) > len(str(limit)) or int(announced) > limit:
            return None
        if self._h11.they_are_waiting_for_100_continue:
            await self._send(self._h11.send(h11.InformationalResponse(status_code=100, headers=[])))
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > limit:
                return None
        return bytes(body)

    def check_nothing_sent_ahead(self) -> None:
        """Raises Refused when something came behind the request: a WebSocket client must wait for the answer
        (RFC 6455, section 4.1)."""
        if self._h11.trailing_data[0]:
            raise Refused(error_response(400, "bad_request", "there must be nothing behind the request"))

    async def _next_event(self) -> h11.Event:
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise Refused(_malformed(error, self._limits.head_bytes)) from None
            if isinstance(event, h11.Event):
                return event
            await self._receive()

    async def _receive(self) -> bytes:
        """Hands h11 what comes; empty at the end of the stream."""
        try:
            data = await self._stream.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise _Gone from None
        self._h11.receive_data(data)
        return data

    async def _watch(self) -> None:
        try:
            # Whoever sends more than a head behind a request that hangs is not waiting for its answer.
            while len(self._h11.trailing_data[0]) < self._limits.head_bytes:
                if not await self._receive():
                    return
        except _Gone:
            return

    # ---- responses

    async def answer(self, response: Response, *, last: bool) -> bool:
        """Sends the response; false when there can be no other request. Raises _Gone."""
        try:
            return await self._answer(response, last=last)
        except BaseException:
            if response.on_lost is not None:
                response.on_lost()
            raise

    async def _answer(self, response: Response, *, last: bool) -> bool:
        headers = [*response.headers, ("Content-Length", str(len(response.body)))]
        if response.status in _BODILESS:
            headers.pop()
        if last:
            headers = [*((k, v) for k, v in headers if k.lower() != "connection"), ("Connection", "close")]
        reason = HTTPStatus(response.status).phrase if response.status in _STATUSES else ""
        data = self._h11.send(
            h11.Response(
                status_code=response.status,
                headers=[(k.encode("ascii"), v.encode("latin-1")) for k, v in headers],
                reason=reason.encode("ascii"),
            )
        )
        if response.body and self._method != b"HEAD" and response.status not in _BODILESS:
            data += self._h11.send(h11.Data(data=response.body))
        await self._send(data + self._h11.send(h11.EndOfMessage()))
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True

    async def answer_if_possible(self, response: Response) -> None:
        """Tells the peer why the connection ends now, unless a response is under way or the peer is gone."""
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            with suppress(_Gone):
                await self.answer(response, last=True)

    async def _send(self, data: bytes) -> None:
        try:
            with trio.move_on_after(self._limits.timeout):
                return await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise _Gone from None
        self._stream.close_now("the peer did not take its response in time")
        raise _Gone


def _read_target(target: bytes) -> tuple[str, dict[str, str]]:
    """The path, not decoded yet, and the query. Raises Refused."""
    text = target.decode("ascii")
    if text.lower().startswith(("http://", "https://")):  # absolute-form: RFC 9112, section 3.2.2
        authority, slash, rest = text.partition("://")[2].partition("/")
        text = slash + rest if authority else text
    path, _, query = text.partition("?")
    try:
        if not path.startswith("/"):
            raise ValueError("not a path")
        unquote(path, errors="strict")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_QUERY_FIELDS)
    except ValueError:
        raise Refused(error_response(400, "bad_request", "the request target cannot be read")) from None
    return path, dict(reversed(pairs))


def _too_large(status: int, part: str, limit: int) -> Response:
    message = f"the {part} of a request may have {limit} bytes"
    return error_response(status, Code.TOO_LARGE, message, {"limit": limit})


def _malformed(error: h11.RemoteProtocolError, head_bytes: int) -> Response:
    # h11's own words quote the request; what was sent may be a secret that a proxy logs.
    match error.error_status_hint:
        case 431:
            return _too_large(431, "head", head_bytes)
        case 501:
            return error_response(501, "bad_request", "this transfer encoding is not supported")
        case _:
            return error_response(400, "bad_request", "this is not an HTTP/1.1 request")
