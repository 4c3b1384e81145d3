"""What the keys of the configuration admit."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from net.admin.address import parse_listen
from net.forwarded import is_proxy

MIN_SECRET_BYTES = 32
"""HS256 needs a key at least as long as its hash (RFC 7518, section 3.2)."""


@frozen
class Bound:
    """What a key admits, once its type is right, and how that is said: `port must be {expected}`."""

    expected: str
    admits: Callable[[Any], bool]


def whole(low: int, high: int) -> Bound:
    """An int from the one to the other."""
    return Bound(f"a whole number from {low} to {high}", lambda value: low <= value <= high)


def seconds(low: float, high: float) -> Bound:
    """A time, from the one to the other."""
    return Bound(f"a number of seconds from {low} to {high}", lambda value: low <= value <= high)


def rate(high: float) -> Bound:
    """So many a second, and 0 for as many as there may be."""
    return Bound(f"a number from 0 to {high:g}", lambda value: 0 <= value <= high)


def one_of(*choices: str) -> Bound:
    """One of these words."""
    quoted = [f'"{choice}"' for choice in choices]
    return Bound(f"{', '.join(quoted[:-1])} or {quoted[-1]}", lambda value: value in choices)


def matching(pattern: str, expected: str) -> Bound:
    """A text that is all of this pattern."""
    compiled = re.compile(pattern)
    return Bound(expected, lambda value: compiled.fullmatch(value) is not None)


def _is_secret(value: str) -> bool:
    return MIN_SECRET_BYTES <= len(value.encode()) <= 1024


def _url(value: str) -> SplitResult | None:
    try:
        url = urlsplit(value)
        url.port  # noqa: B018 (raises ValueError on a port that is none)
    except ValueError:
        return None
    return None if re.search(r"[\s\x00-\x1f]", value) else url


def _is_redis_url(value: str) -> bool:
    url = _url(value)
    if url is None:
        return False
    return bool(url.path) if url.scheme == "unix" else url.scheme in {"redis", "rediss"} and bool(url.hostname)


def _is_archive_url(value: str) -> bool:
    url = _url(value)
    if url is None:
        return False
    if url.scheme == "sqlite":  # a file: what is only in memory is no archive
        return not url.netloc and len(url.path) > 1 and not url.path.startswith("/:memory:") and not url.query
    named = bool(url.path.strip("/")) and (bool(url.hostname) or "host=" in url.query)
    return url.scheme in {"postgresql", "postgres", "postgresql+psycopg"} and named


def _is_listen(value: str) -> bool:
    try:
        parse_listen(value)
    except ValueError:
        return False
    return True


SECRET = Bound(f"{MIN_SECRET_BYTES} to 1024 bytes long", lambda value: value == "" or _is_secret(value))
SECRETS = Bound(
    f"a list of at most 16 secrets, each {MIN_SECRET_BYTES} to 1024 bytes long",
    lambda value: len(value) <= 16 and all(map(_is_secret, value)),
)
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s,]+")
ORIGINS = Bound(
    'a list of origins, such as "https://example.org" or "*"',
    lambda value: all(_ORIGIN.fullmatch(origin) for origin in value),
)
HOST = matching(r"[^\s\x00-\x1f/]{1,255}", "a host name or an address")
FOLDER = Bound("the path of a folder", lambda value: "\0" not in str(value))
FOLDERS = Bound("a list of folders", lambda value: all(path and "\0" not in path for path in value))
GAME_NAMES = Bound(
    "a list of names, such as kuhn_poker, or all", lambda value: all(re.fullmatch(r"\w{1,64}", name) for name in value)
)
PROXIES = Bound(
    'a list of addresses and networks, such as "10.0.0.0/8" or "::1"',
    lambda value: all(map(is_proxy, value)),
)
FILE = Bound("empty, or the path of a file", lambda value: "\0" not in value)
REDIS = Bound(
    "empty, or begin with redis://, rediss:// or unix:// and name a server",
    lambda value: value == "" or _is_redis_url(value),
)
ARCHIVE = Bound(
    "empty, or postgresql://USER:PASSWORD@HOST/DATABASE, or sqlite:///FILE",
    lambda value: value == "" or _is_archive_url(value),
)
LISTEN = Bound('"off", HOST:PORT, or the path of a Unix socket that ends in .sock', _is_listen)
PREFIX = matching(r"[A-Za-z0-9:_.@-]{1,64}", "1 to 64 letters, digits or :_.@-")
AUDIENCE = matching(r"[^\x00-\x1f\x7f]{1,255}", "1 to 255 printable characters")
