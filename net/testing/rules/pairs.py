"""Two games that differ in one thing that somebody may not know: a draw of chance, or what a player chose. All other
draws and moves are the same, as long as both games take them."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, evolve, field, frozen

from actors.game import Game, Position, RulesFault, ask_rules
from net.testing.rules.games import Act, Move, Setting, game_of, in_json, step
from net.testing.rules.tape import Taped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import AnyRules

Both: TypeAlias = tuple[Move, Move]
"""What is done in the one game, and what in the other."""


@frozen
class Recipe:
    """How a pair of games is made: `changed` are the draws of the other game that are not those of the first; `moves`
    are those of both, different in one place at most."""

    setting: Setting
    changed: Mapping[int, int] = field(factory=dict)
    moves: tuple[Both, ...] = ()

    def taped(self, rules: AnyRules) -> tuple[Taped, Taped]:
        """The rules of the one game and of the other."""
        seed = self.setting.seed
        return Taped(rules, seed, {}), Taped(rules, seed, self.changed)

    def __str__(self) -> str:
        parts = []
        for number, value in self.changed.items():
            parts.append(f"draw {number + 1} of chance is {value} in the other game")
        for number, (one, other) in enumerate(self.moves, 1):
            if one != other and isinstance(other, Act):
                parts.append(f"move {number} is {in_json(other.action)} in the other game")
        return "; ".join(parts)


@define
class Moment:
    """Both games after the same number of moves."""

    number: int
    games: tuple[Game, Game]
    before: tuple[Position, Position] | None
    at: tuple[Position, Position]
    moves: Both | None

    @property
    def same(self) -> bool:
        """Whether nothing is different, yet or any more."""
        one, other = self.at
        return one is other or (one.chance_position == other.chance_position and bool(one.state == other.state))


def moments(rules: AnyRules, recipe: Recipe) -> Iterator[Moment]:
    """Both games, move by move, from the deal until a move that one of them refuses, or the end of either. As long as
    they do not differ, both have the very same positions."""
    one, other = recipe.taped(rules)
    games = game_of(one, recipe.setting), game_of(other, recipe.setting)
    first_changed = min(recipe.changed, default=inf)
    dealt = games[0].begin()
    at: tuple[Position, Position] = dealt, dealt if dealt.chance_position <= first_changed else games[1].begin()
    yield Moment(0, games, None, at, None)
    for number, both in enumerate(recipe.moves, 1):
        if at[0].ended is not None or at[1].ended is not None:
            return
        try:
            left = right = step(games[0], at[0], both[0])
            together = at[0] is at[1] and both[0] == both[1]
            if not (together and isinstance(left, Position) and left.chance_position <= first_changed):
                right = step(games[1], at[1], both[1])
            after = left, right
        except RulesFault:  # check_rules looks for those
            return
        if not (isinstance(after[0], Position) and isinstance(after[1], Position)):
            return
        before, at = at, (after[0], after[1])
        yield Moment(number, games, before, at, both)


def otherwise_drawn(
    setting: Setting, moves: Sequence[Move], bounds: Mapping[int, int], tape: Taped, how_many: int, pick: Chance
) -> list[Recipe]:
    """So many pairs in which one draw is another: those of the deal, and later ones."""
    able = [number for number, n in bounds.items() if n > 1]
    same = tuple((move, move) for move in moves)
    recipes = []
    for number in pick.shuffled(able)[:how_many]:
        n = bounds[number]
        value = (tape.drawn(number, n) + 1 + pick.below(n - 1)) % n
        recipes.append(Recipe(setting, {number: value}, same))
    return recipes


def otherwise_chosen(
    game: Game, positions: Sequence[Position], setting: Setting, moves: Sequence[Move], how_many: int, pick: Chance
) -> list[Recipe]:
    """So many pairs in which somebody chose another of their legal actions."""
    acted = [n for n, move in enumerate(moves) if isinstance(move, Act)]
    recipes = []
    for number in pick.shuffled(acted)[:how_many]:
        move = moves[number]
        assert isinstance(move, Act)
        legal = ask_rules(game.rules.legal, positions[number].state, move.seat) or ()
        dumped = [game.rules.dump(action) for action in legal]
        others = [action for action in dumped if action != move.action]
        if others:
            both = [(one, one) for one in moves]
            both[number] = (move, evolve(move, action=pick.choice(others)))
            recipes.append(Recipe(setting, {}, tuple(both)))
    return recipes
