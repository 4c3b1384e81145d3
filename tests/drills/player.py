"""The players of these drills: who does not give up, and whose record is held against the journal, as a drill's is."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from net.checks import (
    Over,
    Shown,
    all_answered,
    as_replayed,
    growing,
    nothing_lost,
    nothing_twice,
)
from net.client import ApiFailed, ConnectionLost, CroupierClient, Player
from net.client.play import Send
from net.drill.plan import Plan
from net.drill.players import Crowd, Recorder
from net.drill.score import Score
from net.outside import SystemClock

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.checks import (
        Diary,
    )
    from net.client import Ending
    from net.client.play import Look
    from tests.drills.server import RealServer
    from tests.drills.truth import Truth

OPTIONS = {"draw_when_playable": False, "hand_size": 9, "first_player": "seat_0"}
"""Games of some eighty events: players who choose at random, and may always draw, play for ever."""

CONNECTING = 30.0
"""Seconds that a server that listens may take to let a player in."""


@define(eq=False)
class Watched(Recorder):
    """Keeps the diary of a player who acts at once, and tells of each action that is sent."""

    acted: Callable[[], None] = lambda: None
    in_doubt: list[str] = field(factory=list, init=False)
    """The message ids that were sent when a connection died."""
    refusals: list[str] = field(factory=list, init=False)
    """The codes of all failures."""
    _under_way: str | None = field(default=None, init=False)

    async def think(self, player: Player, view: JsonObject) -> None:
        """See `Company`."""

    def asking(self, player: Player, move: Look | Send) -> None:
        """See `Company`."""
        super().asking(player, move)
        if isinstance(move, Send):
            if move.message_id not in self.answered_ids:
                self.acted()
            self._under_way = move.message_id

    def answered(self, player: Player, move: Look | Send, answer: JsonObject, seconds: float) -> None:
        """See `Company`."""
        self._under_way = None
        if not answer["success"]:
            self.refusals.append(answer["error"]["code"])
        super().answered(player, move, answer, seconds)

    def dropped(self, player: Player) -> None:
        """See `Company`."""
        if self._under_way is not None:
            self.in_doubt.append(self._under_way)
            self._under_way = None
        super().dropped(player)


class DrillPlayer:
    """One player of one game on a server that may die at any moment; `acted` is called whenever an action is sent.
    After a reconnect some requests that were answered before are sent again too."""

    def __init__(
        self,
        server: RealServer,
        user_id: str,
        game_id: str,
        rng: random.Random,
        acted: Callable[[], None] = lambda: None,
    ) -> None:
        self.user_id, self.game_id = user_id, game_id

        async def ready(_: Player) -> None:
            await server.wait_up()

        plan = Plan(str(rng.getrandbits(64)))
        crowd = Crowd(plan, Score(), SystemClock(), ready)
        self.recorder = Watched(crowd, plan.chance(user_id), None, acted)
        self.received: list[str | bytes] = []
        self._player = Player(
            user_id,
            game_id,
            server.token(user_id),
            server.connect,
            lambda view: rng.choice(view["legal_actions"]),
            self.recorder,
            (f"{user_id[:8]}-{n}" for n in itertools.count(1)),
            resume=True,
            received=self.received,
        )
        self.ending: Ending | None = None

    async def play(self) -> Ending:
        """Plays the game to its end, on as many connections as it takes."""
        self.ending = await self._player.play()
        return self.ending

    @property
    def in_doubt(self) -> list[str]:
        """The message ids that were sent when a connection died."""
        return self.recorder.in_doubt

    @property
    def refusals(self) -> list[str]:
        """The codes of all failures."""
        return self.recorder.refusals

    @property
    def connections(self) -> int:
        """How many it took."""
        return self._player.connections

    @property
    def diary(self) -> Diary:
        """What it has kept."""
        return self.recorder.diary(self._player)

    @property
    def views(self) -> list[JsonObject]:
        """Every view that came: of joins' answers, live and missed."""
        return [record.view for record in self.diary.records if isinstance(record, Shown)]

    # ---- afterwards

    def hold_against(self, truth: Truth) -> None:
        """Fails unless everything that this player was answered and shown is what the journal says: each
        acknowledged action is there, once, under its event id, and no other is."""
        diary, journal = self.diary, truth.written
        broken = [
            *nothing_lost([diary], journal),
            *nothing_twice([diary], journal),
            *growing(diary),
            *all_answered(diary, until=SystemClock().now()),
            *as_replayed(diary, truth.replayed),
        ]
        assert broken == []
        assert sum(isinstance(record, Over) for record in diary.records) <= 1
        assert set(truth.answers(self.user_id)) == set(self.recorder.answered_ids)
        assert list(truth.leaks(self.received, truth.game.seats[self.user_id])) == []
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
