"""What is printed on the cards. The text of a card is made from its data, so it cannot say another thing than the card
does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.rules.duel.effects import (
    Bonus,
    Charge,
    Cure,
    Discard,
    Draw,
    Falter,
    FreshHand,
    Guard,
    Heal,
    Hold,
    Hurt,
    Inflict,
    Look,
    Peek,
    Recover,
    Search,
    Strip,
    Switch,
    What,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.duel.effects import (
        Effect,
    )

_HURT = {
    "self": "this creature",
    "opponent": "your opponent's active creature",
    "one_opponent": "one of your opponent's creatures",
    "one_bench": "one creature of your opponent's bench",
    "each_bench": "each creature of your opponent's bench",
    "own_bench": "each creature of your own bench",
}
_HEAL = {"self": "your active creature", "one_own": "one of your creatures", "each_own": "each of your creatures"}
_PER = {
    "own_energy": "for each energy of this creature",
    "opponent_energy": "for each energy of your opponent's active creature",
    "own_damage": "for each 10 damage on this creature",
    "opponent_damage": "for each 10 damage on your opponent's active creature",
    "own_bench": "for each creature of your bench",
}
_WHAT = {
    What.BASIC: ("basic creature", "basic creatures"),
    What.EVOLUTION: ("evolved creature", "evolved creatures"),
    What.CREATURE: ("creature", "creatures"),
    What.ENERGY: ("energy", "energies"),
    What.ACTION: ("action card", "action cards"),
    What.ANY: ("card", "cards"),
}


def text_of(effects: Iterable[Effect]) -> str:
    """What these effects are called on a card; the empty text for none."""
    return " ".join(_sentence(effect) for effect in effects)


def _sentence(effect: Effect) -> str:
    text = _plain(effect)
    if effect.coin:
        return f"Flip a coin. If heads, {text}."
    return f"{text[0].upper()}{text[1:]}."


def _plain(effect: Effect) -> str:
    match effect:
        case Bonus() | Falter():
            return _of_the_attack(effect)
        case Inflict() | Hurt() | Heal() | Cure() | Strip() | Charge() | Guard() | Hold() | Switch():
            return _of_creatures(effect)
        case _:
            return _of_cards(effect)


def _of_the_attack(effect: Bonus | Falter) -> str:
    match effect:
        case Falter():
            return "flip a coin; if tails, this attack does nothing"
        case Bonus(per="once", amount=amount):
            return f"this attack does {amount} more damage"
        case Bonus(per="heads", amount=amount, coins=coins):
            return f"flip {coins} coins; this attack does {amount} more damage for each heads"
        case Bonus(per=per, amount=amount):
            return f"this attack does {amount} more damage {_PER[per]}"


def _of_creatures(effect: Inflict | Hurt | Heal | Cure | Strip | Charge | Guard | Hold | Switch) -> str:
    match effect:
        case Inflict(condition=condition, whom=whom):
            befallen = "your opponent's active creature" if whom == "opponent" else "this creature"
            return f"{befallen} is {condition.value}"
        case Hurt(amount=amount, whom=whom):
            return f"do {amount} damage to {_HURT[whom]}"
        case Heal(amount=amount, whom=whom):
            return f"heal {amount} damage from {_HEAL[whom]}"
        case Cure():
            return "your active creature loses its conditions"
        case Strip(whom=whom, count=count):
            energies = "an energy" if count == 1 else f"{count} energies"
            return f"discard {energies} of {_HURT[whom]}"
        case Charge(element=element, whom=whom, count=count):
            energies = f"an {element.value} energy" if count == 1 else f"up to {count} {element.value} energies"
            return f"attach {energies} from your discard pile to {_HEAL[whom]}"
        case Guard(amount=amount):
            return f"in your opponent's next turn, attacks do {amount} less damage to your active creature"
        case Hold():
            return "your opponent's active creature cannot retreat in their next turn"
        case Switch(whom="self"):
            return "switch your active creature with one of your bench"
        case Switch(by="self"):
            return "switch your opponent's active creature with one of their bench that you choose"
        case Switch():
            return "your opponent switches their active creature with one of their bench"


def _of_cards(effect: Effect) -> str:
    match effect:
        case Draw(count=count, who=who):
            drawer = {"self": "draw", "opponent": "your opponent draws", "each": "each player draws"}[who]
            return f"{drawer} {_cards(count)}"
        case Search(what=what, count=count, show=show):
            pronoun = "it" if count == 1 else "them"
            shown = f"show {pronoun} and " if show else ""
            return f"search your deck for {_some(what, count)}, {shown}take {pronoun} into your hand; shuffle your deck"
        case Look(count=count, what=what, show=show):
            taken = _some(what, 1)
            return (
                f"look at the top {_cards(count)} of your deck; you may take {taken} of them into your hand"
                f"{', shown' if show else ''}; shuffle your deck"
            )
        case Recover(what=what, count=count):
            return f"take {_some(what, count)} from your discard pile into your hand"
        case Discard(who="self", count=count):
            return f"discard {_cards(count)} of your hand"
        case Discard(count=count):
            return f"your opponent discards {_cards(count)} of their hand at random"
        case FreshHand(count=count):
            return f"shuffle your hand into your deck and draw {_cards(count)}"
        case Peek():
            return "look at your opponent's hand"
        case _:
            raise AssertionError(f"{effect.do} is not an effect on cards")


def _cards(count: int) -> str:
    return "a card" if count == 1 else f"{count} cards"


def _some(what: What, count: int) -> str:
    """`a creature`, `up to 2 creatures`."""
    one, several = _WHAT[what]
    if count > 1:
        return f"up to {count} {several}"
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"
