"""Two people, two bare WebSockets, one whole game: nothing here but the documented protocol."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import trio
from attrs import Factory, define
from trio_websocket import WebSocketConnection, open_websocket_url

from net.checks import standing
from net.client import Api
from tests.drills.player import person
from tests.drills.server import PATIENCE, RealServer, croupier
from tests.drills.truth import Truth, cards_in

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {"draw_when_playable": False}
MOST_MISSED = 100
"""Of more than 200 events none is shown again (contract, section 2), and now and then a game is that long."""

PRESENCE = {"game:created", "game:reconnected", "game:opponent_status", "game:spectator_count"}


@define(eq=False)
class Bare:
    """A WebSocket and JSON. Knows nothing of the game's rules."""

    socket: WebSocketConnection
    rng: random.Random
    received: list[str] = Factory(list)

    async def send(self, event: str, data: object, ack: int | str) -> None:
        """One request."""
        await self.socket.send_message(json.dumps({"event": event, "data": data, "id": ack}))

    async def receive(self) -> Any:  # noqa: ANN401 - JSON
        """The next message that is not about who is there, and comes when it likes."""
        while True:
            text = await self.socket.get_message()
            assert isinstance(text, str)
            self.received.append(text)
            message = json.loads(text)
            if message.get("event") not in PRESENCE:
                return message

    async def ask(self, event: str, data: object) -> Any:  # noqa: ANN401 - JSON
        """One request and its answer, which is the next message (see `receive`)."""
        ack = f"{event}-{len(self.received)}"
        await self.send(event, data, ack)
        answer = await self.receive()
        assert answer.keys() == {"ack", "data"}
        assert answer["ack"] == ack
        return answer["data"]

    async def join(self, game_id: str, **more: object) -> Any:  # noqa: ANN401 - JSON
        """The view that a join is answered with, of which the state that follows says nothing new."""
        joined = await self.ask("game:join", {"game_id": game_id, **more})
        assert joined["success"] is True
        push = await self.receive()
        assert push.keys() == {"event", "data"}
        assert push["event"] == "game:state"
        assert push["data"]["changes"] == []
        assert standing(joined) == standing(push["data"])
        return joined

    async def play(self, seen: Any) -> Any:  # noqa: ANN401 - JSON
        """Chooses from `legal_actions` until the game is over; returns the data of the `game:game_over`."""
        game_id = seen["game_id"]
        while True:
            if "legal_actions" in seen:
                action = self.rng.choice(seen["legal_actions"])
                answer = await self.ask("game:action", {"game_id": game_id, "action": action})
                assert answer["success"] is True
                assert answer["event_id"] == seen["event_id"] + 1
            push = await self.receive()
            if push["event"] == "game:game_over":
                return push["data"]
            assert push["event"] == "game:state"
            assert push["data"]["event_id"] == seen["event_id"] + 1
            seen = push["data"]


async def test_two_bare_clients_play_a_whole_game_and_neither_receives_a_card_that_it_may_not_see(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    people = [person(rng), person(rng)]
    # At this level most is logged: what must not be said is not said there either.
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data", {"CROUPIER_LOG_LEVEL": "debug"}) as server:
            api = Api(server.connect, await token(server, "operator", "--service"))
            secret = f"the deal of this game follows from {seed}"
            game_id = await api.create_game("crazy_eights", people, options=OPTIONS, seed=secret)
            url = f"ws://{server.address}/ws"
            async with (
                open_websocket_url(url, subprotocols=["croupier.v1.json"]) as first,
                open_websocket_url(url, subprotocols=["croupier.v1.json"]) as second,
            ):
                players = [Bare(first, random.Random(rng.random())), Bare(second, random.Random(rng.random()))]
                views, endings = [], []
                for player, user_id in zip(players, people, strict=True):
                    hello = await player.ask("connect", {"token": await token(server, user_id)})
                    assert hello.keys() == {"sid", "pid", "recovered"}
                    views.append(await player.join(game_id))
                await draw_out_of_turn(players, views, game_id)

                async def play(seat: int) -> None:
                    endings.append(await players[seat].play(views[seat]))

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(play, 0)
                    nursery.start_soon(play, 1)
                # Once it is over all hands lie open, but not as they were before.
                since = max(1, endings[0]["event_id"] - MOST_MISSED)
                again = [await player.join(game_id, last_event_id=since) for player in players]
            described = await api.game(game_id)
            with server.store() as store:
                truth = Truth.of(store, game_id)
            complaints = server.complaints
        log = server.stderr
    for user_id, view in zip(people, again, strict=True):
        for seen in [view, *view["missed"]]:
            truth.hold_against(seen, user_id)
        assert [seen["event_id"] for seen in view["missed"]] == list(range(since + 1, len(truth.events) + 1))
    ended = truth.last.ended
    assert ended is not None
    for ending in [*endings, described]:
        assert ending["winner_id"] == truth.game.player(ended.winner)
        assert ending["results"] == dict(zip(people, ended.scores, strict=True))
    for seat, player in enumerate(players):
        assert list(truth.leaks(player.received, seat)) == []
        assert list(truth.leaks(player.received, 1 - seat)) != []  # and they would be seen, if there were any
        assert not any(secret in text for text in player.received)
    assert cards_in(log.encode()) == set()
    assert secret not in log
    assert complaints == []


async def draw_out_of_turn(players: list[Bare], views: list[Any], game_id: str) -> None:
    """Whose turn it is not is told so, and nothing else."""
    [waiting] = [seat for seat, view in enumerate(views) if "legal_actions" not in view]
    refused = await players[waiting].ask("game:action", {"game_id": game_id, "action": {"type": "draw"}})
    assert refused["success"] is False
    assert refused["error"]["code"] == "not_your_turn"
    assert refused["error"]["details"]["to_act"] == views[waiting]["to_act"]


async def token(server: RealServer, *arguments: str) -> str:
    """What `croupier token` prints for this server's data directory."""
    done = await croupier("token", *arguments, "--data-dir", server.data, cwd=server.data.parent)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.strip()
