"""What happened, in words that give nothing away: only what everybody at the table may know of a card game, and of
other games what the player whose view is shown may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import JsonObject

CRAZY_EIGHTS: Final = "crazy_eights"

YOU: Final = "you"
"""What a player is called to whom all is told."""

_SYMBOLS: Final = {"C": "♣", "D": "♦", "H": "♥", "S": "♠"}
_LONGEST: Final = 60
_TO_YOU: Final = {
    "plays": "play",
    "draws": "draw",
    "passes": "pass",
    "wants": "want",
    "resigns": "resign",
    "wins": "win",
}
"""What others do, as you do it."""

_REASONS: Final = {
    "went_out": "no card left",
    "blocked": "the fewest points, nobody can move",
    "play_limit": "the fewest points at the limit of plays",
    "resignation": "the others resigned",
}


@frozen
class Glyphs:
    """How cards are drawn: with the suits' symbols, or with letters where the terminal has no others."""

    ascii: bool = False

    @property
    def back(self) -> str:
        """A card from behind."""
        return "#" if self.ascii else "▮"

    def card(self, card: str) -> str:
        """A card from the front: `Q♠`."""
        return card if self.ascii else card[:-1] + _SYMBOLS.get(card[-1:], card[-1:])

    def suit(self, suit: str) -> str:
        """A suit by its name: `♠ spades`."""
        return suit if self.ascii else f"{_SYMBOLS.get(suit[:1].upper(), '')} {suit}".lstrip()


def in_words(change: JsonObject, rules: str, names: Sequence[str], glyphs: Glyphs) -> str:
    """One change of a view, as a short sentence without its end."""
    words = _of_crazy_eights(change, names, glyphs) if rules == CRAZY_EIGHTS else ""
    return words or _of_any_game(change, names)


def _of_crazy_eights(change: JsonObject, names: Sequence[str], glyphs: Glyphs) -> str:
    who = names[change["seat"]] if "seat" in change else ""
    match change:
        case {"type": "played", "card": card, "cards_left": left}:
            return f"{does(who, 'plays')} {glyphs.card(card)}, {_cards(left)} left"
        case {"type": "drew", "cards_left": now}:  # the card is in the change too, if it is this viewer's own
            return f"{does(who, 'draws')} a card, {now} in hand"
        case {"type": "passed"}:
            return does(who, "passes")
        case {"type": "suit_chosen", "suit": suit}:
            return f"{does(who, 'wants')} {glyphs.suit(suit)}"
        case {"type": "reshuffled", "stock": stock}:
            return f"the pile is shuffled, a new stock of {stock}"
        case {"type": "resigned"}:
            return does(who, "resigns")
        case {"type": "ended", "winner": winner, "reason": reason}:
            return f"the game is over: {outcome(None if winner is None else names[winner], reason)}"
        case _:
            return ""


def outcome(winner: str | None, reason: str) -> str:
    """How a game ended: `Ben wins (no card left)`."""
    why = _REASONS.get(reason, reason.replace("_", " "))
    return f"{does(winner, 'wins')} ({why})" if winner is not None else f"a draw ({why})"


def does(who: str, verb: str) -> str:
    """Who does what: `Ben plays`, `you play`. The verb is one of those that are said here."""
    return f"{who} {_TO_YOU[verb] if who == YOU else verb}"


def _cards(number: int) -> str:
    return {0: "no card", 1: "1 card"}.get(number, f"{number} cards")


def _of_any_game(change: JsonObject, names: Sequence[str]) -> str:
    seat, kind = change.get("seat"), short(change.get("type", "something happened")).replace("_", " ")
    who = f"{names[seat]}: " if isinstance(seat, int) and 0 <= seat < len(names) else ""
    rest = ", ".join(f"{short(name)} {short(value)}" for name, value in change.items() if name not in ("type", "seat"))
    return clipped(f"{who}{kind}{' - ' if rest else ''}{rest}", _LONGEST)


def short(value: object) -> str:
    """A JSON value as people would write it down: on one line, and without a control code for the terminal."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return " ".join(map(short, value)) or "-"
        case dict():
            return " ".join(f"{short(name)}={short(inner)}" for name, inner in value.items()) or "-"
        case _:
            text = str(value)
            return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def clipped(text: str, width: int) -> str:
    """The text, or as much of its beginning as fits."""
    return text if len(text) <= width else f"{text[: width - 3]}..."
