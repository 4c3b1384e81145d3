"""The data of the simulated Redis: fakeredis, by commands in and RESP out.

The one file that touches what fakeredis keeps to itself (fakeredis 2.40): its socket class, because only
there is a status (`+OK`) still told from a string and an error still has its text, and its idea of the time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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
    _server: FakeServer = field(init=False)

    def __attrs_post_init__(self) -> None:
        with self._mended():
            self._server = FakeServer(version=(8,), server_type="valkey")
        for name, value in {**_CONFIG, **self.config}.items():
            self._server.config[name.encode()] = value.encode()

    def session(self) -> Session:
        """A new connection's state: the selected database, an open MULTI, the watched keys."""
        with self._mended():
            return Session(self, _Socket(self._server))

    @contextmanager
    def _mended(self) -> Iterator[None]:
        """fakeredis looks up the time, and how a double is written, in globals of its modules. For the length of one
        command, which never waits, they are the simulated time, and the shortest digits that give the double again."""
        simulated = _Time(self.clock.now)
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

    def execute(self, command: Sequence[bytes]) -> bytes:
        """Executes the command and returns the reply in RESP2, an error (`-ERR …`) among them."""
        with self._engine._mended():
            return encode(self._socket.answer(list(command)))

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
