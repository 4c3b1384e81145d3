"""Clients that read too slowly, or not at all: what they get, what they miss, and that nobody waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio
from attrs import define, field

from actors.rules.registry import Registry
from net.config import Config, Limits
from net.testing.house import ADDRESS, LINK
from net.testing.streams import Link, SimStream
from tests.samples.engineio import UPGRADE, Http
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}
NARROW = Link(latency=0.001, capacity=2000)
"""What holds two states or three: the rest waits in the server."""


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


@define(eq=False)
class Stalled:
    """A client on `/ws` by hand, which reads when it is told to."""

    stream: SimStream
    _received: bytes = field(default=b"", init=False)

    @classmethod
    async def open(cls, house: House, user: str) -> Stalled:
        """Connects over a narrow link; from then on it reads nothing by itself."""
        house.network.link = NARROW
        stream = await house.network.host(user).connect(ADDRESS)
        house.network.link = LINK
        http = Http(stream)
        await http.send("GET", "/ws", headers=(*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json")))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        client = cls(stream)
        await client.say("connect", {"token": house.token(user)}, 0)
        assert (await client.message())["ack"] == 0
        return client

    async def say(self, event: str, data: object, ack: int | None = None) -> None:
        body = orjson.dumps({"event": event, "data": data, **({} if ack is None else {"id": ack})})
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
        await self.stream.send_all(b"\x81" + size + bytes(4) + body)

    async def message(self) -> dict[str, Any]:
        """The next message; there may be none but texts."""
        head = await self._take(2)
        assert head[0] == 0x81, head
        size = head[1] if head[1] < 126 else int.from_bytes(await self._take(2 if head[1] == 126 else 8), "big")
        message: dict[str, Any] = orjson.loads(await self._take(size))
        return message

    async def messages(self, until: str) -> list[dict[str, Any]]:
        """All messages up to a push of this event."""
        messages = [await self.message()]
        while messages[-1].get("event") != until:
            messages.append(await self.message())
        return messages

    async def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            part = await self.stream.receive_some()
            assert part, "the server hung up"
            self._received += part
        taken, self._received = self._received[:count], self._received[count:]
        return taken


async def seated(house: House, *players: str) -> tuple[str, list[CroupierClient]]:
    game_id = await house.new_game("tally", players)
    clients = [await house.player(player) for player in players]
    for client in clients:
        await client.join(game_id)
        await client.next_push("game:state")
    return game_id, clients


async def play(game_id: str, players: list[CroupierClient], rounds: int) -> list[float]:
    """So many turns, each with a state for every player; how long each took, in virtual seconds."""
    took = []
    for turn in range(rounds):
        began = trio.current_time()
        await players[turn % len(players)].act(game_id, MISS)
        for player in players:
            await player.next_push("game:state")
        took.append(trio.current_time() - began)
    return took


def event_ids(messages: list[dict[str, Any]], event: str) -> list[int]:
    return [message["data"]["event_id"] for message in messages if message.get("event") == event]


async def test_a_stalled_spectator_never_delays_a_player(house: House) -> None:
    game_id, players = await seated(house, "a", "b")
    await play(game_id, players, 2)
    alone = await play(game_id, players, 10)
    stalled = [await Stalled.open(house, f"s{number}") for number in range(5)]
    for spectator in stalled:
        await spectator.say("game:spectate", {"game_id": game_id}, 1)
    await trio.sleep(1)
    watched = await play(game_id, players, 50)
    assert max(watched) == pytest.approx(max(alone))


async def test_a_stalled_spectator_skips_to_the_newest_state_and_misses_no_game_over(house: House) -> None:
    game_id, players = await seated(house, "a", "b")
    spectator = await Stalled.open(house, "s")
    await spectator.say("game:spectate", {"game_id": game_id}, 1)
    await trio.sleep(1)
    await play(game_id, players, 60)
    await players[0].resign(game_id)
    messages = await spectator.messages("game:game_over")
    states = event_ids(messages, "game:state")
    assert states == sorted(set(states))
    assert len(states) < 20
    assert messages[-1]["data"]["event_id"] == states[-1] == 62
    assert event_ids(messages, "game:game_over") == [62]


async def test_a_stalled_player_gets_every_answer_in_order_and_the_newest_state(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    b = await house.player("b")
    await b.join(game_id)
    a = await Stalled.open(house, "a")
    await a.say("game:join", {"game_id": game_id}, 1)
    for turn in range(30):
        await a.say("game:action", {"game_id": game_id, "action": MISS}, 100 + turn)
        await trio.sleep(0.1)
        await b.act(game_id, MISS)
    await b.resign(game_id)
    messages = await a.messages("game:game_over")
    answers = [message["ack"] for message in messages if "ack" in message]
    assert answers == [1, *range(100, 130)]
    assert all(message["data"]["success"] for message in messages if "ack" in message)
    states = event_ids(messages, "game:state")
    assert states == sorted(set(states))
    assert states[-1] == 62
    assert len(states) < 61


SMALL = Config(limits=Limits(outbox_bytes=8192).without_rates())


@pytest.mark.parametrize("house_config", [SMALL])
async def test_states_alone_never_drop_a_client_however_long_it_stalls(house: House) -> None:
    game_id, players = await seated(house, "a", "b")
    spectator = await Stalled.open(house, "s")
    await spectator.say("game:spectate", {"game_id": game_id}, 1)
    await trio.sleep(1)
    await play(game_id, players, 200)
    assert house.app._listener.open_connections == 3
    await players[0].resign(game_id)
    assert (await spectator.messages("game:game_over"))[-1]["data"]["event_id"] == 202


@pytest.mark.parametrize("house_config", [SMALL])
async def test_past_the_bound_a_client_is_dropped_and_only_that_one(house: House) -> None:
    game_id, players = await seated(house, "a", "b")
    await play(game_id, players, 2)
    alone = await play(game_id, players, 10)
    greedy = await Stalled.open(house, "s")

    async def ask_and_never_read() -> None:
        for ack in range(1000):  # answers may not be skipped
            await greedy.say("heartbeat", {}, ack)

    with pytest.raises(trio.BrokenResourceError):
        await ask_and_never_read()
    await trio.sleep(1)
    assert house.app._listener.open_connections == 2
    assert max(await play(game_id, players, 20)) == pytest.approx(max(alone))
