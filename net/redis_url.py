"""A `redis_url` and what it means: where to connect, and what to say first.

redis-py parses it, so the forms are the ones that every Redis user knows:
`redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path/to/socket?db=0`.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import trio
from attrs import field, frozen

from net.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_PORT: Final = 6379

_KNOWN: Final = frozenset({"connection_class", "host", "port", "path", "db", "username", "password", "client_name"})
_KNOWN_TLS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"})
_CERT_REQS: Final = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}


class BadRedisUrl(StartError):
    """This is no Redis URL. The line does not repeat it: there may be a password in it."""


@frozen
class RedisUrl:
    """Where a Redis is. `shown` is the URL without its password, for messages; `setup` goes to
    `Redis(setup=...)`."""

    shown: str
    setup: tuple[tuple[str, ...], ...] = field(repr=False)
    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def parse(cls, url: str) -> RedisUrl:
        """What this URL says. Raises BadRedisUrl."""
        scheme, options = _read(url)
        host, port = options.get("host", "localhost"), options.get("port", DEFAULT_PORT)
        path = options.get("path")
        return cls(
            # Nothing that can hold a secret is shown again.
            shown=f"{scheme}://{path or f'{host}:{port}'}",
            setup=_setup(options),
            host=host,
            port=port,
            path=path,
            tls=_tls(options) if scheme == "rediss" else None,
        )

    async def connect(self) -> trio.abc.Stream:
        """A fresh stream. Raises OSError or trio.BrokenResourceError. Cancelled: nothing stays open."""
        if self.path is not None:
            return await trio.open_unix_socket(self.path)
        stream = await trio.open_tcp_stream(self.host, self.port)
        if self.tls is None:
            return stream
        secure = trio.SSLStream(stream, self.tls, server_hostname=self.host)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(secure)
            raise
        return secure


def _read(url: str) -> tuple[str, dict[str, Any]]:
    """The scheme, and what redis-py makes of the rest."""
    # Imported here: with its asyncio client it takes a tenth of a server's start, and most servers have no such URL.
    from redis.connection import parse_url

    parse = cast("Callable[[str], dict[str, Any]]", parse_url)
    try:
        parts = urlsplit(url)
        options = parse(url)
    except ValueError as error:
        why = str(error)
        if not why.startswith(("Redis URL must", "Invalid value for")):
            # urllib quotes the port that it cannot read, and that may be half a password.
            why = "host and port cannot be read (in a password, write %23 for # and %2F for /)"
        raise BadRedisUrl(f"redis_url: {why}") from None
    unknown = options.keys() - _KNOWN - (_KNOWN_TLS if parts.scheme == "rediss" else frozenset())
    if unknown:
        raise BadRedisUrl(f"redis_url: unknown option {', '.join(sorted(unknown))}")
    if parts.scheme == "unix" and not options.get("path"):
        raise BadRedisUrl("redis_url: unix:// needs the path of a socket, as in unix:///run/redis.sock")
    if parts.scheme != "unix" and parts.path.strip("/") and "db" not in options:
        raise BadRedisUrl("redis_url: what follows the host must be the number of a database")
    return parts.scheme, options


def _setup(options: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    commands: list[tuple[str, ...]] = []
    if "password" in options:
        user = (options["username"],) if "username" in options else ()
        commands.append(("AUTH", *user, options["password"]))
    if options.get("db", 0) != 0:
        commands.append(("SELECT", str(options["db"])))
    commands.append(("CLIENT", "SETNAME", options.get("client_name", "croupier")))
    return tuple(commands)


def _tls(options: dict[str, Any]) -> ssl.SSLContext:
    required = options.get("ssl_cert_reqs", "required")
    if required not in _CERT_REQS:
        raise BadRedisUrl("redis_url: ssl_cert_reqs is required, optional or none")
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    except OSError as error:  # ssl.SSLError among them
        raise BadRedisUrl(f"redis_url: cannot use the certificates: {error}") from None
    context.check_hostname = options.get("ssl_check_hostname", True) and required != "none"
    context.verify_mode = _CERT_REQS[required]
    return context
