"""Making the package of a new game out of the template, which is a game that works, under another name."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from importlib import resources
from typing import TYPE_CHECKING, Final

from actors.rules.registry import Registry
from net.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 64
_FILES: Final = {"pyproject.template": "pyproject.toml"}
"""Those that have another name in the package."""


class NotMade(StartError):
    """The package was not made; the text says why, and what to do."""


def names(name: str) -> dict[str, str]:
    """What stands in the template, longest first, and what it becomes."""
    words = name.split("_")
    return {
        "net.new_game.template.high_card": name,
        "high_card": name,
        "high-card": "-".join(words),
        "High Card": " ".join(word.capitalize() for word in words),
        "HighCard": "".join(word.capitalize() for word in words),
    }


def check_name(name: str) -> None:
    """Raises NotMade when no game can have this name."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise NotMade(
            f"{name[:_LONGEST]!r} is no name of a game: up to {_LONGEST} lower-case letters and digits, with single _ "
            "between words, such as high_card"
        )
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise NotMade(f"{name!r} is a word of Python's own: take another, such as {name}_game")
    if name in Registry.discover().names:
        raise NotMade(f"there is a game named {name!r} already: take another name")
    if importlib.util.find_spec(name) is not None:
        raise NotMade(f"there is a Python package named {name!r} already: take another name")


def make_game(name: str, into: Path) -> list[Path]:
    """Makes the package in a folder of the game's name, and returns the files. Raises NotMade when the name will not
    do, when the folder is there, or cannot be made."""
    check_name(name)
    folder = into / name
    if folder.exists() or folder.is_symlink():
        raise NotMade(f"{folder} is there already, and is left as it is")
    made = []
    try:
        for path, text in rendered(name).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            made.append(file)
    except OSError as error:
        raise NotMade(f"{folder} cannot be made: {error.strerror}") from error
    return made


def rendered(name: str) -> dict[str, str]:
    """The text of each file of the package, by its path."""
    return {_renamed(path, name): _renamed(text, name) for path, text in _template()}


def _renamed(text: str, name: str) -> str:
    for there, becomes in names(name).items():
        text = text.replace(there, becomes)
    return text


def _template() -> Iterator[tuple[str, str]]:
    yield from _texts(resources.files("net.new_game.template"), "")


def _texts(folder: Traversable, above: str) -> Iterator[tuple[str, str]]:
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{above}{_FILES.get(one.name, one.name)}"
        if one.is_dir() and one.name != "__pycache__":
            yield from _texts(one, f"{path}/")
        elif one.is_file() and path != "__init__.py":  # that of the template itself
            yield path, one.read_text()
