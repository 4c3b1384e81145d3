"""A copy of the data directory, made while a server runs on it, or not; and the way back.

The store first, the archive after it: a game that moves from the one to the other meanwhile is then in both, which is
what a server that was killed in that moment finds, too, and never in neither.

* The store's append-only file is copied as Redis' documentation says: no rewrite may begin meanwhile, and what is
  written at the end while it is copied may be cut, which the store repairs by leaving out the last entry.
* The archive is copied by SQLite itself (`sqlite3_backup`), in one transaction.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import orjson
import trio
from attrs import frozen

from net import __version__
from net.data_directory import DataDirectory, DataDirectoryLocked
from net.durability import info_fields
from net.errors import StartError
from net.redis import CommandRefused
from net.redis_connection import ask
from net.secret_file import FILE_NAME as SECRET
from net.valkey import STORE
from net.valkey_process import LOCK_NAME, StoreFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from net.config import Config

AOF: Final = "appendonlydir"
"""Valkey's folder for its append-only file, in the store's."""

ARCHIVE: Final = "archive.sqlite"
ABOUT: Final = "backup.json"
FORMAT: Final = 1

_REWRITE: Final = "auto-aof-rewrite-percentage"
_PATIENCE: Final = 5.0
_REWRITE_PATIENCE: Final = 600.0


class CannotBackUp(StartError):
    """There is nothing to copy, or it cannot be copied."""


class CannotRestore(StartError):
    """The file is no backup, or there is no room for it where it is wanted."""


@frozen
class Saved:
    """What a backup has: the names of its files, and whether a server was running."""

    files: tuple[str, ...]
    running: bool


def back_up(config: Config, file: Path, *, at: float) -> Saved:
    """Copies what stands in the data directory of this configuration into a tar file, mode 0600, which appears whole or
    not at all; `at` is the time, in Unix seconds. Raises CannotBackUp."""
    data = config.server.data_dir.absolute()
    if not (data / SECRET).exists() and not (data / STORE).exists():
        raise CannotBackUp(f"there is no data of a Croupier in {data}; name its folder with --data-dir")
    if file.exists():
        raise CannotBackUp(f"{file} is there already; name another file")
    try:
        with TemporaryDirectory(prefix=".croupier-backup-", dir=file.absolute().parent) as folder:
            copy = Path(folder) / "copy"
            copy.mkdir(mode=0o700)
            with _nobody_starts(data) as running:
                if not config.store.redis_url:
                    trio.run(_copy_store, data, copy)
                if not config.archive.url:
                    _copy_archive(data / ARCHIVE, copy / ARCHIVE)
                if (data / SECRET).exists():
                    shutil.copy2(data / SECRET, copy / SECRET)
            files = tuple(sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()))
            about = {"format": FORMAT, "version": __version__, "at": at, "files": files}
            (copy / ABOUT).write_bytes(orjson.dumps(about))
            _pack(copy, file)
    except OSError as error:
        raise CannotBackUp(f"{error.filename or file}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise CannotBackUp(f"{data / ARCHIVE}: {error}") from None
    return Saved(files, running)


def restore(file: Path, data: Path) -> tuple[str, ...]:
    """Puts a backup where there is no data yet; returns the names of its files. It appears whole or not at all. Raises
    CannotRestore."""
    data = data.absolute()
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise CannotRestore(f"{data} is not empty; a backup is restored into a folder that is new or empty")
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".croupier-restore-", dir=data.parent) as folder, tarfile.open(file) as tar:
            fresh = Path(folder) / "data"
            fresh.mkdir(mode=0o700)
            tar.extractall(fresh, filter="data")
            files = _checked(fresh, file)
            for path in fresh.rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
            (fresh / ABOUT).unlink()
            if data.exists():
                data.rmdir()
            fresh.rename(data)
    except (tarfile.TarError, EOFError) as error:
        raise CannotRestore(f"{file} is no backup of a Croupier: {error}") from None
    except OSError as error:
        raise CannotRestore(f"{error.filename or file}: {error.strerror}") from None
    return files


# ---- the parts of a copy


@contextmanager
def _nobody_starts(data: Path) -> Iterator[bool]:
    """Whether a server runs on the directory; if none does, none starts meanwhile."""
    directory = DataDirectory(data)
    try:
        directory.lock()
    except DataDirectoryLocked:
        yield True
        return
    with directory:
        yield False


async def _copy_store(data: Path, copy: Path) -> None:
    source, target = data / STORE / AOF, copy / STORE / AOF
    if not source.exists():
        return
    target.parent.mkdir(mode=0o700)
    async with _no_rewrite(StoreFolder(data / STORE, data / LOCK_NAME)):
        await trio.to_thread.run_sync(shutil.copytree, source, target)


@asynccontextmanager
async def _no_rewrite(store: StoreFolder) -> AsyncIterator[None]:
    """While this lasts a Valkey that runs rewrites nothing; where none runs, there is nothing to do. Raises
    CannotBackUp, alone or in a group."""
    try:
        with store.socket_path() as path:
            stream = await trio.open_unix_socket(path)
    except OSError:  # none runs, whether a server killed it or ended it in order
        yield
        return
    async with stream:
        before = (await _told(stream, "CONFIG", "GET", _REWRITE))[1]
        await _told(stream, "CONFIG", "SET", _REWRITE, "0")
        try:
            with trio.fail_after(_REWRITE_PATIENCE):
                while info_fields(await _told(stream, "INFO", "persistence"))["aof_rewrite_in_progress"] != "0":  # noqa: ASYNC110
                    await trio.sleep(0.1)
            yield
        finally:
            with trio.CancelScope(shield=True):
                await _told(stream, "CONFIG", "SET", _REWRITE, before)


async def _told(stream: trio.SocketStream, *command: str | bytes) -> Any:  # noqa: ANN401 - whatever the store replies
    try:
        with trio.fail_after(_PATIENCE):
            [reply] = await ask(stream, command)
    except (trio.TooSlowError, trio.BrokenResourceError):
        raise CannotBackUp("the store does not answer; try again when the server is ready") from None
    if isinstance(reply, CommandRefused):
        raise CannotBackUp(f"the store cannot be copied now: {reply}")
    return reply


def _copy_archive(source: Path, target: Path) -> None:
    if not source.exists():
        return
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as standing,
        closing(sqlite3.connect(target)) as copy,
    ):
        standing.backup(copy)


def _pack(folder: Path, file: Path) -> None:
    beside = folder.parent / "packed"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            tar.add(folder, arcname=".")
        out.flush()
        os.fsync(out.fileno())
    os.link(beside, file)  # unlike a rename, never over a file that is there


def _checked(folder: Path, file: Path) -> tuple[str, ...]:
    """The names of its files, if they are all there."""
    try:
        about = orjson.loads((folder / ABOUT).read_bytes())
        files, form = tuple(about["files"]), about["format"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CannotRestore(f"{file} is no backup of a Croupier: it does not say what is in it") from None
    if form != FORMAT:
        raise CannotRestore(f"{file} was made by a newer Croupier; restore it with that one")
    if missing := [name for name in files if not (folder / name).is_file()]:
        raise CannotRestore(f"{file} is damaged: {missing[0]} is missing")
    return files
