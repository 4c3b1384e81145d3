"""Positions of Duel made by hand, and what is done in them; for the tests of its rules, sentence by sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from actors.rules.chance import Chance, key_of
from actors.rules.duel import Duel
from actors.rules.duel.cards import CARDS, creature
from actors.rules.duel.effects import Condition, Element
from actors.rules.duel.state import InPlay, Side, Stage, State
from actors.rules.interface import IllegalAction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.rules.interface import JsonObject, Step

T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., Any]")

RULES = Duel()


def rule(*numbers: str) -> Callable[[F], F]:
    """Says which sentences of docs/duel.md a test is about; tests/actors/rules/duel/test_page.py reads it."""
    return lambda test: test


def cards(text: str) -> tuple[str, ...]:
    """The cards of `"lasso cinderpup 3*ember"`: an element is its energy. `wand` is a card that a test may make."""
    listed: list[str] = []
    for word in text.split():
        count, _, card = word.partition("*") if "*" in word else ("1", "", word)
        listed += [f"{card}_energy" if card in set(Element) else card] * int(count)
    assert all(card in CARDS or card == "wand" for card in listed), listed
    return tuple(listed)


def there(
    card: str, energies: str = "", *, damage: int = 0, conditions: str = "", since: int = 1, **more: int
) -> InPlay:
    """A creature in play, with the cards that lie under it."""
    stages = [card]
    while (below := creature(stages[0]).evolves_from) is not None:
        stages.insert(0, below)
    befallen = frozenset(Condition(one) for one in conditions.split())
    return InPlay(tuple(stages), since, cards(energies), damage, befallen, **more)


def side(
    active: InPlay | str | None,
    *bench: InPlay | str,
    hand: str = "",
    deck: str = "4*tide",
    discard: str = "",
    points: int = 0,
) -> Side:
    """What a player has. Of the deck the card that is drawn first is named first; a creature may be just its name."""
    on_bench = tuple(there(one) if isinstance(one, str) else one for one in bench)
    return Side(
        deck=cards(deck)[::-1],
        hand=cards(hand),
        discard=cards(discard),
        active=there(active) if isinstance(active, str) else active,
        bench=on_bench,
        points=points,
    )


def position(own: Side, theirs: Side, *, number: int = 5, **more: Any) -> State:  # noqa: ANN401
    """The turn of seat 0, who has `own`, in its middle; seat 1 has `theirs`."""
    return State(sides=(own, theirs), turn=0, points_to_win=4, stage=Stage.MAIN, number=number, **more)


class Coins(Chance):
    """Flips what is given, `H` or `T`; leaves what is shuffled as it is, and says so; picks the first."""

    def __init__(self, flips: str = "") -> None:
        super().__init__(key_of("coins"))
        self.flips = list(flips)
        self.shuffles = 0

    def below(self, n: int) -> int:
        return 0

    def flip(self) -> bool:
        return self.flips.pop(0) == "H"

    def shuffled(self, items: Iterable[T]) -> tuple[T, ...]:
        self.shuffles += 1
        return tuple(items)


def do(state: State, seat: int, kind: str, /, *, coins: Coins | str = "", **fields: object) -> Step[State]:
    """What comes of this action; all the coins must have been flipped."""
    chance = Coins(coins) if isinstance(coins, str) else coins
    step = RULES.apply(state, seat, RULES.parse({"type": kind, **fields}), chance)
    assert not chance.flips
    return step


def attack(state: State, name: str, *, coins: str = "") -> State:
    """The position after seat 0 attacked, but before the check-up and the next turn have come to anything else."""
    return do(state, 0, "attack", attack=name, coins=coins).state


def refused(state: State, seat: int, kind: str, /, **fields: object) -> str:
    """Why this is not allowed; fails when it is."""
    try:
        step = RULES.apply(state, seat, RULES.parse({"type": kind, **fields}), Coins())
    except IllegalAction as error:
        assert {"type": kind, **fields} not in legal(state, seat)
        return str(error)
    raise AssertionError(f"was allowed: {step.message}")


def legal(state: State, seat: int) -> list[JsonObject]:
    """What that seat may do."""
    return [RULES.dump(action) for action in RULES.legal(state, seat)]


def kinds(step: Step[State]) -> list[str]:
    """What happened, by type."""
    return [change.public["type"] for change in step.changes]


def changes(step: Step[State], kind: str, viewer: int | None = None) -> list[JsonObject]:
    """The changes of this type, as that viewer sees them, without their type."""
    seen = [change.seen_by(viewer) for change in step.changes]
    return [{name: value for name, value in one.items() if name != "type"} for one in seen if one["type"] == kind]


def active(state: State, seat: int) -> InPlay:
    """That seat's active creature."""
    return state.sides[seat].at(0)


def without_bench(state: State, seat: int) -> State:
    """The same, that seat's bench empty."""
    return state.with_side(seat, evolve(state.sides[seat], bench=()))
