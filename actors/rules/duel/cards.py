"""The cards: what stands in `cards.toml`, loaded and checked once, when this module is imported.

A card in a hand, a pile or a state is its id, a short text; `CARDS` says what is printed on it.
"""

from __future__ import annotations

import enum
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from attrs import field, frozen
from attrs.validators import ge, le, matches_re, max_len, min_len
from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError, transform_error

from actors.rules.duel.effects import VERBS, Effect, Element, What, misplaced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attrs import Attribute

T = TypeVar("T")

Cost: TypeAlias = Literal["ember", "tide", "grove", "storm", "stone", "any"]

_ID: Final = matches_re(r"[a-z][a-z0-9_]{1,39}")
_NAME: Final = matches_re(r"[A-Z][A-Za-z' -]{1,39}")


class FaultyCard(ValueError):
    """A card's data is wrong; the text names the card and the field."""


def _tens(_: object, attribute: Attribute[int], value: int) -> None:
    if value < 0 or value % 10:
        raise ValueError(f"{attribute.name}: must be a multiple of ten")


@frozen(kw_only=True)
class Attack:
    """What a creature can do to end its owner's turn. `cost` is one entry for each energy that must be attached."""

    name: str = field(validator=_NAME)
    cost: tuple[Cost, ...] = field(validator=[min_len(1), max_len(4)])
    damage: int = field(default=0, validator=[le(200), _tens])
    effects: tuple[Effect, ...] = field(default=(), validator=max_len(3))


@frozen(kw_only=True)
class CreatureCard:
    """A creature; one that `evolves_from` another is laid upon it, any other is basic."""

    id: str = field(validator=_ID)
    name: str = field(validator=_NAME)
    element: Element
    hp: int = field(validator=[ge(10), le(200), _tens])
    retreat: int = field(validator=[ge(0), le(3)])
    weakness: Element | None = None
    evolves_from: str | None = None
    points: int = field(default=1, validator=[ge(1), le(2)])
    attacks: tuple[Attack, ...] = field(validator=[min_len(1), max_len(2)])


@frozen(kw_only=True)
class EnergyCard:
    """An energy of an element."""

    id: str = field(validator=_ID)
    name: str = field(validator=_NAME)
    element: Element


@frozen(kw_only=True)
class ActionCard:
    """A card that is played for its effects and discarded: a `plan`, one a turn, or a `trick`."""

    id: str = field(validator=_ID)
    name: str = field(validator=_NAME)
    kind: Literal["plan", "trick"]
    effects: tuple[Effect, ...] = field(validator=[min_len(1), max_len(3)])


Card: TypeAlias = CreatureCard | EnergyCard | ActionCard

_SECTIONS: Final[dict[str, type[Card]]] = {"creature": CreatureCard, "energy": EnergyCard, "action": ActionCard}


def read_cards(text: str) -> dict[str, Card]:
    """The cards of this TOML text, by id, in its order. Raises FaultyCard."""
    converter = _converter()
    cards: dict[str, Card] = {}
    for section, entries in tomllib.loads(text).items():
        if section not in _SECTIONS:
            raise FaultyCard(f"{section}: no such kind of card; there are {', '.join(_SECTIONS)}")
        for number, entry in enumerate(entries, start=1):
            called = entry.get("id", f"number {number}")
            card = _read(converter, entry, _SECTIONS[section], f"{section} {called}")
            if card.id in cards:
                raise FaultyCard(f"{section} {card.id}: id: is there twice")
            cards[card.id] = card
    for card in cards.values():
        fault = _fault(card, cards)
        if fault is not None:
            raise FaultyCard(f"{card.id}: {fault}")
    return cards


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for scalar in (int, str, bool):
        converter.register_structure_hook(scalar, _only)
    converter.register_structure_hook_func(lambda one: one == Effect, lambda data, _: _effect(converter, data))
    return converter


def _only(value: object, wanted: type[T]) -> T:
    """TOML has types of its own: a text is not to be taken for a number."""
    if issubclass(wanted, enum.Enum):
        if value not in [member.value for member in wanted]:
            raise ValueError(f"must be one of {', '.join(member.value for member in wanted)}")
        return wanted(value)
    if type(value) is not wanted:
        raise TypeError(f"must be of type {wanted.__name__}")
    return value


def _effect(converter: Converter, data: Any) -> Effect:  # noqa: ANN401 - whatever stands in the file
    if not isinstance(data, dict) or data.get("do") not in VERBS:
        raise ValueError(f"do: must be one of {', '.join(VERBS)}")
    verb = VERBS[data["do"]]
    return converter.structure({name: value for name, value in data.items() if name != "do"}, verb)


def _read(converter: Converter, entry: Any, kind: type[T], called: str) -> T:  # noqa: ANN401
    try:
        return converter.structure(entry, kind)
    except BaseValidationError as error:
        faults = transform_error(error, path=called, format_exception=_in_words)
        # A misspelt field is missing, too; that it is misspelt says more.
        reason, _, where = min(faults, key=lambda fault: fault.startswith("is missing")).rpartition(" @ ")
        raise FaultyCard(f"{where}: {reason}") from error


def _in_words(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return "is missing"
    if isinstance(error, ForbiddenExtraKeysError):
        return f"{', '.join(sorted(error.extra_fields))}: there is no such field"
    return " ".join(str(error.args[0] if error.args else error).split())


def _fault(card: Card, cards: Mapping[str, Card]) -> str | None:
    """What is wrong with a card among the others: the field, and why."""
    match card:
        case CreatureCard(evolves_from=below) if below is not None and not isinstance(cards.get(below), CreatureCard):
            return f"evolves_from: there is no creature {below}"
        case CreatureCard(evolves_from=below) if below is not None and stage_of(card, cards) > 2:
            return "evolves_from: must lead to a basic creature in two steps at most"
        case CreatureCard(attacks=attacks) if len({attack.name for attack in attacks}) < len(attacks):
            return "attacks: must have different names"
        case CreatureCard(attacks=attacks):
            faults = (misplaced(attack.effects, in_attack=True) for attack in attacks)
            return next((f"effects: {fault}" for fault in faults if fault is not None), None)
        case ActionCard(effects=effects):
            fault = misplaced(effects, in_attack=False)
            return None if fault is None else f"effects: {fault}"
        case _:
            return None


def stage_of(card: CreatureCard, cards: Mapping[str, Card]) -> int:
    """How many creatures lie under this one: 0 for a basic creature; 3 when there are too many, or it is a circle."""
    stage = 0
    while card.evolves_from is not None and stage < 3:
        below = cards.get(card.evolves_from)
        if not isinstance(below, CreatureCard):
            break
        card, stage = below, stage + 1
    return stage


CARDS: Final = read_cards((resources.files(__package__) / "cards.toml").read_text("utf-8"))
"""Every card by its id, in the order of the set."""


def creature(card: str) -> CreatureCard:
    """The creature of this id. Raises KeyError when it is none."""
    found = CARDS[card]
    if not isinstance(found, CreatureCard):
        raise KeyError(card)
    return found


def energy(card: str) -> EnergyCard:
    """The energy of this id. Raises KeyError when it is none."""
    found = CARDS[card]
    if not isinstance(found, EnergyCard):
        raise KeyError(card)
    return found


def energy_of(element: Element) -> str:
    """The id of this element's energy."""
    return next(card.id for card in CARDS.values() if isinstance(card, EnergyCard) and card.element is element)


def _kinds(card: Card) -> tuple[What, ...]:
    match card:
        case ActionCard():
            return (What.ANY, What.ACTION)
        case EnergyCard():
            return (What.ANY, What.ENERGY)
        case CreatureCard(evolves_from=None):
            return (What.ANY, What.CREATURE, What.BASIC)
        case CreatureCard():
            return (What.ANY, What.CREATURE, What.EVOLUTION)


_OF_KIND: Final = {what: frozenset(card.id for card in CARDS.values() if what in _kinds(card)) for what in What}


def is_a(card: str, what: What) -> bool:
    """Whether the card is of that kind."""
    return card in _OF_KIND[what]


def name_of(card: str) -> str:
    """What people call the card."""
    return CARDS[card].name
