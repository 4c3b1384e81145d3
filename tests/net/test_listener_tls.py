"""The port with TLS, on real sockets and on simulated ones, to good clients and bad ones."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path
from shutil import copy, which
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
import trio.testing
from attrs import evolve
from trio_websocket import open_websocket

from net.certificates import Certificate
from net.listener import bind
from net.testing.network import SimNetwork
from tests.samples.port import GET, LIMITS, SUBPROTOCOL, UPGRADE, Served, get
from tests.samples.receiving import receive_all

if TYPE_CHECKING:
    from net.listener import ListenerLimits

FILES = Path(__file__).parent / "tls"


def certificate(name: str = "localhost") -> Certificate:
    return Certificate(FILES / f"{name}.crt", FILES / f"{name}.key")


def trusting(name: str = "localhost") -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(FILES / f"{name}.crt"))


async def real(
    nursery: trio.Nursery, limits: ListenerLimits = LIMITS, shown: Certificate | None = None
) -> tuple[Served, int]:
    served = Served(await bind("127.0.0.1", 0), limits, certificate=shown or certificate())
    await nursery.start(served.listener.run)
    return served, int(served.listener.address.rpartition(":")[2])


async def simulated(nursery: trio.Nursery, network: SimNetwork, limits: ListenerLimits = LIMITS) -> Served:
    served = Served(network.listen("server:443"), limits, certificate=certificate())
    await nursery.start(served.listener.run)
    return served


async def secure(port: int, context: ssl.SSLContext | None = None) -> trio.SSLStream[trio.SocketStream]:
    return await trio.open_ssl_over_tcp_stream(
        "localhost", port, ssl_context=context or trusting(), https_compatible=True
    )


# ---- clients as they are


async def test_http_and_websockets_over_tls_share_the_port(nursery: trio.Nursery) -> None:
    _, port = await real(nursery)
    async with await secure(port) as stream:
        assert await get(stream) == "hello"
        assert await get(stream) == "hello"
        assert stream.selected_alpn_protocol() is None
    async with open_websocket("localhost", port, "/ws", use_ssl=trusting(), subprotocols=[SUBPROTOCOL]) as client:
        for text in ("Grüße", "x" * 900):
            await client.send_message(text)
            assert await client.get_message() == text
        await client.ping()
        await client.send_message("flood")
        for number in range(500):
            assert str(await client.get_message()).startswith(f"{number:06}")
    assert client.closed is not None
    assert client.closed.code == 1000
    nursery.cancel_scope.cancel()


async def test_a_client_that_offers_http_2_as_well_gets_http_1(nursery: trio.Nursery) -> None:
    _, port = await real(nursery)
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with await secure(port, context) as stream:
        assert await get(stream) == "hello"
        assert stream.selected_alpn_protocol() == "http/1.1"
    nursery.cancel_scope.cancel()


@pytest.mark.skipif(which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("version", ["--tlsv1.2", "--tlsv1.3"])
async def test_curl_is_answered(nursery: trio.Nursery, version: str) -> None:
    _, port = await real(nursery)
    url = f"https://localhost:{port}/hello"
    command = ["curl", "-sS", version, "--noproxy", "*", "--cacert", str(FILES / "localhost.crt"), url, url]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True)
    assert (done.stdout, done.stderr) == (b'"hello""hello"', b"")
    nursery.cancel_scope.cancel()


@pytest.mark.skipif(which("openssl") is None, reason="there is no openssl")
async def test_compression_of_tls_is_off_and_renegotiation_is_refused(nursery: trio.Nursery) -> None:
    _, port = await real(nursery)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-comp"]
    run = partial(trio.run_process, capture_stdout=True, capture_stderr=True, check=False)
    done = await run(command, stdin=b"R\n")  # a line with a lone R asks for a renegotiation
    assert b"Compression: NONE" in done.stdout
    assert b"no renegotiation" in done.stderr
    nursery.cancel_scope.cancel()


async def test_a_server_that_stops_says_goodbye_over_tls(nursery: trio.Nursery) -> None:
    served, port = await real(nursery)
    stream = await trio.open_ssl_over_tcp_stream("localhost", port, ssl_context=trusting())
    assert await get(stream) == "hello"
    served.listener.stop_accepting()
    assert await stream.receive_some() == b""  # without TLS's goodbye it raises
    await stream.aclose()


async def test_connections_to_come_are_shown_the_renewed_certificate(nursery: trio.Nursery, tmp_path: Path) -> None:
    for suffix in ("crt", "key"):
        copy(FILES / f"localhost.{suffix}", tmp_path / f"a.{suffix}")
    shown = Certificate(tmp_path / "a.crt", tmp_path / "a.key")
    _, port = await real(nursery, shown=shown)
    async with await secure(port) as before:
        assert await get(before) == "hello"
        for suffix in ("crt", "key"):
            copy(FILES / f"renewed.{suffix}", tmp_path / f"a.{suffix}")
        assert shown.reload()
        async with await secure(port, trusting("renewed")) as after:
            assert await get(after) == "hello"
        assert await get(before) == "hello"
    async with await secure(port) as distrustful:
        with pytest.raises(trio.BrokenResourceError):
            await get(distrustful)
    nursery.cancel_scope.cancel()


# ---- clients as they should not be


async def test_who_speaks_no_tls_is_told_to(nursery: trio.Nursery) -> None:
    served, port = await real(nursery)
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(GET)
        head, _, body = (await receive_all(stream)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert orjson.loads(body)["error"]["message"] == "this port speaks TLS: use https or wss"
    assert served.reports == []
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "sent", [b"\x00" * 50, b"\x16\x03\x01\xff\xff" + b"\x00" * 500, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"]
)
async def test_rubbish_in_place_of_a_handshake_ends_its_connection_alone(nursery: trio.Nursery, sent: bytes) -> None:
    served, port = await real(nursery)
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(sent)
        await stream.send_eof()
        assert b"hello" not in await receive_all(stream)
    async with await secure(port) as stream:
        assert await get(stream) == "hello"
    assert served.reports == []
    nursery.cancel_scope.cancel()


async def test_handshake_timeout_ends_a_tls_handshake_that_does_not_go_on(
    nursery: trio.Nursery, autojump_clock: object
) -> None:
    network = SimNetwork()
    served = await simulated(nursery, network, evolve(LIMITS, handshake_timeout=3.0))
    stream = await network.connect("server:443")
    began = trio.current_time()
    await stream.send_all(b"\x16\x03\x01")
    assert await receive_all(stream) == b""
    assert trio.current_time() - began == 3.0
    assert served.listener.open_connections == 0
    assert served.reports == []
    nursery.cancel_scope.cancel()


async def test_a_client_that_reads_nothing_over_tls_is_dropped_at_the_bound_and_hurts_nobody(
    nursery: trio.Nursery, autojump_clock: object
) -> None:
    network = SimNetwork()
    served = await simulated(nursery, network, evolve(LIMITS, outbox_bytes=100_000))

    async def connect(host: str) -> trio.SSLStream[trio.abc.HalfCloseableStream]:
        transport = await network.host(host).connect("server:443")
        return trio.SSLStream(transport, trusting(), server_hostname="localhost", https_compatible=True)

    mute, other = await connect("mute"), await connect("other")
    await mute.send_all(UPGRADE)
    assert (await mute.receive_some()).startswith(b"HTTP/1.1 101")
    assert await get(other) == "hello"
    assert served.listener.open_connections == 2
    await mute.send_all(b"\x81\x85\x00\x00\x00\x00flood")
    await trio.testing.wait_all_tasks_blocked()
    assert await get(other) == "hello"
    assert served.listener.open_connections == 1
    assert served.reports == []
    nursery.cancel_scope.cancel()


async def test_one_too_many_is_told_so_over_tls(nursery: trio.Nursery) -> None:
    _, port = await real(nursery, evolve(LIMITS, max_connections=1))
    async with await secure(port) as first, await secure(port) as second:
        assert await get(first) == "hello"
        await second.send_all(GET)
        body = (await receive_all(second)).partition(b"\r\n\r\n")[2]
    assert orjson.loads(body)["error"]["code"] == "too_many_connections"
    nursery.cancel_scope.cancel()
