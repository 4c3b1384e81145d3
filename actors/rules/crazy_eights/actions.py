"""The four things a player can do, and their form on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from attrs import frozen

from actors.rules.cards import Card, Suit, card_of
from actors.rules.interface import MalformedAction

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject


@frozen
class Play:
    """Lays this card of one's hand on the discard pile."""

    type: ClassVar[str] = "play"

    card: Card


@frozen
class Draw:
    """Takes the top card of the stock; the turn goes on."""

    type: ClassVar[str] = "draw"


@frozen
class Pass:
    """Ends the turn without a play."""

    type: ClassVar[str] = "pass"


@frozen
class ChooseSuit:
    """Names the suit that an eight, just played, stands for."""

    type: ClassVar[str] = "choose_suit"

    suit: Suit


Action: TypeAlias = Play | Draw | Pass | ChooseSuit

_FIELDS: Final = {Play.type: "card", Draw.type: None, Pass.type: None, ChooseSuit.type: "suit"}
_SUITS: Final = {suit.value: suit for suit in Suit}


def parse(action: JsonObject) -> Action:
    """The action of this JSON object. Raises MalformedAction, which names the field that is wrong.

    A field that does not belong is refused too: the object is journalled as it came, and a misspelt field
    would otherwise go unnoticed.
    """
    kind = action.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise MalformedAction(f"type: must be one of {', '.join(_FIELDS)}")
    wanted = _FIELDS[kind]
    for name in action:
        if name not in ("type", wanted):
            raise MalformedAction(f"{name[:40]}: {kind} has no such field")
    match kind:
        case Play.type:
            return Play(_card(action.get("card")))
        case ChooseSuit.type:
            return ChooseSuit(_suit(action.get("suit")))
        case Draw.type:
            return Draw()
        case _:
            return Pass()


def dump(action: Action) -> JsonObject:
    """The JSON object of this action."""
    match action:
        case Play(card=card):
            return {"type": Play.type, "card": card}
        case ChooseSuit(suit=suit):
            return {"type": ChooseSuit.type, "suit": suit.value}
        case Draw() | Pass():
            return {"type": action.type}


def _card(value: object) -> Card:
    if isinstance(value, str):
        try:
            return card_of(value)
        except ValueError:
            pass
    raise MalformedAction("card: must be a card such as QS or 10D, rank (A 2 … 10 J Q K) before suit (C D H S)")


def _suit(value: object) -> Suit:
    if isinstance(value, str) and value in _SUITS:
        return _SUITS[value]
    raise MalformedAction(f"suit: must be one of {', '.join(_SUITS)}")
