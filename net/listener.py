"""One port: accepts connections, and gives each to HTTP or to a WebSocket's handler.

Where connections come from is an `Acceptor`, so the simulation's network runs the very same code.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import trio
from attrs import field, frozen

from actors.failures import Code
from net.conversation import Draining, refuse_connection, serve_connection
from net.errors import StartError
from net.forwarded import UNIX_PEER, TrustedProxies, network_of
from net.http import HttpLimits, Response, error_response
from net.limits import Places
from net.outbox import Drops
from net.stream import PushStream
from net.tls import HandshakeFailed, TlsWire
from net.websocket import SocketLimits, serve_websocket
from net.wire import SocketWire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from net.certificates import Certificate
    from net.handshake import Accept
    from net.http import Handler, Report, Request
    from net.wire import Wire

Upgrade: TypeAlias = "Callable[[Request], Response | Accept]"

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_REFUSALS = 64
"""How many connections are told at once that there are too many; the others are closed without a word."""

_PEERS_FAULT = frozenset({errno.ECONNABORTED, errno.ECONNRESET, errno.EPROTO, errno.EPERM, errno.ETIMEDOUT})
"""What accept gives when the connection died in the queue, or a firewall forbade it: the next may be well."""

_ADVICE = {
    errno.EADDRINUSE: "stop what listens there, or choose another port",
    errno.EACCES: "ports below 1024 need a privilege; choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}

_SPEAK_TLS: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    b'{"error":{"code":"bad_request","message":"this port speaks TLS: use https or wss"}}'
)
_WARN_EVERY: Final = 60.0
"""Seconds between two lines in the log about addresses with too many connections."""

logger = logging.getLogger(__name__)


class CannotListen(StartError):
    """The address cannot be listened at; says why, and what to do."""


class Acceptor(Protocol):
    """Where connections come from."""

    @property
    def address(self) -> str:
        """What is listened at: `HOST:PORT`, as in a URL."""

    async def accept(self) -> Wire:
        """The next connection. Raises OSError when that one failed, or there cannot be one now;
        ClosedResourceError once the acceptor is closed."""

    def close(self) -> None:
        """Stops listening; whoever accepts is woken. Idempotent."""


class SocketAcceptor:
    """A listening socket of the operating system. It belongs to the acceptor from now on."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.address = _name(sock.family, sock.getsockname())
        self._sock = sock
        self._closed = False

    async def accept(self) -> SocketWire:
        """See `Acceptor`."""
        while True:
            self._check_open()
            await trio.lowlevel.wait_readable(self._sock)
            self._check_open()  # it may have been closed since the connection came, and before this task ran
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                continue
            return SocketWire(sock, UNIX_PEER if sock.family == socket.AF_UNIX else _name(sock.family, address))

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError

    def close(self) -> None:
        """See `Acceptor`."""
        if not self._closed:
            self._closed = True
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()


async def bind(host: str, port: int, *, backlog: int = 4096) -> SocketAcceptor:
    """Listens at this host and port; port 0 is a free one. Of a name's several addresses, one of IPv4 is
    preferred; `::` is IPv4 too. Raises CannotListen."""
    try:
        found = await trio.socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
        family, _, _, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
        return SocketAcceptor(_listen(family, address, backlog))
    except (OSError, UnicodeError) as error:
        raise CannotListen(_reason(host, port, error)) from None


def _listen(family: int, address: tuple[object, ...], backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # So that a server that was just killed does not keep its successor waiting for old connections.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _reason(host: str, port: int, error: OSError | UnicodeError) -> str:
    if not isinstance(error, OSError):
        return f"cannot listen on {host}:{port}: this is not a host name"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return f"cannot listen on {host}:{port}: {error.strerror or 'the name cannot be resolved'}"
    advice = _ADVICE.get(error.errno)
    return f"cannot listen on {host}:{port}: {os.strerror(error.errno)}" + (f"; {advice}" if advice else "")


def _name(family: int, address: tuple[str | int, ...] | str) -> str:
    if family == socket.AF_INET6:
        return f"[{address[0]}]:{address[1]}"
    if family == socket.AF_INET:
        return f"{address[0]}:{address[1]}"
    return str(address)


@frozen
class ListenerLimits:
    """What connections may take. `outbox_bytes` wait for one slow client at most; of `connections_per_address`, 0 is no
    limit; `handshake_timeout` is TLS's."""

    max_connections: int = 10000
    connections_per_address: int = 0
    outbox_bytes: int = 2**20
    close_timeout: float = 5.0
    handshake_timeout: float = 5.0
    http: HttpLimits = field(factory=HttpLimits)
    socket: SocketLimits = field(factory=SocketLimits)


class Listener:
    """Serves whoever connects. `respond` gets the HTTP requests, `upgrade` decides on the others; `report` is
    told of what went wrong. One connection's failure ends that connection alone. With a `certificate`, everybody speaks
    TLS.

    A connection counts for its peer's address. One of a trusted proxy is everybody's, so there the WebSockets count,
    each for the address that the proxy names.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        *,
        respond: Handler,
        upgrade: Upgrade,
        limits: ListenerLimits,
        report: Report,
        proxies: TrustedProxies | None = None,
        certificate: Certificate | None = None,
        drops: Drops | None = None,
    ) -> None:
        self._acceptor = acceptor
        self._respond = respond
        self._upgrade = upgrade
        self._limits = limits
        self._report = report
        self._proxies = TrustedProxies() if proxies is None else proxies
        self._certificate = certificate
        self._places = Places(limits.connections_per_address)
        self._warned_at = -_WARN_EVERY
        self._draining = Draining()
        self._open = 0
        self._refusals = 0
        self.drops = Drops() if drops is None else drops
        """What its slow clients have missed."""

    @property
    def address(self) -> str:
        """What is listened at: `HOST:PORT`, as in a URL."""
        return self._acceptor.address

    @property
    def open_connections(self) -> int:
        """How many connections are served now."""
        return self._open

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Accepts until `stop_accepting`, and returns when the last connection has ended; those of WebSockets
        are their handlers' to end. Reports the address when started. Cancelled, it closes everything at
        once."""
        try:
            async with trio.open_nursery() as connections:
                task_status.started(self._acceptor.address)
                await self._accept(connections)
        except Exception:
            raise  # a fault of ours: whoever starts it again goes on with the same acceptor
        except BaseException:
            self._acceptor.close()
            raise
        self._acceptor.close()

    def stop_accepting(self) -> None:
        """New connections are refused by the system, new WebSockets by us; HTTP connections end as soon as
        they are idle. Idempotent."""
        self._acceptor.close()
        self._draining.begin()

    async def _accept(self, connections: trio.Nursery) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                wire = await self._acceptor.accept()
            except trio.ClosedResourceError:
                return
            except OSError as error:
                if error.errno in _PEERS_FAULT:
                    await trio.lowlevel.checkpoint()
                    continue
                # Mostly EMFILE: the connection stays in the queue, and would fail again at once.
                if pause == _SHORTEST_PAUSE:
                    logger.warning("cannot accept connections for now: %s", error.strerror)
                await trio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _SHORTEST_PAUSE
                self._begin(wire, connections)

    def _begin(self, wire: Wire, connections: trio.Nursery) -> None:
        network = None if self._proxies.trusts(wire.peer) else network_of(wire.peer)
        if self._open >= self._limits.max_connections:
            self._turn_away(wire, _FULL, connections)
        elif network is not None and not self._places.enter(network):
            self._warn(network)
            self._turn_away(wire, _ADDRESS_FULL, connections)
        else:
            self._open += 1
            connections.start_soon(self._serve, wire, network, name=f"connection {wire.peer}")

    def _turn_away(self, wire: Wire, why: Response, connections: trio.Nursery) -> None:
        if self._refusals < _REFUSALS:
            self._refusals += 1
            connections.start_soon(self._refuse, wire, why, name=f"refusal {wire.peer}")
        else:
            wire.close()

    def _warn(self, network: str) -> None:
        now = trio.current_time()
        if now - self._warned_at >= _WARN_EVERY:
            self._warned_at = now
            logger.warning(
                "%s has %d connections, and is refused more; if it is a proxy, name it in [server] trusted_proxies",
                network,
                self._limits.connections_per_address,
            )

    async def _serve(self, wire: Wire, network: str | None) -> None:
        try:
            await self._contain(self._converse, wire)
        finally:
            self._open -= 1
            if network is not None:
                self._places.leave(network)

    async def _refuse(self, wire: Wire, why: Response) -> None:
        async def say(stream: PushStream) -> None:
            await refuse_connection(stream, why, limits=self._limits.http)

        try:
            await self._contain(say, wire)
        finally:
            self._refusals -= 1

    async def _contain(self, talk: Callable[[PushStream], Awaitable[None]], wire: Wire) -> None:
        """Runs one connection; nothing but a cancellation leaves here, and the wire is closed."""
        try:
            secured = await self._secure(wire)
            if secured is None:
                return
            async with trio.open_nursery() as nursery:
                stream = PushStream(
                    secured,
                    nursery,
                    max_bytes=self._limits.outbox_bytes,
                    close_timeout=self._limits.close_timeout,
                    drops=self.drops,
                )
                try:
                    await talk(stream)
                finally:
                    stream.close_now("closed")
        except Exception as failure:
            self._report(f"connection of {wire.peer}", failure)
        except BaseExceptionGroup as group:
            faults, rest = group.split(Exception)
            if faults is not None:
                self._report(f"connection of {wire.peer}", faults)
            assert rest is not None
            raise rest from None
        finally:
            wire.close()

    async def _secure(self, wire: Wire) -> Wire | None:
        """The wire to talk on; None when there can be no talk."""
        if self._certificate is None:
            return wire
        secured = TlsWire(wire, self._certificate.context)
        try:
            with trio.move_on_after(self._limits.handshake_timeout):
                await secured.handshake()
                return secured
            logger.debug("%s did not finish its TLS handshake in time", wire.peer)
        except HandshakeFailed as failed:
            logger.debug("no TLS with %s: %s", wire.peer, failed)
            if failed.plain_http:
                await self._say_speak_tls(wire)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            logger.debug("%s went away during its TLS handshake", wire.peer)
        return None

    async def _say_speak_tls(self, wire: Wire) -> None:
        async with trio.open_nursery() as nursery:
            stream = PushStream(wire, nursery, max_bytes=len(_SPEAK_TLS), close_timeout=self._limits.close_timeout)
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await stream.send_all(_SPEAK_TLS)
            await stream.aclose()

    async def _converse(self, stream: PushStream) -> None:
        entered: list[str] = []

        def upgrade(request: Request) -> Response | Accept:
            decision = self._upgrade(request)
            if isinstance(decision, Response) or not self._proxies.trusts(stream.peer):
                return decision
            network = network_of(request.peer)
            if not self._places.enter(network):
                return _ADDRESS_FULL
            entered.append(network)
            return decision

        try:
            switched = await serve_connection(
                stream,
                self._respond,
                upgrade=upgrade,
                limits=self._limits.http,
                report=self._report,
                draining=self._draining,
                proxies=self._proxies,
            )
            if switched is None:
                await stream.aclose()
            else:
                request, accept = switched
                await serve_websocket(stream, request, accept, limits=self._limits.socket, report=self._report)
        finally:
            for network in entered:
                self._places.leave(network)


def _too_many(whose: str) -> Response:
    message = f"{whose} has as many connections as it may have; try again later"
    return error_response(503, Code.TOO_MANY_CONNECTIONS, message, headers=(("Retry-After", "5"),))


_FULL: Final = _too_many("the server")
_ADDRESS_FULL: Final = _too_many("your address")
