"""Unix sockets in folders with long names, and one to listen at that is for its owner alone."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import tempfile
from typing import TYPE_CHECKING, Final

from net.listener import CannotListen, SocketAcceptor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from net.wire import SocketWire

LONGEST_PATH: Final = 100
"""sockaddr_un takes 107 bytes on Linux and 103 on macOS."""

_OWNER_ALONE: Final = 0o177
_BACKLOG: Final = 64


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A path to this socket that is short enough to bind or connect, valid inside the context. Raises OSError."""
    whole = os.fspath(path)
    if len(os.fsencode(whole)) <= LONGEST_PATH:
        yield whole
        return
    # mkdtemp makes it with mode 0700: nobody else can put another link in this one's place.
    private = tempfile.mkdtemp(prefix="croupier-", dir="/tmp" if os.path.isdir("/tmp") else None)
    try:
        link = os.path.join(private, "s")
        os.symlink(path.parent.absolute(), link)
        yield os.path.join(link, path.name)
    finally:
        shutil.rmtree(private, ignore_errors=True)


class UnixAcceptor:
    """Implements `net.listener.Acceptor` at a Unix socket. Made by `listen_unix`."""

    def __init__(self, sock: socket.socket, path: Path) -> None:
        self.address = str(path)
        self._acceptor = SocketAcceptor(sock)
        self._path = path
        self._inode = os.stat(path).st_ino

    async def accept(self) -> SocketWire:
        """See `Acceptor`."""
        return await self._acceptor.accept()

    def close(self) -> None:
        """See `Acceptor`; the file goes too, unless another has taken its place."""
        self._acceptor.close()
        with contextlib.suppress(OSError):
            if os.stat(self._path).st_ino == self._inode:
                self._path.unlink()


def listen_unix(path: Path) -> UnixAcceptor:
    """Listens at a Unix socket of this path, mode 0600, in place of one that a killed server left there.

    It comes to its place only when it is ready, by a rename, and never had another mode. Raises CannotListen: the path
    is something else's, somebody listens there, or the system refuses.
    """
    try:
        _check_free(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _bind(sock, path)
            return UnixAcceptor(sock, path)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise CannotListen(f"cannot listen at {path}: {error.strerror or error}") from None


def _bind(sock: socket.socket, path: Path) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)  # of a server that was killed in between
    # A umask is the whole process's: what another thread makes in this moment is closed to others too. No harm done.
    before = os.umask(_OWNER_ALONE)
    try:
        with short_path(beside) as short:
            sock.bind(short)
    finally:
        os.umask(before)
    sock.listen(_BACKLOG)
    beside.rename(path)


def _check_free(path: Path) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListen(f"cannot listen at {path}: it is no socket; remove it, or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller, short_path(path) as short:
        caller.setblocking(False)  # a full queue is somebody's, too
        refused = caller.connect_ex(short)
    if refused not in (errno.ECONNREFUSED, errno.ENOENT):
        raise CannotListen(f"cannot listen at {path}: another process listens there; choose another path")
