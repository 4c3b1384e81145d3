"""Where a server's time goes, by stage of an action's way, as it is measured by the server itself.

Two looks, one after the other, both at the main thread. First every call is counted, for some actions: that slows
everything down, and says nothing about time. From then on a timer signal looks, a thousand times in a second of CPU
time, at what is being done, which costs little enough: the innermost frame that belongs to a stage says which. What
belongs to none is the loop's (Trio, the selector, the signals themselves).
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import asdict, define, field, frozen

if TYPE_CHECKING:
    from types import FrameType


STAGES: Final = "stages.json"
"""The file in the server's folder that the profile goes to, at its orderly end."""

_EVERY: Final = 0.001
_LOOP: Final = "loop"
_COUNTED: Final = 500
"""Actions whose calls are counted,"""
_COUNTED_FOR: Final = 5.0
"""and the seconds of CPU for which that is done at most."""

_BY_CODE: Final = {
    ("stream.py", "receive_some"): "read",
    ("wire.py", "receive_some"): "read",
    ("wire.py", "send_nowait"): "write",
    ("stream.py", "push"): "write",
    ("stream.py", "_release"): "write",
}
_BY_FILE: Final = {
    "frames.py": "decode",
    "socketio_packets.py": "decode",
    "nesting.py": "decode",
    "router.py": "route",
    "session.py": "route",
    "limits.py": "route",
    "directory.py": "route",
    "mailbox.py": "route",
    "judge.py": "rules",
    "game.py": "rules",
    "journal.py": "commit",
    "until_known.py": "commit",
    "game_stream.py": "commit",
    "scripts.py": "commit",
    "redis.py": "commit",
    "redis_connection.py": "commit",
    "resp.py": "commit",
    "event_codec.py": "commit",
    "snapshot_codec.py": "commit",
    "views.py": "view",
    "telling.py": "view",
    "audience.py": "view",
    "protocol.py": "encode",
    "codec.py": "encode",
    "outbox.py": "write",
    "websocket.py": "write",
    "socketio_client.py": "write",
    "plain.py": "encode",
    "table.py": "table",
    "writing.py": "table",
    "held.py": "table",
    "moves.py": "table",
}
_RULES: Final = ("rules", "bench")
"""Folders of rules: what is called in them by a view is the view's."""
_ROOMS: Final = ("actors", "net", "kit")

_DONE: Final = "_make_good"
"""The function (of `actors.writing`) that is called once for each action that stands."""


@frozen
class Stages:
    """Of each stage: the part of the time that it took, and how many functions it called for an action, those that are
    written in Python, and others. `kernel` is the part of the time that was the kernel's, in whatever stage."""

    time: dict[str, float]
    calls: dict[str, float]
    native_calls: dict[str, float]
    kernel: float

    @classmethod
    def read(cls, file: Path) -> Stages:
        """What `watch_stages` has written there."""
        return cls(**orjson.loads(file.read_bytes()))


def stage_of(frame: FrameType | None) -> str:
    """The stage that this frame, or the innermost one around it that has any, belongs to."""
    while frame is not None:
        code = frame.f_code
        stage = _stage_of_code(code.co_filename, code.co_name)
        if stage is not None:
            return stage
        frame = frame.f_back
    return _LOOP


@cache
def _stage_of_code(file: str, name: str) -> str | None:
    path = Path(file)
    if path.parent.name in _RULES or path.parent.name not in _ROOMS:
        return None
    return _BY_CODE.get((path.name, name)) or _BY_FILE.get(path.name)


def _plays(frame: FrameType | None) -> bool:
    """Whether an action is being answered: from then on there are some."""
    while frame is not None:
        if frame.f_code.co_name == _DONE:
            return True
        frame = frame.f_back
    return False


def watch_stages(file: Path) -> None:
    """Looks from now on, and writes `Stages` to the file at the end. On the main thread."""

    def look_every(seconds: float) -> None:
        signal.setitimer(signal.ITIMER_PROF, seconds, seconds)

    def write() -> None:
        look_every(0)
        file.write_bytes(orjson.dumps(asdict(watch.result())))

    watch = Watch(look_every)
    atexit.register(write)
    signal.signal(signal.SIGPROF, watch.look)
    look_every(_EVERY)


@define(eq=False)
class Watch:
    """Both looks. Only what comes after the counting counts as time: before it nobody plays. `look_every` sets the
    timer, with 0 it takes it away."""

    _look_every: Callable[[float], None]
    _samples: dict[str, int] = field(factory=dict, init=False)
    _calls: dict[str, dict[str, int]] = field(factory=lambda: {"call": {}, "c_call": {}}, init=False)
    _actions: int = field(default=0, init=False)
    _counting_since: float | None = field(default=None, init=False)
    """In seconds of CPU."""
    _times: os.times_result = field(factory=os.times, init=False)

    def look(self, _: int, frame: FrameType | None) -> None:
        """The timer's signal."""
        stage = stage_of(frame)
        self._samples[stage] = self._samples.get(stage, 0) + 1
        if self._counting_since is None and _plays(frame):
            self._counting_since = time.process_time()
            self._look_every(0)
            sys.setprofile(self._count)

    def _count(self, frame: FrameType, event: str, _: Any) -> None:  # noqa: ANN401 - the interpreter's
        """A call, or a return (of which nothing is counted)."""
        calls = self._calls.get(event)
        if calls is None:
            return
        if event == "call" and frame.f_code.co_name == _DONE:
            self._actions += 1
            assert self._counting_since is not None
            if self._actions == 1:  # what was before it is of an action that was looked at from the middle on
                self._calls["call"].clear()
                self._calls["c_call"].clear()
            elif self._actions > _COUNTED or time.process_time() > self._counting_since + _COUNTED_FOR:
                sys.setprofile(None)
                self._samples.clear()
                self._times = os.times()
                self._look_every(_EVERY)
                return
        stage = stage_of(frame)
        calls[stage] = calls.get(stage, 0) + 1

    def result(self) -> Stages:
        """So far."""
        looks, actions = sum(self._samples.values()) or 1, max(self._actions - 1, 1)
        now, then = os.times(), self._times
        kernel, user = now.system - then.system, now.user - then.user
        return Stages(
            {stage: count / looks for stage, count in _largest_first(self._samples)},
            {stage: count / actions for stage, count in _largest_first(self._calls["call"])},
            {stage: count / actions for stage, count in _largest_first(self._calls["c_call"])},
            kernel / (kernel + user or 1),
        )


def _largest_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def budget(stages: Stages, action: float) -> list[tuple[str, float, float, float]]:
    """Each stage's name, its seconds of an action that takes so many, and its calls, in Python and others."""
    return [
        (name, part * action, stages.calls.get(name, 0.0), stages.native_calls.get(name, 0.0))
        for name, part in stages.time.items()
    ]
