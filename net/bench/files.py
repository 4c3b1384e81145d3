"""The file that a benchmark's figures go to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import orjson

from net.bench.errors import BenchFailed

if TYPE_CHECKING:
    from pathlib import Path


def check_writable(file: Path) -> None:
    """So that it is not found out at the end. Raises BenchFailed."""
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise BenchFailed(f"--json: {file} cannot be written")


def write_json(file: Path, figures: object) -> None:
    """Writes them, for people to read too. Raises BenchFailed."""
    try:
        file.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise BenchFailed(f"--json: {file} cannot be written: {error.strerror}") from None
