"""The data directory has one owner, and nobody else looks into it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from net.data_directory import DataDirectory, DataDirectoryLocked, DataDirectoryUnusable, FileLock, holders

if TYPE_CHECKING:
    from pathlib import Path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_with_its_parents_and_closed_to_others(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "a" / "b").lock() as data:
        assert mode_of(data.path) == 0o700
        assert mode_of(data.folder("store")) == 0o700


def test_a_second_owner_is_refused_with_one_line_that_names_directory_and_holder(data: DataDirectory) -> None:
    with pytest.raises(DataDirectoryLocked) as error:
        DataDirectory(data.path).lock()
    line = str(error.value)
    assert str(data.path) in line
    assert f"pid {os.getpid()}" in line
    assert "\n" not in line


def test_after_the_with_block_it_is_free(tmp_path: Path) -> None:
    with DataDirectory(tmp_path).lock():
        pass
    with DataDirectory(tmp_path).lock():
        pass


def test_the_lock_of_a_killed_owner_is_free(tmp_path: Path) -> None:
    program = f"""
import sys
from net.data_directory import DataDirectory
DataDirectory({str(tmp_path)!r}).lock()
print("locked", flush=True)
sys.stdin.read()
"""
    owner = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=os.getcwd()
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"locked\n"
    with pytest.raises(DataDirectoryLocked, match=f"pid {owner.pid}"):
        DataDirectory(tmp_path).lock()
    owner.kill()
    owner.communicate()
    with DataDirectory(tmp_path).lock():
        pass


def test_a_child_does_not_inherit_the_lock(data: DataDirectory) -> None:
    pipe = subprocess.PIPE
    child = subprocess.Popen(["/bin/cat"], stdin=pipe, stdout=pipe, bufsize=0, close_fds=False)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"x")
    assert child.stdout.read(1) == b"x"  # it runs, so it has closed what it does not inherit
    assert holders(data.path / "lock") == []
    child.communicate()


def test_a_directory_that_others_may_read_is_closed_if_it_is_empty_or_ours(tmp_path: Path) -> None:
    for name in ("empty", "ours"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "ours" / "secret").touch()
    for name in ("empty", "ours"):
        with DataDirectory(tmp_path / name).lock() as data:
            assert mode_of(data.path) == 0o700


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "letters").touch()
    with pytest.raises(DataDirectoryUnusable, match="holds other things"):
        DataDirectory(home).lock()
    assert mode_of(home) == 0o755
    assert [path.name for path in home.iterdir()] == ["letters"]


def test_a_file_in_its_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirectoryUnusable, match="cannot use the data directory"):
        DataDirectory(tmp_path / "file").lock()


def test_a_lock_lives_as_long_as_whoever_inherited_it(tmp_path: Path) -> None:
    ours, theirs = FileLock(tmp_path / "l"), FileLock(tmp_path / "l")
    assert ours.try_acquire()
    heir = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=[ours.fileno()])
    ours.let_go()
    assert not theirs.try_acquire()
    assert holders(tmp_path / "l") == [heir.pid]
    heir.communicate()
    assert theirs.try_acquire()
    assert holders(tmp_path / "l") == []
    theirs.let_go()
