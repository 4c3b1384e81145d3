"""The cache of unpacked binaries: what is in use stays, what is old goes."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from net.binary.runtime import UNUSED_FOR, hold

if TYPE_CHECKING:
    from pathlib import Path

NOW = 2_000_000_000.0


@frozen
class FixedClock:
    """A clock that stands still."""

    def now(self) -> float:
        """The one moment."""
        return NOW


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the runtime of this version."""
    made(tmp_path, "2.0.0-new", age=0)
    return tmp_path


def made(cache: Path, name: str, *, age: float) -> Path:
    folder = cache / name
    folder.mkdir()
    (folder / "id").write_text(name)
    os.utime(folder, (NOW - age, NOW - age))
    return folder


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir())


def test_a_version_that_was_not_used_for_long_is_removed(cache: Path) -> None:
    made(cache, "1.0.0-old", age=UNUSED_FOR + 60)
    hold(cache / "2.0.0-new", FixedClock())
    assert left(cache) == ["2.0.0-new"]


def test_one_that_was_used_lately_stays_so_that_one_can_go_back(cache: Path) -> None:
    made(cache, "1.0.0-old", age=UNUSED_FOR - 60)
    hold(cache / "2.0.0-new", FixedClock())
    assert left(cache) == ["1.0.0-old", "2.0.0-new"]


def test_one_that_is_in_use_stays_however_long_ago_it_was_started(cache: Path) -> None:
    old = made(cache, "1.0.0-old", age=10 * UNUSED_FOR)
    descriptor = os.open(old, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        hold(cache / "2.0.0-new", FixedClock())
    finally:
        os.close(descriptor)
    assert left(cache) == ["1.0.0-old", "2.0.0-new"]


def test_what_an_interrupted_unpacking_left_is_removed(cache: Path) -> None:
    folder = cache / "new-1.0.0-old-77"
    folder.mkdir()
    os.utime(folder, (NOW - UNUSED_FOR - 60,) * 2)
    hold(cache / "2.0.0-new", FixedClock())
    assert left(cache) == ["2.0.0-new"]


def test_nothing_else_is_touched(cache: Path) -> None:
    (cache / "photos").mkdir()
    os.utime(cache / "photos", (0, 0))
    hold(cache / "2.0.0-new", FixedClock())
    assert left(cache) == ["2.0.0-new", "photos"]


def test_it_holds_its_own_as_long_as_the_process_lives(cache: Path) -> None:
    hold(cache / "2.0.0-new", FixedClock())
    descriptor = os.open(cache / "2.0.0-new", os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_a_cache_that_cannot_be_read_is_no_reason_not_to_start(tmp_path: Path) -> None:
    hold(tmp_path / "nowhere" / "x", FixedClock())
