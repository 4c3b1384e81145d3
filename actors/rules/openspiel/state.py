"""A position of a game of OpenSpiel, and the game it belongs to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from attrs import evolve, field, frozen

from actors.rules.interface import JsonObject

Move: TypeAlias = int | tuple[int, ...]
"""An action of a player or of chance; of a simultaneous phase one of each player."""


@frozen
class SpielState:
    """`moves` lead from the beginning to `node`, OpenSpiel's own state, which nobody changes. `chosen` are the secret
    actions of those who have chosen in a simultaneous phase. `gone` have resigned, or lost on time (`late` then); the
    first of them first. `turns` counts the moves that were not chance's."""

    players: int
    options: JsonObject
    moves: tuple[Move, ...]
    node: Any = field(eq=False, repr=False)
    chosen: tuple[tuple[int, int], ...] = ()
    gone: tuple[int, ...] = ()
    late: bool = False
    turns: int = 0

    def after(self, move: Move, *, by_chance: bool = False) -> SpielState:
        """The position after this move, which is legal."""
        node = self.node.clone()
        if isinstance(move, int):
            node.apply_action(move)
        else:
            node.apply_actions(list(move))
        turns = self.turns + (not by_chance)
        return evolve(self, moves=(*self.moves, move), node=node, chosen=(), turns=turns)

    @property
    def left(self) -> tuple[int, ...]:
        """The seats that still play."""
        return tuple(seat for seat in range(self.players) if seat not in self.gone)

    @property
    def is_over(self) -> bool:
        """Whether the game has ended, by itself or because nobody is left to play with."""
        return bool(self.node.is_terminal()) or len(self.left) < min(2, self.players)

    @property
    def waiting_for(self) -> tuple[int, ...]:
        """The seats that must act before the game goes on, those that are gone among them; none when it is chance's."""
        node = self.node
        if node.is_terminal() or node.is_chance_node():
            return ()
        if node.is_simultaneous_node():
            chosen = dict(self.chosen)
            return tuple(seat for seat in range(self.players) if seat not in chosen and node.legal_actions(seat))
        return (node.current_player(),)


@frozen(eq=False)
class Loaded:
    """A game of OpenSpiel with its parameters. `everybody` tells what is open to everybody in a state of it; None where
    OpenSpiel does not say."""

    game: Any
    everybody: Any | None


@lru_cache(maxsize=64)
def load_game(name: str, parameters: tuple[tuple[str, Any], ...]) -> Loaded:
    """OpenSpiel's game of this name. Raises what OpenSpiel raises for parameters that do not go together."""
    import pyspiel

    game = pyspiel.load_game(name, dict(parameters))
    if not game.get_type().provides_factored_observation_string:
        return Loaded(game, None)
    public = pyspiel.IIGObservationType(
        public_info=True, perfect_recall=False, private_info=pyspiel.PrivateInfoType.NONE
    )
    return Loaded(game, pyspiel._Observation(game, game.make_observer(public, {})))
