"""What a player can do, and its form on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, TypeGuard

from attrs import fields, frozen

from actors.rules.duel.cards import CARDS
from actors.rules.duel.state import BENCH
from actors.rules.interface import MalformedAction

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.rules.interface import JsonObject


@frozen
class ChooseActive:
    """Lays a basic creature of the hand face down, to begin the game with."""

    type: ClassVar[str] = "choose_active"

    card: str


@frozen
class Bench:
    """Lays a basic creature of the hand on the bench."""

    type: ClassVar[str] = "bench"

    card: str


@frozen
class Evolve:
    """Lays a creature of the hand upon the one on this spot that it evolves from."""

    type: ClassVar[str] = "evolve"

    card: str
    spot: int


@frozen
class Attach:
    """Attaches an energy of the hand to the creature on this spot."""

    type: ClassVar[str] = "attach"

    card: str
    spot: int


@frozen
class Play:
    """Plays an action card."""

    type: ClassVar[str] = "play"

    card: str


@frozen
class Retreat:
    """Pays with these energies of the active creature, in their order, and sends in the one on this spot."""

    type: ClassVar[str] = "retreat"

    spot: int
    pay: tuple[str, ...] = ()


@frozen
class Strike:
    """Uses the active creature's attack of this name, which ends the turn."""

    type: ClassVar[str] = "attack"

    attack: str


@frozen
class Promote:
    """Makes the creature on this spot of the bench the active one, the former being knocked out."""

    type: ClassVar[str] = "promote"

    spot: int


@frozen
class Choose:
    """Chooses a card, or a spot, as an effect asks; neither is to choose nothing."""

    type: ClassVar[str] = "choose"

    card: str | None = None
    spot: int | None = None


@frozen
class EndTurn:
    """Ends the turn without an attack."""

    type: ClassVar[str] = "end_turn"


Action: TypeAlias = ChooseActive | Bench | Evolve | Attach | Play | Retreat | Strike | Promote | Choose | EndTurn

_KINDS: Final[dict[str, type[Action]]] = {
    kind.type: kind for kind in (ChooseActive, Bench, Evolve, Attach, Play, Retreat, Strike, Promote, Choose, EndTurn)
}
_LONGEST: Final = 40


def parse(action: JsonObject) -> Action:
    """The action of this JSON object. Raises MalformedAction, which names the field that is wrong.

    A field that does not belong is refused too: a misspelt one would otherwise go unnoticed.
    """
    kind = action.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise MalformedAction(f"type: must be one of {', '.join(_KINDS)}")
    made = _KINDS[kind]
    known = {one.name for one in fields(made)}
    for name in action:
        if name != "type" and name not in known:
            raise MalformedAction(f"{name[:_LONGEST]}: {kind} has no such field")
    if made is Choose:
        return _choose(action)
    if missing := [name for name in known if name not in action]:
        raise MalformedAction(f"{min(missing)}: is missing")
    return made(**{name: _READERS[name](action[name]) for name in known})


def _choose(action: JsonObject) -> Choose:
    match action:
        case {"card": None, **rest} if len(rest) == 1:
            return Choose()
        case {"card": card, **rest} if len(rest) == 1:
            return Choose(card=_card(card))
        case {"spot": spot, **rest} if len(rest) == 1:
            return Choose(spot=_spot(spot))
        case _:
            raise MalformedAction("card, spot: a choice is one of both; a card of null is to choose nothing")


def dump(action: Action) -> JsonObject:
    """The JSON object of this action."""
    match action:
        case Choose(spot=spot) if spot is not None:
            return {"type": Choose.type, "spot": spot}
        case Choose(card=card):
            return {"type": Choose.type, "card": card}
        case Retreat(spot=spot, pay=pay):
            return {"type": Retreat.type, "spot": spot, "pay": list(pay)}
        case _:
            return {"type": action.type} | {one.name: getattr(action, one.name) for one in fields(type(action))}


def _is_card(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value in CARDS


def _card(value: object) -> str:
    if _is_card(value):
        return value
    raise MalformedAction("card: must be the id of a card, such as ember_energy")


def _spot(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= BENCH:
        return value
    raise MalformedAction(f"spot: must be 0, the active creature, or 1 to {BENCH}, the bench")


def _attack(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= _LONGEST:
        return value
    raise MalformedAction("attack: must be the name of an attack")


def _pay(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and len(value) <= _LONGEST and all(map(_is_card, value)):
        return tuple(sorted(value))
    raise MalformedAction("pay: must be a list of the energies' ids")


_READERS: Final[dict[str, Callable[[Any], Any]]] = {"card": _card, "spot": _spot, "attack": _attack, "pay": _pay}
