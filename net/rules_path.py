"""Rules from folders: `[games] rules_path` and `--rules-path`, for who has no Python to install packages into."""

from __future__ import annotations

import sys
from importlib import invalidate_caches
from pathlib import Path
from typing import TYPE_CHECKING

from actors.rules.registry import Registry
from net.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.interface import AnyRules


class RulesPathUnusable(StartError):
    """A folder of the rules path is not there."""


def rules_on_offer(
    rules_path: Iterable[str], besides: Iterable[AnyRules] = (), *, openspiel: tuple[str, ...] = ()
) -> Registry:
    """The rules that ship, those of installed packages, those of packages in these folders, which are as `pip install
    --target FOLDER` makes them, and those `besides`; of OpenSpiel's games these are listed. The folders are searched
    last, so that nothing in them takes a library's place.

    Raises RulesPathUnusable.
    """
    for folder in absolute(rules_path):
        if not Path(folder).is_dir():
            raise RulesPathUnusable(
                f"{folder}: the rules path has no such folder; pip install --target {folder} makes one"
            )
        if folder not in sys.path:
            sys.path.append(folder)
    invalidate_caches()
    return Registry.discover(besides, listed=openspiel)


def absolute(rules_path: Iterable[str]) -> list[str]:
    """The folders, wherever one works."""
    return [str(Path(folder).expanduser().absolute()) for folder in rules_path]
