"""A server as an operator has it: a real process on files of its own, started, killed, paused and ended by its pid.

The demo, the benchmarks and the drill each run one, or several; at the end of its context nothing of it runs any more.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import trio
from attrs import define, field

import net
from net.auth import Scope, Tokens, secret_for
from net.client import Api, tcp
from net.config import KEYS, RATES, Config
from net.crash_points import Fuse
from net.data_directory import holders
from net.errors import StartError
from net.journal import RedisJournal
from net.outside import SystemClock, SystemEntropy
from net.ownership import Ownership
from net.redis import Redis
from net.redis_url import RedisUrl
from net.valkey import STORE
from net.valkey_process import LOCK_NAME, PID_NAME, StoreFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from actors.events import Event

START_TIMEOUT: Final = 60.0
STOP_TIMEOUT: Final = 5.0
CLEAN_TIMEOUT: Final = 10.0
TOKEN_TTL: Final = 86400.0

_QUIET: Final = range(20_000, 32_000)
"""Where no system takes the port of an outgoing connection from: a client that tries a dead server's port, again and
again, might else be given that very port, and talk to itself; and the server might find it taken when it comes back."""

_FOR_PEOPLE: Final = {KEYS["log"]["format"].variable: "human"}
"""The server's last words are shown when it does not start."""

_ANNOUNCED: Final = "croupier listening on http://"
_LAST_WORDS_BYTES: Final = 4096


class ServerFailed(StartError):
    """The server does not start, or has ended though nobody ended it."""


def own_command(*arguments: str) -> list[str]:
    """How to run this very program, whatever it was started as: `croupier`, `python -m net`, or one binary."""
    if getattr(sys, "frozen", False):  # set by PyInstaller: the executable is the program
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "net", *arguments]


def in_a_checkout() -> bool:
    """Whether this very program is run from a checkout, by its `./dev`."""
    return not getattr(sys, "frozen", False) and (Path(net.__file__).parents[1] / "dev").is_file()


def typed(command: str) -> str:
    """This command of ours (`serve --port 80`) as people type it: in a checkout through `./dev`, which has some
    commands of its own."""
    if not in_a_checkout():
        return f"croupier {command}"
    return f"./dev {command}" if command.split()[0] in {"serve", "sim"} else f"./dev run {command}"


def own_environment() -> dict[str, str]:
    """Ours, without what configures some other Croupier: a store of yours is no place for a demo."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CROUPIER")}
    if not getattr(sys, "frozen", False):
        # The server starts in another folder and must find the package where this process found it.
        found = [str(Path(net.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, found))
    return environ


def without_rates() -> dict[str, str]:
    """What is to be in a server's environment whose clients all come from one machine, as fast as they can."""
    return {KEYS["limits"][name].variable: "0" for name in RATES}


def quiet_port() -> int:
    """A port of loopback that is free now, and that nobody takes by chance."""
    entropy = SystemEntropy()
    while True:
        port = _QUIET[int.from_bytes(entropy.bytes(4), "big") % len(_QUIET)]
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def _absolute(folder: Path) -> Path:
    return folder.absolute()


@define(eq=False)
class ServerProcess:
    """`croupier serve` on a free port of loopback, in a folder that must exist. An async context: at its end, whatever
    happened, the server and its store are dead.

    The folder is where the server looks for a config.toml, too, so nobody's configuration is in the way. `name` is
    what it is called when it fails; `program` runs it; `config` is what it is configured to, as far as its clients
    must know it; `arguments` and `environ` are added to what it is started with; `fuse` reaches its crash points;
    `port` 0 is one that is free.
    """

    # Absolute: the server works in it, so what is relative to where we are is another place to it.
    folder: Path = field(converter=_absolute)
    name: str = "the server"
    program: Sequence[str] = field(factory=own_command)
    config: Config = field(factory=Config)
    arguments: Sequence[str] = ()
    environ: Mapping[str, str] = field(factory=dict)
    fuse: Fuse | None = None
    port: int = 0
    address: str = field(default="", init=False)
    """`HOST:PORT`; the same in all its lives."""
    _process: trio.Process | None = field(default=None, init=False)
    _doomed: trio.Process | None = field(default=None, init=False)
    """The one whose end is expected."""
    _up: trio.Event = field(factory=trio.Event, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):
            await self.kill()
            await self.clear_store()

    # ---- its life

    @property
    def pid(self) -> int:
        """The id of its process, while it runs."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it was started, and not ended by us since."""
        return self._process is not None

    async def start(self) -> None:
        """Starts it, on the same port in all its lives; returns when it listens. Raises ServerFailed. Cancelled, it may
        run already; the context ends it."""
        assert self._process is None, "it runs already"
        await self._open()
        with trio.move_on_after(START_TIMEOUT):
            line = await self._first_line()
            if not line.startswith(_ANNOUNCED):
                raise ServerFailed(f"{self.name} does not start: {self._last_words()}")
            self.address = line.removeprefix(_ANNOUNCED).strip()
            self._up.set()
            return
        raise ServerFailed(f"{self.name} has not started within {START_TIMEOUT:g} s: {self._last_words()}")

    async def _open(self) -> None:
        self.port = self.port or quiet_port()
        command = [*self.program, "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--data-dir", str(self.data), "--until-eof", *self.arguments]
        inherited: tuple[int, ...] = ()
        if self.fuse is not None:
            inherited = (self.fuse.lay(),)
            command += ["--crash-points-fd", str(inherited[0])]
        # Shielded: of a process that is started somebody must know, to end it.
        with self.log.open("ab") as log, trio.CancelScope(shield=True):
            self._process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.PIPE,  # never written to: its end tells the server that we are gone, however we went
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env=own_environment() | _FOR_PEOPLE | dict(self.environ),
                pass_fds=inherited,
                process_group=0,  # Ctrl-C in the terminal is for us
            )
        if self.fuse is not None:
            self.fuse.laid()

    async def kill(self) -> None:
        """kill -9; returns when it is dead. Nothing happens when it does not run."""
        process = self._forget()
        if process is not None:
            process.kill()
            await self._reap(process)

    async def stop(self, *, within: float | None = None, again_after: float | None = None) -> int | None:
        """Ends it in order, as an operator would; kills it when it has not ended within so many seconds
        (STOP_TIMEOUT).

        With `again_after` it gets a second SIGTERM so many seconds after the first, which ends it at once. Returns its
        exit status, -9 when it had to be killed; None when it did not run.
        """
        process = self._forget()
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        with trio.CancelScope(shield=True):
            if again_after is not None:
                with trio.move_on_after(again_after):
                    await process.wait()
                process.send_signal(signal.SIGTERM)  # nothing happens when it has ended
            with trio.move_on_after(STOP_TIMEOUT if within is None else within):
                await process.wait()
            process.kill()
            status = await self._reap(process)
        return status

    async def ends_by_itself(self, within: float) -> bool:
        """Whether it ends within so many seconds, which it was brought to; killed if not. Cancelled, it may run on; the
        context ends it."""
        process = self._doomed = self._process
        assert process is not None, "it does not run"
        with trio.move_on_after(within):
            await process.wait()
        ended = process.poll() is not None
        await self.kill()
        return ended

    def pause(self) -> None:
        """SIGSTOP; returns when it has stopped, or ended."""
        os.kill(self.pid, signal.SIGSTOP)
        # Not waitpid: if it has ended, that is for trio to find out.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    async def watch(self) -> None:
        """Raises ServerFailed when the server ends though nobody ended it; never returns."""
        while True:
            await self._up.wait()
            process = self._process
            if process is None:  # it was ended since it came up
                continue
            status = await process.wait()
            if process is self._process and process is not self._doomed:
                raise ServerFailed(f"{self.name} has ended, with status {status}: {self._last_words()}")

    async def wait_up(self) -> None:
        """Waits until it serves."""
        await self._up.wait()

    def _forget(self) -> trio.Process | None:
        process, self._process = self._process, None
        if self._up.is_set():  # else somebody may wait for this very event
            self._up = trio.Event()
        return process

    async def _reap(self, process: trio.Process) -> int:
        with trio.CancelScope(shield=True):  # it is dead, or as good as dead
            status = await process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    await pipe.aclose()
        return status

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
        words = self.log.read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace").strip().splitlines()
        return words[-1].removeprefix("croupier: ") if words else "it says nothing"

    # ---- its store

    @property
    def _store(self) -> StoreFolder:
        return StoreFolder(self.data / STORE, self.data / LOCK_NAME)

    @property
    def store_pid(self) -> int:
        """The id of its Valkey's process. Raises ProcessLookupError while there is none."""
        store = self._store
        try:
            pid = int((store.path / PID_NAME).read_text())
        except (OSError, ValueError):
            raise ProcessLookupError("the store does not run") from None
        # The file outlives the process, and the number may be somebody else's by now.
        if sys.platform == "linux" and pid not in holders(store.lock.path):
            raise ProcessLookupError("the store does not run")
        return pid

    def signal_store(self, number: signal.Signals) -> int:
        """Sends a signal to its Valkey, and returns its pid. Raises ProcessLookupError while there is none."""
        pid = self.store_pid
        os.kill(pid, number)
        return pid

    async def clear_store(self) -> None:
        """Ends the Valkey that a killed server left running. To be called only when the server is dead."""
        store = self._store
        if not store.lock.path.exists():
            return
        with trio.move_on_after(CLEAN_TIMEOUT):
            while not store.lock.try_acquire():
                store.kill_holders()
                await trio.sleep(0.01)
        store.lock.release()

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Redis]:
        """A connection to its store of our own, past the server. What the block raises comes in an ExceptionGroup."""
        entropy = SystemEntropy()
        if self.config.store.redis_url:
            url = RedisUrl.parse(self.config.store.redis_url)
            redis = Redis(url.connect, entropy=entropy, setup=url.setup, name=url.shown)
        else:
            redis = Redis(self._connect_store, entropy=entropy)
        async with trio.open_nursery() as nursery:
            await nursery.start(redis.run)
            yield redis
            nursery.cancel_scope.cancel()

    async def _connect_store(self) -> trio.abc.Stream:
        with self._store.socket_path() as path:
            return await trio.open_unix_socket(path)

    async def journal(self, game_id: str) -> Sequence[Event]:
        """What stands in its store of this game, read past the server. Raises as `actors.ports.Journal.history`, in a
        group."""
        async with self.open_store() as redis:
            entropy, prefix = SystemEntropy(), self.config.store.prefix
            journal = RedisJournal(redis, Ownership(entropy=entropy, prefix=prefix), entropy=entropy, prefix=prefix)
            return await journal.history(game_id)

    # ---- what its clients need

    async def connect(self) -> trio.abc.Stream:
        """A fresh stream to it. Raises OSError while it is down."""
        host, _, port = self.address.rpartition(":")
        return await tcp(host, int(port))()

    def token(self, user_id: str, scope: Scope = Scope.PLAYER) -> str:
        """A token that it accepts, in all its lives. The secret is that of the configuration, or the one that it made
        in its folder."""
        secrets = secret_for(self.config, self.data, SystemEntropy())
        return Tokens(secrets, self.config.auth.audience, SystemClock()).issue(user_id, scope, TOKEN_TTL)

    @property
    def api(self) -> Api:
        """Its HTTP API, with a service token."""
        return Api(self.connect, self.token("operator", Scope.SERVICE))

    # ---- its files. The names are short: a socket's path may not be long

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "d"

    @property
    def log(self) -> Path:
        """What it wrote to standard error, in all its lives."""
        return self.folder / "log"
