"""Whether a player takes a draw: by how it stands in the positions that it could be in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actors.bots.dealing import NothingFits
from actors.bots.draws import takes_draw
from actors.bots.sight import Sight
from tests.samples.tally import Tally, TallyState

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject

SIGHT = Sight("tally", "1", 3, 1, {}, None)


class Standing(Tally):
    """Tally, in which each seat stands so in every other position that is imagined, and level in the rest."""

    def __init__(self, *standing: float) -> None:
        super().__init__()
        self.standing = standing
        self.imagined = 0

    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> TallyState:
        self._maybe_fail("imagine")
        self.imagined += 1
        return TallyState((1, 2, 3), turns=self.imagined)

    def appraise(self, state: TallyState, seat: int) -> float:
        return self.standing[seat] if state.turns % 2 else 0.0


@pytest.mark.parametrize("kind", ["greedy", "mcts"])
@pytest.mark.parametrize(
    ("standing", "takes"),
    [
        ((0.0, 0.0, 0.0), True),
        ((0.1, -0.1, -0.5), True),
        ((-0.5, 0.1, -0.1), False),
        ((0.5, 0.5, -1.0), True),
    ],
    ids=["level", "second", "ahead", "ahead with another"],
)
def test_whoever_is_not_ahead_of_everybody_takes_it(kind: str, standing: tuple[float, ...], takes: bool) -> None:
    assert takes_draw(kind, Standing(*standing), SIGHT, b"seed") is takes


def test_who_plays_at_random_tosses_a_coin_which_falls_the_same_way_for_the_same_seed() -> None:
    rules = Standing(-1.0, 1.0, -1.0)
    tossed = [takes_draw("random", rules, SIGHT, b"%d" % number) for number in range(100)]
    assert tossed == [takes_draw("random", rules, SIGHT, b"%d" % number) for number in range(100)]
    assert 30 < sum(tossed) < 70
    assert rules.imagined == 0


def test_who_cannot_tell_how_it_stands_plays_on() -> None:
    assert not takes_draw("mcts", Tally(), SIGHT, b"seed")


@pytest.mark.parametrize("failure", [NothingFits("no such position"), RuntimeError("a fault")])
def test_who_can_imagine_no_position_plays_on(failure: Exception) -> None:
    rules = Standing(-1.0, -1.0, 1.0)
    rules.fail_in, rules.escape = "imagine", failure
    assert not takes_draw("greedy", rules, SIGHT, b"seed")
