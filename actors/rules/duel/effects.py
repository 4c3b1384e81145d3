"""The vocabulary that attacks and action cards are written in: a verb each, with its objects.

A card's effects are data, `{ do = "heal", whom = "one_own", amount = 30 }`, and `Effect` is one of them. What a verb
does is in `actors.rules.duel.resolving`, what it is called on a card in `actors.rules.duel.words`.

An effect with `coin` begins with the flip of a coin, and happens on heads only.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from attrs import field, frozen
from attrs.validators import ge, le

if TYPE_CHECKING:
    from attrs import Attribute


class Element(enum.StrEnum):
    """What a creature is of, and an energy."""

    EMBER = "ember"
    TIDE = "tide"
    GROVE = "grove"
    STORM = "storm"
    STONE = "stone"


class Condition(enum.StrEnum):
    """What may befall an active creature."""

    ASLEEP = "asleep"
    CONFUSED = "confused"
    POISONED = "poisoned"


class What(enum.StrEnum):
    """Cards that an effect can ask for."""

    BASIC = "basic"
    EVOLUTION = "evolution"
    CREATURE = "creature"
    ENERGY = "energy"
    ACTION = "action"
    ANY = "any"


def _whole(default: int | None = None, most: int = 5) -> int:
    checks = [ge(1), le(most)]
    made: int = field(validator=checks) if default is None else field(default=default, validator=checks)
    return made


def _damage() -> int:
    made: int = field(validator=_tens)
    return made


def _tens(_: object, attribute: Attribute[int], value: int) -> None:
    if value < 10 or value % 10:
        raise ValueError(f"{attribute.name}: must be a multiple of ten")


# ---- what changes the damage of the attack itself; only attacks have these


@frozen(kw_only=True)
class Bonus:
    """So much more damage: outright, or for each of something. With `coins`, for each heads among so many flips."""

    do: ClassVar[str] = "bonus"
    amount: int = _damage()
    per: Literal["once", "heads", "own_energy", "opponent_energy", "own_damage", "opponent_damage", "own_bench"] = (
        "once"
    )
    coins: int = field(default=0, validator=[ge(0), le(4)])
    coin: bool = False


@frozen(kw_only=True)
class Falter:
    """A coin is flipped before the damage; on tails the attack does nothing."""

    do: ClassVar[str] = "falter"
    coin: bool = False


# ---- what is done to creatures


@frozen(kw_only=True)
class Inflict:
    """A condition for an active creature."""

    do: ClassVar[str] = "inflict"
    condition: Condition
    whom: Literal["opponent", "self"] = "opponent"
    coin: bool = False


@frozen(kw_only=True)
class Hurt:
    """Damage beside the attack's own: no weakness adds to it, and no guard takes from it."""

    do: ClassVar[str] = "hurt"
    amount: int = _damage()
    whom: Literal["self", "opponent", "one_opponent", "one_bench", "each_bench", "own_bench"]
    coin: bool = False


@frozen(kw_only=True)
class Heal:
    """Takes damage away."""

    do: ClassVar[str] = "heal"
    amount: int = _damage()
    whom: Literal["self", "one_own", "each_own"]
    coin: bool = False


@frozen(kw_only=True)
class Cure:
    """Takes the conditions from one's own active creature."""

    do: ClassVar[str] = "cure"
    coin: bool = False


@frozen(kw_only=True)
class Strip:
    """Discards energies of an active creature; whoever does it says which."""

    do: ClassVar[str] = "strip"
    whom: Literal["self", "opponent"]
    count: int = _whole(1)
    coin: bool = False


@frozen(kw_only=True)
class Charge:
    """Attaches energies of an element from one's discard pile to a creature of one's own."""

    do: ClassVar[str] = "charge"
    element: Element
    whom: Literal["self", "one_own"] = "one_own"
    count: int = _whole(1)
    coin: bool = False


@frozen(kw_only=True)
class Guard:
    """One's own active creature takes so much less damage from attacks in the opponent's next turn."""

    do: ClassVar[str] = "guard"
    amount: int = _damage()
    coin: bool = False


@frozen(kw_only=True)
class Hold:
    """The opponent's active creature cannot retreat in their next turn."""

    do: ClassVar[str] = "hold"
    coin: bool = False


@frozen(kw_only=True)
class Switch:
    """An active creature changes places with one of its bench: `by` says who chooses which."""

    do: ClassVar[str] = "switch"
    whom: Literal["self", "opponent"]
    by: Literal["self", "opponent"] = "self"
    coin: bool = False


# ---- what is done with cards


@frozen(kw_only=True)
class Draw:
    """Draws cards, as many as there are."""

    do: ClassVar[str] = "draw"
    count: int = _whole()
    who: Literal["self", "opponent", "each"] = "self"
    coin: bool = False


@frozen(kw_only=True)
class Search:
    """Takes cards of a kind, up to so many, out of one's deck into the hand, and shuffles the deck."""

    do: ClassVar[str] = "search"
    what: What
    count: int = _whole(1)
    show: bool = True
    coin: bool = False


@frozen(kw_only=True)
class Look:
    """Looks at the top cards of one's deck, may take one of a kind, and shuffles the deck."""

    do: ClassVar[str] = "look"
    count: int = _whole(most=9)
    what: What = What.ANY
    show: bool = False
    coin: bool = False


@frozen(kw_only=True)
class Recover:
    """Takes creatures or energies, up to so many, from one's discard pile into the hand."""

    do: ClassVar[str] = "recover"
    what: What
    count: int = _whole(1)
    coin: bool = False


@frozen(kw_only=True)
class Discard:
    """Discards cards of a hand: of one's own by choice, of the opponent's at random."""

    do: ClassVar[str] = "discard"
    count: int = _whole(1)
    who: Literal["self", "opponent"] = "self"
    coin: bool = False


@frozen(kw_only=True)
class FreshHand:
    """Shuffles one's hand into the deck and draws so many cards."""

    do: ClassVar[str] = "fresh_hand"
    count: int = _whole(most=7)
    coin: bool = False


@frozen(kw_only=True)
class Peek:
    """Looks at the opponent's hand."""

    do: ClassVar[str] = "peek"
    coin: bool = False


Effect: TypeAlias = (
    Bonus | Falter | Inflict | Hurt | Heal | Cure | Strip | Charge | Guard | Hold | Switch | Draw | Search | Look
    | Recover | Discard | FreshHand | Peek
)  # fmt: skip

VERBS: Final[dict[str, type[Effect]]] = {
    verb.do: verb
    for verb in (
        Bonus, Falter, Inflict, Hurt, Heal, Cure, Strip, Charge, Guard, Hold, Switch, Draw, Search, Look, Recover,
        Discard, FreshHand, Peek,
    )
}  # fmt: skip


def misplaced(effects: tuple[Effect, ...], *, in_attack: bool) -> str | None:
    """Why these effects cannot stand together on a card; None when they can.

    What is refused here is what would let a game go on for ever, or leave it open which creature is meant.
    """
    for at, effect in enumerate(effects):
        last = at == len(effects) - 1
        match effect:
            case Bonus() | Falter() if not in_attack:
                return f"{effect.do}: only an attack has damage of its own"
            case Falter(coin=True):
                return "falter: flips its coin as it is"
            case Bonus(per="heads", coins=0) | Bonus(per="heads", coin=True):
                return "bonus: per heads needs coins, and no coin besides"
            case Bonus(coins=coins, per=per) if coins and per != "heads":
                return "bonus: coins go with per heads"
            case Switch() if in_attack and not last:
                return "switch: must come last in an attack, which is its creature's to the end"
            case FreshHand() if in_attack:
                return "fresh_hand: an attack can be repeated, and the deck would never run out"
            case Recover(what=what) if what not in (What.BASIC, What.EVOLUTION, What.CREATURE, What.ENERGY):
                return "recover: an action card stays discarded, or two of them could fetch each other for ever"
            case _:
                pass
    return None
