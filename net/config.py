"""Every key of the configuration: its default, its type, its bounds, and what it is for.

The classes here are the one place that knows the keys: the checked-in file, the names of the variables and
the output of `croupier config` are made from them. `net.config_load` lays the sources over each other.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen

T = TypeVar("T")

MIN_SECRET_BYTES = 32
"""HS256 needs a key at least as long as its hash (RFC 7518, section 3.2)."""

_DAY = 86400
_MIB = 1024 * 1024


@frozen
class Bound:
    """What a key admits, once its type is right, and how that is said: `port must be {expected}`."""

    expected: str
    admits: Callable[[Any], bool]


def _whole(low: int, high: int) -> Bound:
    return Bound(f"a whole number from {low} to {high}", lambda value: low <= value <= high)


def _seconds(low: float, high: float) -> Bound:
    return Bound(f"a number of seconds from {low} to {high}", lambda value: low <= value <= high)


def _one_of(*choices: str) -> Bound:
    quoted = [f'"{choice}"' for choice in choices]
    return Bound(f"{', '.join(quoted[:-1])} or {quoted[-1]}", lambda value: value in choices)


def _matching(pattern: str, expected: str) -> Bound:
    compiled = re.compile(pattern)
    return Bound(expected, lambda value: compiled.fullmatch(value) is not None)


def _is_secret(value: str) -> bool:
    return MIN_SECRET_BYTES <= len(value.encode()) <= 1024


def _is_redis_url(value: str) -> bool:
    try:
        url = urlsplit(value)
        url.port  # noqa: B018 (raises ValueError on a port that is none)
    except ValueError:
        return False
    if re.search(r"[\s\x00-\x1f]", value):
        return False
    return bool(url.path) if url.scheme == "unix" else url.scheme in {"redis", "rediss"} and bool(url.hostname)


_SECRET = Bound(f"{MIN_SECRET_BYTES} to 1024 bytes long", lambda value: value == "" or _is_secret(value))
_SECRETS = Bound(
    f"a list of at most 16 secrets, each {MIN_SECRET_BYTES} to 1024 bytes long",
    lambda value: len(value) <= 16 and all(map(_is_secret, value)),
)
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s,]+")
_ORIGINS = Bound(
    'a list of origins, such as "https://example.org" or "*"',
    lambda value: all(_ORIGIN.fullmatch(origin) for origin in value),
)
_HOST = _matching(r"[^\s\x00-\x1f/]{1,255}", "a host name or an address")
_FOLDER = Bound("the path of a folder", lambda value: "\0" not in str(value))
_REDIS = Bound(
    "empty, or begin with redis://, rediss:// or unix:// and name a server",
    lambda value: value == "" or _is_redis_url(value),
)
_PREFIX = _matching(r"[A-Za-z0-9:_.@-]{1,64}", "1 to 64 letters, digits or :_.@-")
_AUDIENCE = _matching(r"[^\x00-\x1f\x7f]{1,255}", "1 to 255 printable characters")


def mask_whole(value: Any) -> Any:  # noqa: ANN401 (a mask takes the value of any key)
    """Shows that something is set, and nothing of it."""
    return type(value)("***" for _ in value) if isinstance(value, tuple) else "***" if value else value


def mask_password(value: str) -> str:
    """A URL without the password in it."""
    value = re.sub(r"(?<=//)([^:@/]*):.*@", r"\1:***@", value)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", value)


@frozen
class _About:
    """What a field says of itself, besides its type and its default."""

    bound: Bound
    doc: str
    mask: Callable[[Any], Any] | None


def _key(default: T, bound: Bound, doc: str, *, mask: Callable[[Any], Any] | None = None) -> T:
    def check(_instance: object, attribute: "attrs.Attribute[T]", value: T) -> None:
        if not bound.admits(value):
            raise ValueError(f"{attribute.name} must be {bound.expected}")

    return field(default=default, validator=check, metadata={_About: _About(bound, doc, mask)})


@frozen
class Server:
    """Where the server listens and keeps its files."""

    host: str = _key("127.0.0.1", _HOST, "The address to listen on. 0.0.0.0 or :: is every interface.")
    port: int = _key(8765, _whole(0, 65535), "The TCP port. 0 takes a free one, which the first line of output names.")
    allowed_origins: tuple[str, ...] = _key(
        ("*",),
        _ORIGINS,
        "The web pages that may use the server, by their origin: https://example.org, with a port if it has one. "
        "* is every page. Clients that are no browsers are not concerned.",
    )
    data_dir: Path = _key(  # noqa: RUF009 (a field, as the others)
        Path("data"),
        _FOLDER,
        "The folder for the embedded store, its lock and the generated secret; one server owns it. A "
        "relative path starts at the working directory.",
    )


@frozen
class Store:
    """Where the games stand."""

    redis_url: str = _key(
        "",
        _REDIS,
        "The Redis or Valkey to use: redis://, rediss:// or unix://. Empty: an embedded Valkey in data_dir.",
        mask=mask_password,
    )
    durability: str = _key(
        "always",
        _one_of("always", "everysec", "no"),
        "When the embedded Valkey forces what it acknowledged to the disk: always (before it answers), "
        "everysec (a power cut loses a second of it), no (when the system likes).",
    )
    prefix: str = _key("croupier:", _PREFIX, "What the name of every key in the store begins with.")


@frozen
class Auth:
    """Who is believed."""

    secret: str = _key(
        "",
        _SECRET,
        "The secret that signs and verifies tokens (HS256), 32 bytes or more. Empty, and no secrets below: "
        "one is made once in data_dir.",
        mask=mask_whole,
    )
    secrets: tuple[str, ...] = _key(
        (),
        _SECRETS,
        "Several secrets at once, in place of secret, so that it can be changed: the first signs, all verify."
        " In the environment they are separated by commas.",
        mask=mask_whole,
    )
    audience: str = _key("croupier", _AUDIENCE, "The audience (aud) that a token must name.")
    token_ttl: int = _key(_DAY, _whole(1, 3650 * _DAY), "Seconds that a token of `croupier token` is good for.")


@frozen
class Sessions:
    """How long a client may be silent."""

    connect_timeout: float = _key(
        10.0,
        _seconds(0.01, 3600),
        "Seconds that a fresh connection has to say who it is, with its connect request.",
    )
    ping_interval: float = _key(25.0, _seconds(0.01, 3600), "Seconds between two pings to a client.")
    ping_timeout: float = _key(
        20.0, _seconds(0.01, 3600), "Seconds that a client may stay silent after a ping before it is dropped."
    )


@frozen
class Limits:
    """What one client, one connection, one table may take up."""

    max_message_bytes: int = _key(65536, _whole(1024, 16 * _MIB), "Bytes of one message from a client.")
    max_connections: int = _key(10000, _whole(1, 1_000_000), "Connections that are open at once.")
    outbox_bytes: int = _key(
        _MIB,
        _whole(4096, 1024 * _MIB),
        "Bytes that wait for one slow client: past it, states make way for newer ones, and what cannot make "
        "way drops the client.",
    )
    pending_requests: int = _key(32, _whole(1, 10_000), "Requests of one connection that wait for their answers.")
    http_body_bytes: int = _key(65536, _whole(1024, 16 * _MIB), "Bytes of the body of one HTTP request.")
    http_head_bytes: int = _key(16384, _whole(1024, _MIB), "Bytes of the request line and headers of one HTTP request.")
    http_timeout: float = _key(
        15.0,
        _seconds(0.01, 3600),
        "Seconds that a client has to send one HTTP request, and to begin the next.",
    )
    mailbox: int = _key(64, _whole(1, 100_000), "Messages that one table queues; more are answered `overloaded`.")


@frozen
class Games:
    """How long a game may be."""

    max_events: int = _key(10000, _whole(2, 1_000_000), "Events that one game may have.")
    passivate_after: float = _key(
        300.0, _seconds(0.01, 365 * _DAY), "Seconds without a message after which a game leaves the memory."
    )


@frozen
class Log:
    """What is written to standard error."""

    level: str = _key("info", _one_of("debug", "info", "warning", "error"), "The least severity that is written.")


@frozen
class Config:
    """The whole configuration. Made in code its values are held to the same bounds: ValueError."""

    server: Server = field(factory=Server)
    store: Store = field(factory=Store)
    auth: Auth = field(factory=Auth)
    sessions: Sessions = field(factory=Sessions)
    limits: Limits = field(factory=Limits)
    games: Games = field(factory=Games)
    log: Log = field(factory=Log)


@frozen
class Key:
    """One key of the configuration, as the loader, the help and the checked-in file see it."""

    section: str
    name: str
    type: Any
    default: Any
    bound: Bound
    doc: str
    mask: Callable[[Any], Any] | None

    @property
    def dotted(self) -> str:
        """`server.port`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """`CROUPIER_SERVER_PORT`."""
        return f"CROUPIER_{self.section}_{self.name}".upper()

    def __str__(self) -> str:
        """`[server] port`."""
        return f"[{self.section}] {self.name}"


def _keys_of(section: str, cls: type[Any]) -> dict[str, Key]:
    keys = {}
    for attribute in attrs.fields(cls):
        about = attribute.metadata[_About]
        keys[attribute.name] = Key(
            section, attribute.name, attribute.type, attribute.default, about.bound, about.doc, about.mask
        )
    return keys


SECTIONS: dict[str, type[Any]] = {section.name: section.type for section in attrs.fields(Config) if section.type}
"""The class of each section, in order."""

KEYS: dict[str, dict[str, Key]] = {section: _keys_of(section, cls) for section, cls in SECTIONS.items()}
"""Every key, by section and name, in order."""
