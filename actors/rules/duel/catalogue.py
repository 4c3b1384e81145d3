"""The cards and the ready decks as they stand in docs/duel.md.

    python -m actors.rules.duel.catalogue docs/duel.md

writes them there anew, between their marks; a test says when that is due.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.rules.duel.cards import CARDS, ActionCard, CreatureCard, EnergyCard, stage_of
from actors.rules.duel.decks import READY
from actors.rules.duel.effects import Element
from actors.rules.duel.words import text_of

if TYPE_CHECKING:
    from actors.rules.duel.cards import Attack

BEGIN: Final = "<!-- made by `python -m actors.rules.duel.catalogue docs/duel.md`: do not edit -->"
END: Final = "<!-- end of what is made -->"

_STAGES: Final = ("basic", "stage 1", "stage 2")


def catalogue() -> str:
    """The whole list, as Markdown."""
    creatures = [card for card in CARDS.values() if isinstance(card, CreatureCard)]
    actions = [card for card in CARDS.values() if isinstance(card, ActionCard)]
    energies = [card for card in CARDS.values() if isinstance(card, EnergyCard)]
    parts = [f"The set has {len(CARDS)} cards: {_counts()}.", ""]
    for element in Element:
        parts += [f"### Creatures of {element.value}", "", *_creatures(creatures, element), ""]
    for kind, title in (("trick", "Tricks"), ("plan", "Plans")):
        parts += [f"### {title}", "", "| card | id | what it does |", "| --- | --- | --- |"]
        parts += [f"| {card.name} | `{card.id}` | {text_of(card.effects)} |" for card in actions if card.kind == kind]
        parts += [""]
    parts += ["### Energies", "", "| card | id |", "| --- | --- |"]
    parts += [f"| {card.name} | `{card.id}` |" for card in energies]
    parts += ["", "### The ready decks", "", "| deck | id | cards |", "| --- | --- | --- |"]
    parts += [f"| {deck.title} | `{name}` | {_listed(deck.cards)} |" for name, deck in READY.items()]
    return "\n".join(parts)


def with_catalogue(page: str) -> str:
    """The page with this list between its marks. Raises ValueError when it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no marks to write the cards between")
    return f"{before}{begin}\n\n{catalogue()}\n\n{end}{after}"


def _counts() -> str:
    kinds = Counter(type(card) for card in CARDS.values())
    return (
        f"{kinds[CreatureCard]} creatures, {kinds[ActionCard]} action cards and {kinds[EnergyCard]} energies, one for "
        "each element"
    )


def _creatures(creatures: list[CreatureCard], element: Element) -> list[str]:
    rows = ["| card | id | stage | hit points | retreat | weak to | points | attacks |", "| --- " * 8 + "|"]
    return rows + [_row(card) for card in creatures if card.element is element]


def _row(card: CreatureCard) -> str:
    stage = _STAGES[stage_of(card, CARDS)]
    below = CARDS[card.evolves_from].name if card.evolves_from is not None else None
    weak = card.weakness.value if card.weakness is not None else "nothing"
    cells = [
        card.name,
        f"`{card.id}`",
        stage if below is None else f"{stage}, from {below}",
        str(card.hp),
        str(card.retreat),
        weak,
        str(card.points),
        "<br>".join(_attack(attack) for attack in card.attacks),
    ]
    return f"| {' | '.join(cells)} |"


def _attack(attack: Attack) -> str:
    text = text_of(attack.effects)
    damage = f": {attack.damage}" if attack.damage else ""
    return f"**{attack.name}** ({', '.join(attack.cost)}){damage}{'. ' if damage and text else ' '}{text}".rstrip()


def _listed(cards: tuple[str, ...]) -> str:
    return ", ".join(f"{count} {CARDS[card].name}" for card, count in Counter(cards).items())


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_catalogue(page.read_text("utf-8")), "utf-8")
