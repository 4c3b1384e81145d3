"""Whether a call reads more than its arguments: the clock, chance that is not the game's, the system, files.

Python's profiling hook is told of every call of a function that is written in C, and all of those ways out of a process
are. So nothing needs to be patched, and nothing that the rules import can hide from it.
"""

from __future__ import annotations

import _random
import gc
import sys
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

P = ParamSpec("P")
T = TypeVar("T")

_CLOCKS: Final = frozenset(
    f"{name}{unit}"
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
    for unit in ("", "_ns")
) | {"localtime", "gmtime", "sleep"}
_MODULES: Final = {
    "time": (_CLOCKS, "the clock"),
    "posix": (frozenset({"urandom", "getrandom", "getpid", "open", "listdir", "scandir"}), "the system"),
    "nt": (frozenset({"urandom", "getpid", "open", "listdir", "scandir"}), "the system"),
    "_io": (frozenset({"open"}), "a file"),
    "io": (frozenset({"open"}), "a file"),
    "builtins": (frozenset({"input"}), "the keyboard"),
    "_uuid": (frozenset({"generate_time_safe"}), "the clock"),
}
_NOTHING: Final = (frozenset[str](), "")
_DATES: Final = frozenset({"now", "utcnow", "today"})
_IMPORTING: Final = ("<frozen importlib", "importlib")


class Spy:
    """Runs calls and keeps what they read that they should not have: what, and by which line of whose code."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def watch(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls this, and watches. Where another profiler is at work it is left alone, and nothing is watched."""
        if sys.getprofile() is not None:
            return call(*args, **kwargs)
        collects = gc.isenabled()
        gc.disable()  # what others have the collector call (Hypothesis looks at the clock) is not the rules' doing
        sys.setprofile(self._told)
        try:
            return call(*args, **kwargs)
        finally:
            sys.setprofile(None)
            if collects:
                gc.enable()

    def _told(self, frame: FrameType, event: str, arg: Any) -> None:  # noqa: ANN401 - as Python calls it
        if event == "c_call" and (what := _read_by(arg)) is not None and not _imports(frame):
            self.seen.append(f"{what}, by {arg.__qualname__}() in {_whose(frame)}")


def _read_by(function: Any) -> str | None:  # noqa: ANN401
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    if isinstance(owner, _random.Random):
        return "the module random"
    if isinstance(owner, type) and owner.__module__ == "datetime" and name in _DATES:
        return "the clock"
    names, what = _MODULES.get(str(getattr(function, "__module__", None) or ""), _NOTHING)
    return what if name in names else None


def _imports(frame: FrameType | None) -> bool:
    """Whether an import is under way: it reads files, and what a module does when it is loaded is done once."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORTING):
            return True
        frame = frame.f_back
    return False


def _whose(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} (line {frame.f_lineno} of {frame.f_code.co_filename.rpartition('/')[2]})"
