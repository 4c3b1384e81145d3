"""What waits to be written to one socket: whole frames, in order, within a bound. Pure; no await, no socket.

To a client that reads too slowly a live state may be skipped for a newer one; nothing else is ever dropped or
overtaken (contract, section 3).
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from itertools import islice

from attrs import define, field

_FRAME_COST = 128
"""What a waiting frame takes up besides its bytes, about; it counts, or a flood of tiny frames would not."""


class Kind(enum.Enum):
    """What a frame is to the outbox."""

    STATE = enum.auto()
    """A live `game:state`: it may give way to a newer one of the same game."""
    GAME_OVER = enum.auto()
    """Never gives way, and nor does the state before it."""
    OTHER = enum.auto()
    """Answers, control frames, everything else: never gives way."""


@define(eq=False)
class Frame:
    """Bytes that are written whole or not at all. `data` is not empty, and not changed afterwards; one frame
    may be pushed to any number of sockets."""

    # Not frozen: one is made for each socket that a push goes to, and a frozen one takes three times as long to make.

    data: bytes = field(repr=False)
    kind: Kind = Kind.OTHER
    game_id: str = ""


class Overflow(Exception):
    """The frame does not fit; the outbox is as it was. The peer reads too slowly."""


class Drops:
    """What slow clients have missed, of all outboxes that share this."""

    __slots__ = ("clients", "states")

    def __init__(self) -> None:
        self.states = 0
        """States that were skipped for newer ones."""
        self.clients = 0
        """Clients that were dropped because what could not be skipped did not fit."""


class Outbox:
    """The frames that a socket has not taken yet.

    A state that was not begun gives way to a newer one of its game: the older is taken out and the newer goes
    to the end. So a state never moves ahead of an answer that was there before it, and a state that stands
    before a `game:game_over` of its game stays there, because the next state starts anew behind it.
    """

    def __init__(self, max_bytes: int, drops: Drops | None = None) -> None:
        self._max_bytes = max_bytes
        self._drops = Drops() if drops is None else drops
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._latest: dict[str, int] = {}
        self._next = 0
        self._lost_from: int | None = None
        self._begun = 0
        self.size = 0
        """How many bytes wait. Frames are not empty: where there is none, no frame waits."""

    def __len__(self) -> int:
        """How many frames wait, one that is half written among them."""
        return len(self._frames)

    def add(self, frame: Frame, *, coalesce: bool, begun: int = 0, bounded: bool = True) -> int:
        """Appends the frame, and returns its ticket, which `is_written` takes.

        `coalesce`: an older state of its game, if none of it is written, gives way to this one. `begun`: so
        many of its bytes are written already, which only the first frame's can be. `bounded`: raises Overflow
        when more than `max_bytes` would wait.
        """
        gives_way = self._latest.get(frame.game_id) if coalesce and frame.kind is Kind.STATE else None
        size, others = self.size + len(frame.data) - begun, len(self._frames)
        if gives_way is not None:
            size, others = size - len(self._frames[gives_way].data), others - 1
        if bounded and size + _FRAME_COST * others > self._max_bytes:
            self._drops.clients += 1
            raise Overflow
        if gives_way is not None:
            self._drops.states += 1
            del self._frames[gives_way]
        self.size = size
        return self._append(frame, begun)

    def _append(self, frame: Frame, begun: int) -> int:
        ticket = self._next
        self._next += 1
        if begun:
            assert not self._frames
            assert begun < len(frame.data)
            self._begun = begun
        match frame.kind:
            case Kind.STATE if not begun:
                self._latest[frame.game_id] = ticket
            case Kind.GAME_OVER:
                self._latest.pop(frame.game_id, None)
        self._frames[ticket] = frame
        return ticket

    def may_skip(self, game_id: str) -> bool:
        """Whether a state of this game waits that would give way to a newer one."""
        return game_id in self._latest

    def take(self, max_frames: int = 64) -> list[bytes | memoryview]:
        """The bytes to write next, of the first frames; they stay here until `wrote` says that they are
        written."""
        buffers: list[bytes | memoryview] = [frame.data for frame in islice(self._frames.values(), max_frames)]
        if self._begun:
            buffers[0] = memoryview(buffers[0])[self._begun :]
        return buffers

    def wrote(self, count: int) -> None:
        """So many of the bytes that `take` gave are written. A frame that is begun is never touched again."""
        self.size -= count
        count += self._begun
        self._begun = 0
        while count:
            ticket, frame = next(iter(self._frames.items()))
            if self._latest.get(frame.game_id) == ticket:
                del self._latest[frame.game_id]
            if count < len(frame.data):
                self._begun = count
                return
            del self._frames[ticket]
            count -= len(frame.data)

    def is_written(self, ticket: int) -> bool:
        """Whether this frame, and all before it, are written."""
        first = next(iter(self._frames), self._next) if self._lost_from is None else self._lost_from
        return ticket < first

    def clear(self) -> None:
        """Forgets everything that waits, for good: nothing is added afterwards."""
        self._lost_from = next(iter(self._frames), self._next)
        self._frames.clear()
        self._latest.clear()
        self.size = self._begun = 0
