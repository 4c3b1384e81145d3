"""The signing secret that is made once, when none is configured, and kept in the data directory."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from net.config_bounds import MIN_SECRET_BYTES
from net.errors import SecretRefused
from net.outside import new_token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actors.ports import Entropy

FILE_NAME = "secret"
SECRET_BITS = 256
_MAX_BYTES = 1024


def kept_secret(data_dir: Path, entropy: Entropy, *, on_made: Callable[[Path], None] | None = None) -> str:
    """The secret in `data_dir/secret`, made now, with its folder, if it is not there; `on_made` is then told its path.

    A server and a `croupier token` that come at once get the same one. Raises SecretRefused.
    """
    path = data_dir / FILE_NAME
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return _read(path)
        made = _make(path, entropy)
        secret = _read(path)
    except OSError as error:
        raise SecretRefused(f"{path}: cannot keep the signing secret: {error.strerror}") from None
    if made and on_made is not None:
        on_made(path)
    return secret


def _read(path: Path) -> str:
    """Raises OSError, and SecretRefused when the file is not to be trusted."""
    # O_NONBLOCK: a FIFO in its place must not hold the start up
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretRefused(f"{path}: the signing secret is not a plain file; remove it, a new one is made")
        if status.st_mode & 0o077:
            raise SecretRefused(
                f"{path}: others than its owner can read or change the signing secret"
                f" (mode {stat.S_IMODE(status.st_mode):04o}); chmod 600 it, or remove it if it may be known"
            )
        raw = os.read(descriptor, _MAX_BYTES + 1).strip()
    finally:
        os.close(descriptor)
    if not MIN_SECRET_BYTES <= len(raw) <= _MAX_BYTES or not raw.isascii():
        raise SecretRefused(f"{path}: not a signing secret; restore it, or remove it and a new one is made")
    return raw.decode("ascii")


def _make(path: Path, entropy: Entropy) -> bool:
    """Makes the file, whole or not at all, unless another process was first; says whether it did. Raises OSError.

    The secret is written beside its place, forced to the disk, and then linked there: a link, unlike a
    rename, never replaces a secret that is already in use.
    """
    beside = path.with_name(f"{path.name}.{new_token(entropy)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    made = False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_token(entropy, SECRET_BITS).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(beside)
            made = True
    finally:
        beside.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return made
