"""The files that a benchmark's figures go to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import orjson

from net.bench.errors import BenchFailed

if TYPE_CHECKING:
    from pathlib import Path


def check_writable(file: Path, option: str = "--json") -> None:
    """So that it is not found out at the end. Raises BenchFailed."""
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise BenchFailed(f"{option}: {file} cannot be written")


def write_json(file: Path, figures: object) -> None:
    """Writes them, for people to read too. Raises BenchFailed."""
    _write(file, orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), "--json")


def write_text(file: Path, text: str, option: str) -> None:
    """Writes it, in UTF-8. Raises BenchFailed."""
    _write(file, text.encode(), option)


def _write(file: Path, data: bytes, option: str) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise BenchFailed(f"{option}: {file} cannot be written: {error.strerror}") from None
