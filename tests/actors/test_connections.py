"""The connections of this process, and one heartbeat for all of them."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from actors.connections import Connections

INTERVAL, TIMEOUT = 25.0, 20.0


@define(eq=False)
class Client:
    """A connection that writes down what is done to it."""

    user_id: str = "u"
    last_seen: float = 0.0
    pings: int = 0
    dropped: bool = False
    said: list[float] = field(factory=list)
    closed: bool = False

    def ping(self) -> None:
        self.pings += 1

    def drop(self) -> None:
        self.dropped = True

    def say_goodbye(self, reconnect_in: float) -> None:
        self.said.append(reconnect_in)

    async def close(self) -> None:
        await trio.sleep(1)
        self.closed = True


@pytest.fixture
def connections() -> Connections:
    return Connections(ping_interval=INTERVAL, ping_timeout=TIMEOUT)


def test_a_client_that_spoke_lately_is_left_alone(connections: Connections) -> None:
    client = Client(last_seen=10.0)
    connections.opened(client)
    connections.beat(10.0 + INTERVAL - 0.1)
    assert client.pings == 0


def test_a_silent_client_is_pinged_once(connections: Connections) -> None:
    client = Client()
    connections.opened(client)
    connections.beat(INTERVAL)
    connections.beat(INTERVAL + 1)
    assert (client.pings, client.dropped) == (1, False)


def test_a_client_that_stays_silent_after_a_ping_is_dropped(connections: Connections) -> None:
    client = Client()
    connections.opened(client)
    connections.beat(INTERVAL)
    connections.beat(INTERVAL + TIMEOUT - 0.1)
    assert not client.dropped
    connections.beat(INTERVAL + TIMEOUT)
    assert client.dropped


def test_any_sign_of_life_after_a_ping_saves_a_client_until_the_next(connections: Connections) -> None:
    client = Client()
    connections.opened(client)
    connections.beat(INTERVAL)
    client.last_seen = INTERVAL + 1
    connections.beat(INTERVAL + TIMEOUT)
    assert not client.dropped
    connections.beat(INTERVAL + 1 + INTERVAL)
    assert client.pings == 2


def test_an_answer_at_the_very_instant_of_the_ping_counts(connections: Connections) -> None:
    client = Client()
    connections.opened(client)
    connections.beat(INTERVAL)
    client.last_seen = INTERVAL
    connections.beat(INTERVAL + TIMEOUT)
    assert not client.dropped


def test_a_client_that_is_gone_is_forgotten(connections: Connections) -> None:
    client = Client()
    connections.opened(client)
    connections.closed(client)
    connections.closed(client)
    connections.beat(INTERVAL)
    assert (len(connections), client.pings) == (0, 0)


@given(st.lists(st.floats(0.1, 60), max_size=30))
def test_whoever_answers_each_ping_is_never_dropped(gaps: list[float]) -> None:
    connections, client, now = Connections(ping_interval=INTERVAL, ping_timeout=TIMEOUT), Client(), 0.0
    connections.opened(client)
    for gap in gaps:
        now += gap
        before = client.pings
        connections.beat(now)
        if client.pings > before:
            client.last_seen = now + 0.01
    assert not client.dropped


async def test_the_heartbeat_service_drops_a_mute_client_in_time(autojump_clock: trio.testing.MockClock) -> None:
    connections, client = Connections(ping_interval=INTERVAL, ping_timeout=TIMEOUT), Client(last_seen=0.0)
    client.last_seen = trio.current_time()
    connections.opened(client)
    async with trio.open_nursery() as nursery:
        await nursery.start(connections.heartbeat)
        await trio.sleep(INTERVAL + TIMEOUT + 2 * TIMEOUT / 4)
        nursery.cancel_scope.cancel()
    assert (client.pings, client.dropped) == (1, True)


async def test_closing_all_says_goodbye_first_and_closes_side_by_side(autojump_clock: trio.testing.MockClock) -> None:
    connections = Connections(ping_interval=INTERVAL, ping_timeout=TIMEOUT)
    clients = [Client() for _ in range(50)]
    for client in clients:
        connections.opened(client)
    began = trio.current_time()
    await connections.close_all(1.5)
    assert trio.current_time() - began == 1.0
    assert all(client.said == [1.5] and client.closed for client in clients)
