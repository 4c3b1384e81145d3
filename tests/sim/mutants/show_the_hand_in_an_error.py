"""The refusal of an action quotes the state, as an error message that was meant to be helpful may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

import actors.moves
from actors.failures import Failure

if TYPE_CHECKING:
    import pytest

    from actors.game import Game, Position


def mutate(patch: pytest.MonkeyPatch) -> None:
    judge = vars(actors.moves)["judge_action"]

    def helpful(game: Game, at: Position, *args: Any, **more: Any) -> object:  # noqa: ANN401 - whatever it takes
        judged = judge(game, at, *args, **more)
        if isinstance(judged, Failure):
            return evolve(judged, message=f"{judged.message} (in {game.rules.save(at.state)})")
        return judged

    patch.setattr(actors.moves, "judge_action", helpful)
