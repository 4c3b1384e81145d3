"""The drill's own game: Crazy Eights in which a draw can be agreed, which no game that ships knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from actors.rules.crazy_eights import CrazyEights
from actors.rules.interface import Change, Outcome, Step

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.crazy_eights.state import State


class PeacefulEights(CrazyEights):
    """Crazy Eights that may end in a draw by agreement, with no points for anybody."""

    name: Final = "peaceful_eights"  # type: ignore[misc]  # another game than its base
    title: Final = "Peaceful Eights"  # type: ignore[misc]

    def end_in_draw(self, state: State, chance: Chance) -> Step[State]:  # type: ignore[misc,override]
        """Nobody wins."""
        outcome = Outcome(None, (0.0,) * len(state.hands), "draw_agreed")
        return Step(evolve(state, outcome=outcome), (Change({"type": "drawn"}),), "Agreed.")
