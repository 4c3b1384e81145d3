"""What durability costs: actions a second with each `appendfsync`, in one run."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final
from uuid import UUID

import orjson
import trio
from attrs import define, field, frozen

from net.auth import Scope
from net.bench.client import TRANSPORTS
from net.bench.errors import BenchFailed
from net.bench.server import LocalServer, started_server
from net.client import Api, ApiFailed, ConnectionLost

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.bench.client import Client
    from net.bench.progress import Watcher

LEVELS: Final = ("no", "everysec", "always")
"""`[store] durability`; the others are compared with the first, which waits for no disk."""

TURNS: Final = 5
_RULES: Final = "crazy_eights"
_OPTIONS: Final[JsonObject] = {"draw_when_playable": False, "hand_size": 9}
_SPARE_CONNECTIONS: Final = 200
_PATIENCE: Final = 60.0
"""Seconds that all players may take to be seated, or to come to rest."""


@frozen
class Figures:
    """What one level made: `actions` acknowledged in `seconds`, and the seconds that they waited, all together."""

    level: str
    actions: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    @property
    def rate(self) -> float:
        """Actions a second, of all tables together."""
        return self.actions / self.seconds if self.seconds else 0.0

    @property
    def latency(self) -> float:
        """Seconds from an action to its answer, on average."""
        return self.waited / self.actions if self.actions else 0.0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.level, self.actions + other.actions, self.seconds + other.seconds, self.waited + other.waited
        )


async def compare(*, tables: int, seconds: float, watcher: Watcher) -> list[Figures]:
    """Lets `tables` of two play on a server of each level, by turns, for so many seconds each: the machine's mood
    changes, and the ratios must not change with it. Raises BenchFailed, ServerFailed, alone or in a group; leaves
    nothing running."""
    figures = [Figures(level) for level in LEVELS]
    async with AsyncExitStack() as stack:
        crowds: list[Crowd] = []
        for level in LEVELS:
            watcher.step(f"appendfsync {level}: starting a server", 1)
            environ = {"CROUPIER_STORE_DURABILITY": level}
            server = started_server(connections=2 * tables + _SPARE_CONNECTIONS, environ=environ)
            crowds.append(Crowd(level, await stack.enter_async_context(server)))
        async with trio.open_nursery() as nursery:
            for crowd in crowds:
                nursery.start_soon(crowd.server.watch)
            for crowd in crowds:
                watcher.step(f"appendfsync {crowd.level}: seating {2 * tables} players", 1)
                await crowd.seat(tables, nursery)
                await crowd.play(seconds / TURNS / 2)  # what is made once is made now
            for turn in range(TURNS):
                for number, crowd in enumerate(crowds):
                    watcher.step(f"appendfsync {crowd.level}: turn {turn + 1} of {TURNS}", 1)
                    figures[number] += await crowd.play(seconds / TURNS)
            nursery.cancel_scope.cancel()
    return figures


@define(eq=False)
class Crowd:
    """The players of one server, two at a table. They act at once, by the first of their legal actions, while they
    may; where a game ends, the next begins."""

    level: str
    server: LocalServer
    _actions: int = field(default=0, init=False)
    _waited: float = field(default=0.0, init=False)
    _under_way: int = field(default=0, init=False)
    _may: trio.Event = field(factory=trio.Event, init=False)
    _rested: trio.Event = field(factory=trio.Event, init=False)

    async def seat(self, tables: int, nursery: trio.Nursery) -> None:
        """Seats them; they play in the nursery. Raises BenchFailed, there too."""
        with trio.move_on_after(_PATIENCE):
            for table in range(tables):
                users = [_user(2 * table), _user(2 * table + 1)]
                clients = []
                for user in users:
                    clients.append(await TRANSPORTS[0].connect(self.server.dial, self.server.token(user)))  # noqa: PERF401
                nursery.start_soon(self._keep_playing, users, clients)
            return
        raise BenchFailed(f"the players are not seated within {_PATIENCE:g} s")

    async def play(self, seconds: float) -> Figures:
        """Lets them play for so long; returns when they rest, what they did. Raises BenchFailed."""
        before = Figures(self.level, self._actions, 0.0, self._waited)
        began = trio.current_time()
        self._may.set()
        await trio.sleep(seconds)
        self._may = trio.Event()
        with trio.move_on_after(_PATIENCE):
            while self._under_way:
                self._rested = trio.Event()
                await self._rested.wait()
            took = trio.current_time() - began
            return Figures(self.level, self._actions - before.actions, took, self._waited - before.waited)
        raise BenchFailed(f"{self._under_way} actions have no answer within {_PATIENCE:g} s")

    # ---- one table

    async def _keep_playing(self, users: list[str], clients: list[Client]) -> None:
        try:
            while True:
                game_id = await self._new_game(users)
                async with trio.open_nursery() as game:
                    for client in clients:
                        game.start_soon(self._play, client, game_id)
        finally:
            for client in clients:
                client.hang_up()

    async def _new_game(self, users: list[str]) -> str:
        await self._may.wait()
        api = Api(self.server.connect, self.server.token("bench", Scope.SERVICE))
        try:
            return await api.create_game(_RULES, users, options=_OPTIONS)
        except (ApiFailed, ConnectionLost, OSError) as error:
            raise BenchFailed(f"the server makes no game: {error}") from None

    async def _play(self, client: Client, game_id: str) -> None:
        """One player's part in one game."""
        sent_at: float | None = None
        await client.tell("game:join", {"game_id": game_id})
        while True:
            message: JsonObject = orjson.loads(await client.hear())
            event, data = message.get("event"), message["data"]
            if "ack" in message:
                if not data["success"]:
                    raise BenchFailed(f"the server answered with {data['error']['code']}")
                if sent_at is not None:
                    self._answered(trio.current_time() - sent_at)
                    sent_at = None
            elif event == "game:game_over" and data["game_id"] == game_id:
                return
            elif event == "game:state" and data["game_id"] == game_id and data.get("legal_actions"):
                await self._may.wait()
                self._under_way += 1
                sent_at = trio.current_time()
                await client.tell("game:action", {"game_id": game_id, "action": data["legal_actions"][0]})

    def _answered(self, seconds: float) -> None:
        self._actions += 1
        self._waited += seconds
        self._under_way -= 1
        if not self._under_way:
            self._rested.set()


def _user(number: int) -> str:
    """A person: their ids are UUIDs."""
    return str(UUID(int=number, version=4))
