"""What the actors need of the outside. `net` implements these on Redis, sockets and the real clock; the simulation
implements them on memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from actors.events import Created, Event
    from actors.messages import ActionAnswer, GameOver, Push, ResignAnswer, View


class StoreUnavailable(Exception):
    """The store is away, and what was asked of it did not happen."""


class StoreLostData(Exception):
    """The store holds less than it acknowledged. The game must not go on as if nothing had happened."""


class Fenced(Exception):
    """Another writer has gone on with this game; what stands in the journal is the truth."""


class GameNotFound(Exception):
    """There is no such game."""


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
    its session's business."""

    @property
    def gone(self) -> bool:
        """Whether nothing that is handed over will arrive any more."""

    def push(self, push: Push) -> None:
        """Sends this push, after everything that was handed over before it."""

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is answered and pushed inside leaves in one write when the context ends."""


class Encoder(Protocol):
    """Makes the JSON of what the rules gave. Raises when they gave what has no JSON."""

    def answer(self, answer: View | ActionAnswer | ResignAnswer) -> bytes:
        """The JSON of a success."""

    def push(self, body: View | GameOver) -> bytes:
        """The JSON of a push's data."""


class JournalWriter(Protocol):
    """The right to append to one game's journal, as long as nobody else does."""

    @property
    def last_event_id(self) -> int:
        """The last event that stands, as far as this writer knows."""

    async def append(self, event: Event, *, ends: bool) -> None:
        """Makes the event durable; `ends` says that the game is over with it.

        An append whose result is unknown is sent again until it is known, so this returns only when the event
        stands, and raises only when it does not: StoreUnavailable (nothing was written, try later), Fenced (another
        writer's event stands at this id), StoreLostData. Cancelled: the event may or may not stand; the next writer
        finds out.
        """


class Journal(Protocol):
    """The durable history of every game."""

    async def create(self, event: Created) -> None:
        """Begins a game's journal. Raises StoreUnavailable; the game then does not exist."""

    async def load(self, game_id: str) -> list[Event]:
        """Every event of the game, in order, without a hole. Raises GameNotFound, StoreUnavailable, StoreLostData."""

    async def read(self, game_id: str, event_id: int) -> Event:
        """One event. Raises GameNotFound, StoreUnavailable."""

    def retire(self, created: Created) -> None:
        """Takes a game that has ended out of the indexes of running games, soon; again is no harm."""

    def writer(self, created: Created, last_event_id: int) -> JournalWriter:
        """A writer that goes on after `last_event_id`, which is what `load` gave last."""
