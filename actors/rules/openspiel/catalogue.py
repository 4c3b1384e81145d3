"""What is known of OpenSpiel's games without OpenSpiel: `games.json`, beside this file."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.interface import JsonObject

FILE_NAME: Final = "games.json"

LONGEST_TEXT: Final = 1000
_TYPES: Final[dict[type, JsonObject]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -1_000_000, "maximum": 1_000_000},
    float: {"type": "number", "minimum": -1e9, "maximum": 1e9},
    str: {"type": "string", "maxLength": LONGEST_TEXT},
}

TIME_IS_UP: Final = "when_time_is_up"
ACT, LOSE = "act", "lose"


@frozen
class Entry:
    """One game, as its type describes it; its parameters may make another of it.

    `parameters` are those that a maker may set, with their defaults; `players_parameter` is the one that says how many
    play, None where that is fixed. `why_not` is why it cannot be played here; empty when it can.
    """

    name: str
    title: str
    min_players: int
    max_players: int
    dynamics: str
    information: str
    chance: str
    parameters: dict[str, Any] = field(factory=dict)
    players_parameter: str | None = None
    why_not: str = ""

    @property
    def options_schema(self) -> JsonObject:
        """What a maker of the game may choose: its parameters, and what happens to who runs out of time."""
        properties: JsonObject = {
            name: {**_TYPES[type(default)], "default": default} for name, default in self.parameters.items()
        }
        properties[TIME_IS_UP] = {
            "enum": [ACT, LOSE],
            "default": ACT,
            "description": f"{ACT}: an action is drawn for who runs out of time; {LOSE}: they have lost",
        }
        return {"type": "object", "properties": properties, "additionalProperties": False}


@frozen
class Catalogue:
    """The games of one version of OpenSpiel."""

    version: str
    games: dict[str, Entry]

    @property
    def playable(self) -> tuple[Entry, ...]:
        """Those that can be played, by name."""
        return tuple(entry for entry in self.games.values() if not entry.why_not)


@cache
def catalogue() -> Catalogue:
    """The catalogue that came with us."""
    raw = json.loads(Path(__file__).with_name(FILE_NAME).read_text(encoding="utf-8"))
    return Catalogue(raw["version"], {one["name"]: Entry(**one) for one in raw["games"]})


def as_json(version: str, entries: Iterable[Entry]) -> str:
    """The text of `games.json` with these games."""
    games = [
        attrs.asdict(entry, filter=lambda attribute, value: value != attribute.default and value != {})
        for entry in sorted(entries, key=lambda entry: entry.name)
    ]
    lines = ",\n".join(f"  {json.dumps(game, ensure_ascii=False)}" for game in games)
    return f'{{"version": {json.dumps(version)}, "games": [\n{lines}\n]}}\n'
