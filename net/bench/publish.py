"""How a benchmark's figures are told, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.console import Console

from net.bench.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.table import Table

    from actors.rules.interface import JsonObject


class Measured(Protocol):
    """What was measured, beside its tables."""

    def notes(self) -> list[str]:
        """What the tables have no room for, a line each."""

    def json(self) -> JsonObject:
        """Everything that was measured."""


def publish(report: Measured, tables: Iterable[Table], json_file: Path | None) -> None:
    """Prints the tables and the notes on standard output, and writes everything to `json_file`, if one is given. Raises
    BenchFailed when it cannot be written."""
    console = Console(highlight=False)
    for table in tables:
        console.print(table)
    for note in report.notes():
        console.print(note, soft_wrap=True)
    if json_file is not None:
        write_json(json_file, report.json())
