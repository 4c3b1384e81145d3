"""The folder that the binary was unpacked into: kept while it is in use, removed when it has not been for long."""

from __future__ import annotations

import fcntl
import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from actors.ports import Clock

UNUSED_FOR: Final = 14 * 86400.0
"""Seconds after which an older version, or what an interrupted unpacking left, is removed: long enough to go back."""


def hold(runtime: Path, clock: Clock) -> None:
    """Marks the folder as used, until this process ends, and removes its siblings that have not been for long.

    It never raises: a server starts whatever becomes of the cache.
    """
    # Left open on purpose. The lock is on the folder itself, which systemd-tmpfiles respects, too.
    _locked(runtime, fcntl.LOCK_SH)
    try:
        siblings = [entry for entry in runtime.parent.iterdir() if entry != runtime and entry.is_dir()]
    except OSError:
        return
    for sibling in siblings:
        if _is_ours(sibling) and clock.now() - _last_used(sibling) > UNUSED_FOR:
            _remove_unless_used(sibling)


def _locked(folder: Path, how: int) -> int | None:
    """A descriptor that holds the lock as long as it is open; None: somebody else has it, or it cannot be locked."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_ours(folder: Path) -> bool:
    return folder.name.startswith("new-") or (folder / "id").is_file()


def _last_used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another process is removing it
        return float("inf")


def _remove_unless_used(folder: Path) -> None:
    descriptor = _locked(folder, fcntl.LOCK_EX)
    if descriptor is None:
        return
    try:
        # Under another name first: whoever starts meanwhile finds it whole or not at all.
        doomed = folder.with_name(f"new-{folder.name.removeprefix('new-')}.old")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    except OSError:
        pass
    finally:
        os.close(descriptor)
