"""The libraries of this machine that a root directory of our own needs."""

from __future__ import annotations

import subprocess
from pathlib import Path

GLIBC = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2")


def libraries_of(program: Path) -> list[Path]:
    """What a program is linked with, its loader among them."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.split()
    return [Path(word) for word in said if word.startswith("/")]


def c_library() -> list[Path]:
    """The files of this machine's C library, by the names under which programs load them."""
    ours = libraries_of(Path("/bin/sh"))
    loader = next(path for path in ours if path.name.startswith("ld-linux"))
    library = next(path for path in ours if path.name == "libc.so.6")
    return [loader, *(library.with_name(name) for name in GLIBC)]
