"""The data directory and its one owner.

A lock here is an flock (BSD; flock(2)) on a file that is never removed. It belongs to the open file
description: it holds as long as any process has a descriptor of it, inherited ones too, and whatever kills
the last of them frees it. So there is no stale lock, and the number written in the file is for people."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from net.errors import StartError

if TYPE_CHECKING:
    from types import TracebackType

LOCK_NAME: Final = "lock"
OURS: Final = frozenset({LOCK_NAME, "secret", "store"})
"""Names by which a directory is known as one that Croupier made."""


class DataDirectoryLocked(StartError):
    """Another server owns the data directory."""


class DataDirectoryUnusable(StartError):
    """The data directory cannot be made, or must not be taken for one."""


class FileLock:
    """An flock on a file of its own. Not for use by several tasks at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it."""
        return self._descriptor is not None

    def fileno(self) -> int:
        """The descriptor that holds it, for a child to inherit."""
        assert self._descriptor is not None, "only a lock that is held has a descriptor"
        return self._descriptor

    def try_acquire(self) -> bool:
        """Takes the lock if it is free (or ours already). False: another process holds it. Raises OSError."""
        if self._descriptor is not None:
            return True
        # No child inherits it unless it is handed over (PEP 446): it would hold the lock beyond our end.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._descriptor = descriptor
        except BlockingIOError:
            pass
        finally:
            if self._descriptor is None:
                os.close(descriptor)
        return self._descriptor is not None

    def release(self) -> None:
        """Frees the lock, whoever inherited it."""
        if self._descriptor is not None:
            # Explicitly: a child that is being spawned has its copy of every descriptor for a moment.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.let_go()

    def let_go(self) -> None:
        """Closes our descriptor. The lock is free then, unless a child inherited it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class DataDirectory:
    """The folder in which everything stands that outlives the server."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._lock = FileLock(self.path / LOCK_NAME)

    def lock(self) -> Self:
        """Makes the directory if need be, closed to others (mode 0700), and takes its lock until `unlock`,
        the end of the `with` block that this is used in, or the end of the process.

        Raises DataDirectoryLocked, DataDirectoryUnusable.
        """
        try:
            self._make()
            taken = self._lock.try_acquire()
        except OSError as error:
            raise DataDirectoryUnusable(f"cannot use the data directory {self.path}: {error.strerror}") from None
        if not taken:
            raise DataDirectoryLocked(
                f"the data directory {self.path} is in use by another server ({self._holder()});"
                " stop that one, or choose another directory"
            )
        descriptor = self._lock.fileno()
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return self

    def unlock(self) -> None:
        """Gives the directory up."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlock()

    def folder(self, name: str) -> Path:
        """A folder in it, made if need be. Raises DataDirectoryUnusable."""
        path = self.path / name
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise DataDirectoryUnusable(f"cannot make {path}: {error.strerror}") from None
        return path

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            return
        names = {entry.name for entry in self.path.iterdir()}
        if names and not names & OURS:  # somebody's home, or /tmp: closing it would do harm
            raise DataDirectoryUnusable(
                f"cannot use {self.path} as the data directory: it holds other things and is open to others;"
                " choose an empty directory"
            )
        self.path.chmod(0o700)

    def _holder(self) -> str:
        try:
            pid = int(self._lock.path.read_text())
        except (OSError, ValueError):  # it has only just taken the lock
            return "pid unknown"
        return f"pid {pid}"


def holders(lock: Path) -> list[int]:
    """The processes, but this one, that have this file open, where the system tells (Linux); else none."""
    try:
        wanted = os.stat(lock)
        pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []
    return [pid for pid in pids if pid != os.getpid() and _has_open(pid, wanted)]


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found = os.stat(f"/proc/{pid}/fd/{name}")
            except OSError as error:
                if error.errno == errno.ENOENT:  # closed meanwhile
                    continue
                raise
            if os.path.samestat(found, wanted):
                return True
    except OSError:  # it has ended, or is another user's
        return False
    return False
