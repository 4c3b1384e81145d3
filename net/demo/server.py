"""The demo's own server: a real process, on files of its own that go when it goes, started, killed and ended by its
pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

import trio
from attrs import define, field

import net
from net.auth import Tokens, secret_for
from net.client import tcp
from net.config import Config
from net.errors import StartError
from net.journal import RedisJournal
from net.outside import SystemClock, SystemEntropy
from net.redis import Redis
from net.valkey import STORE
from net.valkey_process import LOCK_NAME, StoreFolder

if TYPE_CHECKING:
    from types import TracebackType

    from actors.events import Event
    from net.auth import Scope

START_TIMEOUT: Final = 60.0
STOP_TIMEOUT: Final = 5.0
CLEAN_TIMEOUT: Final = 10.0
TOKEN_TTL: Final = 86400.0

_ANNOUNCED: Final = "croupier listening on http://"
_LAST_WORDS_BYTES: Final = 4096


class ServerFailed(StartError):
    """The demo's server does not start, or has ended though nobody killed it."""


class Server(Protocol):
    """A server that may be killed and started again, as the demo needs it."""

    @property
    def pid(self) -> int:
        """The id of its process, while it runs."""

    @property
    def address(self) -> str:
        """`HOST:PORT`; the same in all its lives."""

    async def connect(self) -> trio.abc.Stream:
        """A fresh stream to it. Raises OSError while it is down."""

    def token(self, user_id: str, scope: Scope) -> str:
        """A token that it accepts, in all its lives."""

    async def start(self) -> None:
        """Starts it; returns when it listens. Raises ServerFailed."""

    async def kill(self) -> None:
        """kill -9; returns when it is dead."""

    async def journal(self, game_id: str) -> list[Event]:
        """What stands in its store of this game, read past the server."""


def own_command(*arguments: str) -> list[str]:
    """How to run this very program, whatever it was started as: `croupier`, `python -m net`, or one binary."""
    if getattr(sys, "frozen", False):  # set by PyInstaller: the executable is the program
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "net", *arguments]


def own_environment() -> dict[str, str]:
    """Ours, without what configures some other Croupier: a store of yours is no place for a demo."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CROUPIER")}
    if not getattr(sys, "frozen", False):
        # The server starts in another folder and must find the package where this process found it.
        found = [str(Path(net.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, found))
    return environ


@define(eq=False)
class DemoServer:
    """`croupier serve` on a free port of loopback, in a folder that must exist. An async context: at its end, whatever
    happened, the server and its store are dead.

    The folder is where the server looks for a config.toml, too, so nobody's configuration is in the way.
    """

    folder: Path
    address: str = field(default="", init=False)
    _port: str = field(default="0", init=False)
    _process: trio.Process | None = field(default=None, init=False)
    _up: trio.Event = field(factory=trio.Event, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):
            await self.kill()
            await self._kill_store()

    # ---- its life

    @property
    def pid(self) -> int:
        """See `Server`."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    async def start(self) -> None:
        """Starts it, on the port it had before if it had one. Cancelled, it may run already; the context ends it."""
        assert self._process is None, "it runs already"
        arguments = ["serve", "--host", "127.0.0.1", "--port", self._port, "--data-dir", str(self._data)]
        await self._open(own_command(*arguments))
        with trio.move_on_after(START_TIMEOUT):
            line = await self._first_line()
            if not line.startswith(_ANNOUNCED):
                raise ServerFailed(f"the demo's server does not start: {self._last_words()}")
            self.address = line.removeprefix(_ANNOUNCED).strip()
            self._port = self.address.rpartition(":")[2]
            self._up.set()
            return
        raise ServerFailed(f"the demo's server has not started within {START_TIMEOUT:g} s: {self._last_words()}")

    async def _open(self, command: list[str]) -> None:
        # Shielded: of a process that is started somebody must know, to end it.
        with self._log.open("ab") as log, trio.CancelScope(shield=True):
            self._process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env=own_environment(),
                process_group=0,  # Ctrl-C in the terminal is for us
            )

    async def kill(self) -> None:
        """See `Server`; nothing happens when it does not run."""
        process = self._forget()
        if process is not None:
            process.kill()
            await self._reap(process)

    async def stop(self) -> None:
        """Ends it in order, as an operator would; kills it when it has not ended within some seconds."""
        process = self._forget()
        if process is not None:
            process.send_signal(signal.SIGTERM)
            with trio.CancelScope(shield=True):
                with trio.move_on_after(STOP_TIMEOUT):
                    await process.wait()
                process.kill()  # nothing happens when it has ended
                await self._reap(process)

    async def watch(self) -> None:
        """Raises ServerFailed when the server ends though nobody ended it; never returns."""
        while True:
            await self._up.wait()
            process = self._process
            if process is None:  # it was ended since it came up
                continue
            status = await process.wait()
            if process is self._process:
                raise ServerFailed(f"the demo's server has ended, with status {status}: {self._last_words()}")

    def _forget(self) -> trio.Process | None:
        process, self._process = self._process, None
        self._up = trio.Event()
        return process

    async def _reap(self, process: trio.Process) -> None:
        with trio.CancelScope(shield=True):  # it is dead, or as good as dead
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()

    async def _first_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            more = await self._process.stdout.receive_some()
            if not more:
                break
            line += more
        return line.decode(errors="replace")

    def _last_words(self) -> str:
        """The last line that it wrote to its log."""
        words = self._log.read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace").strip().splitlines()
        return words[-1].removeprefix("croupier: ") if words else "it says nothing"

    # ---- its store

    @property
    def _store(self) -> StoreFolder:
        return StoreFolder(self._data / STORE, self._data / LOCK_NAME)

    async def _kill_store(self) -> None:
        """Ends the Valkey that a killed server left running. To be called only when the server is dead."""
        store = self._store
        if not store.lock.path.exists():
            return
        with trio.move_on_after(CLEAN_TIMEOUT):
            while not store.lock.try_acquire():
                store.kill_holders()
                await trio.sleep(0.01)
        store.lock.release()

    async def journal(self, game_id: str) -> list[Event]:
        """See `Server`. Raises as `actors.ports.Journal.load`."""
        entropy = SystemEntropy()
        with self._store.socket_path() as path:
            redis = Redis(partial(trio.open_unix_socket, path), entropy=entropy)
            async with trio.open_nursery() as nursery:
                await nursery.start(redis.run)
                events = await RedisJournal(redis, entropy=entropy, prefix=Config().store.prefix).load(game_id)
                nursery.cancel_scope.cancel()
        return events

    # ---- what its clients need

    async def connect(self) -> trio.abc.Stream:
        """See `Server`."""
        host, _, port = self.address.rpartition(":")
        return await tcp(host, int(port))()

    def token(self, user_id: str, scope: Scope) -> str:
        """See `Server`. The secret is the one that it made in its folder."""
        config = Config()
        secrets = secret_for(config, self._data, SystemEntropy())
        return Tokens(secrets, config.auth.audience, SystemClock()).issue(user_id, scope, TOKEN_TTL)

    # ---- its files. The names are short: a socket's path may not be long

    @property
    def _data(self) -> Path:
        return self.folder / "d"

    @property
    def _log(self) -> Path:
        return self.folder / "log"
