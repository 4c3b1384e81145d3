"""The server as an operator has it: real processes, started, killed, paused and stopped by their exact pids."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import redis as redis_py
import trio
from attrs import define, field, frozen

from net.auth import Scope, Tokens
from net.client import Api, tcp
from net.data_directory import FileLock
from net.outside import SystemClock
from net.valkey_process import LOCK_NAME, PID_NAME, StoreFolder

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from types import TracebackType

CROUPIER = Path(sys.executable).with_name("croupier")
"""The console script, as it is installed beside this Python."""

_PLAIN = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ (DEBUG|INFO) ")

LISTENING = "croupier listening on "
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


@define(eq=False)
class RealServer:
    """`croupier serve` on a free port, with its data directory. An async context: at its end, whatever happened, the
    server and the Valkey that it started are dead, and what it wrote to stderr is a note on the error that ended it.
    """

    data: Path
    environ: Mapping[str, str] = field(factory=dict)
    address: str | None = field(default=None, init=False)
    """`HOST:PORT` while it serves."""
    process: trio.Process | None = field(default=None, init=False)
    _up: trio.Event = field(factory=trio.Event, init=False)

    # ---- coming and going

    async def __aenter__(self) -> Self:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        try:
            await self.start()
        except BaseException as error:
            self._note(error)
            with trio.fail_after(PATIENCE, shield=True):
                await self._clean_up()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._note(error)
        with trio.fail_after(PATIENCE, shield=True):
            await self._clean_up()

    async def start(self) -> None:
        """Starts it, and waits until it says that it listens."""
        assert self.process is None, "it runs already"
        with self._stderr.open("ab") as stderr, trio.CancelScope(shield=True):
            process = self.process = await trio.lowlevel.open_process(
                [CROUPIER, "serve", "--port", "0", "--data-dir", self.data],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=self.data.parent,
                env=environment(**self.environ),
            )
        line = await self._first_line(process)
        assert line.startswith(f"{LISTENING}http://"), f"it said {line!r} and not where it listens"
        self.address = line.removeprefix(f"{LISTENING}http://").strip()
        self._up.set()

    async def _first_line(self, process: trio.Process) -> str:
        assert process.stdout is not None
        line = b""
        with trio.fail_after(PATIENCE):
            while not line.endswith(b"\n"):
                more = await process.stdout.receive_some()
                assert more, "it ended before it listened"
                line += more
        return line.decode()

    async def wait_up(self) -> None:
        """Waits until it serves."""
        await self._up.wait()

    def _down(self) -> None:
        # At once: by the time a client tries the port again it may belong to somebody else.
        self.address = None
        if self._up.is_set():  # else somebody may wait for this very event
            self._up = trio.Event()

    async def kill(self) -> None:
        """kill -9 of the server alone."""
        self._down()
        self._running.kill()
        await self._reap()

    async def kill_both(self, *, store_first: bool = False) -> None:
        """kill -9 of the server and its Valkey, one right after the other."""
        self._down()
        victims = [self._running.pid, self.valkey_pid]
        for pid in reversed(victims) if store_first else victims:
            os.kill(pid, signal.SIGKILL)
        await self._reap()
        await self._until_no_store_lives()

    async def terminate(self) -> int:
        """SIGTERM; returns the exit status, and sees to it that nothing but the one line went to stdout."""
        self._running.send_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE):
            await self._running.wait()
        self._down()
        assert self._running.stdout is not None
        assert await self._running.stdout.receive_some() == b""
        return await self._reap()

    async def _reap(self) -> int:
        process = self._running
        with trio.CancelScope(shield=True):
            status = await process.wait()
            self.process = None
            assert process.stdout is not None
            await process.stdout.aclose()
        return status

    def _note(self, error: BaseException) -> None:
        error.add_note(f"stderr of the server on {self.data}:\n{self.stderr}")

    async def _clean_up(self) -> None:
        self._down()
        if self.process is not None:
            self.process.kill()
            await self._reap()
        # A Valkey names itself in its file from soon after its start: it may have to be waited for.
        while self.store_lives():
            if (self.data / "store" / PID_NAME).exists():
                self.kill_valkey()
            await trio.sleep(0.005)

    # ---- the processes

    @property
    def _running(self) -> trio.Process:
        assert self.process is not None, "it does not run"
        return self.process

    def pause(self) -> None:
        """SIGSTOP; returns when the server has stopped."""
        _stop(self._running.pid)

    def resume(self) -> None:
        """SIGCONT."""
        self._running.send_signal(signal.SIGCONT)

    # ---- the store

    @property
    def valkey_pid(self) -> int:
        """The pid of its Valkey, which must be up."""
        return int((self.data / "store" / PID_NAME).read_text())

    def kill_valkey(self) -> int:
        """kill -9 of the Valkey alone; returns its pid."""
        pid = self.valkey_pid
        os.kill(pid, signal.SIGKILL)
        return pid

    async def wait_for_another_valkey(self, than: Container[int]) -> None:
        """Waits until a Valkey with none of these pids answers."""
        with trio.fail_after(PATIENCE):
            while True:
                with suppress(OSError, ValueError, redis_py.RedisError), self.store() as store:
                    if self.valkey_pid not in than and store.ping():
                        return
                await trio.sleep(0.01)

    @contextmanager
    def valkey_paused(self) -> Iterator[None]:
        """SIGSTOP for the length of a block. A Valkey that is no child of ours tells nobody that it has stopped, so
        it is first seen to be in the middle of nothing."""
        pid = self.valkey_pid
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
        assert self.process is None
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

    # ---- what its clients need

    async def connect(self) -> trio.abc.Stream:
        """A fresh stream to it. Raises OSError while it is down."""
        if self.address is None:
            raise ConnectionRefusedError("the server is down")
        host, _, port = self.address.rpartition(":")
        return await tcp(host, int(port))()

    @property
    def secret(self) -> str:
        """The secret that it made and keeps in the data directory."""
        return (self.data / "secret").read_text().strip()

    def token(self, user_id: str, scope: Scope = Scope.PLAYER) -> str:
        """A token that it accepts, before and after any restart."""
        secret = self.environ.get("CROUPIER_AUTH_SECRET") or self.secret
        return Tokens((secret,), "croupier", SystemClock()).issue(user_id, scope, 3600)

    @property
    def api(self) -> Api:
        """Its HTTP API, with a service token."""
        return Api(self.connect, self.token("operator", Scope.SERVICE))

    @property
    def _stderr(self) -> Path:
        return self.data.with_name(f"{self.data.name}.stderr")

    @property
    def stderr(self) -> str:
        """Everything that it wrote to stderr, in all its lives."""
        return self._stderr.read_text(errors="replace") if self._stderr.exists() else ""

    @property
    def complaints(self) -> list[str]:
        """What it wrote to stderr beyond the log's plain lines: warnings, errors, tracebacks."""
        return [line for line in self.stderr.splitlines() if not _PLAIN.match(line)]


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
