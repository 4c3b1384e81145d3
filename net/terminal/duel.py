"""Duel as a person sees it: the table, the actions and what happened, in the words that are printed on the cards."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rich.text import Text

from actors.rules.duel.cards import CARDS, ActionCard, CreatureCard, EnergyCard, name_of
from actors.rules.duel.words import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actors.rules.duel.cards import Attack
    from actors.rules.interface import JsonObject

_COLOURS: Final = {"ember": "red", "tide": "blue", "grove": "green", "storm": "yellow", "stone": "magenta"}


def board(view: JsonObject, seat: int, names: Sequence[str]) -> list[Text]:
    """The table, the opponent's side above, one's own below."""
    state = view["state"]
    sides, foe = state["sides"], 1 - seat
    return [
        _heading(sides[foe], names[foe], state["points_to_win"]),
        *_bench(sides[foe]),
        _creature("active", sides[foe]["active"], empty=_empty(sides[foe])),
        Text("  " + "-" * 60, style="dim"),
        _creature("active", sides[seat]["active"], empty=_empty(sides[seat], state.get("chosen"))),
        *_bench(sides[seat]),
        _heading(sides[seat], names[seat], state["points_to_win"]),
        _hand(state["hand"]),
    ]


def _heading(side: JsonObject, name: str, to_win: int) -> Text:
    gone = sum(side["discard"].values())
    text = Text(f"{name}", style="bold")
    text.append(f"   {side['points']} of {to_win} points", style="bold green" if side["points"] else "")
    return text.append(f"   hand {side['hand']}   deck {side['deck']}   discarded {gone}", style="not bold")


def _empty(side: JsonObject, chosen: str | None = None) -> str:
    if chosen is not None:
        return f"{name_of(chosen)}, face down"
    return "face down" if side["ready"] and side["active"] is None and not side["bench"] else "nobody"


def _bench(side: JsonObject) -> list[Text]:
    return [_creature(f"bench {spot}", there) for spot, there in enumerate(side["bench"], 1)]


def _creature(where: str, shown: JsonObject | None, empty: str = "") -> Text:
    text = Text(f"  {where:<8}")
    if shown is None:
        return text.append(empty, style="dim")
    card = CARDS[shown["card"]]
    assert isinstance(card, CreatureCard)
    left = shown["hp"] - shown["damage"]
    text.append(f"{card.name:<16}", style=f"bold {_COLOURS[card.element]}")
    text.append(f" {left:>3}/{shown['hp']:<3} hp", style="red" if shown["damage"] else "")
    text.append("  ")
    counts: Counter[str] = Counter(shown["energies"])
    for card_id, count in counts.items():
        energy = CARDS[card_id]
        assert isinstance(energy, EnergyCard)
        text.append(f"{energy.element.value}{f' x{count}' if count > 1 else ''} ", style=_COLOURS[energy.element])
    marks = [*shown["conditions"]]
    marks += [f"guarded {shown['guard']}"] if shown["guard"] else []
    marks += ["held"] if shown["held"] else []
    marks += ["new"] if shown["new"] else []
    return text.append(f" {', '.join(marks)}", style="italic") if marks else text


def _hand(cards: Iterable[str]) -> Text:
    text = Text("  hand    ")
    for number, (card_id, count) in enumerate(sorted(Counter(cards).items(), key=lambda one: _order(one[0]))):
        card = CARDS[card_id]
        colour = "" if isinstance(card, ActionCard) else _COLOURS[card.element]
        text.append(", " if number else "")
        text.append(f"{card.name}{f' x{count}' if count > 1 else ''}", style=colour)
    return text if cards else text.append("no card", style="dim")


def _order(card_id: str) -> int:
    return list(CARDS).index(card_id)


# ---- in words


def action_in_words(action: JsonObject, view: JsonObject, seat: int) -> str:
    """What this action does."""
    sides = view["state"]["sides"]
    own = sides[seat]
    match action:
        case {"type": "choose_active", "card": card}:
            return f"begin with {name_of(card)}{_attacks_of(card)}"
        case {"type": "bench", "card": card}:
            return f"lay {name_of(card)} on the bench{_attacks_of(card)}"
        case {"type": "evolve", "card": card, "spot": spot}:
            return f"evolve {_at(own, spot)} into {name_of(card)}"
        case {"type": "attach", "card": card, "spot": spot}:
            return f"attach {name_of(card)} to {_at(own, spot)}"
        case {"type": "play", "card": card}:
            return f"play {about(card)}"
        case {"type": "retreat", "spot": spot, "pay": pay}:
            paid = f", for {', '.join(map(name_of, pay))}" if pay else ""
            return f"retreat, and send in {_at(own, spot)}{paid}"
        case {"type": "attack", "attack": name}:
            return f"attack: {_attack_called(own, name)}"
        case {"type": "promote", "spot": spot}:
            return f"promote {_at(own, spot)}"
        case {"type": "choose", "card": None}:
            return "choose nothing"
        case {"type": "choose", "card": card}:
            return f"choose {name_of(card)}"
        case {"type": "choose", "spot": spot}:
            side = view.get("pending_forced_action", {}).get("params", {}).get("side", seat)
            return f"choose {_at(sides[side], spot)}{'' if side == seat else ' of your opponent'}"
        case _:
            return "end the turn" if action["type"] == "end_turn" else str(action["type"]).replace("_", " ")


def _at(side: JsonObject, spot: int) -> str:
    there = side["active"] if spot == 0 else side["bench"][spot - 1]
    where = "active" if spot == 0 else f"bench {spot}"
    return f"{name_of(there['card'])} ({where}, {there['hp'] - there['damage']} hp)"


def _attack_called(side: JsonObject, name: str) -> str:
    card = CARDS[side["active"]["card"]]
    assert isinstance(card, CreatureCard)
    return next((_attack(one) for one in card.attacks if one.name == name), name)


def _attack(attack: Attack) -> str:
    text = text_of(attack.effects)
    damage = f" {attack.damage}" if attack.damage else ""
    return f"{attack.name} ({', '.join(attack.cost)}){damage}{f'. {text}' if text else ''}"


def _attacks_of(card_id: str) -> str:
    card = CARDS[card_id]
    return f" ({card.hp} hp)" if isinstance(card, CreatureCard) else ""


def about(name: str) -> str:
    """What the card of this id, or of this name, says; the empty text when there is none."""
    wanted = name.lower().replace("_", " ")
    card = next((one for one in CARDS.values() if wanted in (one.id.replace("_", " "), one.name.lower())), None)
    match card:
        case CreatureCard():
            stage = f"evolves from {name_of(card.evolves_from)}" if card.evolves_from else "basic"
            attacks = "; ".join(map(_attack, card.attacks))
            weak = f", weak to {card.weakness.value}" if card.weakness else ""
            points = f", worth {card.points} points" if card.points > 1 else ""
            what = f"{card.element.value}, {stage}, {card.hp} hp, retreat {card.retreat}{weak}{points}"
            return f"{card.name}: {what}. {attacks}"
        case ActionCard():
            return f"{card.name} ({card.kind}): {text_of(card.effects)}"
        case EnergyCard():
            return f"{card.name}: an energy"
        case None:
            return ""


def change_in_words(change: JsonObject, names: Sequence[str]) -> str:
    """What happened; the empty text for what is said elsewhere, or needs no words."""
    who = names[change["seat"]] if "seat" in change else ""
    match change:
        case {"type": "turn", "number": number}:
            return f"turn {number}: {who}"
        case {"type": "drew", "card": card}:
            return f"{who}: drew {'a card' if card is None else name_of(card)}"
        case {"type": "chose_active"}:
            return f"{who}: laid a creature face down"
        case {"type": "turned_up", "actives": actives}:
            return "turned up: " + ", ".join(f"{names[seat]} {name_of(card)}" for seat, card in enumerate(actives))
        case {"type": "attached" | "charged" as kind, "card": card, "spot": spot}:
            return f"{who}: {_DID[kind]} {name_of(card)}, to the {_place(spot)}"
        case {"type": "benched" | "promoted" | "evolved" | "switched" as kind, "card": card}:
            return f"{who}: {_DID[kind]} {name_of(card)}"
        case {"type": "played", "card": card}:
            return f"{who}: played {about(card)}"
        case {"type": "attacked", "card": card, "attack": attack}:
            return f"{who}: {name_of(card)} attacks, {attack}"
        case {"type": "coin", "heads": heads, "why": why}:
            return f"a coin for {why}: {'heads' if heads else 'tails'}"
        case {"type": "damaged" | "healed" as kind, "spot": spot, "amount": amount}:
            what = "takes" if kind == "damaged" else "is healed of"
            return f"{who}: the {_place(spot)} {what} {amount} damage"
        case {"type": "befallen", "condition": condition}:
            return f"{who}: the active creature is {condition}"
        case {"type": "recovered", "condition": condition}:
            return f"{who}: the active creature is no longer {condition}"
        case {"type": "knocked_out", "card": card, "points": points}:
            return f"{who}: {name_of(card)} is knocked out. Points: {names[0]} {points[0]}, {names[1]} {points[1]}"
        case {"type": "found" | "taken_back" | "discarded" | "stripped" as kind, "card": card}:
            return f"{who}: {_DID[kind]} {'a card' if card is None else name_of(card)}"
        case {"type": "peeked", "cards": list(cards)}:
            return f"{who}: saw {', '.join(map(name_of, cards))}"
        case {"type": "turn_ended"}:
            return f"{who}: ended the turn"
        case {"type": "ended"}:
            return ""
        case _:
            return f"{who}: {str(change.get('type', '')).replace('_', ' ')}"


_DID: Final = {
    "benched": "laid on the bench",
    "promoted": "promoted",
    "evolved": "evolved into",
    "attached": "attached",
    "charged": "attached from the discard pile",
    "switched": "switched; active is now",
    "found": "took from the deck",
    "taken_back": "took back from the discard pile",
    "discarded": "discarded",
    "stripped": "discarded an energy:",
}


def _place(spot: int) -> str:
    return "active creature" if spot == 0 else f"creature on bench {spot}"
