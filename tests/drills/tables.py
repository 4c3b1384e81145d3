"""Games that are always under way, for whatever is done to the server meanwhile."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from tests.drills.player import DrillPlayer, play_out, seat_two
from tests.drills.server import RealServer
from tests.drills.truth import Truth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@define(eq=False)
class Actions:
    """Counts the actions that are sent."""

    sent: int = 0
    _wanted: int = field(default=0, init=False)
    _reached: trio.Event = field(factory=trio.Event, init=False)

    def one_more(self) -> None:
        """An action is being sent."""
        self.sent += 1
        if self.sent >= self._wanted:
            self._reached.set()

    async def wait_for(self, more: int) -> None:
        """Waits until so many more have been sent."""
        self._wanted = self.sent + more
        self._reached = trio.Event()
        await self._reached.wait()


@define(eq=False)
class Tables:
    """Tables of two; where a game ends, the next one begins, until `closing`."""

    server: RealServer
    rng: random.Random
    actions: Actions = field(factory=Actions)
    players: list[DrillPlayer] = field(factory=list)
    closing: bool = False

    async def keep_playing(self) -> None:
        """One table."""
        while not self.closing:
            players = await seat_two(self.server, self.rng, acted=self.actions.one_more)
            self.players += players
            await play_out(*players)

    @property
    def refusals(self) -> set[str]:
        """The codes of all failures that any player was answered."""
        return {code for player in self.players for code in player.refusals}

    def hold_against_the_journal(self) -> None:
        """Fails unless everything that every player was told is what stands."""
        with self.server.store() as store:
            truths = {game_id: Truth.of(store, game_id) for game_id in {player.game_id for player in self.players}}
        for player in self.players:
            player.hold_against(truths[player.game_id])


@asynccontextmanager
async def busy_tables(server: RealServer, rng: random.Random, *, count: int = 3) -> AsyncIterator[Tables]:
    """Games under way for the length of a block; at its end they are played to theirs, and what all players were told
    is held against the journal."""
    tables = Tables(server, rng)
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(tables.keep_playing)
        yield tables
        tables.closing = True
    tables.hold_against_the_journal()
