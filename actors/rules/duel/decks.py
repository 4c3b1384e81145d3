"""The ready decks, the options of a game, and what a deck must be."""

from __future__ import annotations

import tomllib
from collections import Counter
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal

from attrs import field, fields, frozen

from actors.rules.duel.cards import CARDS, EnergyCard, is_a
from actors.rules.duel.effects import What

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.rules.interface import JsonObject

DECK_SIZE: Final = 40
MOST_OF_A_CARD: Final = 4


class FaultyDeck(ValueError):
    """A deck is not one that can be played; the text says which, and why."""


@frozen
class ReadyDeck:
    """A deck that ships: the title that people read, and its cards, in the order of the set."""

    title: str
    cards: tuple[str, ...]


def read_decks(text: str) -> dict[str, ReadyDeck]:
    """The decks of this TOML text, by name. Raises FaultyDeck."""
    decks = {}
    for name, entry in tomllib.loads(text).items():
        counts: Mapping[str, int] = entry["cards"]
        if unknown := sorted(counts.keys() - CARDS.keys()):
            raise FaultyDeck(f"{name}: there is no card {unknown[0]}")
        cards = tuple(card for card in CARDS for _ in range(counts.get(card, 0)))
        if (fault := fault_of(cards)) is not None:
            raise FaultyDeck(f"{name}: {fault}")
        decks[name] = ReadyDeck(entry["title"], cards)
    return decks


def fault_of(cards: tuple[str, ...]) -> str | None:
    """Why nobody can play with these cards; None: they are a deck."""
    if len(cards) != DECK_SIZE:
        return f"a deck has {DECK_SIZE} cards, not {len(cards)}"
    for card, count in Counter(cards).items():
        if count > MOST_OF_A_CARD and not isinstance(CARDS[card], EnergyCard):
            return f"{_at_most(card)}, not {count}"
    if not any(is_a(card, What.BASIC) for card in cards):
        return _A_BASIC
    return None


def _at_most(card: str) -> str:
    return f"a deck has at most {MOST_OF_A_CARD} of {card}"


_A_BASIC: Final = "a deck has at least one basic creature"

READY: Final = read_decks((resources.files(__package__) / "decks.toml").read_text("utf-8"))
"""The ready decks by name."""


@frozen
class Options:
    """How this game is played: each seat's deck (the name of a ready one, or 40 cards), the points that win, who
    begins."""

    decks: tuple[str | list[str], str | list[str]] = field(default=("embers", "tides"), converter=tuple)
    points_to_win: int = field(default=4, converter=int)
    first_player: Literal["random", "seat_0"] = "random"

    def cards_of(self, seat: int) -> tuple[str, ...]:
        """The cards of that seat's deck, sorted, so that the order in which a list was written tells nothing."""
        deck = self.decks[seat]
        return tuple(sorted(READY[deck].cards if isinstance(deck, str) else deck))

    def name_of(self, seat: int) -> str | None:
        """The name of that seat's deck; None: it is a list of its own."""
        deck = self.decks[seat]
        return deck if isinstance(deck, str) else None


def _default(name: str) -> object:
    default = getattr(fields(Options), name).default
    return list(default) if isinstance(default, tuple) else default


OPTIONS_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "decks": {
            "description": f"The deck of seat 0 and of seat 1: the name of a ready deck, or a list of {DECK_SIZE} card "
            f"ids, at most {MOST_OF_A_CARD} of each but energies, with at least one basic creature.",
            "default": _default("decks"),
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {
                "if": {"type": "string"},
                "then": {"enum": list(READY)},
                "else": {
                    "type": "array",
                    "minItems": DECK_SIZE,
                    "maxItems": DECK_SIZE,
                    "items": {"enum": list(CARDS)},
                    "allOf": [
                        {
                            "description": _A_BASIC,
                            "contains": {"enum": [card for card in CARDS if is_a(card, What.BASIC)]},
                        },
                        *(
                            {
                                "description": _at_most(card),
                                "contains": {"const": card},
                                "minContains": 0,
                                "maxContains": MOST_OF_A_CARD,
                            }
                            for card in CARDS
                            if not isinstance(CARDS[card], EnergyCard)
                        ),
                    ],
                },
            },
        },
        "points_to_win": {
            "description": "How many points win.",
            "default": _default("points_to_win"),
            "type": "integer",
            "minimum": 1,
            "maximum": 6,
        },
        "first_player": {
            "description": "Who begins: drawn by lot, or seat 0.",
            "default": _default("first_player"),
            "enum": ["random", "seat_0"],
        },
    },
}
