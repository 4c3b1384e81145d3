"""The log: lines for people where standard error is a terminal, JSON for machines elsewhere.

What happened is the message; to which game, in which session, by which request stands in fields of its own (`extra`).
No field and no message ever holds a token, a pid or anything that the rules hide: `tests/net/test_logs.py` plays a game
with all that is logged captured, and searches it.

Everything here and in the libraries logs by standard `logging`; structlog writes it down. Fields are given with each
line and not by structlog's context variables: a request goes to its table's task through a mailbox, and no context goes
along.
"""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import EventRenamer, JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

if TYPE_CHECKING:
    from typing import TextIO

    from structlog.typing import EventDict, Processor, WrappedLogger

    from net.config import Log

FIELDS: Final = ("game", "session", "user", "event", "result", "request", "report", "rules", "reason")
"""The fields that a line may have besides its message."""


def for_people(*, colours: bool) -> ProcessorFormatter:
    """Time, level, message, logger, and the fields that it has as `name='value'`; a traceback goes below."""
    return _formatter(
        TimeStamper("%Y-%m-%d %H:%M:%S.%f", utc=False, key="at"),
        below="exception",
        # Values in quotes: some are the clients' own, and a terminal obeys what stands in them. Tracebacks are plain:
        # those of Rich, structlog's default, show the values of variables, and so what players hold.
        renderer=ConsoleRenderer(
            colors=colours,
            repr_native_str=True,
            sort_keys=False,
            event_key="message",
            timestamp_key="at",
            exception_formatter=plain_traceback,
        ),
    )


def for_machines() -> ProcessorFormatter:
    """One JSON object a line, whatever is in it: `at` (UTC), `level`, `logger`, `message`, the fields that it has, and
    `trace`, what stands below its first line."""
    at = TimeStamper("iso", utc=True, key="at")
    return _formatter(at, below="trace", renderer=JSONRenderer(_json, default=str))


def _formatter(at: Processor, *, below: str, renderer: Processor) -> ProcessorFormatter:
    return ProcessorFormatter(
        processors=[
            at,
            add_log_level,
            add_logger_name,
            EventRenamer("message"),  # `event` is a field of ours, which is added next
            ExtraAdder(FIELDS),
            format_exc_info,
            partial(_one_line, below),
            ProcessorFormatter.remove_processors_meta,
            renderer,
        ]
    )


def _one_line(below: str, _: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """What stands below the message's first line, and the traceback, go under a name of their own; fields that are None
    go."""
    line["message"], _newline, rest = line["message"].partition("\n")
    rest = "\n".join(filter(None, (rest, line.pop("exception", ""))))
    kept = {name: value for name, value in line.items() if value is not None}
    return {**kept, below: rest} if rest else kept


def _json(line: EventDict, *, default: object) -> str:
    return orjson.dumps(line, default=default, option=orjson.OPT_NON_STR_KEYS).decode()  # type: ignore[arg-type]


def configure(log: Log, stream: TextIO | None = None) -> None:
    """Sends what is logged from now on to standard error, as the configuration says."""
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    handler = logging.StreamHandler(out)
    if log.format == "human" or (log.format == "auto" and terminal):
        handler.setFormatter(for_people(colours=terminal and not os.environ.get("NO_COLOR")))
    else:
        handler.setFormatter(for_machines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
