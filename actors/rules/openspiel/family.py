"""The games of OpenSpiel as the registry finds them: by name, one at a time, and none before it is asked for."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from actors.rules.openspiel.catalogue import catalogue
from actors.rules.openspiel.rules import PREFIX, OpenSpiel

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules

ALL: Final = "all"


class OpenSpielFamily:
    """Found where OpenSpiel is installed; its version is then the games'."""

    prefix = PREFIX

    def rules(self, name: str) -> AnyRules | None:
        """The rules of OpenSpiel's game of this name; None when there are none, or it is not one for here."""
        version = installed()
        entry = None if version is None else catalogue().games.get(name)
        return None if version is None or entry is None or entry.why_not else OpenSpiel(entry, version)

    def names(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the games that are to be listed, of these: those that there are; `all` is every one."""
        if not listed or installed() is None:
            return ()
        playable = [entry.name for entry in catalogue().playable]
        return tuple(f"{PREFIX}:{name}" for name in playable if ALL in listed or name in listed)


def installed() -> str | None:
    """The version of OpenSpiel that is installed; None when it is not. It is not imported for that."""
    if find_spec("pyspiel") is None:
        return None
    try:
        return metadata.version("open_spiel")
    except metadata.PackageNotFoundError:
        return None
