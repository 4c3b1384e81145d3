"""The server as an operator has it: real processes, started, killed, paused and stopped by their exact pids."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import redis as redis_py
import trio
from attrs import define, field, frozen

from net.auth import Scope, Tokens
from net.data_directory import FileLock
from net.outside import SystemClock
from net.process import ServerProcess, without_rates
from net.valkey_process import LOCK_NAME, StoreFolder

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence
    from types import TracebackType

CROUPIER = Path(sys.executable).with_name("croupier")
"""The console script, as it is installed beside this Python."""

_PLAIN = re.compile(r"\d{4}-\d\d-\d\d [\d:.]+ \[(debug|info) *\] ")

_PATIENT = {"CROUPIER_LIMITS_STALL_AFTER": "10"}
"""A machine that has other things to do holds any process up; that is nothing that a server should be blamed for."""

PATIENCE = 60.0
"""Seconds that a server may take to start or to stop on a machine that has other things to do."""


def environment(**added: str) -> dict[str, str]:
    """Ours, without what is set for some other Croupier, and with what is added."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CROUPIER")} | added


@frozen
class Finished:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str


async def croupier(*arguments: str | Path, cwd: Path, **environ: str) -> Finished:
    """Runs `croupier` to its end. Cancelled, it is killed and reaped."""
    done = await trio.run_process(
        [CROUPIER, *arguments],
        cwd=cwd,
        env=environment(**environ),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        stdin=b"",
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


@define(eq=False, init=False)
class RealServer(ServerProcess):
    """`croupier serve`, with its data directory. An async context, in which it runs from the beginning: at its end,
    whatever happened, the server and the Valkey that it started are dead, and what it wrote to stderr is a note on the
    error that ended it.
    """

    _data: Path = field(init=False)

    def __init__(
        self, data: Path, environ: Mapping[str, str] | None = None, *, program: Sequence[str] = (str(CROUPIER),)
    ) -> None:
        self._data = data
        self.__attrs_init__(data.parent, program=program, environ=without_rates() | _PATIENT | dict(environ or {}))

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            await self.start()
        except BaseException as error:
            self._note(error)
            await super().__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._note(error)
        await super().__aexit__(kind, error, trace)

    def _note(self, error: BaseException) -> None:
        error.add_note(f"stderr of the server on {self.data}:\n{self.stderr}")

    @property
    def data(self) -> Path:
        """See `ServerProcess`."""
        return self._data

    @property
    def log(self) -> Path:
        """See `ServerProcess`."""
        return self.data.with_name(f"{self.data.name}.stderr")

    @property
    def process(self) -> trio.Process | None:
        """Its process, while it runs."""
        return self._process

    # ---- how it ends

    async def kill_both(self, *, store_first: bool = False) -> None:
        """kill -9 of the server and its Valkey, one right after the other."""
        victims = [self.pid, self.store_pid]
        for pid in reversed(victims) if store_first else victims:
            os.kill(pid, signal.SIGKILL)
        await self.kill()
        await self._until_no_store_lives()

    async def terminate(self) -> int:
        """SIGTERM; returns the exit status, and sees to it that nothing but the one line went to stdout."""
        process = self._process
        assert process is not None, "it does not run"
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE):
            assert await process.stdout.receive_some() == b""
            await process.wait()
        status = await self.stop()
        assert status is not None
        return status

    # ---- the store

    async def wait_for_another_valkey(self, than: Container[int]) -> None:
        """Waits until a Valkey with none of these pids answers."""
        with trio.fail_after(PATIENCE):
            while True:
                with suppress(OSError, ValueError, redis_py.RedisError), self.store() as store:
                    if self.store_pid not in than and store.ping():
                        return
                await trio.sleep(0.01)

    @contextmanager
    def valkey_paused(self) -> Iterator[None]:
        """SIGSTOP for the length of a block. A Valkey that is no child of ours tells nobody that it has stopped, so
        it is first seen to be in the middle of nothing."""
        pid = self.store_pid
        with self.store() as store:
            store.ping()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def store_lives(self) -> bool:
        """Whether there is a Valkey, going by its lock. To be asked only while the server is dead: it takes the lock
        itself for a moment."""
        assert not self.runs
        if not (self.data / LOCK_NAME).exists():
            return False
        lock = FileLock(self.data / LOCK_NAME)
        try:
            return not lock.try_acquire()
        finally:
            lock.let_go()

    async def _until_no_store_lives(self) -> None:
        with trio.fail_after(PATIENCE):
            while self.store_lives():  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(0.005)

    @contextmanager
    def store_socket(self) -> Iterator[str]:
        """A path to its Valkey's socket that is short enough to connect to."""
        with StoreFolder(self.data / "store", self.data / LOCK_NAME).socket_path() as path:
            yield path

    @contextmanager
    def store(self) -> Iterator[redis_py.Redis]:
        """redis-py on its Valkey: another pair of eyes than the server's own."""
        with self.store_socket() as path, redis_py.Redis(unix_socket_path=path, protocol=2) as store:
            yield store

    # ---- what it keeps

    @property
    def secret(self) -> str:
        """The secret that it made and keeps in the data directory."""
        return (self.data / "secret").read_text().strip()

    def token(self, user_id: str, scope: Scope = Scope.PLAYER) -> str:
        """A token that it accepts, before and after any restart."""
        secret = self.environ.get("CROUPIER_AUTH_SECRET") or self.secret
        return Tokens((secret,), "croupier", SystemClock()).issue(user_id, scope, 3600)

    @property
    def stderr(self) -> str:
        """Everything that it wrote to stderr, in all its lives."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def complaints(self) -> list[str]:
        """What it wrote to stderr beyond the log's plain lines: warnings, errors, tracebacks."""
        return [line for line in self.stderr.splitlines() if not _PLAIN.match(line)]
