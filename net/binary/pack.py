"""The launcher with a folder packed behind it, as one file that can be run."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Final

from net import __version__

LAUNCHER: Final = "launcher.sh"

_OFFSET_DIGITS: Final = 8


def pack(folder: Path, when: int, version: str = __version__) -> bytes:
    """The launcher, and behind it the folder, in which `croupier` is the program. It is unpacked under a name that
    follows from what is in it, so versions stand side by side; `when` is the time of every file, in Unix seconds.

    Beside the program there is then a file `id` with that name.
    """
    identity = f"{version}-{_digest(folder)[:16]}"
    archive = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", 9, archive, mtime=when) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in _files(folder):
            _add(tar, path, f"{identity}/{path.relative_to(folder)}", when)
        _add_text(tar, f"{identity}/id", f"{identity}\n", when)  # last: where it is, all is
    script = Path(__file__).with_name(LAUNCHER).read_text()
    script = script.replace("@VERSION@", version).replace("@ID@", identity)
    blank = script.replace("@OFFSET@", "0" * _OFFSET_DIGITS)
    offset = len(blank.encode()) + 1  # tail counts from one
    return script.replace("@OFFSET@", f"{offset:0{_OFFSET_DIGITS}}").encode() + archive.getvalue()


def _add(tar: tarfile.TarFile, path: Path, name: str, when: int) -> None:
    entry = tar.gettarinfo(path, name)
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = when, 0, 0, "", ""
    if not entry.issym():
        entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    if entry.isreg():
        with path.open("rb") as content:
            tar.addfile(entry, content)
    else:
        tar.addfile(entry)


def _add_text(tar: tarfile.TarFile, name: str, text: str, when: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.mode, entry.size = when, 0o644, len(text.encode())
    tar.addfile(entry, io.BytesIO(text.encode()))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(folder):
        what = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(what)}\0".encode() + what)
    return digest.hexdigest()
