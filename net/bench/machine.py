"""On what a benchmark ran: figures of two machines, or of two versions, are not comparable."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from attrs import frozen

from net import __version__

_OF_INTEREST: Final = ("trio", "trio-websocket", "wsproto", "h11", "orjson", "attrs")


@frozen
class Machine:
    """The hardware, and the software that counts. `versions` begins with Croupier's own."""

    processor: str
    processors: int
    kernel: str
    versions: dict[str, str]

    @classmethod
    def this(cls) -> Machine:
        """The machine that we run on."""
        versions = {"croupier": __version__, platform.python_implementation(): platform.python_version()}
        for package in _OF_INTEREST:
            versions[package] = _version(package)
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return cls(_processor(), usable or 1, f"{platform.system()} {platform.release()}", versions)

    def __str__(self) -> str:
        """One line for people."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.processors} x {self.processor}, {self.kernel}; {versions}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a bundled program may come without the metadata
        return "unknown"


def _processor() -> str:
    """The model's name; /proc/cpuinfo has one for each processor, where the architecture has such a thing."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [
        value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == "model name"
    ]
    return names[0] if names else platform.machine() or "unknown processor"
