"""What a redis_url means, and how a wrong one is refused."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from net.redis import Redis, StoreNotReached
from net.redis_connection import ask
from net.redis_url import BadRedisUrl, RedisUrl
from tests.samples.memory import CountingEntropy

if TYPE_CHECKING:
    import redis as redis_py

# A certificate of nobody's for "localhost", signed by itself, good for a hundred years.
CERTIFICATE = Path(__file__).parent / "tls" / "localhost.crt"
KEY = Path(__file__).parent / "tls" / "localhost.key"


def test_a_plain_url_names_host_and_port() -> None:
    url = RedisUrl.parse("redis://example.org:7000")
    assert (url.host, url.port, url.path, url.tls) == ("example.org", 7000, None, None)
    assert url.setup == (("CLIENT", "SETNAME", "croupier"),)


def test_the_defaults_are_those_of_redis() -> None:
    url = RedisUrl.parse("redis://")
    assert (url.host, url.port) == ("localhost", 6379)


def test_user_password_database_and_name_are_said_first() -> None:
    url = RedisUrl.parse("redis://ann:p%40ss@h/3?client_name=me")
    assert url.setup == (("AUTH", "ann", "p@ss"), ("SELECT", "3"), ("CLIENT", "SETNAME", "me"))


def test_a_password_alone_is_said_alone() -> None:
    assert RedisUrl.parse("redis://:pw@h").setup[0] == ("AUTH", "pw")


def test_the_database_may_stand_in_the_query() -> None:
    assert ("SELECT", "2") in RedisUrl.parse("unix:///run/redis.sock?db=2").setup


def test_a_unix_url_names_a_path() -> None:
    assert RedisUrl.parse("unix:///run/redis.sock").path == "/run/redis.sock"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ann:secret@h:7000/3", "redis://h:7000"),
        ("rediss://:secret@h", "rediss://h:6379"),
        ("unix://ann:secret@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_the_password_is_never_shown(url: str, shown: str) -> None:
    parsed = RedisUrl.parse(url)
    assert parsed.shown == shown
    assert "secret" not in repr(parsed)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "schemes"),
        ("http://h", "schemes"),
        ("redis://h:seven", "host and port"),
        ("redis://h:99999", "host and port"),
        ("redis://:sec/ret@h", "host and port"),
        ("redis://h/three", "number of a database"),
        ("redis://h?db=three", "'db'"),
        ("redis://h?no_such_option=1", "unknown option no_such_option"),
        ("redis://h?ssl_ca_certs=/x", "unknown option ssl_ca_certs"),
        ("unix://", "path of a socket"),
        ("rediss://h?ssl_ca_certs=/no/such/file", "cannot use the certificates"),
        ("rediss://h?ssl_cert_reqs=perhaps", "ssl_cert_reqs"),
    ],
)
def test_a_bad_url_is_refused_in_one_line_that_does_not_repeat_it(url: str, complaint: str) -> None:
    with pytest.raises(BadRedisUrl, match=complaint) as error:
        RedisUrl.parse(url)
    assert "\n" not in str(error.value)
    assert "sec" not in str(error.value)


def test_certificates_are_checked_unless_the_url_says_otherwise() -> None:
    checked = RedisUrl.parse("rediss://h").tls
    assert checked is not None
    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    unchecked = RedisUrl.parse("rediss://h?ssl_cert_reqs=none").tls
    assert unchecked is not None
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_NONE, False)


async def test_it_connects_to_a_unix_socket(oracle: redis_py.Redis, valkey_socket: str) -> None:
    url = RedisUrl.parse(f"unix://{valkey_socket}?db=1")
    async with await url.connect() as stream:
        replies = await ask(stream, *url.setup, ("CLIENT", "GETNAME"))
    assert replies == [b"OK", b"OK", b"croupier"]


async def test_it_connects_over_tcp(nursery: trio.Nursery) -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, pong, [listener])
    url = RedisUrl.parse(f"redis://127.0.0.1:{port_of(listener)}")
    async with await url.connect() as stream:
        assert await ask(stream, ("PING",)) == [b"PONG"]


async def serve_tls(nursery: trio.Nursery) -> int:
    """Serves a store over TLS; returns its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    secure = trio.SSLListener(listener, context)
    nursery.start_soon(trio.serve_listeners, pong, [secure])
    return port_of(listener)


async def pong(stream: trio.abc.Stream) -> None:
    try:
        while await stream.receive_some():
            await stream.send_all(b"+PONG\r\n")
    except trio.BrokenResourceError:
        pass
    finally:
        await trio.aclose_forcefully(stream)


def port_of(listener: trio.SocketListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


async def test_it_connects_over_tls(nursery: trio.Nursery) -> None:
    port = await serve_tls(nursery)
    url = RedisUrl.parse(f"rediss://localhost:{port}?ssl_ca_certs={CERTIFICATE}")
    stream = await url.connect()
    assert await ask(stream, ("PING",)) == [b"PONG"]
    await trio.aclose_forcefully(stream)


@pytest.mark.parametrize("query", ["", f"?ssl_ca_certs={CERTIFICATE}"])
async def test_a_certificate_that_is_not_trusted_or_of_another_name_is_refused(
    nursery: trio.Nursery, query: str
) -> None:
    port = await serve_tls(nursery)
    url = RedisUrl.parse(f"rediss://127.0.0.1:{port}{query}")
    redis = Redis(url.connect, entropy=CountingEntropy(), start_timeout=0)
    with pytest.raises(StoreNotReached, match="CERTIFICATE_VERIFY_FAILED"):
        await redis.run()


async def test_a_server_that_speaks_no_tls_is_a_clear_error(nursery: trio.Nursery) -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, pong, [listener])
    url = RedisUrl.parse(f"rediss://127.0.0.1:{port_of(listener)}?ssl_cert_reqs=none")
    redis = Redis(url.connect, entropy=CountingEntropy(), name=url.shown, start_timeout=0)
    with pytest.raises(StoreNotReached, match=f"cannot use {url.shown}") as error:
        await redis.run()
    assert "\n" not in str(error.value)
