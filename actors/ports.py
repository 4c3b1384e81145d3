"""What the actors need of the outside. `net` implements these on Redis, sockets and the real clock; the simulation
implements them on memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from actors.events import Created, Event
    from actors.messages import ActionAnswer, Description, DrawAnswer, Push, PushBody, ResignAnswer, View
    from actors.roll import ConnectionRecord
    from actors.snapshot import Loaded, Snapshot


class StoreUnavailable(Exception):
    """The store is away, and what was asked of it did not happen."""


class ServerReplaced(StoreUnavailable):
    """Another server owns the store now: what was asked of it did not happen, and nothing that this one asks for will
    any more. It stops; who is connected to it goes to the other."""


class StoreLostData(Exception):
    """The store holds less than it acknowledged. The game must not go on as if nothing had happened."""


class Fenced(Exception):
    """Another writer has gone on with this game; what stands in the journal is the truth."""


class GameNotFound(Exception):
    """There is no such game."""


class ArchiveUnavailable(StoreUnavailable):
    """The archive is away; what was asked of it did not happen, or may be asked again."""


class Clock(Protocol):
    """Wall-clock time. Durations and deadlines inside the process use `trio.current_time()`."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""


class Entropy(Protocol):
    """Unpredictable bytes: ids, seeds, nonces. In simulation they come from the run's seed."""

    def bytes(self, n: int) -> bytes:
        """n fresh random bytes."""


class Outlet(Protocol):
    """A connected client, as an actor sees it. Nothing here blocks or raises: a client that is gone or too slow is
    its session's business. Whoever hands one to a table takes it back when it is gone (`Directory.drop`)."""

    @property
    def gone(self) -> bool:
        """Whether nothing that is handed over will arrive any more."""

    def push(self, push: Push) -> None:
        """Sends this push, after everything that was handed over before it."""

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is answered and pushed inside leaves in one write when the context ends."""


class Encoder(Protocol):
    """Makes the JSON of what the rules gave. Raises when they gave what has no JSON."""

    def answer(self, answer: View | ActionAnswer | ResignAnswer | DrawAnswer) -> bytes:
        """The JSON of a success."""

    def push(self, body: PushBody) -> bytes:
        """The JSON of a push's data."""


class JournalWriter(Protocol):
    """The right to append to one game's journal, as long as nobody else does."""

    @property
    def last_event_id(self) -> int:
        """The last event that stands, as far as this writer knows."""

    async def append(self, event: Event, *, ends: bool, deadline: float | None = None) -> None:
        """Makes the event durable; `ends` says that the game is over with it, `deadline` (service time) when its table
        is to look at its clocks after it (the turn may be over then, or the game abandoned), None for never.

        An append whose result is unknown is sent again until it is known, so this returns only when the event
        stands, and raises only when it does not: StoreUnavailable (nothing was written, try later), ServerReplaced
        (nothing was written, nor will be), Fenced (another writer's event stands at this id), StoreLostData. Cancelled:
        the event may or may not stand; the next writer finds out.
        """

    def append_at_once(
        self, event: Event, *, deadline: float | None, done: Callable[[BaseException | None], None]
    ) -> bool:
        """Sends an event that does not end the game on its way without waiting, and calls `done` when it is known what
        became of it, with None when it stands. False: not now, and nothing happened; `append` may do.

        With anything but None that is to be found out by an `append` of the same event, and by nothing else. `done` is
        called from another task, and must not raise.
        """

    def set_deadline(self, deadline: float | None) -> bool:
        """Sets anew, soon, what the last append said of the deadline, if its event is still the last. False: the store
        is away, or an append is in doubt, and nothing happens; the next append makes up for it. Raises nothing."""


class Journal(Protocol):
    """The durable history of every game: running ones, ended ones, and those that were archived."""

    async def create(self, event: Created, *, deadline: float | None = None) -> None:
        """Begins a game's journal. Raises StoreUnavailable; the game then does not exist."""

    async def load(self, game_id: str) -> Loaded:
        """What stands of the game, as little as will rebuild it. Raises GameNotFound, StoreUnavailable, StoreLostData
        (also when what stands ends before its own snapshot)."""

    async def history(self, game_id: str) -> tuple[Event, ...]:
        """Every event of the game, in order, without a hole. Raises GameNotFound, StoreUnavailable, StoreLostData."""

    async def read(self, game_id: str, event_id: int) -> Event:
        """One event. Raises GameNotFound, StoreUnavailable, StoreLostData."""

    def save(self, snapshot: Snapshot) -> None:
        """Keeps the snapshot, soon, unless a later one stands. While the store is away nothing happens: a snapshot
        that is missing costs recovery time, and nothing else. Raises nothing."""

    def retire(self, created: Created, last_event_id: int) -> None:
        """Takes a game that has ended with this event out of the indexes of running games and queues it for the
        archive, soon; again is no harm."""

    def writer(self, created: Created, last_event_id: int) -> JournalWriter:
        """A writer that goes on after `last_event_id`, which is what `load` gave last."""


class ServiceClock(Protocol):
    """Service time, the clock of all deadlines (contract, section 4): it advances only while the server lives and the
    store acknowledges."""

    def now(self) -> float:
        """Seconds of service."""


class ClockStore(Protocol):
    """Where service time and the running turn clocks stand."""

    async def read(self) -> float:
        """The service time that stands; 0 when none does. Raises StoreUnavailable."""

    async def write(self, seconds: float) -> None:
        """Makes the service time durable, unless a later one stands. Raises StoreUnavailable."""

    async def deadlines(self) -> tuple[tuple[str, float], ...]:
        """Every game that has a deadline, with that (service time). Raises StoreUnavailable."""


class ConnectionRecords(Protocol):
    """Who is connected, written down for the next life of the server (contract, section 5)."""

    async def write(self, records: Sequence[ConnectionRecord], gone: Sequence[str]) -> None:
        """Makes each record stand as it is here, whatever stood there, and removes those of the sids that are `gone`;
        each of them atomically, and again is no harm. That of a user who is online takes the place of any other record
        of that user. Raises StoreUnavailable: some of it may have happened."""

    async def beat(self, records: Sequence[ConnectionRecord]) -> list[str]:
        """Renews these records, all in one write. Returns the sids of those that do not stand as they are here: they
        have vanished, or tell otherwise, and are to be written. Raises StoreUnavailable."""

    async def load(self) -> tuple[ConnectionRecord, ...]:
        """Every record that stands. Raises StoreUnavailable."""

    async def stale(self, before: float) -> list[str]:
        """The sids whose records were last renewed before this service time. Raises StoreUnavailable."""


class Ended(Protocol):
    """The games that have ended and still stand in the store."""

    async def waiting(self, ended_before: float, limit: int) -> tuple[str, ...]:
        """The games that ended before this wall time, the earliest first. Raises StoreUnavailable."""

    async def remove(self, game_id: str, last_event_id: int) -> None:
        """Takes a game out of the store, if its last event is this one; again is no harm. Raises StoreUnavailable."""


class Archive(Protocol):
    """The history of ended games. All methods raise ArchiveUnavailable when it cannot be reached."""

    async def put(self, events: tuple[Event, ...], description: Description) -> None:
        """Keeps a whole game; durable when this returns. Again with the same game is the same as once; a game of this
        id with other events raises StoreLostData."""

    async def events(self, game_id: str) -> tuple[Event, ...]:
        """Every event of the game. Raises GameNotFound."""

    async def description(self, game_id: str) -> Description:
        """What is publicly known of it. Raises GameNotFound."""

    async def games_of(self, user_id: str, *, before: str | None, limit: int) -> tuple[Description, ...]:
        """The ended games of this user, the latest end first; `before` is a game's id: only those after it in that
        order. An unknown `before` gives none."""


class CrashPoints(Protocol):
    """Named moments in a commit at which a drill may end the process."""

    def reach(self, point: str) -> None:
        """This moment is now. Returns, but in a drill that armed this point."""


class NoCrashPoints:
    """The crash points of a server that nobody drills."""

    __slots__ = ()

    def reach(self, point: str) -> None:
        """Goes on."""


class Npcs(Protocol):
    """The players that the house itself provides."""

    def plays(self, user_id: str) -> bool:
        """Whether the house plays for this user, so that they are always there."""

    def summon(self, game_id: str, user_ids: Sequence[str]) -> None:
        """These, for whom the house plays, may have something to do in this game. Again is no harm. Raises nothing."""


class NoNpcs:
    """A house that plays for nobody."""

    __slots__ = ()

    def plays(self, user_id: str) -> bool:
        """No."""
        return False

    def summon(self, game_id: str, user_ids: Sequence[str]) -> None:
        """There are none."""
