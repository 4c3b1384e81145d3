"""A game's stream in Redis, as the journal uses it: keys, commands, entries, and whose entry stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from net.redis import CommandRefused, ResultUnknown
from net.resp import pack_word
from net.store_scripts import APPEND, CREATE, DEADLINE, FINISH, LOAD, RETIRE, SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from net.redis import Arg, Redis, Reply
    from net.scripts import Prepared, Scripts
    from net.store_keys import StoreKeys


@frozen
class Entry:
    """One entry of a game's stream: an event as it is encoded, and the nonce of who wrote it."""

    event_id: int
    event: bytes
    nonce: bytes


@frozen
class Head:
    """What a game is loaded from: its snapshot as it is encoded, if there is one; its first entry, if there is that;
    and the first entries from the snapshot's event on (without a snapshot: from the first on)."""

    snapshot: bytes | None
    first: Entry | None
    entries: list[Entry]


class GameStream:
    """The stream of one game, with what is written together with it.

    What reads raises StoreUnavailable, and StoreLostData when what stands there is no journal.
    """

    def __init__(self, redis: Redis, scripts: Scripts, keys: StoreKeys, game_id: str) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys
        self._game_id = game_id
        self.key = keys.game(game_id)
        self._prepared: Prepared | None = None
        self._game_word = b""

    # ---- writing

    async def create(self, entry: Entry, indexes: Sequence[str], *, at: float, deadline: float | None) -> None:
        """Begins the stream with this entry, and puts the game into these sorted sets by `at`, and among the deadlines
        if it has one; all of it or nothing. Raises as `append` does."""
        keys = (self.key, self._keys.deadlines, *indexes)
        args = (*_fields(entry), self._game_id, at, "" if deadline is None else deadline)
        await self._add(entry, self._scripts.call(CREATE, keys, args))

    async def append(
        self, entry: Entry, indexes: Sequence[str], *, at: float, deadline: float | str | None, epoch: int
    ) -> None:
        """Appends to the stream, if there is one, on this connection, and with that moves the game to `at` in those of
        these sorted sets in which it is, and sets its deadline, or (None) takes it away, or leaves it AS_IT_STANDS; all
        of it or nothing.

        Returns when this entry stands, perhaps from an earlier sending of it. Raises Fenced when another
        stands in its place; StoreLostData when none does, or there is no stream; StoreUnavailable when
        nothing was written now (ServerReplaced: nor will be); ResultUnknown.
        """
        keys = (self.key, self._keys.deadlines, *indexes)
        args = (*_fields(entry), self._game_id, at, "" if deadline is None else deadline)
        await self._add(entry, self._scripts.call(APPEND, keys, args, epoch=epoch))

    def append_at_once(
        self,
        entry: Entry,
        indexes: Sequence[str],
        *,
        at: float,
        deadline: float | str | None,
        epoch: int,
        heard: Callable[[Reply | Exception], None],
    ) -> bool:
        """Sends what `append` sends, and calls `heard` with what comes of it: bytes when the entry stands; what else it
        may be, `settle` knows. False: nothing was sent."""
        if self._prepared is None:
            self._prepared = self._scripts.prepared(APPEND, (self.key, self._keys.deadlines, *indexes), args=6)
            self._game_word = pack_word(self._game_id)
        # By hand, for this is the one command that every action of every game costs.
        event, stamp = entry.event, repr(at)
        args = b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b$%d\r\n%b\r\n%b" % (
            pack_word(f"{entry.event_id}-0"),
            len(event),
            event,
            len(entry.nonce),
            entry.nonce,
            self._game_word,
            len(stamp),
            stamp.encode(),
            pack_word("" if deadline is None else deadline),
        )
        return self._prepared.call_soon(args, epoch=epoch, heard=heard)

    async def settle(self, entry: Entry, outcome: Reply | Exception) -> None:
        """Goes on as `append` does when this has come of it."""
        await self._add(entry, self._scripts.settle(outcome))

    async def finish(self, entry: Entry, indexes: Sequence[str], *, at: float, epoch: int) -> None:
        """Appends the game's last entry, and with that takes the game out of these sorted sets and of the deadlines,
        and puts it by `at` among the games that have ended; all of it or nothing. Else as `append`."""
        keys = (self.key, self._keys.snapshot(self._game_id), self._keys.ended, self._keys.deadlines, *indexes)
        args = (*_fields(entry), self._game_id, at, entry.event_id)
        await self._add(entry, self._scripts.call(FINISH, keys, args, epoch=epoch))

    def set_deadline(self, last_event_id: int, deadline: float | None) -> bool:
        """Sets the game's deadline, soon, or takes it away, if it is running and the stream ends with this event.
        False: the store is away, and nothing will happen."""
        keys = (self.key, self._keys.deadlines, self._keys.running)
        args = (f"{last_event_id}-0", self._game_id, "" if deadline is None else deadline)
        return self._scripts.send(DEADLINE, keys, args)

    def retire(self, last_event_id: int, indexes: Sequence[str], *, at: float) -> None:
        """Does to the sorted sets, soon, what `finish` does, if the stream ends with this event."""
        keys = (self.key, self._keys.ended, self._keys.deadlines, *indexes)
        self._scripts.send(RETIRE, keys, (f"{last_event_id}-0", self._game_id, at))

    def save(self, event_id: int, snapshot: bytes) -> None:
        """Keeps the snapshot, soon, if this event stands and no later snapshot does."""
        self._scripts.send(SNAPSHOT, (self._keys.snapshot(self._game_id), self.key), (event_id, snapshot))

    async def _add(self, entry: Entry, call: Awaitable[Reply]) -> None:
        try:
            added = await call
        except CommandRefused as refused:
            await self._settle(entry, refused)
        else:
            if added is None:
                raise StoreLostData(f"game {self._game_id}: its journal is gone")

    async def _settle(self, entry: Entry, refused: CommandRefused) -> None:
        # This refusal has no code of its own. The text is xaddCommand's, in t_stream.c, since Redis 5.
        if "equal or smaller than" in refused.message:
            await self.ours_or_fenced(entry)
        elif refused.code == "WRONGTYPE":
            raise self._no_journal()
        else:
            raise StoreUnavailable(refused.message)

    async def ours_or_fenced(self, entry: Entry) -> None:
        """Returns if this very entry stands. Raises Fenced if another stands in its place, StoreLostData if
        none does."""
        standing = await self.one(entry.event_id)
        if standing is None:
            raise StoreLostData(f"game {self._game_id}: event {entry.event_id} stood, and is gone")
        if standing != entry:
            raise Fenced(f"game {self._game_id}: another writer wrote event {entry.event_id}")

    async def holds(self, entry: Entry) -> bool:
        """Whether this very entry stands. Raises StoreLostData when the stream that it was to continue is gone."""
        standing = await self.one(entry.event_id)
        if standing is None and entry.event_id > 1 and isinstance(await self.why_nothing(), GameNotFound):
            raise StoreLostData(f"game {self._game_id}: its journal is gone")
        return standing == entry

    # ---- reading

    async def head(self, count: int) -> Head:
        """The snapshot, and what to go on from, at most `count` entries of it; all as of one moment."""
        keys = (self.key, self._keys.snapshot(self._game_id))
        match await self._ask(self._scripts.call(LOAD, keys, (count,))):
            case [bytes() | None as snapshot, list() as first, list() as rest]:
                begin = self._entries(first)
                return Head(snapshot, begin[0] if begin else None, self._entries(rest))
            case _:
                raise self._no_journal()

    async def tail(self, *, epoch: int) -> Entry | None:
        """The last entry, read on this connection."""
        entries = await self._read("XREVRANGE", self.key, "+", "-", "COUNT", 1, epoch=epoch)
        return entries[0] if entries else None

    async def one(self, event_id: int) -> Entry | None:
        """The entry of this event."""
        entries = await self._read("XRANGE", self.key, f"{event_id}-0", f"{event_id}-0")
        return entries[0] if entries else None

    async def page(self, after: int, count: int) -> list[Entry]:
        """The first `count` entries after this event (0: from the beginning)."""
        return await self._read("XRANGE", self.key, f"({after}-0", "+", "COUNT", count)

    async def why_nothing(self) -> GameNotFound | StoreLostData:
        """What to raise when nothing was found: there is no such game, or its events are gone."""
        try:
            exists = await self._redis.call("EXISTS", self.key)
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None
        if exists:
            return StoreLostData(f"game {self._game_id}: its journal is there, and its events are not")
        return GameNotFound(f"there is no game {self._game_id}")

    async def _read(self, *command: Arg, epoch: int | None = None) -> list[Entry]:
        return self._entries(await self._ask(self._redis.call(*command, epoch=epoch)))

    async def _ask(self, call: Awaitable[Reply]) -> Reply:
        try:
            return await call
        except CommandRefused as refused:
            if refused.code == "WRONGTYPE":
                raise self._no_journal() from None
            raise StoreUnavailable(refused.message) from None
        except ResultUnknown as unknown:  # a read can be asked again by whoever wants it
            raise StoreUnavailable(str(unknown)) from None

    def _entries(self, reply: Reply) -> list[Entry]:
        entries = _parse(reply)
        if entries is None:
            raise self._no_journal()
        return entries

    def _no_journal(self) -> StoreLostData:
        return StoreLostData(f"game {self._game_id}: what stands in the place of its journal is none")


def _fields(entry: Entry) -> tuple[str, bytes, bytes]:
    return f"{entry.event_id}-0", entry.event, entry.nonce


def _parse(reply: Reply) -> list[Entry] | None:
    """The entries of a range; None when there is one that no journal wrote."""
    entries = []
    for item in reply if isinstance(reply, list) else [None]:
        match item:
            case [bytes(stream_id), [b"event", bytes(event), b"nonce", bytes(nonce)]]:
                number, _, rest = stream_id.partition(b"-")
                if rest != b"0":
                    return None
                entries.append(Entry(int(number), event, nonce))
            case _:
                return None
    return entries
