"""Where a server's time goes, by stage of an action's way: a sampling profile that costs little enough to be left on
while it is measured.

A timer signal looks, a thousand times in a second of CPU time, at what the main thread is doing: the innermost frame
that belongs to a stage says which. What belongs to none is the loop's (trio, the selector, the signals themselves).
"""

from __future__ import annotations

import atexit
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from types import FrameType

STAGES: Final = "stages.json"
"""The file in the server's folder that the profile goes to, at its orderly end."""

_EVERY: Final = 0.001
_LOOP: Final = "loop"

_BY_CODE: Final = {
    ("stream.py", "receive_some"): "read",
    ("stream.py", "send_nowait"): "write",
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
    "game_stream.py": "commit",
    "scripts.py": "commit",
    "redis.py": "commit",
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


def stage_of(frame: FrameType | None) -> str:
    """The stage that this frame, or the innermost one around it that has any, belongs to."""
    while frame is not None:
        code = frame.f_code
        path = Path(code.co_filename)
        if path.parent.name not in _RULES and path.parent.name in _ROOMS:
            stage = _BY_CODE.get((path.name, code.co_name)) or _BY_FILE.get(path.name)
            if stage is not None:
                return stage
        frame = frame.f_back
    return _LOOP


_ROOMS: Final = ("actors", "net", "kit")


def watch_stages(file: Path) -> None:
    """Samples from now on, and writes the part of each stage to the file at the end. On the main thread."""
    counts: dict[str, int] = {}

    def look(_: int, frame: FrameType | None) -> None:
        stage = stage_of(frame)
        counts[stage] = counts.get(stage, 0) + 1

    def write() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        total = sum(counts.values()) or 1
        parts = sorted(counts.items(), key=lambda item: -item[1])
        file.write_bytes(orjson.dumps({stage: count / total for stage, count in parts}))

    atexit.register(write)
    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
