"""Connection state recovery as the JavaScript client speaks it, on both transports: a CONNECT with `pid` and `offset`
is answered with what was missed and then with the same sid and pid; replacement ends with a `41`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio

from actors.rules.registry import Registry
from tests.samples.engineio import connect_packet, event_packet
from tests.samples.socketio import Over, PollingLine, SocketLine, answer_to, body_of, enter, open_line
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House
    from tests.samples.socketio import Line

MISS = {"type": "guess", "number": 5000}
STORED = ("game:state", "game:game_over")


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


@pytest.fixture(params=["polling", "websocket"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Stock:
    """A client as socket.io-client is one: it keeps its pid, and the last string at the end of an event."""

    def __init__(self, house: House, line: Line, user: str = "a") -> None:
        self.house = house
        self.line = line
        self.user = user
        self.sid = self.pid = self.offset = ""
        self.recovered = False
        self.buffered: list[Any] = []
        """The events that came before the CONNECT."""

    async def connect(self, **more: object) -> None:
        """Sends what the client sends, and takes in all that comes until it is connected."""
        known = {"pid": self.pid, "offset": self.offset} if self.pid else {}
        await self.line.send(connect_packet(self.house, self.user, **{"recovery": True, **known, **more}))
        self.buffered = []
        while not (packet := await self.line.next()).startswith("40/game,"):
            self.buffered.append(self.event(packet))
        answer = body_of(packet, "40/game,")
        self.recovered = bool(self.pid) and answer.get("pid") == self.pid
        self.sid, self.pid = answer["sid"], answer["pid"]

    def event(self, packet: str) -> Any:  # noqa: ANN401 - JSON
        event = body_of(packet, "42/game,")
        if isinstance(event[-1], str):
            self.offset = event[-1]
        return event

    async def take(self, count: int) -> list[Any]:
        """The next so many stored events."""
        events: list[Any] = []
        while len(events) < count:
            event = self.event(await self.line.next())
            if event[0] in STORED:
                events.append(event)
        return events

    async def join(self, game_id: str) -> None:
        await answer_to(self.line, "game:join", {"game_id": game_id})
        await self.take(1)

    async def cut(self) -> None:
        """The transport drops."""
        match self.line:
            case SocketLine(websocket):
                await trio.aclose_forcefully(websocket._stream)
            case PollingLine(poller):
                # A polling client that is gone is noticed when its hanging GET breaks.
                with trio.move_on_after(0.1):
                    await poller.get()
        await trio.sleep(0.1)


async def playing(house: House, nursery: trio.Nursery, transport: str) -> tuple[str, Stock, CroupierClient]:
    """A game between a stock client and one on `/ws`; the first has had its turn."""
    game_id = await house.new_game("tally", ["a", "b", "c"])
    client = Stock(house, await open_line(house, nursery, transport))
    await client.connect()
    await client.join(game_id)
    other = await house.player("b")
    await other.join(game_id)
    await client.line.send(event_packet("game:action", {"game_id": game_id, "action": MISS}))
    await client.take(1)
    return game_id, client, other


async def test_recovery_what_was_missed_comes_first_and_then_the_connect_with_the_same_sid_and_pid(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    game_id, client, other = await playing(house, nursery, transport)
    sid, pid = client.sid, client.pid
    await client.cut()
    await other.act(game_id, MISS)
    await other.resign(game_id)
    client.line = await open_line(house, nursery, transport)
    await client.connect()
    assert (client.recovered, client.sid, client.pid) == (True, sid, pid)
    assert [(e[0], e[1]["event_id"]) for e in client.buffered if e[0] in STORED] == [
        ("game:state", 3),
        ("game:state", 4),
    ]
    assert [e[0] for e in client.buffered if e[0] not in STORED] == ["game:opponent_status"] * 2 + [
        "game:spectator_count"
    ]
    assert all(len(e) == 2 for e in client.buffered if e[0] not in STORED)  # volatile: no offset
    answer = await answer_to(client.line, "game:resign", {"game_id": game_id})
    assert answer["game_over"] is True
    assert [e[0] for e in await client.take(2)] == ["game:state", "game:game_over"]


async def test_recovery_acks_are_not_replayed(house: House, nursery: trio.Nursery, transport: str) -> None:
    game_id, client, _ = await playing(house, nursery, transport)
    house.redis.pause()
    await client.line.send(event_packet("game:resign", {"game_id": game_id}, 9))
    await trio.sleep(0.1)
    await client.cut()
    house.redis.resume()
    await trio.sleep(1)
    client.line = await open_line(house, nursery, transport)
    await client.connect()
    assert client.recovered
    assert [e[1]["event_id"] for e in client.buffered if e[0] in STORED] == [3]


async def test_recovery_evicts_the_old_connection_that_counts_as_alive_by_closing_its_transport(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    game_id, client, other = await playing(house, nursery, transport)
    old, client.line = client.line, await open_line(house, nursery, transport)
    await client.connect()
    assert client.recovered
    left: list[str] = []
    with suppress(Over), trio.fail_after(5):
        while True:
            left.append(await old.next())
    assert not any("session:replaced" in packet or packet.startswith("41") for packet in left)
    await other.act(game_id, MISS)
    assert (await client.take(1))[0][1]["event_id"] == 3


async def test_recovery_is_used_up_a_copy_of_the_client_gets_a_session_of_its_own(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    _, client, _ = await playing(house, nursery, transport)
    await client.cut()
    copy = Stock(house, await open_line(house, nursery, transport))
    copy.pid, copy.offset = client.pid, client.offset
    client.line = await open_line(house, nursery, transport)
    await client.connect()
    await copy.connect()
    assert (client.recovered, copy.recovered) == (True, False)
    assert copy.buffered == []
    assert copy.sid != client.sid


async def test_recovery_after_the_server_was_killed(house: House, nursery: trio.Nursery, transport: str) -> None:
    game_id, client, other = await playing(house, nursery, transport)
    sid = client.sid
    await client.cut()
    await other.act(game_id, MISS)
    await house.crash()
    await house.start()
    client.line = await open_line(house, nursery, transport)
    await client.connect()
    assert (client.recovered, client.sid) == (True, sid)
    assert [e[1]["event_id"] for e in client.buffered if e[0] in STORED] == [3]


async def test_recovery_past_the_window_is_a_fresh_session_with_another_sid_and_pid(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    _, client, _ = await playing(house, nursery, transport)
    sid, pid = client.sid, client.pid
    await client.cut()
    await trio.sleep(house.config.sessions.recovery_window + 30)
    client.line = await open_line(house, nursery, transport)
    await client.connect()
    assert not client.recovered
    assert client.sid != sid
    assert client.pid != pid
    assert client.buffered == []


async def test_recovery_with_another_users_token_recovers_nothing(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    _, client, _ = await playing(house, nursery, transport)
    await client.cut()
    thief = Stock(house, await open_line(house, nursery, transport), "thief")
    thief.pid, thief.offset = client.pid, client.offset
    await thief.connect()
    assert (thief.recovered, thief.buffered) == (False, [])


@pytest.mark.parametrize("token", [None, "a.b.c"])
async def test_recovery_without_a_good_token_recovers_nothing(
    house: House, nursery: trio.Nursery, transport: str, token: str | None
) -> None:
    _, client, _ = await playing(house, nursery, transport)
    await client.cut()
    client.line = await open_line(house, nursery, transport)
    data = {"recovery": True, "pid": client.pid, "offset": client.offset} | ({} if token is None else {"token": token})
    await client.line.send("40/game," + orjson.dumps(data).decode())
    assert body_of(await client.line.next(), "44/game,")["data"] == {"code": "unauthorized"}


async def test_recovery_is_not_for_a_client_that_left_the_namespace_of_its_own_accord(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    _, client, _ = await playing(house, nursery, transport)
    await client.line.send("41/game")
    await client.connect()
    assert not client.recovered


async def test_requests_before_the_connect_is_answered_close_the_connection(
    house: House, nursery: trio.Nursery
) -> None:
    line = await open_line(house, nursery, "polling")  # where both come in one body
    await line.send(connect_packet(house, "a"), event_packet("heartbeat", {}, 1))
    with pytest.raises(Over):
        await line.next()
    await trio.sleep(0.1)
    assert len(house.app.connections) == 0


async def test_a_second_connect_before_the_first_is_answered_is_answered_once(
    house: House, nursery: trio.Nursery
) -> None:
    line = await open_line(house, nursery, "polling")  # where both come in one body
    packet = connect_packet(house, "a")
    await line.send(packet, packet)
    assert (await line.next()).startswith("40/game,")
    assert "server_time" in await answer_to(line, "heartbeat", {})


async def test_a_client_that_goes_before_its_connect_is_answered_leaves_nothing_behind(
    house: House, nursery: trio.Nursery
) -> None:
    line = await open_line(house, nursery, "websocket")
    assert isinstance(line, SocketLine)
    await line.websocket.send_message(connect_packet(house, "a"))
    await line.websocket.send_message("1")  # the session of Engine.IO ends before anything is answered
    await trio.sleep(0.1)
    assert len(house.app.connections) == 0
    assert len(house.app.engine) == 0


# ---- replacement


async def test_session_replaced_then_41_and_the_connection_stays(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    line = await open_line(house, nursery, transport)
    await enter(house, line, "a")
    newer = await house.player("a")
    assert await line.next() == '42/game,["session:replaced",{}]'
    assert await line.next() == "41/game,"
    assert await newer.heartbeat() > 0
    # The user, asked, takes it back on the very same connection; nothing does that by itself.
    await enter(house, line, "a")
    assert (await newer.next_push("session:replaced")).data == {}


async def test_session_replaced_while_it_is_being_recovered_is_told_so_once_it_is_in(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    _, client, _ = await playing(house, nursery, transport)
    await client.cut()
    await house.crash()
    await house.start()
    house.redis.pause()  # the table cannot be loaded yet
    client.line = await open_line(house, nursery, transport)
    async with trio.open_nursery() as connecting:
        connecting.start_soon(client.connect)
        await trio.sleep(0.5)
        newer = await house.player("a")
        house.redis.resume()
    packets = [await client.line.next() for _ in range(2)]
    assert packets == ['42/game,["session:replaced",{}]', "41/game,"]
    assert await newer.heartbeat() > 0
    assert len(house.app.connections) == 1
