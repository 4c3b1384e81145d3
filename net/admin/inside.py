"""What an operator may know of the server, in one place: for the metrics, the page, and what is asked over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import trio
from attrs import field, frozen

from actors.connections import Connections
from actors.directory import Directory
from actors.kit.shelter import Shelter
from actors.kit.tree import Node
from actors.meter import Meter
from actors.ports import Clock, Journal, StoreUnavailable
from actors.rules.registry import Registry
from net.config import Config
from net.config_load import Loaded
from net.listener import Listener
from net.redis import CommandRefused, Redis, ResultUnknown
from net.running_games import RunningGames
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from actors.messages import Description
    from actors.standing import Standing

STORE_PATIENCE = 1.0
"""Seconds that an operator's question waits for the store; then it is answered without what stands there."""


@frozen(eq=False)
class Inside:
    """The parts of a server that an operator asks about. `supervisors` grows until the server is built; `not_ready`
    gives the reasons why games cannot be served; `drain` asks for an orderly end."""

    config: Config
    meter: Meter
    directory: Directory
    connections: Connections
    listener: Listener
    store: Redis
    clock: Clock
    tree: Callable[[], Node]
    supervisors: Sequence[Shelter]
    not_ready: Callable[[], list[str]]
    draining: Callable[[], bool]
    drain: Callable[[], None]
    journal: Journal
    registry: Registry
    loaded: Loaded | None = None
    """Where each value of the configuration came from."""
    began: float = field(factory=trio.current_time)
    """When the server was built, on Trio's clock."""

    async def games_running(self) -> int | None:
        """How many games run, in memory or at rest, as the store has it; None when it does not say."""
        keys = StoreKeys(self.config.store.prefix)
        with trio.move_on_after(STORE_PATIENCE):
            try:
                count = await self.store.call("ZCARD", keys.running)
            except (StoreUnavailable, ResultUnknown, CommandRefused):
                return None
            return count if isinstance(count, int) else None
        return None

    async def latest_games(self, limit: int) -> list[Description]:
        """The games that run, those with the latest action first; none while the store is away."""
        games = RunningGames(self.store, prefix=self.config.store.prefix)
        with trio.move_on_after(STORE_PATIENCE):
            try:
                return await games.latest(limit)
            except StoreUnavailable:
                return []
        return []

    def tables(self) -> list[tuple[str, Standing, int]]:
        """The games in memory: id, standing, and how many messages wait in the table's mailbox."""
        return [(game_id, standing, table.depth) for game_id, standing, table in self.directory]
