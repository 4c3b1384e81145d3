"""One connection's commands and replies, without the connection: what is to be written, what is waited for,
what a reply means. No await in here; `net.redis_connection` puts it on a stream.

The protocol is RESP2 (the Redis serialization protocol); hiredis packs and parses it. A server answers
commands in the order in which they came, so replies find their askers by order alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import hiredis

from actors.ports import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Arg: TypeAlias = str | bytes | int | float
"""One word of a command. A str is sent as UTF-8, a number as Python writes it."""

Command: TypeAlias = Sequence[Arg]
"""A command with its arguments: `("SET", key, b"value")`."""

Reply: TypeAlias = "int | bytes | list[Reply] | CommandRefused | None"
"""What a server answers. Simple and bulk strings are both bytes, nil is None. A refusal stands here only
inside an array (what EXEC gives for one of its commands); on its own it is raised."""


class CommandRefused(Exception):
    """The server answered with an error: this command was not applied. `code` is its first word
    (`WRONGTYPE`)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = message.partition(" ")[0]


class ResultUnknown(Exception):
    """The command was handed to the kernel and its reply never came: it was executed, will be, or never
    will."""


AWAY_CODES = frozenset(
    {
        "LOADING",  # reading its data back after a start
        "BUSY",  # a script hogs it
        "OOM",  # maxmemory is reached and nothing may be evicted
        "MISCONF",  # it cannot persist, so it takes no writes
        "READONLY",  # a replica, after a failover
        "MASTERDOWN",
        "NOREPLICAS",
        "CLUSTERDOWN",
        "TRYAGAIN",
    }
)
"""Refusals that say "not now", of whatever command: the store is away, and nothing was applied."""


def refusal(error: CommandRefused) -> CommandRefused | StoreUnavailable:
    """What to raise for a refused command."""
    return StoreUnavailable(error.message) if error.code in AWAY_CODES else error


# hiredis' stub says "a tuple of exactly one", and gives no result type.
_pack_one = cast("Callable[[tuple[Arg, ...]], bytes]", hiredis.pack_command)


def pack(commands: Iterable[Command]) -> bytes:
    """The bytes of these commands. Raises TypeError for an argument that is no `Arg` (None, bool), and
    UnicodeEncodeError for a str with a lone surrogate; nothing is sent then."""
    packed = [_pack_one(tuple(command)) for command in commands]
    return packed[0] if len(packed) == 1 else b"".join(packed)


def pack_word(word: Arg) -> bytes:
    """One word of a command, as it stands in the command: a bulk string."""
    data = word if isinstance(word, bytes) else (word if isinstance(word, str) else repr(word)).encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


class Slot:
    """The place where the replies to commands that were written together are put.

    `wake` is called once, when all `want` replies are there or none will come any more (`lost` says why). Set
    to None it means that nobody waits; the replies are then read and dropped, so the protocol stays in step.
    """

    __slots__ = ("label", "lost", "replies", "sent", "wake", "want")

    def __init__(self, want: int, label: str = "") -> None:
        self.want = want
        self.label = label
        self.replies: list[Reply] = []
        self.sent = False
        self.lost: str | None = None
        self.wake: Callable[[], None] | None = None

    def settled(self) -> None:
        """All that will come is here: wakes whoever waits. It is forgotten then, for it mostly holds the slot, and such
        a circle would wait for the garbage collector."""
        wake, self.wake = self.wake, None
        if wake is not None:
            wake()

    def error(self) -> StoreUnavailable | ResultUnknown:
        """What to raise after the replies were lost."""
        assert self.lost is not None
        return ResultUnknown(self.lost) if self.sent else StoreUnavailable(self.lost)


class Heard(Slot):
    """A slot for one reply, with whoever is to hear of it: a reply, or why there is none."""

    __slots__ = ("_heard",)

    def __init__(self, heard: Callable[[Reply | Exception], None]) -> None:
        super().__init__(1)
        self._heard = heard

    def settled(self) -> None:
        """Tells of it."""
        self._heard(self.replies[0] if self.lost is None else self.error())


class OutOfStep(Exception):
    """The peer sent what is no reply, or a reply that nobody asked for. The connection is of no more use."""


_MORE = object()


class Pipeline:
    """The commands and replies of one connection.

    Bounded: beyond `max_calls` slots, or `max_bytes` that are not yet written, `add` refuses.
    """

    def __init__(self, *, max_calls: int, max_bytes: int) -> None:
        self._max_calls = max_calls
        self._max_bytes = max_bytes
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._unsent_slots: list[Slot] = []
        self._awaited: deque[Slot] = deque()
        self._replies = 0
        self._reader = hiredis.Reader(replyError=CommandRefused, notEnoughData=_MORE)

    @property
    def awaits_replies(self) -> bool:
        """Whether something was sent and is not answered yet."""
        return bool(self._awaited)

    @property
    def replies(self) -> int:
        """How many replies have come."""
        return self._replies

    @property
    def unsent_calls(self) -> int:
        """How many calls `take` would give the bytes of."""
        return len(self._unsent_slots)

    @property
    def has_unsent(self) -> bool:
        """Whether `take` would give anything."""
        return bool(self._unsent)

    def add(self, packed: bytes, *slots: Slot) -> None:
        """Queues these bytes, whose replies go to these slots in turn. Raises StoreUnavailable when the queue
        is full; nothing is queued then."""
        if len(self._awaited) + len(self._unsent_slots) + len(slots) > self._max_calls:
            raise StoreUnavailable(f"more than {self._max_calls} calls wait for the store")
        # A command that is larger than the bound still passes alone.
        if self._unsent and self._unsent_bytes + len(packed) > self._max_bytes:
            raise StoreUnavailable(f"more than {self._max_bytes} bytes wait to be written to the store")
        self._unsent.append(packed)
        self._unsent_bytes += len(packed)
        self._unsent_slots.extend(slots)

    def take(self) -> bytes:
        """Everything queued so far, now to be written. From here on its results are unknown until they are
        there."""
        data = b"".join(self._unsent)
        for slot in self._unsent_slots:
            slot.sent = True
        self._awaited.extend(self._unsent_slots)
        self._unsent.clear()
        self._unsent_bytes = 0
        self._unsent_slots.clear()
        return data

    def feed(self, data: bytes) -> int:
        """Takes in what came, wakes whoever has all their replies, and says how many replies were complete.
        Raises OutOfStep."""
        self._reader.feed(data)
        count = 0
        while (reply := self._next()) is not _MORE:
            if not self._awaited:
                raise OutOfStep("the store sent a reply that nobody asked for")
            count += 1
            self._replies += 1
            slot = self._awaited[0]
            slot.replies.append(cast("Reply", reply))
            if len(slot.replies) == slot.want:
                self._awaited.popleft()
                slot.settled()
        return count

    def _next(self) -> object:
        try:
            reply: object = self._reader.gets()
        except hiredis.ProtocolError as error:
            raise OutOfStep(f"the store sent what is no reply: {error}") from None
        return reply

    def fail(self, why: str) -> None:
        """No reply will come any more: wakes everybody who waits."""
        slots = [*self._awaited, *self._unsent_slots]
        self._awaited.clear()
        self._unsent_slots.clear()
        self._unsent.clear()
        self._unsent_bytes = 0
        for slot in slots:
            slot.lost = why
            slot.settled()
