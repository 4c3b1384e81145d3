"""A process in which rules in native code run: `croupier rules-worker`, which the server starts (`net.rules_workers`).

It reads frames from its standard input and writes one to its standard output for each; a frame is its length in four
bytes, and `actors.apart.questions.packed`. What the rules themselves print goes to standard error. It ends when its
input does, and if a call takes much longer than its limit, by a signal: the server would end it before that, but may
have been killed meanwhile.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from attrs import field, frozen

from actors.apart.desk import Desk
from actors.apart.questions import Failed, Question, Told, dump_reply, unpacked
from actors.kit.reports import trace, type_name

if TYPE_CHECKING:
    from actors.apart.questions import Refused
    from actors.rules.interface import JsonObject

LENGTH: Final = 4
"""Bytes before a frame that say how long it is."""

_PATIENCE: Final = 10.0
"""Limits after which a call ends the process by itself."""


def run_worker() -> None:
    """Serves until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server
    incoming, outgoing = _take_over_pipes()
    worker = _Worker()
    while (frame := read_frame(incoming)) is not None:
        reply = dump_reply(worker.answer(frame))
        outgoing.write(len(reply).to_bytes(LENGTH, "big") + reply)
        outgoing.flush()


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the server; whoever reads or prints from now on uses other files."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def read_frame(file: BinaryIO) -> bytes | None:
    """The next frame; None when there is none any more."""
    length = file.read(LENGTH)
    if len(length) < LENGTH:
        return None
    size = int.from_bytes(length, "big")
    frame = file.read(size)
    return frame if len(frame) == size else None


@frozen
class _Worker:
    """The rules that were sent here, each at a desk of its own."""

    _desks: dict[str, Desk] = field(factory=dict)

    def answer(self, frame: bytes) -> Told | Refused | Failed:
        """Answers a frame: `load` brings rules, pickled, and `ask` a question to them, with the limit in seconds."""
        head, rest = unpacked(frame)
        signal.setitimer(signal.ITIMER_REAL, head["within"] * _PATIENCE)
        try:
            if "load" in head:
                return self._load(head, rest)
            return self._desks[head["ask"]].answer(Question.parse(rest))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _load(self, head: JsonObject, pickled: bytes) -> Told | Failed:
        sys.path += [folder for folder in head["path"] if folder not in sys.path]
        try:
            rules = pickle.loads(pickled)
            load = getattr(rules, "load", None)
            if load is not None:
                load()
        except Exception as error:  # importing foreign code can raise anything
            return Failed(type_name(error), trace(error, confidential=False))
        self._desks[head["load"]] = Desk(rules)
        return Told({})
