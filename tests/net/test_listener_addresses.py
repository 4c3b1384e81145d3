"""How many connections one address may have: its own, and those that a trusted proxy opens for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
import trio.testing
from attrs import evolve

from net.forwarded import TrustedProxies
from net.testing.network import SimNetwork
from tests.samples.port import GET, LIMITS, UPGRADE, Served, get
from tests.samples.receiving import receive_all

if TYPE_CHECKING:
    from net.testing.streams import SimStream

TWO = evolve(LIMITS, max_connections=100, connections_per_address=2)
PROXIES = TrustedProxies.parse(["10.0.0.0/8"])
PROXY = "10.0.0.9:4711"
REFUSED = (503, "too_many_connections", "your address has as many connections as it may have; try again later")


@pytest.fixture
def network() -> SimNetwork:
    return SimNetwork()


@pytest.fixture
async def served(network: SimNetwork, nursery: trio.Nursery) -> Served:
    opened = Served(network.listen("server:80"), TWO, PROXIES)
    await nursery.start(opened.listener.run)
    return opened


def forwarded(head: bytes, address: str) -> bytes:
    return head.replace(b"Host: h\r\n", b"Host: h\r\nX-Forwarded-For: %b\r\n" % address.encode())


async def dial(network: SimNetwork, address: str, head: bytes = GET) -> SimStream:
    stream = await network.host(address).connect("server:80")
    await stream.send_all(head)
    return stream


async def refusal(stream: SimStream) -> tuple[int, str, str]:
    head, _, body = (await receive_all(stream)).partition(b"\r\n\r\n")
    assert b"retry-after: 5" in head.lower()
    error = orjson.loads(body)["error"]
    return int(head.split()[1]), error["code"], error["message"]


async def is_open(stream: SimStream) -> bool:
    return (await stream.receive_some()).startswith((b"HTTP/1.1 200", b"HTTP/1.1 101"))


async def test_connections_per_address_are_bounded_and_other_addresses_are_not_concerned(
    network: SimNetwork, served: Served, autojump_clock: object
) -> None:
    first = await dial(network, "203.0.113.7:1")
    second = await dial(network, "203.0.113.7:2", UPGRADE)
    assert await is_open(first)
    assert await is_open(second)
    assert await refusal(await dial(network, "203.0.113.7:3")) == REFUSED
    assert await refusal(await dial(network, "[::ffff:203.0.113.7]:4", UPGRADE)) == REFUSED
    assert await is_open(await dial(network, "203.0.113.8:1"))
    await first.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert await get(await network.host("203.0.113.7:5").connect("server:80")) == "hello"


async def test_the_addresses_of_one_ipv6_network_are_one(
    network: SimNetwork, served: Served, autojump_clock: object
) -> None:
    for host in ("[2001:db8::1]:1", "[2001:db8::2]:1"):
        assert await is_open(await dial(network, host))
    assert await refusal(await dial(network, "[2001:db8::3]:1")) == REFUSED
    assert await is_open(await dial(network, "[2001:db8:0:1::3]:1"))


async def test_through_a_proxy_each_websocket_counts_for_whom_it_is_opened(
    network: SimNetwork, served: Served, autojump_clock: object
) -> None:
    streams = [await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.7")) for _ in range(2)]
    for stream in streams:
        assert await is_open(stream)
    assert await refusal(await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.7"))) == REFUSED
    assert await is_open(await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.8")))
    await streams[0].aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert await is_open(await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.7")))


async def test_a_proxys_own_connections_are_everybodys_and_count_for_nobody(
    network: SimNetwork, served: Served, autojump_clock: object
) -> None:
    streams = [await dial(network, PROXY, forwarded(GET, "203.0.113.7")) for _ in range(10)]
    for stream in streams:
        assert await is_open(stream)


async def test_who_is_no_proxy_is_not_believed(network: SimNetwork, served: Served, autojump_clock: object) -> None:
    for number in range(2):
        assert await is_open(await dial(network, "203.0.113.7:1", forwarded(UPGRADE, f"198.51.100.{number}")))
    assert await refusal(await dial(network, "203.0.113.7:1", forwarded(UPGRADE, "198.51.100.9"))) == REFUSED
    await trio.testing.wait_all_tasks_blocked()
    assert served.websockets[0].peer == "203.0.113.7:1"


async def test_a_websocket_is_called_by_the_address_that_it_is_for(
    network: SimNetwork, served: Served, autojump_clock: object
) -> None:
    assert await is_open(await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.7")))
    await trio.testing.wait_all_tasks_blocked()
    assert served.websockets[0].peer == "203.0.113.7"


async def test_a_handshake_that_fails_leaves_no_place_taken(
    network: SimNetwork, served: Served, autojump_clock: object
) -> None:
    for _ in range(5):
        ahead = await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.7") + b"\x81\x80mask")
        assert (await receive_all(ahead)).startswith(b"HTTP/1.1 400 ")
        await ahead.aclose()
        wrong = await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.7").replace(b"croupier.v1", b"poker"))
        assert (await wrong.receive_some()).startswith(b"HTTP/1.1 400 ")
        await wrong.aclose()
    for _ in range(2):
        assert await is_open(await dial(network, PROXY, forwarded(UPGRADE, "203.0.113.7")))


async def test_an_operator_is_told_of_a_crowded_address_but_not_of_every_connection(
    network: SimNetwork, served: Served, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(10):
        await dial(network, "127.0.0.1:1")
    await trio.testing.wait_all_tasks_blocked()
    assert [record.getMessage() for record in caplog.records] == [
        "127.0.0.1 has 2 connections, and is refused more; if it is a proxy, name it in [server] trusted_proxies"
    ]
    await trio.sleep(61)
    for _ in range(10):
        await dial(network, "127.0.0.1:1")
    await trio.testing.wait_all_tasks_blocked()
    assert len(caplog.records) == 2


async def test_no_limit_is_no_limit(network: SimNetwork, nursery: trio.Nursery, autojump_clock: object) -> None:
    opened = Served(network.listen("other:80"), evolve(TWO, connections_per_address=0))
    await nursery.start(opened.listener.run)
    for _ in range(50):
        assert await get(await network.host("203.0.113.7:1").connect("other:80")) == "hello"
