"""How Engine.IO's sessions end when the server stops; and which subprotocol a WebSocket is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio
import trio.testing

from net.engineio_packets import EngineConfig, encode_message
from net.engineio_server import EngineServer
from net.handshake import Accept
from net.http import Request, Response
from net.testing.ports import SimEntropy
from tests.samples.engineio import PATH, UPGRADE

if TYPE_CHECKING:
    from net.engineio_client import Above, EngineClient


class Quiet:
    """A protocol above Engine.IO that says nothing of itself."""

    def receive(self, message: str | bytes) -> None:
        """Nothing."""

    def closed(self) -> None:
        """Nothing."""

    def next_deadline(self) -> float:
        return float("inf")

    def on_time(self, now: float) -> None:
        """Nothing."""


@pytest.fixture
def clients() -> list[EngineClient]:
    return []


@pytest.fixture
def server(clients: list[EngineClient]) -> EngineServer:
    def above(client: EngineClient) -> Above:
        clients.append(client)
        return Quiet()

    return EngineServer(EngineConfig(linger=30.0), SimEntropy(0), above)


def request(*headers: tuple[str, str], **query: str) -> Request:
    lowered = tuple((name.lower(), value) for name, value in headers)
    return Request("GET", PATH, ("socket.io", ""), {"EIO": "4", **query}, lowered, b"", "peer")


async def open_session(server: EngineServer) -> str:
    opened = await server.respond(request(transport="polling"))
    sid: str = orjson.loads(opened.body[1:])["sid"]
    return sid


async def test_a_server_that_stops_refuses_new_sessions_on_either_transport(server: EngineServer) -> None:
    server.close_all()
    refused = await server.respond(request(transport="polling"))
    no_upgrade = server.upgrade(request(*UPGRADE, transport="websocket"))
    assert isinstance(no_upgrade, Response)
    for response in (refused, no_upgrade):
        assert (response.status, orjson.loads(response.body)["error"]["code"]) == (503, "draining")


async def test_a_server_that_stops_has_none_left_when_each_polling_client_has_fetched_what_waited(
    server: EngineServer, clients: list[EngineClient], autojump_clock: trio.testing.MockClock
) -> None:
    sids = [await open_session(server) for _ in range(2)]
    for client in clients:
        client.trust()
        client.send([encode_message("bye")])
    server.close_all()
    for sid in sids:
        with trio.move_on_after(1.0) as waiting:
            await server.none_left()
        assert waiting.cancelled_caught
        assert (await server.respond(request(transport="polling", sid=sid))).body == b"4bye\x1e6"
    await server.none_left()
    assert len(server) == 0
    assert (await server.respond(request(transport="polling", sid=sids[0]))).status == 400


async def test_a_server_without_sessions_has_none_left_at_once(server: EngineServer) -> None:
    server.close_all()
    await server.none_left()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(None, None), ("mqtt", "mqtt"), ("mqtt, other", "mqtt"), ("not a token, mqtt", None), ("\xe9", None)],
)
def test_of_the_subprotocols_that_a_client_offers_the_first_is_chosen(
    offered: str | None, chosen: str | None, server: EngineServer
) -> None:
    headers = UPGRADE if offered is None else (*UPGRADE, ("Sec-WebSocket-Protocol", offered))
    accepted = server.upgrade(request(*headers, transport="websocket"))
    assert isinstance(accepted, Accept)
    assert accepted.subprotocol == chosen


async def test_of_too_many_that_say_nothing_the_oldest_goes_and_whoever_is_trusted_stays(
    clients: list[EngineClient],
) -> None:
    def above(client: EngineClient) -> Above:
        clients.append(client)
        return Quiet()

    server = EngineServer(EngineConfig(max_untrusted=2), SimEntropy(0), above)
    trusted = await open_session(server)
    clients[0].trust()
    oldest, *others = [await open_session(server) for _ in range(3)]
    assert len(server) == 3
    assert (await server.respond(request(transport="polling", sid=oldest))).status == 400
    for sid in (trusted, *others):
        assert sid in server._sessions
