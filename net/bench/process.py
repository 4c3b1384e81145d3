"""What another process takes, as Linux tells it in /proc (proc(5)), and how many files this one may open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import trio
from attrs import frozen

from net.bench.errors import BenchFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_PROC: Final = Path("/proc")
_KIB: Final = 1024

_LOOK_EVERY: Final = 0.05
_QUIET_LOOKS: Final = 3
"""So many looks in a row must find no clock tick (10 ms) of CPU used. What a server does at rest is far below."""


class Meter(Protocol):
    """Reads what a process takes."""

    def memory(self) -> int:
        """Bytes of memory that are its own."""

    def cpu(self) -> float:
        """Seconds of CPU that it has used since it began."""


@frozen
class ProcessMeter:
    """Reads /proc of a process of ours. Its methods raise BenchFailed when the process has ended."""

    pid: int

    def memory(self) -> int:
        """Its anonymous memory, swapped out or not: what it allocated, without the files (its code) that it maps.

        From `smaps_rollup`, which is exact; `VmRSS` of `status` is off by some pages for each processor.
        """
        fields = parse_smaps_rollup(self._read("smaps_rollup"))
        return fields["Anonymous"] + fields["Swap"]

    def cpu(self) -> float:
        """User and system time of all its threads, in whole ticks."""
        return cpu_ticks(self._read("stat")) * cpu_tick()

    def _read(self, name: str) -> str:
        try:
            return (_PROC / str(self.pid) / name).read_text()
        except (FileNotFoundError, ProcessLookupError):
            raise BenchFailed("the server that is measured has ended") from None


@frozen
class MachineMeter:
    """Reads /proc of the whole machine: everybody's CPU, and what a hypervisor gave to others."""

    def memory(self) -> int:
        """Nothing of its own: 0."""
        return 0

    def cpu(self) -> float:
        """Seconds for which a processor was not idle, of all processors together."""
        return busy_ticks((_PROC / "stat").read_text()) * cpu_tick()


def busy_ticks(text: str) -> int:
    """All but the idle time of a machine's stat file, and the time in which it waited for a disk."""
    user, nice, system, _, _, irq, softirq, steal = (int(ticks) for ticks in text.split("\n", 1)[0].split()[1:9])
    return user + nice + system + irq + softirq + steal


def parse_smaps_rollup(text: str) -> dict[str, int]:
    """The fields of a smaps_rollup file, in bytes."""
    fields = {}
    for line in text.splitlines()[1:]:  # the first is the range of addresses
        name, _, amount = line.partition(":")
        fields[name] = int(amount.removesuffix("kB")) * _KIB
    return fields


def cpu_tick() -> float:
    """The unit in which Linux tells CPU times, in seconds: mostly 0.01."""
    return 1 / os.sysconf("SC_CLK_TCK")


def cpu_ticks(text: str) -> int:
    """utime and stime of a stat file, summed."""
    # The second field is the program's name in parentheses; it may hold blanks, and parentheses too.
    after_name = text.rpartition(")")[2].split()
    utime, stime = after_name[11:13]
    return int(utime) + int(stime)


async def quiet(meter: Meter, *, limit: float = 10.0) -> None:
    """Returns when the process has had nothing to do for a moment, or after `limit` seconds."""
    with trio.move_on_after(limit):
        used, looks = meter.cpu(), 0
        while looks < _QUIET_LOOKS:
            await trio.sleep(_LOOK_EVERY)
            now = meter.cpu()
            used, looks = now, looks + 1 if now == used else 0


def is_linux(proc: Path = _PROC) -> bool:
    """Whether there is a /proc as Linux has it."""
    return all((proc / "self" / name).exists() for name in ("smaps_rollup", "stat"))


def check_system(proc: Path = _PROC) -> None:
    """Raises BenchFailed where there is no /proc as Linux has it."""
    if not is_linux(proc):
        raise BenchFailed("this benchmark reads /proc/PID/smaps_rollup and /proc/PID/stat: it runs on Linux alone")


def allow_open_files(count: int) -> None:
    """Raises our own limit of open files to this, if it is lower; processes that are started from now on inherit it.

    Raises BenchFailed when the system does not let us.
    """
    import resource  # not on Windows, which `check_system` has sent away

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    _allow(count, soft, hard, lambda limit: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard)))


def _allow(count: int, soft: int, hard: int, raise_to: Callable[[int], None]) -> None:
    if soft == _UNLIMITED or soft >= count:
        return
    if hard != _UNLIMITED and hard < count:
        raise BenchFailed(
            f"this needs {count} open files at once, and {hard} are allowed (ulimit -Hn): "
            "ask for fewer, or raise the limit"
        )
    raise_to(count)


_UNLIMITED: Final = -1
"""resource.RLIM_INFINITY."""
