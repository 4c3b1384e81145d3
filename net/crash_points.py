"""Named moments inside a commit at which a drill ends the server, as a power cut would.

Only who started the server can arm them: over a socket that the server inherits, whose number it is told by an option
that is not in the help. There is no other way in: no variable of the environment, no file, no request.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from typing import Final

from attrs import define, field

from net.errors import StartError

TABLE_JUDGED: Final = "table.judged"
TABLE_COMMITTED: Final = "table.committed"
TABLE_ANSWERED: Final = "table.answered"
TABLE_TOLD: Final = "table.told"
STORE_WRITING: Final = "store.writing"
STORE_WRITTEN: Final = "store.written"
STORE_REPLIED: Final = "store.replied"
ARCHIVE_READ: Final = "archive.read"
ARCHIVE_PUT: Final = "archive.put"
ARCHIVE_REMOVED: Final = "archive.removed"

COMMIT_POINTS: Final = (
    TABLE_JUDGED,
    STORE_WRITING,
    STORE_WRITTEN,
    STORE_REPLIED,
    TABLE_COMMITTED,
    TABLE_ANSWERED,
    TABLE_TOLD,
)
"""The points of an action's way, in the order in which it passes them."""

ARCHIVE_POINTS: Final = (ARCHIVE_READ, ARCHIVE_PUT, ARCHIVE_REMOVED)
"""The points of an ended game's way into the archive, in order."""

_RECEIVE_BYTES: Final = 4096


class CrashPointsRefused(StartError):
    """What `--crash-points-fd` names is not what a drill hands over."""


@define(eq=False)
class InheritedCrashPoints:
    """Implements `actors.ports.CrashPoints` on an inherited socket.

    What comes in is one line a point, `NAME COUNT`: the process ends when NAME is reached for the COUNTth time from
    then on. Just before, NAME goes out, on a line of its own.
    """

    _socket: socket.socket
    _unread: bytes = field(default=b"", init=False)
    _armed: dict[str, int] = field(factory=dict, init=False)

    @classmethod
    def inherited(cls, descriptor: int) -> InheritedCrashPoints:
        """On the socket of this number. Raises CrashPointsRefused when it is no Unix socket of ours."""
        try:
            found = socket.socket(fileno=descriptor)
        except (OSError, ValueError) as error:
            raise CrashPointsRefused(f"--crash-points-fd: {descriptor} is no socket ({error})") from None
        if found.family != socket.AF_UNIX:
            found.detach()
            raise CrashPointsRefused(f"--crash-points-fd: {descriptor} is no socket that a drill has made")
        found.set_inheritable(False)  # the store is a child too, and outlives us
        found.setblocking(False)
        return cls(found)

    def reach(self, point: str) -> None:
        """See `actors.ports.CrashPoints`."""
        self._take_orders()
        left = self._armed.get(point)
        if left is None:
            return
        if left > 1:
            self._armed[point] = left - 1
            return
        try:
            self._socket.send(f"{point}\n".encode())
        finally:
            os.kill(os.getpid(), signal.SIGKILL)

    def _take_orders(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # whoever drilled us has gone
            self._armed.clear()
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            name, _, count = line.decode().partition(" ")
            self._armed[name] = int(count)


@define(eq=False)
class Fuse:
    """The drill's end of a server's crash points, in all its lives."""

    _ours: socket.socket | None = field(default=None, init=False)
    _theirs: socket.socket | None = field(default=None, init=False)

    def lay(self) -> int:
        """Makes a fresh pair, before a server is started; the descriptor that it is to inherit."""
        self.cut()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        return self._theirs.fileno()

    def laid(self) -> None:
        """The server has its end: closes our copy of it."""
        if self._theirs is not None:
            self._theirs.close()
            self._theirs = None

    def cut(self) -> None:
        """Closes what is open. Idempotent."""
        self.laid()
        if self._ours is not None:
            self._ours.close()
            self._ours = None

    def light(self, point: str, count: int = 1) -> None:
        """The server is to end when it reaches this point for the `count`th time from now on. Nothing happens when it
        has ended already."""
        assert self._ours is not None, "there is no server"
        with suppress(BrokenPipeError, ConnectionResetError):
            self._ours.send(f"{point} {count}\n".encode())

    def hit(self) -> str | None:
        """The point at which the server has ended; None if it has not, or ended otherwise."""
        if self._ours is None:
            return None
        try:
            return self._ours.recv(_RECEIVE_BYTES).decode().partition("\n")[0] or None
        except (BlockingIOError, ConnectionResetError):
            return None
