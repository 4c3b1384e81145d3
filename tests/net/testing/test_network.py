from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from net.testing.network import SimNetwork
from net.testing.streams import Link

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_a_host_connects_to_whoever_listens() -> None:
    network = SimNetwork()
    acceptor = network.host("server").listen("croupier")
    client = await network.host("alice").connect("croupier")
    server = await acceptor.accept()
    assert (client.peer, server.peer, acceptor.address) == ("croupier", "alice", "croupier")
    await client.send_all(b"hello")
    assert await server.receive_some(100) == b"hello"


async def test_nobody_listening_refuses() -> None:
    network = SimNetwork()
    with pytest.raises(ConnectionRefusedError):
        await network.connect("croupier")
    network.listen("croupier").close()
    with pytest.raises(ConnectionRefusedError):
        await network.connect("croupier")


def test_an_address_has_one_listener() -> None:
    network = SimNetwork()
    network.listen("croupier")
    with pytest.raises(OSError, match="in use"):
        network.host("other").listen("croupier")


async def test_connecting_takes_the_latency_of_the_link(autojump_clock: MockClock) -> None:
    network = SimNetwork(Link(latency=0.25))
    network.listen("croupier")
    await network.connect("croupier")
    assert trio.current_time() == 0.25


async def test_a_fenced_host_has_no_effect_until_it_dies_and_then_everybody_sees_the_end() -> None:
    network = SimNetwork()
    server = network.host("server")
    acceptor = server.listen("croupier")
    client = await network.connect("croupier")
    wire = await acceptor.accept()
    wire.send_nowait([b"before"])
    server.fence()
    with pytest.raises(trio.BrokenResourceError):
        wire.send_nowait([b"after"])
    with pytest.raises(OSError, match="dead"):
        server.listen("another")
    with pytest.raises(ConnectionRefusedError):
        await server.connect("croupier")
    assert await client.receive_some() == b"before"
    server.die()
    assert await client.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await client.send_all(b"anyone?")


async def test_connections_that_a_dead_host_never_accepted_are_hung_up_too() -> None:
    network = SimNetwork()
    network.host("server").listen("croupier")
    client = await network.connect("croupier")
    network.host("server").die()
    assert await client.receive_some() == b""


async def test_connections_that_nobody_accepts_wait_and_are_refused_when_the_listener_goes() -> None:
    network = SimNetwork()
    acceptor = network.listen("croupier")
    for _ in range(128):
        await network.connect("croupier")

    async def one_too_many() -> None:
        with pytest.raises(ConnectionRefusedError):
            await network.connect("croupier")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one_too_many)
        await wait_all_tasks_blocked()
        assert nursery.child_tasks
        acceptor.close()


async def test_after_a_death_another_host_listens_at_the_same_address() -> None:
    network = SimNetwork()
    first = network.host("server")
    first.listen("croupier")
    first.die()
    second = network.host("server")
    assert second is not first
    acceptor = second.listen("croupier")
    await network.connect("croupier")
    await acceptor.accept()


async def test_cutting_a_host_breaks_its_connections_and_no_others() -> None:
    network = SimNetwork()
    acceptor = network.listen("croupier")
    alice = await network.host("alice").connect("croupier")
    bob = await network.host("bob").connect("croupier")
    wires = [await acceptor.accept() for _ in range(2)]
    network.host("alice").cut()
    with pytest.raises(trio.BrokenResourceError):
        await alice.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await wires[0].receive_some(1)
    wires[1].send_nowait([b"still here"])
    assert await bob.receive_some() == b"still here"


async def test_a_closed_acceptor_stops_whoever_waits_for_a_connection() -> None:
    acceptor = SimNetwork().listen("croupier")

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await acceptor.accept()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        acceptor.close()
