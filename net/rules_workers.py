"""Processes that rules in native code run in: each answers one question at a time, and is ended when it takes too long.

They are started when they are first needed, and stay. A position is asked about where it was asked about last, if that
process is free; the others can restore it. One that dies is replaced, and asked the same again, once: the rules are
pure, and somebody else may have killed it.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import signal
import subprocess
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import orjson
import trio
from attrs import define, field

from actors.apart.desk import KEPT
from actors.apart.questions import Died, Late, Told, packed, parse_reply
from net.process import own_command, own_environment
from net.rules_worker import LENGTH

if TYPE_CHECKING:
    from actors.apart.questions import Question, Reply
    from actors.rules.interface import AnyRules

log = logging.getLogger("croupier.rules")

LOAD_WITHIN: Final = 30.0
"""Seconds that a process has to start and to load its rules."""

_LOOKS: Final = 4
_PATIENCE: Final = 5
_MOST_BYTES: Final = 64 * 1024 * 1024
_RECEIVE_BYTES: Final = 65536
_TRIES: Final = 2
_TO_END: Final = 5.0
"""Seconds that a process has to be gone in that was killed: it needs milliseconds."""


class _Gone(Exception):
    """The process ended; the text says how."""


class RulesWorkers:
    """At most `most` processes. A call has `limit` seconds, in which this process must have been running as well: one
    that was paused does not hold that against the rules. A process that has had the processor for less than half of
    that is waited for five times as long: it may be the machine that is slow."""

    def __init__(self, *, most: int, limit: float) -> None:
        self._limit = limit
        self._free = trio.Semaphore(most)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that there are."""
        return tuple(worker.process.pid for worker in self._all)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: when it is cancelled, the processes are ended."""
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(_TO_END, shield=True):
                for worker in list(self._all):
                    await self._end(worker)

    async def ask(self, rules: AnyRules, question: Question) -> Reply:
        """See `actors.apart.questions.Workers`. Cancelled, it ends the process that was asked."""
        how = ""
        async with self._free:
            for _ in range(_TRIES):
                try:
                    return await self._ask_one(rules, question)
                except _Gone as gone:
                    how = str(gone)
                    log.warning("a process of rules (%s) %s", rules.name, how)
        return Died(how)

    async def _ask_one(self, rules: AnyRules, question: Question) -> Reply:
        worker = self._take(question.state) or await self._start()
        fit = False
        try:
            reply = await worker.ask(rules, question, self._limit)
            fit = not isinstance(reply, Late)
        finally:
            if fit:
                self._idle.append(worker)
            else:
                with trio.move_on_after(_TO_END, shield=True):
                    await self._end(worker)
        return reply

    def _take(self, state: bytes) -> _Worker | None:
        if not self._idle:
            return None
        worker = next((one for one in self._idle if state in one.states), self._idle[-1])
        self._idle.remove(worker)
        return worker

    async def _start(self) -> _Worker:
        """A new process. Not cut short by a cancellation: one that is started is known. Raises _Gone."""
        try:
            with trio.CancelScope(shield=True):
                process = await trio.lowlevel.open_process(
                    own_command("rules-worker"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=own_environment(),  # without our secrets
                    process_group=0,  # Ctrl-C in a terminal is for us
                )
        except OSError as error:
            raise _Gone(f"does not start: {error.strerror}") from None
        worker = _Worker(process)
        self._all.add(worker)
        return worker

    async def _end(self, worker: _Worker) -> None:
        self._all.discard(worker)
        await worker.end()


@define(eq=False)
class _Worker:
    """One process, which is asked one thing at a time. `states` are the positions that it was asked about, or said
    that something led to, the last of them."""

    process: trio.Process
    states: OrderedDict[bytes, None] = field(factory=OrderedDict)
    _loaded: set[str] = field(factory=set)
    _received: bytearray = field(factory=bytearray)

    async def ask(self, rules: AnyRules, question: Question, limit: float) -> Reply:
        """The reply of these rules. After Late, and whatever is raised, the process is good for nothing. Raises
        _Gone."""
        name = f"{rules.name} {rules.version}"
        if name not in self._loaded:
            head = {"load": name, "within": LOAD_WITHIN, "path": [folder for folder in sys.path if folder]}
            reply = await self._exchange(head, pickle.dumps(rules), LOAD_WITHIN)
            if not isinstance(reply, Told):
                return reply
            self._loaded.add(name)
        reply = await self._exchange({"ask": name, "within": limit}, question.dump(), limit)
        self._remember(question.state)
        if isinstance(reply, Told):
            self._remember(reply.state)
        return reply

    def _remember(self, state: bytes) -> None:
        self.states[state] = None
        self.states.move_to_end(state)
        if len(self.states) > KEPT:
            self.states.popitem(last=False)

    async def _exchange(self, head: object, rest: bytes, within: float) -> Reply:
        frame = packed(orjson.dumps(head), rest)
        assert self.process.stdin is not None
        # In looks, not at once: of the time in which this process was paused, one look is counted.
        before = _cpu_of(self.process.pid)
        try:
            await self.process.stdin.send_all(len(frame).to_bytes(LENGTH, "big") + frame)
            for look in range(1, _LOOKS * _PATIENCE + 1):
                with trio.move_on_after(within / _LOOKS):
                    return parse_reply(await self._read_frame())
                if look >= _LOOKS and not _cpu_of(self.process.pid) - before < within / 2:
                    break  # also where nobody says, and the difference is no number
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise _Gone(await self._how_it_ended()) from None
        except ValueError:
            raise _Gone("wrote what is no reply") from None
        return Late()

    async def _read_frame(self) -> bytes:
        while (frame := self._whole_frame()) is None:
            assert self.process.stdout is not None
            received = await self.process.stdout.receive_some(_RECEIVE_BYTES)
            if not received:
                raise trio.BrokenResourceError
            self._received += received
        return frame

    def _whole_frame(self) -> bytes | None:
        if len(self._received) < LENGTH:
            return None
        size = int.from_bytes(self._received[:LENGTH], "big")
        if size > _MOST_BYTES:
            raise ValueError("a reply that is too large")
        if len(self._received) < LENGTH + size:
            return None
        frame = bytes(self._received[LENGTH : LENGTH + size])
        del self._received[: LENGTH + size]
        return frame

    async def _how_it_ended(self) -> str:
        with trio.move_on_after(_TO_END):
            status = await self.process.wait()
            return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return "hung up"

    async def end(self) -> None:
        """Kills it, if it lives, and lets go of everything."""
        self.process.kill()
        await self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                await pipe.aclose()


def _cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has had; endless where the system does not say, outside of Linux."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return math.inf
