"""What happened in a simulated run, in order: every byte on the network, every command of the store and its reply,
every fault. Its digest is the same for two runs exactly if all of that is."""

from __future__ import annotations

import enum
import hashlib
import struct
from collections import deque
from typing import Final

import trio
from attrs import define, field, frozen


class Kind(enum.StrEnum):
    """What happened."""

    OPENED = "opened"
    """A connection, by `who` to `whom`."""
    SENT = "sent"
    """Bytes, on their way now."""
    ENDED = "ended"
    """The end of the stream, behind what was sent."""
    BROKE = "broke"
    """A connection; what was on its way is lost."""
    WENT_DEAF = "went deaf"
    """A connection: nothing gets through any more, and nobody is told."""
    EXECUTED = "executed"
    """A command, by the store; for a transaction, each of its commands."""
    REPLIED = "replied"
    """The store, to the command before."""
    DID = "did"
    """Something that is done to the server, the store or the network."""


@frozen
class Moment:
    """One thing that happened. `at` is on Trio's clock; `connection` numbers the connections of a run."""

    at: float
    kind: Kind
    who: str
    whom: str
    data: bytes = field(repr=False)
    connection: int = 0


_PARTS: Final = struct.Struct(">dIII")


@define(eq=False)
class Trace:
    """Takes in what happens. With `keep`, that many of the last moments are there to be read; None keeps all."""

    keep: int | None = 0
    count: int = field(default=0, init=False)
    """How many moments there were."""
    moments: deque[Moment] = field(init=False)
    _connections: int = field(default=0, init=False)
    _hash: hashlib.blake2b = field(factory=lambda: hashlib.blake2b(digest_size=16), init=False)

    def __attrs_post_init__(self) -> None:
        self.moments = deque(maxlen=self.keep)

    def note(self, kind: Kind, who: str, whom: str, data: bytes = b"", connection: int = 0) -> None:
        """This happened, now."""
        at = trio.current_time()
        head = f"{kind} {who} {whom}".encode()
        # The lengths keep two different stories from being one row of bytes.
        self._hash.update(_PARTS.pack(at, len(head), len(data), connection) + head)
        self._hash.update(data)
        self.count += 1
        if self.keep != 0:
            self.moments.append(Moment(at, kind, who, whom, data, connection))

    def next_connection(self) -> int:
        """The number of a new connection."""
        self._connections += 1
        return self._connections

    def did(self, who: str, what: str) -> None:
        """Somebody did this to somebody or something."""
        self.note(Kind.DID, who, "", what.encode())

    @property
    def digest(self) -> str:
        """Of everything so far, in hexadecimal digits."""
        return self._hash.hexdigest()
