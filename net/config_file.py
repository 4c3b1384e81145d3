"""A TOML file and the line on which each of its keys stands; tomllib tells the values alone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from net.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KeyPath: TypeAlias = tuple[str, ...]

MAX_FILE_BYTES = 1024 * 1024
"""A configuration is a page or two. More is another file, and finding lines is quadratic in a long value."""

_WHERE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@frozen
class Document:
    """A parsed file: its values, and for each table and key the line (from 1) on which it is first set."""

    name: str
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def place(self, *path: str) -> str:
        """`config.toml:12`, where this key or table is set."""
        return f"{self.name}:{self.lines[path]}"


def read(path: Path) -> Document:
    """Reads and parses a file; it is named in errors as `path` is written. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: a configuration file may have {MAX_FILE_BYTES} bytes at most")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Document:
    """Parses TOML text that came from a file of this name. Raises ConfigError, with the line."""
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_error(str(error), text, name)) from None
    except (ValueError, RecursionError):  # an integer of thousands of digits, arrays nested as deep
        raise ConfigError(f"{name}: not a configuration: a number or a nesting beyond all measure") from None
    return Document(name, values, _lines(text))


def _syntax_error(message: str, text: str, name: str) -> str:
    found = _WHERE.search(message)
    if found is None:
        return f"{name}: not valid TOML: {message}"
    what = message[: found.start()]
    if found["line"] is None:
        return f"{name}:{len(text.rstrip().splitlines()) or 1}: not valid TOML: {what} at the end of the file"
    return f"{name}:{found['line']}: not valid TOML: {what} (column {found['column']})"


def _lines(text: str) -> dict[KeyPath, int]:
    """Where each table and key of this valid document is first set."""
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, statement, parsed in _statements(text):
        paths = list(_paths(parsed))
        if statement.lstrip().startswith("["):  # no value begins a line, so this is a header
            table = paths[-1]
            prefix: KeyPath = ()
        else:
            prefix = table
        for path in paths:
            lines.setdefault(prefix + path, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each header and each key with its value, as (its first line, its text, what it is alone).

    A statement is the shortest run of whole lines that tomllib takes by itself: as the document is valid,
    what fails is only a value (an array, a string in triple quotes) that goes on in the next line.
    """
    pending: list[str] = []
    start = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not pending:
            start = number
        pending.append(line)
        statement = "\n".join(pending)
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        pending.clear()
        if parsed:
            yield start, statement, parsed


def _paths(table: Mapping[str, Any]) -> Iterator[KeyPath]:
    """Every table and key in a statement, the outer before the inner. An array of tables is a table."""
    for key, value in table.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *inner) for inner in _paths(value))
