"""The log: lines for people where standard error is a terminal, JSON for machines elsewhere.

What happened is the message; to which game, in which session, by which request stands in fields of its own (`extra`).
No field and no message ever holds a token, a pid or anything that the rules hide: `tests/net/test_logs.py` plays a game
with all that is logged captured, and searches it.

Standard `logging` with these two formatters, and not structlog, because that brings asyncio along: 50 ms of a server's
start, for which players wait.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from typing import TextIO

    from net.config import Log

FIELDS: Final = ("game", "session", "user", "event", "result", "request", "report", "rules", "reason")
"""The fields that a line may have besides its message."""

_SAFE: Final = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b"})


class Lines(logging.Formatter):
    """For people: time, level, logger, message, and the fields that it has as `name=value`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line; a traceback goes below it."""
        head, newline, rest = super().formatMessage(record).partition("\n")
        fields = "".join(f" {name}={str(value).translate(_SAFE)}" for name, value in _fields(record))
        return f"{head}{fields}{newline}{rest}"


class Json(logging.Formatter):
    """For machines: one JSON object a line, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """`at` (UTC), `level`, `logger`, `message`, the fields that it has, and `trace`, what stands below its first
        line."""
        message, _, trace = record.getMessage().partition("\n")
        if record.exc_info:
            trace = f"{trace}\n{self.formatException(record.exc_info)}".strip()
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, object] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = message
        line.update((name, value) for name, value in _fields(record))
        if trace:
            line["trace"] = trace
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _fields(record: logging.LogRecord) -> list[tuple[str, object]]:
    return [(name, record.__dict__[name]) for name in FIELDS if record.__dict__.get(name) is not None]


def configure(log: Log, stream: TextIO | None = None) -> None:
    """Sends what is logged from now on to standard error, as the configuration says."""
    out = sys.stderr if stream is None else stream
    human = log.format == "human" or (log.format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(Lines() if human else Json())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
