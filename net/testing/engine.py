"""The data of the simulated Redis: fakeredis, by commands in and RESP out.

The one file that touches what fakeredis keeps to itself (fakeredis 2.40): its socket class, because only
there is a status (`+OK`) still told from a string and an error still has its text, and its idea of the time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NoReturn

import redis
from attrs import define, field, frozen
from fakeredis import FakeServer
from fakeredis._command_args_parsing import Float
from fakeredis._commands import Signature
from fakeredis._helpers import SimpleError, SimpleString
from fakeredis._socket import FakeSocket, _resp

from actors.ports import Clock
from net.testing.append_only import AppendOnly, Fsync

if TYPE_CHECKING:
    from collections.abc import Iterator


_UNORDERED = frozenset({"smembers", "sinter", "sunion", "sdiff", "keys"})
"""Commands whose replies come in no promised order: sorted here, because fakeredis gives the order of Python's hashes,
which changes with the process."""

_NULL_ARRAY = SimpleString(b"")
"""The nil that is written as an array (`*-1`), not as a string (`$-1`)."""

_NOT_SIMULATED = frozenset(
    {
        *("randomkey", "srandmember", "spop", "hrandfield", "zrandmember"),  # chance that no seed repeats
        *("subscribe", "psubscribe", "ssubscribe", "monitor"),  # replies that nobody asked for
    }
)

_CONFIG = {
    "appendfsync": "always",
    "appendonly": "yes",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "save": "",
}

_READERS_OF_THE_CLOCK = [
    module
    for name, module in sorted(sys.modules.items())
    if name.startswith("fakeredis.") and vars(module).get("time") is time
]


@define(eq=False)
class Engine:
    """The data that all connections share. It follows `clock` in everything: expiry, TIME, ids that XADD
    makes.

    `config` overrides what CONFIG GET gives.
    """

    clock: Clock
    config: Mapping[str, str] = field(factory=dict)
    disk: AppendOnly = field(init=False)
    """What is written down, with `appendfsync` as the configuration has it; of database 0."""
    _server: FakeServer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._server = self._empty()
        self.disk = AppendOnly(Fsync(self._server.config[b"appendfsync"].decode()))

    def _empty(self) -> FakeServer:
        with self._mended(self.clock.now):
            server = FakeServer(version=(8,), server_type="valkey")
        for name, value in {**_CONFIG, **self.config}.items():
            server.config[name.encode()] = value.encode()
        return server

    def session(self) -> Session:
        """A new connection's state: the selected database, an open MULTI, the watched keys."""
        with self._mended(self.clock.now):
            return Session(self, _Socket(self._server))

    def lose_power(self) -> bool:
        """What was not forced to the disk is lost, and so are the scripts that were loaded. The sessions are of no use
        any more. Says whether anything was lost that had been acknowledged."""
        lost = self.disk.cut_off(self.clock.now())
        if lost:
            self._server = self._empty()
            session = self.session()
            for entry in self.disk.entries:
                for command in entry.commands:
                    with self._mended(lambda at=entry.at: at):  # type: ignore[misc]
                        session.redo(command)
            session.close()
        self._server.script_cache = {}
        return lost

    @contextmanager
    def _mended(self, now: Callable[[], float]) -> Iterator[None]:
        """fakeredis looks up the time, and how a double is written, in globals of its modules. For the length of one
        command, which never waits, they are the simulated time, and the shortest digits that give the double again."""
        simulated = _Time(now)
        for module in _READERS_OF_THE_CLOCK:
            vars(module)["time"] = simulated
        vars(_resp)["Float"] = _ShortestFloat
        try:
            yield
        finally:
            vars(_resp)["Float"] = Float
            for module in _READERS_OF_THE_CLOCK:
                vars(module)["time"] = time


@define(eq=False)
class Session:
    """One connection to the engine."""

    _engine: Engine
    _socket: _Socket
    _transaction: list[Sequence[bytes]] | None = field(default=None, init=False)

    def execute(self, command: Sequence[bytes]) -> bytes:
        """Executes the command and returns the reply in RESP2, an error (`-ERR …`) among them."""
        with self._engine._mended(self._engine.clock.now):
            reply = self.redo(command)
        self._write_down(command, reply)
        return reply

    def redo(self, command: Sequence[bytes]) -> bytes:
        """The same, at a time that the caller has set, and without its being written down."""
        return encode(self._socket.answer(list(command)))

    def _write_down(self, command: Sequence[bytes], reply: bytes) -> None:
        """Of a transaction nothing is written before all of it is executed."""
        disk, now = self._engine.disk, self._engine.clock.now()
        match command[0].lower():
            case b"multi" if self._transaction is None:
                self._transaction = [command]
            case b"exec" if self._transaction is not None:
                if reply.startswith(b"*") and not reply.startswith(b"*-1"):
                    disk.wrote(now, [*self._transaction, command])
                self._transaction = None
            case b"discard":
                self._transaction = None
            case _ if self._transaction is not None:
                self._transaction.append(command)
            case _:
                disk.wrote(now, [command])

    def close(self) -> None:
        """Forgets the connection, its MULTI and its watches. Once only."""
        self._socket.close()


@frozen
class _Time:
    time: Callable[[], float]


class _ShortestFloat(Float):
    @classmethod
    def encode(cls, value: float, humanfriendly: bool) -> bytes:
        return super().encode(value, humanfriendly) if humanfriendly else cls.encode_shortest(value)


@define(eq=False)
class _Lua:
    """Lua as fakeredis uses it, three times as fast: each script is compiled once, and garbage collected when Lua wants
    to, not after each script."""

    _runtime: Any
    _compiled: dict[bytes | str, Any] = field(factory=dict, init=False)

    def execute(self, script: bytes | str) -> object:
        """Runs a script."""
        if script == "collectgarbage()":
            return None
        compiled = self._compiled.get(script)
        if compiled is None:
            compiled = self._compiled[script] = self._runtime.compile(script)
        return compiled()

    def table_from(self, *args: Any) -> Any:  # noqa: ANN401 - Lua's
        """A table of Lua's."""
        return self._runtime.table_from(*args)

    def globals(self) -> Any:  # noqa: ANN401 - Lua's
        """What scripts must not add to."""
        return self._runtime.globals()


class _Socket(FakeSocket):
    """fakeredis' own connection, whose replies are taken before they are turned into Python values."""

    def __init__(self, server: FakeServer) -> None:
        self._answers: list[object] = []
        self._command: list[bytes] = []
        super().__init__(server, 0, None, client_class=redis.Redis)

    def answer(self, command: list[bytes]) -> object:
        self._command = command
        self._process_command(command)
        (answer,) = self._answers
        self._answers.clear()
        return answer

    def _get_server_runtime(self, server: FakeServer) -> _Lua:
        """Lua, as all scripts of a server share it."""
        runtime = super()._get_server_runtime(server)
        if not isinstance(runtime, _Lua):
            runtime = vars(server)["_lua_runtime"] = _Lua(runtime)
        return runtime

    def config_get(self, *patterns: bytes) -> list[bytes]:
        """CONFIG GET, which fakeredis lacks."""
        found: list[bytes] = []
        for name, value in sorted(self._server.config.items()):
            if any(fnmatchcase(name.decode(), pattern.decode().lower()) for pattern in patterns):
                found += name, value
        return found

    def put_response(self, msg: object) -> None:
        self._answers.append(msg)

    def _decode_result(self, result: object) -> object:
        return result

    def _name_to_func(self, cmd_name: str) -> tuple[Callable[[Any], Any] | None, Signature]:
        if cmd_name in _NOT_SIMULATED:
            raise SimpleError(f"ERR {cmd_name.upper()} is not simulated")
        if cmd_name == "config get":
            return self.config_get, Signature(cmd_name, "config_get", (bytes,), (bytes,))
        return super()._name_to_func(cmd_name)

    def _unknown_command(self, command: str, args: str | None = None) -> SimpleError:
        name, *rest = (part[:128].decode(errors="replace") for part in self._command)
        words = "".join(f"'{word}' " for word in rest)
        return SimpleError(f"ERR unknown command '{name}', with args beginning with: {words}")

    def _run_command(
        self, func: Callable[[Any], Any] | None, sig: Signature, args: list[Any], from_script: bool
    ) -> object:
        match sig.name, super()._run_command(func, sig, args, from_script):
            case "exec", None:
                return _NULL_ARRAY
            case "xread" | "xreadgroup", []:
                return _NULL_ARRAY
            case name, list() as unordered if name in _UNORDERED:
                return sorted(unordered)
            case _, result:
                return result

    def _blocking(self, timeout: float | None, func: object, shape: object = None) -> NoReturn:
        raise SimpleError("ERR commands that wait are not simulated")


def encode(value: object) -> bytes:
    """A reply in RESP2. Raises TypeError for what RESP2 has no form for."""
    match value:
        case None:
            return b"$-1\r\n"
        case SimpleString():
            return b"*-1\r\n" if value is _NULL_ARRAY else b"+%b\r\n" % value.value
        case SimpleError():
            return b"-%b\r\n" % value.value.encode()
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(value), value)
        case int():
            return b":%d\r\n" % value
        case list() | tuple():
            return b"*%d\r\n" % len(value) + b"".join(encode(item) for item in value)
        case _:
            raise TypeError(f"no reply of RESP2 can be made of a {type(value).__name__}")
