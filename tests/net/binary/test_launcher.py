"""The launcher of the binary, with a small program behind it in place of the real one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from net.binary.pack import pack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRAM = """#!/bin/sh
echo "$$|$(pwd)|${CROUPIER_RUNTIME-unset}|$(cat "${0%/*}/lib/data")"
for argument in "$@"; do echo "<$argument>"; done
exit 7
"""


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """A binary alone in a folder, whose program says what it was given, and ends with status 7."""
    return make(tmp_path / "alone" / "croupier", "one")


def make(path: Path, data: str) -> Path:
    folder = path.parent.with_name(f"program-{data}")
    (folder / "lib").mkdir(parents=True)
    (folder / "croupier").write_text(PROGRAM)
    (folder / "croupier").chmod(0o755)
    (folder / "lib" / "data").write_text(data)
    (folder / "lib" / "link").symlink_to("data")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(folder, 1_700_000_000, "1.2.3"))
    path.chmod(0o755)
    return path


def run(binary: Path, *arguments: str, environ: Mapping[str, str]) -> tuple[int, str, str]:
    """Runs it with this environment alone."""
    done = subprocess.run(
        [binary, *arguments], env=dict(environ), cwd=binary.parent, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def may_mount() -> bool:
    """Whether this process may mount file systems: for root, unless it is in a container."""
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and subprocess.run([unshare, "-m", "true"], capture_output=True, check=False).returncode == 0
    )


def cached(cache: Path) -> list[str]:
    """What stands in the cache."""
    return sorted(path.name for path in cache.iterdir())


def test_the_program_has_the_process_id_that_was_launched(binary: Path, tmp_path: Path) -> None:
    with subprocess.Popen([binary], env={"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True) as launched:
        out, _ = launched.communicate()
    assert out.split("|")[0] == str(launched.pid)


def test_arguments_the_working_directory_and_the_status_are_the_programs(binary: Path, tmp_path: Path) -> None:
    given = ["serve", "two words", "", "$HOME `x` *", "a\nb"]
    status, out, err = run(binary, *given, environ={"TMPDIR": str(tmp_path)})
    assert (status, err) == (7, "")
    said, _, arguments = out.partition("\n")
    assert said.split("|")[1:] == [str(binary.parent), "unset", "one"]
    assert arguments == "".join(f"<{argument}>\n" for argument in given)


@pytest.mark.parametrize(("given", "rest"), [({}, ""), ({"LD_LIBRARY_PATH": "/opt/lib"}, ":/opt/lib")])
def test_the_program_finds_the_libraries_that_lie_beside_it(
    tmp_path: Path, given: dict[str, str], rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", '#!/bin/sh\necho "${0%/*}|$LD_LIBRARY_PATH"\n')
    binary = make(tmp_path / "alone" / "croupier", "libraries")
    _, out, err = run(binary, environ={"TMPDIR": str(tmp_path), **given})
    folder, _, path = out.strip().partition("|")
    assert (path, err) == (f"{folder}/_internal{rest}", "")


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({"CROUPIER_RUNTIME": "{}/chosen", "HOME": "{}/home"}, "chosen"),
        ({"CACHE_DIRECTORY": "{}/var/cache/croupier", "HOME": "{}/home"}, "var/cache/croupier/runtime"),
        ({"XDG_CACHE_HOME": "{}/xdg", "HOME": "{}/home"}, "xdg/croupier"),
        ({"HOME": "{}/my home"}, "my home/.cache/croupier"),
        ({"TMPDIR": "{}/tmp"}, f"tmp/croupier-{os.getuid()}"),
    ],
)
def test_it_unpacks_into_a_cache_that_is_closed_to_others(
    binary: Path, tmp_path: Path, environ: dict[str, str], where: str
) -> None:
    status, _, err = run(binary, environ={name: path.format(tmp_path) for name, path in environ.items()})
    assert (status, err) == (7, "")
    [name] = cached(tmp_path / where)
    assert name.startswith("1.2.3-")
    assert stat.S_IMODE((tmp_path / where).stat().st_mode) == 0o700
    assert os.readlink(tmp_path / where / name / "lib" / "link") == "data"
    assert cached(binary.parent) == ["croupier"]


def test_a_home_that_cannot_be_written_to_is_passed_over(binary: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    status, _, err = run(binary, environ={"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)})
    assert (status, err) == (7, "")


def test_the_second_run_unpacks_nothing(binary: Path, tmp_path: Path) -> None:
    run(binary, environ={"TMPDIR": str(tmp_path)})
    cache = tmp_path / f"croupier-{os.getuid()}"
    [name] = cached(cache)
    (cache / name / "lib" / "data").write_text("as it was left")
    assert "as it was left" in run(binary, environ={"TMPDIR": str(tmp_path)})[1]
    assert cached(cache) == [name]


def test_many_that_start_at_once_all_run(binary: Path, tmp_path: Path) -> None:
    started = [
        subprocess.Popen([binary], env={"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    ends = [(*process.communicate(), process.returncode) for process in started]
    assert [(err, status) for _, err, status in ends] == [(b"", 7)] * 8
    [name] = cached(tmp_path / f"croupier-{os.getuid()}")
    assert name.startswith("1.2.3-")


def test_another_build_stands_beside_the_first(binary: Path, tmp_path: Path) -> None:
    environ = {"TMPDIR": str(tmp_path)}
    run(binary, environ=environ)
    binary.write_bytes(make(tmp_path / "other" / "croupier", "two").read_bytes())
    assert run(binary, environ=environ)[1].splitlines()[0].endswith("|two")
    assert len(cached(tmp_path / f"croupier-{os.getuid()}")) == 2


def test_what_an_interrupted_unpacking_left_is_in_nobodys_way(binary: Path, tmp_path: Path) -> None:
    cache = tmp_path / f"croupier-{os.getuid()}"
    (cache / "new-1.2.3-x-1").mkdir(parents=True)
    assert run(binary, environ={"TMPDIR": str(tmp_path)})[0] == 7


def test_a_file_that_was_cut_short_says_so_and_leaves_nothing(binary: Path, tmp_path: Path) -> None:
    whole = binary.read_bytes()
    binary.write_bytes(whole[: len(whole) - 100])
    status, out, err = run(binary, environ={"TMPDIR": str(tmp_path)})
    assert (status, out) == (2, "")
    assert "croupier: cannot unpack itself" in err.splitlines()[-1]
    assert cached(tmp_path / f"croupier-{os.getuid()}") == []


def test_a_cache_that_is_a_link_to_elsewhere_is_not_used(binary: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"croupier-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    status, _, err = run(binary, environ={"TMPDIR": str(tmp_path)})
    assert status == 2
    assert "CROUPIER_RUNTIME" in err
    assert cached(tmp_path / "elsewhere") == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_cache_of_another_user_is_not_used(binary: Path, tmp_path: Path) -> None:
    cache = tmp_path / f"croupier-{os.getuid()}"
    cache.mkdir()
    os.chown(cache, 12345, 12345)
    assert run(binary, environ={"TMPDIR": str(tmp_path)})[0] == 2
    assert cached(cache) == []


@pytest.mark.skipif(not may_mount(), reason="only root can mount")
@pytest.mark.parametrize("filled", [True, False])
def test_of_a_cache_that_is_read_only_what_is_in_it_is_used(binary: Path, tmp_path: Path, filled: bool) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    if filled:
        run(binary, environ={"CROUPIER_RUNTIME": str(cache)})
    read_only = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec env -i CROUPIER_RUNTIME="$1" "$2"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", read_only, "sh", cache, binary], capture_output=True, text=True, check=False
    )
    assert done.returncode == (7 if filled else 2), done.stderr
    assert ("cannot unpack itself" in done.stderr) is not filled


def test_the_same_folder_packs_to_the_same_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    first = make(tmp_path / "a" / "croupier", "same")
    folder = tmp_path / "program-same"
    shutil.move(folder, tmp_path / "moved")
    os.utime(tmp_path / "moved" / "lib" / "data", (1, 1))
    assert pack(tmp_path / "moved", 1_700_000_000, "1.2.3") == first.read_bytes()
