"""Socket.IO clients that poll too slowly or not at all, and what clients on either transport see of a server that goes
away or is full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio
from trio_websocket import ConnectionClosed

from actors.rules.registry import Registry
from net.config import Config, Limits
from net.testing.house import unhurried
from tests.samples.engineio import (
    POLLING,
    SEPARATOR,
    WEBSOCKET,
    Http,
    Poller,
    ask,
    connect_packet,
    event_packet,
    handshake_of,
    open_socket,
)
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}
SMALL = Config(limits=Limits(outbox_bytes=16384).without_rates())


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


async def watched(house: House) -> tuple[str, Poller, list[CroupierClient]]:
    """A game of three, one of whom polls: joined, and out of the game, so that the other two can go on without."""
    game_id = await house.new_game("tally", ["a", "b", "c"])
    players = [await house.player("a"), await house.player("b")]
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "c"))
    await poller.tell(event_packet("game:join", {"game_id": game_id}, 0))
    await poller.tell(event_packet("game:resign", {"game_id": game_id}, 0))
    await trio.sleep(0.01)
    assert len(await poller.packets()) == 5  # a CONNECT, two answers, two states
    return game_id, poller, players


async def guess(game_id: str, players: list[CroupierClient], times: int) -> None:
    """So many events, by the players in turn."""
    for number in range(times):
        await players[number % 2].act(game_id, MISS)


def events_in(packets: list[str]) -> list[tuple[str, Any]]:
    """The pushes among these packets: event and data."""
    return [tuple(orjson.loads(packet[8:])) for packet in packets if packet.startswith("42/game,")]


def states_in(packets: list[str]) -> list[int]:
    """The event ids of the states among these packets."""
    return [data["event_id"] for event, data in events_in(packets) if event == "game:state"]


# ---- a client that does not poll


async def test_a_client_that_is_between_two_gets_misses_nothing(house: House) -> None:
    game_id, poller, players = await watched(house)
    await guess(game_id, players, 50)
    assert states_in(await poller.packets()) == list(range(3, 53))


@pytest.mark.parametrize(("house_config", "most"), [(unhurried(), 65536 + 1024), (SMALL, 8192 + 1024)])
async def test_a_client_that_stays_away_finds_the_newest_state_every_answer_and_the_game_over(
    house: House, most: int
) -> None:
    game_id, poller, players = await watched(house)
    for beat in range(20):
        await guess(game_id, players, 10)
        await poller.tell(event_packet("heartbeat", {}, beat))
    await players[0].resign(game_id)
    body = (await poller.get()).body
    packets = body.decode().split(SEPARATOR)
    states = states_in(packets)
    assert states == sorted(set(states))
    assert len(states) < 200
    assert states[-1] == 203
    assert [event for event, _ in events_in(packets)][-2:] == ["game:state", "game:game_over"]
    answers = [packet[: packet.index("[")] for packet in packets if packet.startswith("43/game,")]
    assert answers == [f"43/game,{beat}" for beat in range(20)]
    assert len(body) < most


@pytest.mark.parametrize("house_config", [SMALL])
async def test_a_client_that_is_far_behind_is_kept_one_state_and_the_one_before_the_game_over(house: House) -> None:
    game_id, poller, players = await watched(house)
    await poller.tell(*[event_packet("game:fly", {}, number) for number in range(36)])
    await guess(game_id, players, 20)
    await players[0].resign(game_id)
    packets = await poller.packets()
    assert [event for event, _ in events_in(packets)] == ["game:state", "game:game_over"]
    assert states_in(packets) == [23]
    drops = house.app.inside.listener.drops  # as they are told of clients on WebSockets
    assert (drops.states, drops.clients) == (20, 0)
    assert sum(packet.startswith("43/game,") for packet in packets) == 36


@pytest.mark.parametrize("house_config", [SMALL])
async def test_a_client_for_which_too_much_waits_is_dropped_and_nobody_else_notices(house: House) -> None:
    game_id, poller, players = await watched(house)
    assert len(house.app.connections) == 3
    # Answers never make way: enough of them end the session, in the middle of this body.
    answer = await poller.post(*[event_packet("game:fly", {}, number) for number in range(500)])
    assert (answer.status, answer.body) == (200, b"ok")
    assert (await poller.get()).status == 400
    assert len(house.app.connections) == 2
    await guess(game_id, players, 4)
    assert (await players[0].join(game_id))["event_id"] == 6


async def test_a_client_that_does_not_poll_is_closed_after_its_ping(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "c"))
    await trio.sleep(44.9)
    assert len(house.app.connections) == 1
    await trio.sleep(0.2)
    assert (len(house.app.connections), len(house.app.engine)) == (0, 0)


async def test_one_that_never_polls_keeps_nobody_waiting(house: House) -> None:
    game_id, poller, players = await watched(house)
    began = trio.current_time()
    await guess(game_id, players, 20)
    alone = trio.current_time() - began
    await poller.hang()
    house.network.host("web").half_open()
    began = trio.current_time()
    await guess(game_id, players, 20)
    assert trio.current_time() - began == pytest.approx(alone, abs=0.001)


# ---- a server that goes away: the transport is dropped, because 41 or 44 would keep the clients from coming back


async def test_a_polling_client_of_a_server_that_stops_is_told_so_and_loses_its_transport(
    house: House, nursery: trio.Nursery
) -> None:
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    hanging = await poller.hang()
    nursery.start_soon(house.stop)
    assert (await hanging.answer()).body == b'42/game,["server:draining",{"reconnect_in":1}]'
    assert await poller.packets() == ["6"]  # neither 41 nor 44 nor 1: each keeps some clients from coming back
    with pytest.raises(OSError, match="nobody listens"):
        await poller.get()


async def test_a_polling_client_that_is_between_two_gets_still_fetches_its_answers_from_a_server_that_stops(
    house: House, nursery: trio.Nursery
) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    await poller.tell(event_packet("game:action", {"game_id": game_id, "action": MISS}, 1))
    await trio.sleep(0.1)
    nursery.start_soon(house.stop)
    await trio.sleep(0.5)
    refused = await ask(house, "GET", POLLING)
    assert (refused.status, refused.json["error"]["code"]) == (503, "draining")
    answer, draining, farewell = await poller.packets()
    assert answer.startswith('43/game,1[{"success":true,')
    assert (draining, farewell) == ('42/game,["server:draining",{"reconnect_in":1}]', "6")


async def test_a_polling_client_that_does_not_come_again_does_not_hold_up_a_server_that_stops(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    began = trio.current_time()
    await house.stop()
    assert trio.current_time() - began < 10


async def test_a_websocket_client_of_a_server_that_stops_is_told_so_and_loses_its_transport(
    house: House, nursery: trio.Nursery
) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    await websocket.send_message(connect_packet(house, "a"))
    await websocket.get_message()
    nursery.start_soon(house.stop)
    assert await websocket.get_message() == '42/game,["server:draining",{"reconnect_in":1}]'
    with pytest.raises(ConnectionClosed):
        await websocket.get_message()


async def test_connections_in_no_namespace_do_not_hold_up_a_server_that_stops(
    house: House, nursery: trio.Nursery
) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    poller = await Poller.open(house)
    hanging = await poller.hang()
    began = trio.current_time()
    nursery.start_soon(house.stop)
    assert (await hanging.answer()).body == b"6"  # a `1` would keep some clients from coming back
    with pytest.raises(ConnectionClosed):
        await websocket.get_message()
    assert trio.current_time() - began < 1


async def test_clients_come_back_to_a_server_that_was_killed(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await house.crash()
    await house.restart()
    assert (await poller.get()).status == 400  # the transport is lost; no 41, no 44
    again = await Poller.open(house)
    await again.tell(connect_packet(house, "a"))
    (answer,) = await again.packets()
    assert answer.startswith('40/game,{"sid":')


# ---- a server that is full


@pytest.mark.parametrize("house_config", [Config(limits=Limits(max_connections=2))])
@pytest.mark.parametrize("target", [POLLING, WEBSOCKET])
async def test_a_server_that_is_full_refuses_the_http_request(house: House, target: str) -> None:
    kept = [await Http.open(house) for _ in range(2)]
    for http in kept:
        assert (await http.ask("GET", POLLING)).status == 200
    refused = await ask(house, "GET", target)
    assert (refused.status, refused.json["error"]["code"]) == (503, "too_many_connections")
    kept[0].stream.close()
    await trio.sleep(0.01)
    assert (await ask(house, "GET", "/healthz")).status == 200


# ---- many requests at once


async def test_a_hundred_requests_in_one_post_are_all_served_as_they_are_over_a_websocket(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    requests = [event_packet("game:join", {"game_id": game_id}, number) for number in range(100)]
    await (await house.player("b")).join(game_id)  # the game is in memory: nothing waits for the store
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    await poller.tell(*requests)
    answers = [packet for packet in await poller.packets() if packet.startswith("43/game,")]
    assert [packet.split("[", 1)[0] for packet in answers] == [f"43/game,{number}" for number in range(100)]
    assert all('"success":true' in packet for packet in answers)


async def test_two_posts_at_once_are_taken_one_after_the_other_to_the_last_packet(house: House) -> None:
    """A packet with attachments is several messages: none of another POST may come between them."""
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    with_attachment = ['451-/game,0["heartbeat",{"_placeholder":true,"num":0}]', "bAAAA"]
    beats = [event_packet("heartbeat", {}, number) for number in range(1, 31)]
    first, second = await Http.open(house, "one"), await Http.open(house, "two")
    for http, packets in ((first, [*beats, *with_attachment]), (second, [*with_attachment, *beats])):
        await http.send("POST", poller.target, SEPARATOR.join(packets).encode(), (("Content-Type", "text/plain"),))
    assert [(await http.answer()).status for http in (first, second)] == [200, 200]
    assert len([packet for packet in await poller.packets() if packet.startswith("43/game,")]) == 62
