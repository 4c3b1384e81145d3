"""A player who does not give up: reconnects, joins again with the last event seen, sends again what was not answered,
and keeps a record of everything."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson
import trio
from attrs import define, field

from actors.rules.interface import JsonObject
from net.client import ApiFailed, ConnectionLost, CroupierClient, Ending
from net.client.play import Leave, Look, Pause, Seat, Send, Wait
from tests.drills.server import RealServer
from tests.drills.truth import standing

if TYPE_CHECKING:
    from tests.drills.truth import Truth

OPTIONS = {"draw_when_playable": False, "hand_size": 9, "first_player": "seat_0"}
"""Games of some eighty events: players who choose at random, and may always draw, play for ever."""

CONNECTING = 30.0
"""Seconds that a server that listens may take to let a player in."""


@define(eq=False)
class DrillPlayer:
    """One player of one game on a server that may die at any moment.

    `acted` is called whenever an action has been handed to the connection. After a reconnect some requests that were
    answered before are sent again too: their answers must be the same, byte for byte.
    """

    server: RealServer
    user_id: str
    game_id: str
    rng: random.Random
    acted: Callable[[], None] = lambda: None
    answers: dict[str, bytes] = field(factory=dict, init=False)
    """The answer to each message id that was acknowledged."""
    actions: dict[str, JsonObject] = field(factory=dict, init=False)
    """What was sent under each message id."""
    in_doubt: list[str] = field(factory=list, init=False)
    """The message ids that were sent when a connection died."""
    standing: list[str] = field(factory=list, init=False)
    """Those of them that had been written before they were sent again."""
    refusals: list[str] = field(factory=list, init=False)
    """The codes of all failures."""
    views: list[JsonObject] = field(factory=list, init=False)
    """Every view that came: of joins' answers, live and missed."""
    received: list[str | bytes] = field(factory=list, init=False)
    """Every message that came on any connection."""
    connections: int = field(default=0, init=False)
    ending: Ending | None = field(default=None, init=False)
    _seat: Seat = field(init=False)
    _unanswered: str | None = field(default=None, init=False)
    _joined_at: int = field(default=0, init=False)
    _last: JsonObject | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        ids = (f"{self.user_id[:8]}-{n}" for n in itertools.count(1))
        self._seat = Seat(self.game_id, self._choose, ids)

    def _choose(self, seen: JsonObject) -> JsonObject:
        chosen: JsonObject = self.rng.choice(seen["legal_actions"])
        return chosen

    async def play(self) -> Ending:
        """Plays the game to its end, on as many connections as it takes. Nobody may play for it twice at once."""
        while True:
            await self.server.wait_up()
            try:
                async with trio.open_nursery() as nursery:
                    ending = await self._play_on_one_connection(nursery)
                    nursery.cancel_scope.cancel()
            except* (ConnectionLost, OSError):
                self._seat.lost()
                await trio.sleep(0.005)
            else:
                self.ending = ending
                return ending

    async def _play_on_one_connection(self, nursery: trio.Nursery) -> Ending:
        client = await enter(nursery, self.server, self.user_id)
        self.connections += 1
        try:
            return await self._play(client)
        finally:
            self.received += client.received
            client.drop()

    async def _play(self, client: CroupierClient) -> Ending:
        while True:
            match self._seat.next():
                case Look():
                    await self._join(client)
                case Send(action, message_id):
                    await self._act(client, action, message_id)
                case Pause(seconds):
                    await trio.sleep(seconds)
                case Wait():
                    await self._listen(client)
                case Leave(ending):
                    return ending

    # ---- one step

    async def _join(self, client: CroupierClient) -> None:
        data: JsonObject = {"game_id": self.game_id}
        if self._last is not None:
            data["last_event_id"] = self._last["event_id"]
        answer = await client.request("game:join", data)
        if not answer["success"]:
            self.refusals.append(answer["error"]["code"])
            self._seat.looked(answer)
            return
        if self._last is not None:
            self._hold_against_the_last_view(answer)
        self._saw(answer)
        self._joined_at = answer["event_id"]
        state = await client.next_push("game:state")
        assert state.data["changes"] == []
        assert state.data["event_id"] == answer["event_id"]
        self._saw(state.data)
        for message_id in self.rng.sample(sorted(self.answers), min(2, len(self.answers))):
            before = self.answers[message_id]
            await self._request_action(client, self.actions[message_id], message_id)
            assert last_answer(client) == before, f"{message_id} was answered otherwise than before"
        if self._unanswered is not None:  # also when the game is over: it may be what ended it
            await self._act(client, self.actions[self._unanswered], self._unanswered)
        self._seat.looked(answer)

    def _hold_against_the_last_view(self, answer: JsonObject) -> None:
        """Nothing that was shown is gone, nothing is left out, and where nothing happened all is as it was."""
        last = self._last
        assert last is not None
        assert answer["event_id"] >= last["event_id"], "the server has lost an event that it had shown"
        missed = answer["missed"]
        assert [seen["event_id"] for seen in missed] == list(range(last["event_id"] + 1, answer["event_id"] + 1))
        for seen in missed:
            self._saw(seen)
        if answer["event_id"] == last["event_id"]:
            assert answer["state"]["hand"] == last["state"]["hand"]
            assert standing(answer) == standing(last)

    async def _act(self, client: CroupierClient, action: JsonObject, message_id: str) -> None:
        self.actions[message_id] = action
        self._unanswered = message_id
        try:
            answer = await self._request_action(client, action, message_id, tell=self.acted)
        except ConnectionLost:
            self.in_doubt.append(message_id)
            raise
        self._unanswered = None
        if answer["success"]:
            if message_id in self.in_doubt and answer["event_id"] <= self._joined_at:
                self.standing.append(message_id)
            self.answers[message_id] = last_answer(client)
        else:
            self.refusals.append(answer["error"]["code"])
        self._seat.answered(answer)

    async def _request_action(
        self, client: CroupierClient, action: JsonObject, message_id: str, tell: Callable[[], None] = lambda: None
    ) -> JsonObject:
        data = {"game_id": self.game_id, "action": action, "message_id": message_id}
        tell()
        return await client.request("game:action", data)

    async def _listen(self, client: CroupierClient) -> None:
        push = await client.next_push()
        if push.event == "game:state":
            assert self._last is not None
            assert push.data["event_id"] > self._last["event_id"], "a state came twice, or late"
            self._saw(push.data)
            if not push.data["game_over"]:  # else the final word must follow
                self._seat.saw(push.data)
        elif push.event == "game:game_over":
            self._seat.over(push.data)

    def _saw(self, seen: JsonObject) -> None:
        self.views.append(seen)
        self._last = seen

    # ---- afterwards

    def hold_against(self, truth: Truth) -> None:
        """Fails unless everything that this player was answered and shown is what the journal says: each
        acknowledged action is there, once, under its event id, and no other is."""
        assert self.answers == truth.answers(self.user_id)
        for message_id, answer in self.answers.items():
            event = truth.events[orjson.loads(answer)["event_id"] - 1]
            assert getattr(event, "message_id", None) == message_id
            assert getattr(event, "action", None) == self.actions[message_id]
        for seen in self.views:
            truth.hold_against(seen, self.user_id)
        seat = truth.game.seats[self.user_id]
        assert list(truth.leaks(self.received, seat)) == []
        self._hold_against_the_end(truth)

    def _hold_against_the_end(self, truth: Truth) -> None:
        ended, ending = truth.last.ended, self.ending
        assert ended is not None
        assert ending is not None
        assert ending.event_id == truth.last.event_id
        assert ending.winner_id == truth.game.player(ended.winner)
        assert ending.results == dict(zip(truth.game.created.players, ended.scores, strict=True))
        assert ending.end_reason == ended.reason


def last_answer(client: CroupierClient) -> bytes:
    """The data of the answer that came last, as it stood on the wire."""
    text = next(text for text in reversed(client.received) if isinstance(text, str) and text.startswith('{"ack":'))
    return text.partition(',"data":')[2].removesuffix("}").encode()


def person(rng: random.Random) -> str:
    """A fresh user id, of a person."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


async def make_game(server: RealServer, rng: random.Random) -> tuple[str, tuple[str, str]]:
    """A game of two fresh people, of whom the first is to act first: its id, and theirs."""
    users = person(rng), person(rng)
    return await server.api.create_game("crazy_eights", users, options=OPTIONS), users


async def enter(nursery: trio.Nursery, server: RealServer, user_id: str) -> CroupierClient:
    """Connects a user whose every step the test itself takes."""
    with trio.fail_after(CONNECTING):
        return await CroupierClient.connect_ws(nursery, server.connect, server.token(user_id), record=True)


async def seat_two(
    server: RealServer, rng: random.Random, *, acted: Callable[[], None] = lambda: None
) -> tuple[DrillPlayer, DrillPlayer]:
    """Makes a game for two players; tries again while the server is being killed."""
    while True:
        await server.wait_up()
        try:
            game_id, users = await make_game(server, rng)
        except (ConnectionLost, OSError, ApiFailed) as error:
            if isinstance(error, ApiFailed) and error.status != 503:
                raise
            await trio.sleep(0.005)
        else:
            one, two = (DrillPlayer(server, user, game_id, random.Random(rng.random()), acted) for user in users)
            return one, two


async def play_out(*players: DrillPlayer) -> None:
    """All of them play, side by side, until their games are over."""
    async with trio.open_nursery() as nursery:
        for player in players:
            nursery.start_soon(player.play)
