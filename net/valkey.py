"""The embedded Valkey: a real server of our own in the data directory, when no Redis is configured.

Two Valkeys on one directory both start, write one file, and lose what they acknowledged. So each inherits the
descriptor of a locked file and holds the lock exactly as long as it lives, whatever becomes of us; while it
is held no other is started. One that outlived a killed server is used again, or ended if it does not answer.
"""

from __future__ import annotations

import enum
import logging
import os
from typing import TYPE_CHECKING, Final

import trio

from net.backoff import Backoff
from net.durability import DURABILITIES, Durability, StoreRefused, check_external, info_fields
from net.redis import CommandRefused
from net.redis_connection import ask
from net.valkey_process import LOCK_NAME, CannotStartStore, StoreFolder

if TYPE_CHECKING:
    from pathlib import Path

    from actors.ports import Entropy
    from net.data_directory import DataDirectory
    from net.redis import Command, Reply

__all__ = [
    "CannotStartStore",
    "Durability",
    "EmbeddedValkey",
    "StoreRefused",
    "check_external",
]

log = logging.getLogger(__name__)

POLL: Final = 0.02
"""Seconds between two looks at a Valkey that is starting or ending."""

WATCH: Final = 0.25
"""Seconds between two looks at the lock of a Valkey that is not our child."""

LOOK_TIMEOUT: Final = 1.0
KILL_TIMEOUT: Final = 5.0

STORE: Final = "store"


class Look(enum.Enum):
    """What answers at the socket."""

    READY = enum.auto()
    LOADING = enum.auto()
    MUTE = enum.auto()


class EmbeddedValkey:
    """Keeps a Valkey running in the data directory, which must be locked."""

    def __init__(
        self,
        data: DataDirectory,
        *,
        entropy: Entropy,
        durability: str = "always",
        start_timeout: float = 30.0,
        mute_after: float = 5.0,
        stop_timeout: float = 10.0,
    ) -> None:
        """`durability` is Valkey's `appendfsync`. Times are seconds: a Valkey of ours has `start_timeout` to
        answer (time that it spends reading its data does not count); one that was found running, and answers
        nothing for `mute_after`, is ended; an orderly end may take `stop_timeout`, then it is killed."""
        if durability not in DURABILITIES:
            raise ValueError(f"durability is one of {', '.join(DURABILITIES)}, not {durability}")
        self._data = data
        self._entropy = entropy
        self._durability = durability
        self._start_timeout = start_timeout
        self._mute_after = mute_after
        self._stop_timeout = stop_timeout
        self._folder = StoreFolder(data.path / STORE, data.path / LOCK_NAME)
        self._process: trio.Process | None = None  # None with a pid: found running
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the Valkey that runs, None while there is none."""
        return self._pid

    async def connect(self) -> trio.abc.Stream:
        """A fresh stream to it. Raises OSError when it cannot be reached."""
        with self._folder.socket_path() as path:
            return await trio.open_unix_socket(path)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keeps it running; started once it answers. One that dies is started again, with growing waits.

        Raises CannotStartStore, DataDirectoryUnusable, while it is not started yet. Cancelled: ends it in
        order, which may take `stop_timeout` and a little."""
        self._data.folder(STORE)
        backoff = Backoff(self._entropy, first=0.1, longest=5.0)
        try:
            await self._bring_up()
            task_status.started()
            while True:
                up_since = trio.current_time()
                await self._until_it_dies()
                if trio.current_time() - up_since > backoff.longest:
                    backoff.reset()
                await self._bring_up_again(backoff)
        finally:
            with trio.CancelScope(shield=True):
                await self._end()
            self._folder.lock.release()

    # ---- coming up

    async def _bring_up_again(self, backoff: Backoff) -> None:
        while True:
            await trio.sleep(backoff.next())
            try:
                await self._bring_up()
            except CannotStartStore as error:
                log.error("%s", error)
            else:
                log.warning("the embedded Valkey is up again, pid %s", self._pid)
                return

    async def _bring_up(self) -> None:
        """A Valkey that answers: one that runs already, or a fresh one. Raises CannotStartStore; then none
        runs."""
        if not self._folder.lock.try_acquire() and await self._find():
            return
        self._process = await self._folder.start(self._durability)
        self._pid = self._process.pid
        try:
            await self._until_ready(self._process)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._end()
            raise

    async def _until_ready(self, process: trio.Process) -> None:
        patience = trio.current_time() + self._start_timeout
        while (look := await self._look()) is not Look.READY:
            if process.poll() is not None:
                raise CannotStartStore(f"the embedded Valkey does not start: {self._folder.last_words()}")
            if look is Look.LOADING:
                patience = trio.current_time() + self._start_timeout
            elif trio.current_time() > patience:
                raise CannotStartStore(f"the embedded Valkey does not answer: {self._folder.last_words()}")
            await trio.sleep(POLL)

    async def _find(self) -> bool:
        """Looks for the Valkey that holds the lock. True: it answers, and is taken over. False: it has ended,
        or did not answer and was killed; the lock is ours."""
        patience = trio.current_time() + self._mute_after
        while not self._folder.lock.try_acquire():
            match await self._look():
                case Look.READY if await self._take_over():
                    return True
                case Look.LOADING:
                    patience = trio.current_time() + self._mute_after
                case _ if trio.current_time() > patience:
                    await self._kill()
                    return False
            await trio.sleep(POLL)
        return False

    async def _take_over(self) -> bool:
        """Sets the running Valkey to the configured durability. False: it went away in between."""
        replies = await self._ask(("INFO", "server"), ("CONFIG", "SET", "appendfsync", self._durability))
        if replies is None:
            return False
        told, applied = replies
        if isinstance(applied, CommandRefused):
            raise CannotStartStore(f"the embedded Valkey that runs takes no settings: {applied}")
        self._pid = int(info_fields(told)["process_id"])
        log.info("found the embedded Valkey running, pid %s", self._pid)
        return True

    async def _look(self) -> Look:
        """What answers at the socket. Raises CannotStartStore when it is a server of other data."""
        replies = await self._ask(("CONFIG", "GET", "dir"), ("PING",))
        match replies:
            case [[bytes(), bytes(folder)], pong]:
                if not _same_folder(folder, self._folder.path):
                    raise CannotStartStore(f"another server answers at the socket in {self._folder.path}")
                if isinstance(pong, CommandRefused):
                    return Look.LOADING if pong.code == "LOADING" else Look.MUTE
                return Look.READY
            case _:
                return Look.MUTE

    async def _ask(self, *commands: Command) -> list[Reply] | None:
        """The replies, on a connection of their own; None when there are none within a second."""
        stream: trio.abc.Stream | None = None
        with trio.move_on_after(LOOK_TIMEOUT):
            try:
                stream = await self.connect()
                return await ask(stream, *commands)
            except (OSError, trio.BrokenResourceError):
                return None
            finally:
                if stream is not None:
                    await trio.aclose_forcefully(stream)
        return None

    # ---- going down

    async def _until_it_dies(self) -> None:
        if self._process is not None:
            status = await self._process.wait()
            log.error("the embedded Valkey died, %s: %s", _how_it_ended(status), self._folder.last_words())
        else:
            await self._until_the_lock_is_free(WATCH)
            log.error("the embedded Valkey died")
        self._process = self._pid = None

    async def _end(self) -> None:
        """Ends it in order, or else kills it. On SIGTERM and on SHUTDOWN alike Valkey writes and syncs its
        file first."""
        if self._pid is None:
            return
        if self._process is not None:
            self._process.terminate()
        else:
            await self._ask(("SHUTDOWN",))
        with trio.move_on_after(self._stop_timeout):
            await self._until_the_lock_is_free()
        if not self._folder.lock.held:
            log.error("the embedded Valkey did not end within %g s", self._stop_timeout)
            try:
                await self._kill()
            except CannotStartStore as error:
                log.error("%s", error)
        if self._process is not None:
            with trio.move_on_after(KILL_TIMEOUT):
                await self._process.wait()
        self._process = self._pid = None

    async def _kill(self) -> None:
        """Kills whoever holds the lock, and takes it. Raises CannotStartStore when that is not to be had."""
        pids = self._folder.kill_holders()
        if self._process is not None:
            self._process.kill()
        log.warning("killed the embedded Valkey, which did not answer: pid %s", pids)
        with trio.move_on_after(KILL_TIMEOUT):
            await self._until_the_lock_is_free()
        if not self._folder.lock.held:
            raise CannotStartStore(
                f"a process that cannot be ended holds {self._folder.lock.path} (pid {pids or 'unknown'})"
            )

    async def _until_the_lock_is_free(self, pause: float = POLL) -> None:
        """Waits for it, looking every `pause` seconds, and takes it."""
        while True:  # nothing wakes us when a lock comes free, but a thread that blocks in flock
            if self._folder.lock.try_acquire():
                return
            await trio.sleep(pause)


def _same_folder(told: bytes, ours: Path) -> bool:
    try:
        return os.path.samefile(told, ours)
    except OSError:
        return False


def _how_it_ended(status: int) -> str:
    return f"by signal {-status}" if status < 0 else f"with status {status}"
