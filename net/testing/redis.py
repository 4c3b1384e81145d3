"""The simulated Redis: real RESP over simulated streams, so that `net.redis` itself is under test, on
fakeredis' data, which survive the server's crashes as a real store's do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import hiredis
import trio
from attrs import define, field, frozen

from actors.ports import Clock
from net.resp import CommandRefused
from net.testing.append_only import changes_something
from net.testing.engine import Engine, Session
from net.testing.network import SimAcceptor, SimHost, SimNetwork
from net.testing.streams import SimStream
from net.testing.trace import Kind

if TYPE_CHECKING:
    from net.resp import Arg, Reply

_MORE = object()
_MOST_WAITING = 10_000
"""Commands that wait while the store is paused, before it reads no more of them."""


@define(eq=False)
class SimRedis:
    """A Redis that listens at `address` on the simulated network, with the faults that a store has.

    Like a real one it executes one command at a time, in the order in which they came in. What it keeps when its power
    is cut depends on `appendfsync`, which is `always` unless the engine is told otherwise.
    """

    network: SimNetwork
    clock: Clock
    address: str = "redis"
    config: Mapping[str, str] = field(factory=dict)
    """What CONFIG GET gives beside the defaults; `appendfsync` among it."""
    engine: Engine = field(init=False)
    executing: Callable[[Sequence[bytes]], None] | None = None
    """Told of each command before it is executed."""
    _direct: Session = field(init=False)
    _host: SimHost = field(init=False)
    _acceptor: SimAcceptor = field(init=False)
    _admitting: trio.Event = field(factory=trio.Event, init=False)
    _running: trio.Event = field(factory=trio.Event, init=False)
    _waiting: deque[tuple[_Connection, list[bytes] | None]] = field(factory=deque, init=False)
    _cut_reply: _CutReply | None = field(default=None, init=False)
    _refusal: _Refusal | None = field(default=None, init=False)
    _delay: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.engine = Engine(self.clock, self.config)
        self._direct = self.engine.session()
        self._host = self.network.host(self.address)
        self._running.set()
        self.admit()

    async def run(self) -> None:
        """Serves until cancelled. Connections can be made before it starts, and the data stay when it
        ends."""
        async with trio.open_nursery() as nursery:
            while True:
                await self._admitting.wait()
                try:
                    stream = await self._acceptor.accept()
                except trio.ClosedResourceError:  # refusing from now on
                    continue
                nursery.start_soon(self._serve, _Connection(stream, self.engine.session()))

    def execute(self, *args: Arg) -> Reply:
        """What a client would be answered, without the faults: for a test that looks at the data, or changes
        them behind the server's back. Raises CommandRefused."""
        reader = hiredis.Reader(replyError=CommandRefused)
        reader.feed(self._direct.execute([a if isinstance(a, bytes) else str(a).encode() for a in args]))
        reply = cast("Reply", reader.gets())
        if isinstance(reply, CommandRefused):
            raise reply
        return reply

    # ---- faults

    def pause(self) -> None:
        """From now on commands are read and wait: none is executed before `resume`. Idempotent."""
        if self._running.is_set():
            self._running = trio.Event()

    def resume(self) -> None:
        """Executes what has waited, in the order in which it came, and goes on. Idempotent."""
        self._running.set()
        self._execute_waiting()

    def slow_down(self, seconds: float) -> None:
        """From now on every command waits that long before it is executed, and those behind it with it; 0: none
        does."""
        self._delay = seconds

    def cut(self) -> None:
        """Breaks all connections; new ones are served. A command that was read before is still executed
        (while paused: later), as a real store does; what was on its way is lost."""
        self._host.cut()

    def half_open(self) -> None:
        """Pulls the cable: the connections that there are carry nothing any more, and nobody is told."""
        self._host.half_open()

    def drop_next_reply(self, command: str = "", key: str = "") -> None:
        """The next command of that name (any, if none is given; EVAL is EVALSHA too) that names this key, if one is
        given, is executed, but instead of its reply the connection ends. The replies before it arrive; what came after
        it on that connection is not executed."""
        self._cut_reply = _CutReply(command.lower(), key.encode(), half=False)

    def cut_next_reply(self, command: str = "", key: str = "") -> None:
        """The same, but half of the reply arrives before the connection ends."""
        self._cut_reply = _CutReply(command.lower(), key.encode(), half=True)

    def refuse(self) -> None:
        """New connections are refused; those that stand are served. Idempotent."""
        if self._admitting.is_set():
            self._admitting = trio.Event()
            self._acceptor.close()

    def admit(self) -> None:
        """New connections are served again. Idempotent."""
        if not self._admitting.is_set():
            self._acceptor = self._host.listen(self.address)
            self._admitting.set()

    def answer_with(self, error: str, *, writes_only: bool = False) -> None:
        """From now on commands are not executed, but answered with this error: `LOADING …`, `MISCONF …`; with
        `writes_only`, those that change something, as for `OOM …` and `READONLY …`."""
        self._refusal = _Refusal(error, writes_only)

    def obey(self) -> None:
        """Commands are executed again. Idempotent."""
        self._refusal = None

    def crash(self) -> bool:
        """Cuts the power: the connections break, commands that were not executed are lost, and so is what was executed
        and is not on the disk, as `appendfsync` has it. New connections are refused until `admit`. Says whether
        anything was lost that had been acknowledged."""
        self.refuse()
        self._waiting.clear()
        self.cut()
        lost = self.engine.lose_power()
        self._direct = self.engine.session()
        return lost

    def heal(self) -> None:
        """Ends every fault that lasts. Idempotent."""
        self._cut_reply = None
        self.obey()
        self.slow_down(0.0)
        self.admit()
        self.resume()

    # ---- serving

    async def _serve(self, connection: _Connection) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.write)
            await self._read(connection)
            self._waiting.append((connection, None))
            self._execute_waiting()

    async def _read(self, connection: _Connection) -> None:
        """Takes in commands until the client ends the connection, or loses it."""
        reader = hiredis.Reader(notEnoughData=_MORE)
        try:
            while data := await connection.stream.receive_some():
                reader.feed(data)
                while (command := reader.gets()) is not _MORE:
                    self._waiting.append((connection, _checked(command)))
                if self._delay:
                    await trio.sleep(self._delay)
                self._execute_waiting()
                if len(self._waiting) > _MOST_WAITING:
                    await self._running.wait()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except hiredis.ProtocolError as error:
            connection.answer(b"-ERR Protocol error: %b\r\n" % str(error).encode())

    def _execute_waiting(self) -> None:
        while self._waiting and self._running.is_set():
            connection, command = self._waiting.popleft()
            if command is None:
                connection.end()
                connection.session.close()
            elif not connection.ended:
                self._execute(connection, command)

    def _execute(self, connection: _Connection, command: list[bytes]) -> None:
        trace, who = self.network.trace, connection.stream.peer
        trace.note(Kind.EXECUTED, who, self.address, _shown(command))
        if self._refusal is not None and self._refusal.meets(command):
            reply = b"-%b\r\n" % self._refusal.error.encode()
        else:
            if self.executing is not None:
                self.executing(command)
            reply = connection.session.execute(command)
        trace.note(Kind.REPLIED, self.address, who, reply)
        cut = self._cut_reply
        if cut is None or not cut.meets(command):
            connection.answer(reply)
            return
        self._cut_reply = None
        if cut.half:
            connection.answer(reply[: len(reply) // 2])
        connection.end()


@frozen
class _CutReply:
    """What is to happen to the next reply to this command, or to any if none is named, with this key, or any."""

    command: str
    key: bytes
    half: bool

    def meets(self, words: list[bytes]) -> bool:
        """Whether this command's reply it is."""
        said = words[0].decode().lower()
        return self.command in ("", said, said.removesuffix("sha")) and (not self.key or self.key in words[1:])


@frozen
class _Refusal:
    error: str
    writes_only: bool

    def meets(self, command: list[bytes]) -> bool:
        """Whether this command is answered so."""
        return not self.writes_only or changes_something(command)


def _shown(command: list[bytes]) -> bytes:
    """A command as one line, with lengths before what may hold anything."""
    return b" ".join(b"%d:%b" % (len(part), part) for part in command)


@define(eq=False)
class _Connection:
    """A client's connection, with the replies that are not sent yet."""

    stream: SimStream
    session: Session
    ended: bool = field(default=False, init=False)
    _unsent: bytearray = field(factory=bytearray, init=False)
    _wanted: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def answer(self, reply: bytes) -> None:
        """Sends the reply after all others."""
        self._unsent += reply
        self._wanted.unpark_all()

    def end(self) -> None:
        """Ends the connection after the replies before this. Idempotent."""
        self.ended = True
        self._wanted.unpark_all()

    async def write(self) -> None:
        """Sends replies until the connection ends, and closes it."""
        try:
            while self._unsent or not self.ended:
                while not (self._unsent or self.ended):
                    await self._wanted.park()
                replies, self._unsent = self._unsent, bytearray()
                await self.stream.send_all(replies)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the reader sees it too; what was read is executed all the same
        finally:
            self.stream.close()


def _checked(command: object) -> list[bytes]:
    """A command is an array of bulk strings."""
    if isinstance(command, list) and command and all(isinstance(part, bytes) for part in command):
        return command
    raise hiredis.ProtocolError("expected an array of bulk strings")
