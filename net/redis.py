"""A client of Redis or Valkey on Trio streams: reconnecting, cancellable, pipelined on the connection that it has
(`net.redis_connection`). There is no thread in it, and it runs over any Trio stream: the simulation's too.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import trio

from actors.meter import COUNTS, Histogram
from actors.ports import NoCrashPoints, StoreUnavailable
from net.backoff import Backoff
from net.errors import StartError
from net.redis_connection import Connection, ask, reason_of
from net.resp import (
    Arg,
    Command,
    CommandRefused,
    Heard,
    Pipeline,
    Reply,
    ResultUnknown,
    Slot,
    pack,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actors.ports import CrashPoints, Entropy

__all__ = [
    "Arg",
    "Command",
    "CommandRefused",
    "Redis",
    "Reply",
    "ResultUnknown",
    "StoreNotReached",
    "StoreUnavailable",
]

log = logging.getLogger(__name__)

NO_CRASH_POINTS = NoCrashPoints()


class StoreNotReached(StartError):
    """The store could not be reached, or refused us, at the start."""


class Redis:
    """A client of one Redis or Valkey server, on one connection at a time."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[trio.abc.Stream]],
        *,
        entropy: Entropy,
        setup: Sequence[Command] = (),
        name: str = "the store",
        call_timeout: float = 5.0,
        connect_timeout: float = 5.0,
        start_timeout: float = 10.0,
        first_backoff: float = 0.05,
        longest_backoff: float = 1.0,
        max_calls: int = 20_000,
        max_bytes: int = 64 * 1024 * 1024,
        crash_points: CrashPoints = NO_CRASH_POINTS,
        batches: Histogram | None = None,
    ) -> None:
        """`connect` opens a fresh stream; it raises OSError or trio.BrokenResourceError when it cannot.
        `setup` are commands that go first on each connection (AUTH, SELECT, CLIENT SETNAME). `name` is how
        errors and the log call the store. Times are seconds.

        A store that owes replies and completes none for `call_timeout` counts as lost: the connection is torn
        down. At most `max_calls` calls wait at a time, and at most `max_bytes` bytes wait to be written.

        `crash_points` is told of each batch of commands: `store.writing` before it is written, `store.written`
        when it is, and no reply to it was read yet, `store.replied` when replies were read, and nobody who waits
        for them has gone on. `batches` counts the calls that left in one write.
        """
        self._connect = connect
        self._entropy = entropy
        self._setup = (*setup, ("PING",))  # a server that still loads its data refuses a PING
        self._name = name
        self._call_timeout = call_timeout
        self._connect_timeout = connect_timeout
        self._start_timeout = start_timeout
        self._first_backoff = first_backoff
        self._longest_backoff = longest_backoff
        self._max_calls = max_calls
        self._max_bytes = max_bytes
        self._crash_points = crash_points
        self._batches = Histogram(COUNTS) if batches is None else batches
        self._connection: Connection | None = None
        self._client_id: int | None = None
        """What the server calls the connection that we have, or had last; None: it does not say."""
        self._may_not_end = False
        self._epoch = 0
        self._why = f"not connected to {name} yet"
        self._noted = ""
        self._came_up = trio.Event()

    @property
    def available(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None

    @property
    def epoch(self) -> int:
        """The number of the present connection, or of the last one when there is none; 0 before the first."""
        return self._epoch

    async def wait_available(self) -> int:
        """Waits until there is a connection, and returns its epoch."""
        while self._connection is None:
            await self._came_up.wait()
        await trio.lowlevel.checkpoint()
        return self._epoch

    # ---- calls

    async def call(self, *args: Arg, epoch: int | None = None) -> Reply:
        """Sends one command and returns its reply.

        With `epoch` it goes out on that connection or not at all. Raises StoreUnavailable: it was certainly
        not executed (there is no connection, or not that one, or too much waits already, or the server said
        that it cannot now); ResultUnknown: it was sent, and no reply came; CommandRefused: the server's
        error.

        Cancelled: the command may be executed all the same; its reply is read and dropped.
        """
        reply = (await self._exchange(pack([args]), Slot(1), epoch=epoch))[0]
        if isinstance(reply, CommandRefused):
            raise refusal(reply)
        return reply

    async def transaction(self, commands: Sequence[Command], epoch: int | None = None) -> list[Reply]:
        """Sends MULTI, these commands and EXEC in one write, and returns one reply for each command.

        All are executed, or none. A command that fails while EXEC runs (WRONGTYPE, a refused stream id) does
        not undo the others: its CommandRefused stands in the list. Raises as `call` does; a CommandRefused
        that is raised means that none was executed.
        """
        replies = await self._exchange(pack([("MULTI",), *commands, ("EXEC",)]), Slot(len(commands) + 2), epoch=epoch)
        for reply in replies:  # what made EXEC abort comes before it, and says more
            if isinstance(reply, CommandRefused):
                raise refusal(reply)
        results = replies[-1]
        assert isinstance(results, list), "EXEC gives nil only after a WATCH"
        return results

    def send(
        self,
        *commands: Command,
        epoch: int | None = None,
        refused: Callable[[CommandRefused], None] | None = None,
    ) -> bool:
        """Sends these commands in order, after all that was sent before, and waits for nothing; a refusal is
        logged, or given to `refused`, which may send again and must not raise. False: they were dropped, because
        the store is away."""
        try:
            self._enqueue(pack(commands), _unattended(commands, refused), epoch=epoch)
        except StoreUnavailable:
            return False
        return True

    def call_soon(self, packed: bytes, heard: Callable[[Reply | Exception], None], *, epoch: int) -> bool:
        """Sends one command on that connection and waits for nothing. `heard` is called once, from another task, with
        its reply, a CommandRefused among them, or with what `call` would have raised in its place; it must not raise.
        False: nothing was sent."""
        try:
            self._enqueue(packed, Heard(heard), epoch=epoch)
        except StoreUnavailable:
            return False
        return True

    def _enqueue(self, packed: bytes, slot: Slot, *, epoch: int | None) -> None:
        if self._connection is None:
            raise StoreUnavailable(self._why)
        if epoch is not None and epoch != self._epoch:
            raise StoreUnavailable(f"the connection to {self._name} that this was meant for is gone")
        self._connection.add(packed, slot)

    async def _exchange(self, packed: bytes, slot: Slot, *, epoch: int | None) -> list[Reply]:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._enqueue(packed, slot, epoch=epoch)
        slot.wake = partial(trio.lowlevel.reschedule, trio.lowlevel.current_task())

        def abort(_: object) -> trio.lowlevel.Abort:
            slot.wake = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if slot.lost is not None:
            raise slot.error()
        return slot.replies

    # ---- the connection

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keeps a connection, for ever; started once there is the first.

        Raises StoreNotReached when there is none after `start_timeout`, or at once when the server refuses
        the `setup` (a wrong password). Afterwards it tries again and again, with growing waits. Cancelled:
        whoever waits for a reply gets ResultUnknown, or StoreUnavailable if the command was not sent.
        """
        backoff = Backoff(self._entropy, first=self._first_backoff, longest=self._longest_backoff)
        started = False
        give_up_at = trio.current_time() + self._start_timeout
        while True:
            try:
                stream = await self._open()
            except (StoreUnavailable, CommandRefused) as error:
                final = isinstance(error, CommandRefused) or trio.current_time() >= give_up_at
                if not started and final:
                    raise StoreNotReached(f"cannot use {self._name}: {error}") from None
                self._note(f"cannot reach {self._name}: {error}")
                await trio.sleep(backoff.next())
                continue
            if not started:
                started = True
                task_status.started()
            since = trio.current_time()
            await self._serve(stream)
            # A store that drops us as soon as we are there is not "back" each time.
            if trio.current_time() - since > backoff.longest:
                backoff.reset()
            await trio.sleep(backoff.next())

    async def _open(self) -> trio.abc.Stream:
        """A stream on which the server has answered the setup. Raises StoreUnavailable, CommandRefused."""
        stream: trio.abc.Stream | None = None
        try:
            with trio.fail_after(self._connect_timeout):
                stream = await self._connect()
                replies = await ask(stream, *self._setup, *self._end_the_last())
            for reply in replies[: len(self._setup)]:
                if isinstance(reply, CommandRefused):
                    raise refusal(reply)
            self._note_connection(replies[len(self._setup) :])
        except trio.TooSlowError:
            error: Exception = StoreUnavailable(f"no answer within {self._connect_timeout:g} s")
        except (OSError, trio.BrokenResourceError) as broken:
            error = StoreUnavailable(reason_of(broken))
        except (StoreUnavailable, CommandRefused) as refused:
            error = refused
        except BaseException:
            if stream is not None:
                await trio.aclose_forcefully(stream)
            raise
        else:
            return stream
        if stream is not None:
            await trio.aclose_forcefully(stream)
        raise error

    def _end_the_last(self) -> list[Command]:
        """Asks what this connection is called, and ends the one before it, at the server's side: whatever the server
        has not read of that by now (a network may deliver late) it never will."""
        who: Command = ("CLIENT", "ID")
        return [who] if self._client_id is None else [who, ("CLIENT", "KILL", "ID", self._client_id)]

    def _note_connection(self, replies: Sequence[Reply]) -> None:
        self._client_id = replies[0] if isinstance(replies[0], int) else None
        refused = [reply.code for reply in replies if isinstance(reply, CommandRefused)]
        if refused and not self._may_not_end:
            self._may_not_end = True
            log.info("%s does not let us end dead connections of ours (CLIENT KILL: %s)", self._name, refused[0])

    async def _serve(self, stream: trio.abc.Stream) -> None:
        pipeline = Pipeline(max_calls=self._max_calls, max_bytes=self._max_bytes)
        connection = Connection(
            stream, pipeline, self._call_timeout, self._went_down, self._crash_points, self._batches
        )
        self._connection = connection
        self._epoch += 1
        if self._epoch > 1:
            log.info("connected to %s again", self._name)
        self._came_up.set()
        try:
            await connection.run()
            self._note(f"lost the connection to {self._name}: {self._why}")
        finally:
            connection.fail("the client is stopping")  # unless it has failed before, of itself
            await trio.aclose_forcefully(stream)

    def _went_down(self, why: str) -> None:
        self._connection = None
        self._came_up = trio.Event()
        self._why = why

    def _note(self, why: str) -> None:
        self._why = why
        if why != self._noted:  # a store may be away for hours; the log need not say it at every try
            log.warning("%s", why)
        self._noted = why


def _unattended(commands: Sequence[Command], refused: Callable[[CommandRefused], None] | None = None) -> Slot:
    """A slot for commands for whose replies nobody waits."""
    slot = Slot(len(commands))
    slot.wake = partial(_look_for_refusals, slot, commands, refused)
    return slot


def _look_for_refusals(
    slot: Slot, commands: Sequence[Command], refused: Callable[[CommandRefused], None] | None
) -> None:
    for command, reply in zip(commands, slot.replies, strict=False):
        if isinstance(reply, CommandRefused):
            if refused is not None:
                refused(reply)
                continue
            # Neither the arguments nor the message, which may quote them: there may be hidden cards in them.
            log.warning("the store refused an unattended %s: %s", command[0], reply.code)
