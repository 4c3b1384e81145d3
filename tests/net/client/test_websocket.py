from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio
from attrs import define, field
from trio.testing import wait_all_tasks_blocked
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from net.client import (
    ConnectionLost,
    ConnectRefused,
    CroupierClient,
    PushMessage,
    RequestFailed,
    open_client,
    play,
    tcp,
)
from net.testing.network import SimNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

Json = dict[str, Any]
SUCCESS: Json = {"success": True}


@define(eq=False)
class Peer:
    """A server that a test holds in its hands: it sees each request, and sends what it likes."""

    network: SimNetwork = field(factory=SimNetwork)
    subprotocol: str | None = "croupier.v1.json"
    sockets: list[WebSocketConnection] = field(factory=list)
    requests: list[Json] = field(factory=list)
    answers: dict[str, list[Json]] = field(factory=dict)
    """For each event what is answered, in turn; then silence."""

    async def run(self) -> None:
        acceptor = self.network.listen("croupier")
        async with trio.open_nursery() as nursery:
            while True:
                nursery.start_soon(self._serve, await acceptor.accept())

    async def _serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            websocket = await request.accept(subprotocol=self.subprotocol)
            self.sockets.append(websocket)
            with suppress(ConnectionClosed):
                while True:
                    message = orjson.loads(await websocket.get_message())
                    self.requests.append(message)
                    if waiting := self.answers.get(message["event"]):
                        await self.send({"ack": message["id"], "data": waiting.pop(0)})

    async def send(self, message: Json) -> None:
        await self.sockets[-1].send_message(orjson.dumps(message).decode())


@pytest.fixture
async def peer(autojump_clock: MockClock) -> AsyncIterator[Peer]:
    peer = Peer()
    peer.answers["connect"] = [{"sid": "s", "pid": "p", "recovered": False} for _ in range(3)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.run)
        await wait_all_tasks_blocked()
        yield peer
        nursery.cancel_scope.cancel()


@pytest.fixture
async def client(peer: Peer, nursery: trio.Nursery) -> CroupierClient:
    return await CroupierClient.connect_ws(nursery, partial(peer.network.connect, "croupier"), "t0k3n", record=True)


# ---- connecting


async def test_it_says_who_it_is_first_and_learns_its_session(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    assert peer.requests == [{"event": "connect", "data": {"token": "t0k3n"}, "id": 1}]
    assert (client.sid, client.pid, client.recovered) == ("s", "p", False)
    assert peer.sockets[0].path == "/ws"
    await client.aclose()


async def test_it_asks_for_its_former_session(peer: Peer, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    stream = await peer.network.connect("croupier")
    await CroupierClient.connect_ws(nursery, stream, "t", recovery=True, pid="p", offset="g-3")
    assert peer.requests[0]["data"] == {"token": "t", "recovery": True, "pid": "p", "offset": "g-3"}


async def test_a_refused_token_is_raised_with_its_code(
    peer: Peer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    error = {"code": "token_expired", "message": "The token has expired."}
    peer.answers["connect"] = [{"success": False, "error": error, "request_message_id": ""}]
    with pytest.raises(ConnectRefused, match="has expired") as caught:
        await CroupierClient.connect_ws(nursery, partial(peer.network.connect, "croupier"), "old")
    assert caught.value.code == "token_expired"
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks


async def test_no_server_at_all_is_an_os_error(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    with pytest.raises(OSError, match="nobody listens"):
        await CroupierClient.connect_ws(nursery, partial(SimNetwork().connect, "croupier"), "t")


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull", b"HTTP/1.1 404 No\r\n\r\n", b"rubbish\r\n\r\n"],
)
async def test_a_server_that_does_not_shake_hands_is_a_lost_connection(
    answer: bytes, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    network = SimNetwork()
    acceptor = network.listen("croupier")

    async def refuse() -> None:
        stream = await acceptor.accept()
        await stream.receive_some()
        await stream.send_all(answer)
        await stream.aclose()

    nursery.start_soon(refuse)
    with pytest.raises(ConnectionLost):
        await CroupierClient.connect_ws(nursery, partial(network.connect, "croupier"), "t")
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks


async def test_a_server_of_another_protocol_is_not_talked_to(
    peer: Peer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    peer.subprotocol = None
    with pytest.raises(ConnectionLost, match=r"1002.*croupier\.v1\.json"):
        await CroupierClient.connect_ws(nursery, partial(peer.network.connect, "croupier"), "t")
    assert peer.requests == []


async def test_a_cancelled_connect_leaves_nothing_behind(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    network = SimNetwork()
    acceptor = network.listen("croupier")
    with trio.move_on_after(10) as patience:
        await CroupierClient.connect_ws(nursery, partial(network.connect, "croupier"), "t")
    assert patience.cancelled_caught
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks
    server = await acceptor.accept()
    while await server.receive_some():
        pass


async def test_it_connects_by_tcp_too(nursery: trio.Nursery) -> None:
    peer = Peer(
        answers={"connect": [{"sid": "s", "pid": "p", "recovered": False}], "heartbeat": [{"server_time": 1.5}]}
    )
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, peer._serve, [listener])
    client = await CroupierClient.connect_ws(nursery, tcp("127.0.0.1", listener.socket.getsockname()[1]), "t0k3n")
    assert await client.heartbeat() == 1.5
    await client.aclose()
    nursery.cancel_scope.cancel()


# ---- requests


async def test_each_request_gets_its_own_answer_in_whatever_order_they_come(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    got: dict[str, Json] = {}

    async def ask(event: str) -> None:
        got[event] = await client.request(event, {})

    async with trio.open_nursery() as nursery:
        for event in ("one", "two", "three"):
            nursery.start_soon(ask, event)
            await wait_all_tasks_blocked()
        for request in reversed(peer.requests[1:]):
            await peer.send({"ack": request["id"], "data": {"to": request["event"]}})
    assert got == {event: {"to": event} for event in ("one", "two", "three")}


async def test_the_answer_to_a_cancelled_request_is_dropped(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(1):
        await client.request("slow")
    await peer.send({"ack": peer.requests[-1]["id"], "data": {"late": True}})
    peer.answers["fast"] = [{"late": False}]
    assert await client.request("fast") == {"late": False}


async def test_the_methods_send_what_the_contract_says(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    peer.answers |= {
        "game:join": [SUCCESS, SUCCESS],
        "game:action": [SUCCESS],
        "game:resign": [SUCCESS],
        "heartbeat": [{"server_time": 5.5}],
    }
    await client.join("g")
    await client.join("g", last_event_id=3)
    await client.act("g", {"type": "draw"}, "m1")
    await client.resign("g")
    assert await client.heartbeat() == 5.5
    assert [(request["event"], request["data"]) for request in peer.requests[1:]] == [
        ("game:join", {"game_id": "g"}),
        ("game:join", {"game_id": "g", "last_event_id": 3}),
        ("game:action", {"game_id": "g", "action": {"type": "draw"}, "message_id": "m1"}),
        ("game:resign", {"game_id": "g"}),
        ("heartbeat", {}),
    ]


async def test_a_failure_is_data_to_a_request_and_raised_by_the_methods(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    error = {"code": "not_your_turn", "message": "it is bob's turn", "details": {"current_player_id": "bob"}}
    failure = {"success": False, "error": error, "request_message_id": "m1"}
    peer.answers["game:action"] = [failure, failure]
    assert await client.request("game:action", {}) == failure
    with pytest.raises(RequestFailed) as caught:
        await client.act("g", {"type": "draw"}, "m1")
    assert (caught.value.code, caught.value.message_id) == ("not_your_turn", "m1")
    assert caught.value.details == {"current_player_id": "bob"}


# ---- pushes


async def test_pushes_are_kept_in_order_and_taken_by_name(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    states = [{"game_id": "g", "event_id": n} for n in (1, 2)]
    await peer.send({"event": "game:state", "data": states[0]})
    await peer.send({"event": "game:created", "data": {}})
    await peer.send({"event": "game:state", "data": states[1], "offset": "g-2"})
    assert await client.next_push("game:created") == PushMessage("game:created", {})
    assert await client.next_push() == PushMessage("game:state", states[0])
    assert await client.next_push() == PushMessage("game:state", states[1], "g-2")
    assert (client.latest_state, client.latest_offset, client.pushes) == (states[1], "g-2", ())


async def test_a_push_wakes_whoever_waits_for_it(peer: Peer, client: CroupierClient, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.next_push, "game:game_over")
        await wait_all_tasks_blocked()
        await peer.send({"event": "game:state", "data": {}})
        await wait_all_tasks_blocked()
        assert nursery.child_tasks
        await peer.send({"event": "game:game_over", "data": {}})
    assert [push.event for push in client.pushes] == ["game:state"]


async def test_the_view_of_a_join_is_the_latest_state_until_a_newer_one_comes(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    joined = {"success": True, "event_id": 1}
    peer.answers["game:join"] = [joined]
    await client.join("g")
    assert client.latest_state == joined
    await peer.send({"event": "game:state", "data": {"event_id": 2}})
    await client.next_push()
    assert client.latest_state == {"event_id": 2}


async def test_every_message_is_kept_if_asked_for(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    await peer.send({"event": "game:state", "data": {"hand": "8♠"}})
    await client.next_push()
    assert client.received == [
        '{"ack":1,"data":{"sid":"s","pid":"p","recovered":false}}',
        '{"event":"game:state","data":{"hand":"8♠"}}',
    ]
    assert "8♠".encode() in client.received_bytes


# ---- the end


async def test_a_dead_connection_is_told_to_everybody_who_waits_and_to_whoever_comes_later(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    async def ask() -> None:
        with pytest.raises(ConnectionLost):
            await client.request("anything")

    async def wait() -> None:
        with pytest.raises(ConnectionLost):
            await client.next_push()

    async with trio.open_nursery() as nursery:
        for waiter in (ask, ask, wait, wait):
            nursery.start_soon(waiter)
        await wait_all_tasks_blocked()
        peer.network.host("croupier").cut()
    assert client.lost is not None
    await ask()
    await wait()


async def test_pushes_that_came_before_the_end_can_still_be_taken(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    await peer.send({"event": "session:replaced", "data": {}})
    await peer.sockets[0].aclose(4001, "replaced")
    assert (await client.next_push()).event == "session:replaced"
    with pytest.raises(ConnectionLost) as caught:
        await client.next_push()
    assert (caught.value.code, caught.value.reason) == (4001, "replaced")


@pytest.mark.parametrize("message", ["{", "[]", '{"neither": "nor"}'], ids=["no JSON", "a list", "neither"])
async def test_a_server_that_breaks_the_protocol_is_left(
    message: str, peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    await peer.sockets[0].send_message(message)
    with pytest.raises(ConnectionLost):
        await client.next_push()


async def test_closing_says_goodbye(peer: Peer, client: CroupierClient, autojump_clock: MockClock) -> None:
    await client.aclose()
    await client.aclose()
    closed = peer.sockets[0].closed
    assert closed is not None
    assert closed.code == 1000
    with pytest.raises(ConnectionLost):
        await client.heartbeat()


async def test_closing_does_not_wait_for_a_mute_server_for_ever(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    peer.network.host("croupier").half_open()
    start = trio.current_time()
    await client.aclose()
    assert trio.current_time() - start == 5.0


async def test_dropping_hangs_up_without_a_word(peer: Peer, client: CroupierClient, autojump_clock: MockClock) -> None:
    client.drop()
    await wait_all_tasks_blocked()
    closed = peer.sockets[0].closed
    assert closed is not None
    assert closed.code == 1006


async def test_a_client_for_the_length_of_a_block(peer: Peer, autojump_clock: MockClock) -> None:
    async with open_client(partial(peer.network.connect, "croupier"), "t") as client:
        assert client.sid == "s"
    assert client.lost is not None


# ---- playing


def view(event_id: int, *legal: str, over: bool = False) -> Json:
    seen: Json = {"game_id": "g", "event_id": event_id, "game_over": over}
    if legal:
        seen["legal_actions"] = [{"type": action} for action in legal]
    if over:
        seen |= {"winner_id": "alice", "results": {"alice": 1.0}, "end_reason": "won"}
    return seen


async def test_a_game_is_played_over_a_lost_connection_with_nothing_sent_under_a_second_id(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    peer.answers["game:join"] = [SUCCESS | view(1, "draw"), SUCCESS | view(2)]
    seen: list[int] = []

    async def reconnect() -> CroupierClient:
        peer.answers["game:action"] = [SUCCESS | {"event_id": 2}]
        return await CroupierClient.connect_ws(players, partial(peer.network.connect, "croupier"), "t")

    async def fall_over() -> None:
        await wait_all_tasks_blocked()
        assert peer.requests[-1]["event"] == "game:action"
        peer.network.host("croupier").cut()
        await trio.sleep(10)
        await peer.send({"event": "game:state", "data": {"game_id": "another", "event_id": 99}})
        await peer.send({"event": "game:state", "data": view(3, over=True)})

    async with trio.open_nursery() as players:
        players.start_soon(fall_over)
        ending = await play(
            client,
            "g",
            lambda view: view["legal_actions"][0],
            reconnect=reconnect,
            seen=lambda view: seen.append(view["event_id"]),
        )
        players.cancel_scope.cancel()
    assert (ending.winner_id, ending.end_reason, seen) == ("alice", "won", [1, 2, 3])
    actions = [request["data"] for request in peer.requests if request["event"] == "game:action"]
    assert actions == [{"game_id": "g", "action": {"type": "draw"}, "message_id": "m1"}] * 2


async def test_without_a_way_back_a_lost_connection_ends_the_playing(
    peer: Peer, client: CroupierClient, autojump_clock: MockClock
) -> None:
    peer.answers["game:join"] = [SUCCESS | view(1)]

    async def fall_over() -> None:
        await wait_all_tasks_blocked()
        peer.network.host("croupier").cut()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fall_over)
        with pytest.raises(ConnectionLost):
            await play(client, "g", lambda view: view)
