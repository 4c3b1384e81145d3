"""A journal on a real store, behind a line that can be tampered with."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import redis as redis_py
import trio
from attrs import define

from actors.events import Acted, Created
from actors.ports import StoreUnavailable
from actors.snapshot import Snapshot
from net.journal import RedisJournal
from net.ownership import Ownership
from net.redis import Redis
from tests.samples.store import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from actors.events import Event
    from net.journal import RedisJournalWriter


GAME = "game-1"
KEY = f"croupier:game:{GAME}"
SNAP = f"croupier:snap:{GAME}"
RUNNING = ["croupier:games:running", "croupier:user_games:ann", "croupier:user_games:ben"]
ENDED = "croupier:games:ended"
DEADLINES = "croupier:deadlines"
CREATED = Created(
    event_id=1,
    at=1000.0,
    game_id=GAME,
    rules="crazy_eights",
    rules_version="1",
    players=("ann", "ben"),
    seed="s",
)


def acted(event_id: int, *, at: float | None = None, player: str = "ann") -> Acted:
    """An action that the journal does not look into."""
    return Acted(
        event_id=event_id,
        at=1000.0 + event_id if at is None else at,
        player_id=player,
        action={"type": "play", "n": event_id},
        chance_position=0,
    )


def snapshot(event_id: int, **changes: Any) -> Snapshot:  # noqa: ANN401 (whatever its fields are)
    """A snapshot of the game after this event."""
    fields: dict[str, Any] = {
        "game_id": GAME,
        "event_id": event_id,
        "at": 1000.0 if event_id == 1 else 1000.0 + event_id,
        "rules": CREATED.rules,
        "rules_version": CREATED.rules_version,
        "chance_position": 7,
        "state": {"cards": [1, 2], "after": event_id},
        "deadline": 12.5,
        "answered": (("ann", "m1", 2), ("ben", "m1", 3)),
    }
    return Snapshot(**{**fields, **changes})


@define(eq=False)
class Scene:
    """A journal on the shared server, behind the proxy. `oracle` is redis-py on that server, past the proxy."""

    redis: Redis
    ownership: Ownership
    journal: RedisJournal
    proxy: Proxy
    oracle: redis_py.Redis

    async def play(self, last: int = 3, *, created: Created = CREATED) -> RedisJournalWriter:
        """A writer of a game that has this many events, after the last."""
        await self.journal.create(created)
        writer = self.journal.writer(created, 1)
        for event_id in range(2, last + 1):
            await writer.append(acted(event_id), ends=False)
        return writer

    async def events(self, game_id: str = GAME) -> list[Event]:
        """What is loaded of the game, its creation first."""
        loaded = await self.journal.load(game_id)
        return [loaded.created, *loaded.events]

    async def settled(self) -> None:
        """Returns when what was sent before has been executed."""
        await self.redis.call("PING")

    # ---- what stands

    def keys(self) -> list[str]:
        """Every key but the owner, in order."""
        found = cast("list[bytes]", self.oracle.keys())
        return sorted(key.decode() for key in found if key.decode() != self.ownership.key)

    def entries(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """The entries of the stream."""
        return cast("list[tuple[bytes, dict[bytes, bytes]]]", self.oracle.xrange(KEY))

    def ids(self) -> list[str]:
        """The ids of the entries."""
        return [entry_id.decode() for entry_id, _ in self.entries()]

    def running(self) -> list[float | None]:
        """The game's scores in the indexes of running games."""
        return [self.oracle.zscore(key, GAME) for key in RUNNING]

    def ended(self) -> float | None:
        """When the game ended, as the archivist finds it."""
        return self.oracle.zscore(ENDED, GAME)

    def deadline(self) -> float | None:
        """The game's deadline."""
        return self.oracle.zscore(DEADLINES, GAME)

    # ---- what is done behind the journal's back

    def replace(self) -> None:
        """Another server is started on the store."""
        self.oracle.set(self.ownership.key, "another server's")

    def add(self, entry_id: str, fields: Any) -> None:  # noqa: ANN401 (as redis-py's)
        """Adds an entry to the stream."""
        self.oracle.xadd(KEY, fields, id=entry_id)

    def lose_the_last(self) -> None:
        """The stream as a store has it that came back without the last event."""
        kept = self.entries()[:-1]
        self.oracle.delete(KEY)
        for entry_id, fields in kept:
            self.add(entry_id.decode(), fields)

    # ---- what goes wrong

    @asynccontextmanager
    async def in_doubt(self, write: Callable[[], Awaitable[object]]) -> AsyncIterator[trio.Nursery]:
        """Begins this write. Inside the block it is on its way to the store, held up; at its end the line is cut, and
        the write goes on until it knows. `proxy.lines[0].deliver()` makes what was held arrive after all."""
        async with trio.open_nursery() as nursery:
            self.proxy.hold_writes = True
            nursery.start_soon(write)
            await self.proxy.held.wait()
            yield nursery
            self.proxy.hold_writes = False
            self.proxy.lines[0].cut()

    @asynccontextmanager
    async def reply_lost(self, write: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Does this write, loses the first reply, and with it the line, and waits at the end of the block until the
        write knows."""
        async with trio.open_nursery() as nursery:
            self.proxy.lose_replies = True
            nursery.start_soon(write)
            await self.proxy.lost.wait()
            self.proxy.lose_replies = False
            yield
        assert len(self.proxy.lines) > 1

    async def cut(self) -> None:
        """Cuts the line; returns when the client is connected anew."""
        lines = len(self.proxy.lines)
        self.proxy.lines[-1].cut()
        with trio.fail_after(30):
            await self.proxy.given_out(lines + 1)
            await self.redis.wait_available()


async def append_when_there(writer: RedisJournalWriter, event: Event) -> None:
    """Appends, as soon as the store is there."""
    with trio.fail_after(30):
        while True:
            try:
                return await writer.append(event, ends=False)
            except StoreUnavailable:
                await trio.sleep(0.01)


@asynccontextmanager
async def open_scene(
    oracle: redis_py.Redis,
    socket: str,
    entropy: Any,  # noqa: ANN401 (a port)
    *,
    ends_dead_connections: bool = False,
) -> AsyncIterator[Scene]:
    """A scene for the length of a block; games are loaded in pages of five. By default it is on a store that does not
    let us end dead connections, so that what was held on one can arrive late."""
    may = "+" if ends_dead_connections else "-"
    cast("Any", oracle).acl_setuser("default", enabled=True, commands=[f"{may}client|kill"])
    proxy = Proxy(partial(trio.open_unix_socket, socket))
    redis = Redis(proxy.connect, entropy=entropy)
    async with trio.open_nursery() as nursery:
        await nursery.start(redis.run)
        ownership = Ownership(entropy=entropy)
        await ownership.claim(redis)
        yield Scene(redis, ownership, RedisJournal(redis, ownership, entropy=entropy, page=5), proxy, oracle)
        nursery.cancel_scope.cancel()
    await proxy.close()
    cast("Any", oracle).acl_setuser("default", enabled=True, commands=["+client|kill"])
