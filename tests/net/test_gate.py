"""What an address may ask before anybody knows who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from net.config import Limits
from net.gate import PATIENCE, Gate
from net.http import Request, Response

if TYPE_CHECKING:
    from trio.testing import MockClock


def request(peer: str) -> Request:
    return Request("GET", "/ws", ("ws",), {}, (), b"", peer)


async def test_an_address_is_refused_with_the_time_to_wait_and_others_are_not(autojump_clock: object) -> None:
    gate = Gate(Limits(address_connects_per_minute=2))
    assert gate.refuse(request("203.0.113.7:1")) is None
    assert gate.refuse(request("203.0.113.7:2")) is None
    refused = gate.refuse(request("203.0.113.7:3"))
    assert refused is not None
    assert refused.status == 429
    error = orjson.loads(refused.body)["error"]
    assert (error["code"], error["details"]) == ("rate_limited", {"retry_after": 30.0})
    assert ("Retry-After", "30") in refused.headers
    assert gate.refuse(request("203.0.113.8:1")) is None
    await trio.sleep(30)
    assert gate.refuse(request("203.0.113.7:4")) is None


async def test_the_addresses_of_one_ipv6_network_are_one(autojump_clock: object) -> None:
    gate = Gate(Limits(address_connects_per_minute=1))
    assert gate.refuse(request("[2001:db8::1]:80")) is None
    assert gate.refuse(request("[2001:db8::ffff]:80")) is not None
    assert gate.refuse(request("[2001:db8:0:1::1]:80")) is None


async def hello(_: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return Response(200)


async def test_requests_past_the_burst_wait_for_their_turn_and_others_do_not(autojump_clock: MockClock) -> None:
    respond = Gate(Limits(address_requests_per_second=10, address_request_burst=5)).around(hello)
    began = trio.current_time()
    for _ in range(25):
        assert (await respond(request("203.0.113.7:1"))).status == 200
    waited = trio.current_time() - began
    assert waited == pytest.approx(2.0)
    assert (await respond(request("203.0.113.8:1"))).status == 200
    assert trio.current_time() - began == waited


async def test_a_flood_is_slowed_down_to_what_its_address_may_ask(autojump_clock: MockClock) -> None:
    respond = Gate(Limits(address_requests_per_second=10, address_request_burst=5)).around(hello)
    statuses: list[int] = []

    async def flood() -> None:
        while trio.current_time() - began < 60:
            statuses.append((await respond(request("203.0.113.7:1"))).status)

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(flood)
    assert 600 <= statuses.count(200) <= 5 + 10 * (60 + PATIENCE)
    assert set(statuses) == {200, 429}
    assert statuses.count(429) <= 100 * (1 + 60 / PATIENCE)  # each connection of a flood is kept waiting for these, too


async def test_who_would_wait_too_long_is_refused_with_the_time_to_wait(autojump_clock: MockClock) -> None:
    respond = Gate(Limits(address_requests_per_second=0.1, address_request_burst=1)).around(hello)
    assert (await respond(request("203.0.113.7:1"))).status == 200
    refused = await respond(request("203.0.113.7:1"))
    assert refused.status == 429
    error = orjson.loads(refused.body)["error"]
    assert (error["code"], error["details"]) == ("rate_limited", {"retry_after": 8.0})
    assert ("Retry-After", "8") in refused.headers


async def test_without_a_limit_nobody_waits(autojump_clock: MockClock) -> None:
    gate = Gate(Limits().without_rates())
    respond = gate.around(hello)
    began = trio.current_time()
    for _ in range(2000):
        assert (await respond(request("203.0.113.7:1"))).status == 200
        assert gate.refuse(request("203.0.113.7:1")) is None
    assert trio.current_time() == began
