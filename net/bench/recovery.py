"""How long a server takes to be back, against the number of games at rest; and what a game takes up where."""

from __future__ import annotations

from contextlib import asynccontextmanager
from statistics import median
from typing import TYPE_CHECKING, Final
from uuid import UUID

import trio
from attrs import define, frozen

from net.bench.errors import BenchFailed
from net.bench.process import ProcessMeter, is_linux
from net.bench.progress import Watcher
from net.bench.server import LocalServer, started_server
from net.client import ApiFailed, Company, ConnectionLost, Player
from net.durability import info_fields
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.client import Api
    from net.redis import Redis

SIZES: Final = (100, 1_000, 10_000)
"""Games at rest; the others are compared with the first."""

CLOCKS_ONE_IN: Final = 100
"""Of so many games one has a running turn clock."""

ROUNDS: Final = 3
"""Kills of each kind, of which the median is taken."""

PLAYED: Final = 20
"""Games that are played to their end, to see what they take up."""

_RULES: Final = "crazy_eights"
_OPTIONS: Final[JsonObject] = {"draw_when_playable": False, "hand_size": 9}
_LONG: Final = 86400.0
_AT_A_TIME: Final = 16
_PATIENCE: Final = 60.0
_LOOK: Final = 0.05
_CONNECTIONS: Final = 1000
_YEAR: Final = "31536000"


@frozen
class Recovery:
    """The seconds from a start to the server's being ready, with so many games at rest: after a kill of the server
    alone, and of the server and its store, which then reads its file anew. `cpu` are the seconds of processor that the
    server had used by then, and `memory` the bytes that were its own; both after a kill of the server alone, and only
    where /proc tells."""

    games: int
    server: tuple[float, ...]
    both: tuple[float, ...]
    cpu: tuple[float, ...] = ()
    memory: tuple[float, ...] = ()

    @property
    def server_median(self) -> float:
        """After a kill of the server alone."""
        return median(self.server)

    @property
    def both_median(self) -> float:
        """After a kill of both."""
        return median(self.both)

    @property
    def cpu_median(self) -> float | None:
        """Seconds; None where nothing tells of it."""
        return median(self.cpu) if self.cpu else None

    @property
    def memory_median(self) -> float | None:
        """Bytes; None where nothing tells of it."""
        return median(self.memory) if self.memory else None


@frozen
class Sizes:
    """Bytes that a game takes up, on average: in the store just dealt and at rest, in the store when it has ended with
    `events` events, there when it is archived, and in the archive."""

    dealt: float
    ended: float
    archived_in_store: float
    archive: float
    events: float


@frozen
class Figures:
    """What was measured."""

    recoveries: tuple[Recovery, ...]
    sizes: Sizes


async def measure(sizes: Sequence[int], watcher: Watcher) -> Figures:
    """Measures on servers of its own. Raises BenchFailed, ServerFailed, alone or in a group; leaves nothing running."""
    async with resting_server() as server:
        bench = Bench(server, watcher)
        before = await bench.store_memory()
        recoveries = []
        made = 0
        for games in sizes:
            await bench.deal(made, games)
            made = games
            recoveries.append(await bench.recover(games))
        dealt = (await bench.store_memory() - before) / made
    async with resting_server() as server:
        figures = await Bench(server, watcher).take_up(dealt)
    return Figures(tuple(recoveries), figures)


@asynccontextmanager
async def resting_server() -> AsyncIterator[LocalServer]:
    """A server that must not end by itself, and whose games come to rest soon. What the block raises comes in an
    ExceptionGroup."""
    environ = {"CROUPIER_GAMES_PASSIVATE_AFTER": "0.5", "CROUPIER_GAMES_ARCHIVE_AFTER": _YEAR}
    async with started_server(connections=_CONNECTIONS, environ=environ) as server, trio.open_nursery() as nursery:
        nursery.start_soon(server.watch)
        yield server
        nursery.cancel_scope.cancel()


@define(eq=False)
class Bench:
    """Measures one server that serves nobody else."""

    server: LocalServer
    watcher: Watcher

    # ---- recovery

    async def deal(self, first: int, last: int) -> None:
        """Makes the games from number `first` to `last`, and waits until they are at rest."""
        self.watcher.step(f"{last} games: dealing", last - first)
        numbers = iter(range(first, last))
        api = self.server.api
        async with trio.open_nursery() as nursery:
            for _ in range(_AT_A_TIME):
                nursery.start_soon(self._deal, numbers, api)
        await trio.sleep(1.5)  # three times as long as a game stays in memory that nobody talks to

    async def _deal(self, numbers: object, api: Api) -> None:
        for number in numbers:  # type: ignore[attr-defined]
            turn = _LONG if number % CLOCKS_ONE_IN == 0 else None
            await self._made(api, [_user(2 * number), _user(2 * number + 1)], turn)
            self.watcher.done()

    async def _made(self, api: Api, users: Sequence[str], turn: float | None) -> str:
        try:
            return await api.create_game(_RULES, users, options=_OPTIONS, turn_timeout_seconds=turn)
        except (ApiFailed, ConnectionLost, OSError) as error:
            raise BenchFailed(f"the server makes no game: {error}") from None

    async def recover(self, games: int) -> Recovery:
        """Kills and starts it again and again."""
        server, both, cpu, memory = [], [], [], []
        self.watcher.step(f"{games} games: killing and starting", 2 * ROUNDS)
        for _ in range(ROUNDS):
            await self.server.kill()
            server.append(await self._start())
            if is_linux():
                meter = ProcessMeter(self.server.pid)
                cpu.append(meter.cpu())
                memory.append(float(meter.memory()))
            await self.server.kill()
            await self.server.clear_store()
            both.append(await self._start())
        return Recovery(games, tuple(server), tuple(both), tuple(cpu), tuple(memory))

    async def _start(self) -> float:
        began = trio.current_time()
        await self.server.start()
        self.watcher.done()
        return trio.current_time() - began

    # ---- bytes

    async def store_memory(self) -> float:
        """Bytes that the store has allocated for its data."""
        async with self.server.open_store() as redis:
            fields = info_fields(await redis.call("INFO", "memory"))
        return float(fields["used_memory_dataset"])

    async def take_up(self, dealt: float) -> Sizes:
        """Plays games to their end, looks what they take up, has them archived, and looks again."""
        self.watcher.step(f"{PLAYED} games: playing them to their end", PLAYED)
        ids: list[str] = []
        async with trio.open_nursery() as nursery:
            for number in range(PLAYED):
                users = [_user(2 * number), _user(2 * number + 1)]
                ids.append(await self._made(self.server.api, users, None))
                nursery.start_soon(self._play, ids[-1], users)
        events = 0
        for game_id in ids:
            events += (await self.server.api.game(game_id))["event_count"]
        ended = await self._of_games(ids)
        self.watcher.step(f"{PLAYED} games: archiving", PLAYED)
        archive = self.server.data / "archive.sqlite"
        before = _size(archive)
        await self.server.stop()
        self.server.environ = {**self.server.environ, "CROUPIER_GAMES_ARCHIVE_AFTER": "0"}
        await self.server.start()
        await self._until_archived()
        left = await self._of_games(ids)
        await self.server.stop()  # in order, so that SQLite's log is in the file
        return Sizes(dealt, ended / PLAYED, left / PLAYED, (_size(archive) - before) / PLAYED, events / PLAYED)

    async def _play(self, game_id: str, users: Sequence[str]) -> None:
        company = Company()
        async with trio.open_nursery() as nursery:
            for user in users:
                token = self.server.token(user)
                player = Player(user, game_id, token, self.server.connect, lambda v: v["legal_actions"][0], company)
                nursery.start_soon(player.play)
        self.watcher.done()

    async def _of_games(self, ids: Sequence[str]) -> int:
        """Bytes that the store has for these games: their journals and their snapshots."""
        keys = StoreKeys(self.server.config.store.prefix)
        total = 0
        async with self.server.open_store() as redis:
            for game_id in ids:
                for key in (keys.game(game_id), keys.snapshot(game_id)):
                    total += await _memory_usage(redis, key)
        return total

    async def _until_archived(self) -> None:
        keys = StoreKeys(self.server.config.store.prefix)
        with trio.move_on_after(_PATIENCE):
            async with self.server.open_store() as redis:
                while await redis.call("ZCARD", keys.ended) != 0:  # noqa: ASYNC110 - nothing tells of it
                    await trio.sleep(_LOOK)
            return
        raise BenchFailed(f"the games are not archived within {_PATIENCE:g} s")


async def _memory_usage(redis: Redis, key: str) -> int:
    used = await redis.call("MEMORY", "USAGE", key, "SAMPLES", 0)
    return used if isinstance(used, int) else 0


def _size(file: Path) -> int:
    """The bytes of an SQLite database, with its log."""
    parts = [file, file.with_name(f"{file.name}-wal")]
    return sum(part.stat().st_size for part in parts if part.exists())


def _user(number: int) -> str:
    """A person: their ids are UUIDs."""
    return str(UUID(int=number, version=4))
