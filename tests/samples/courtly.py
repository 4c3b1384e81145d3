"""Tally at court: a guess of 0 offends whoever sits next, who must bow before anything else happens, though it is not
their turn. And how an installed package brings rules to a real server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from tests.samples.tally import Tally

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.interface import Step
    from tests.samples.tally import Guess, TallyState

_ROOT = Path(__file__).parents[2]


class Courtly(Tally):
    """The rules. The turn stays with whoever guessed: the bow is forced on another, out of turn."""

    name = "courtly"
    title = "Courtly Tally"

    def apply(self, state: TallyState, seat: int, action: Guess, chance: Chance) -> Step[TallyState]:
        step = super().apply(state, seat, action, chance)
        if action.type == "bow":
            return evolve(step, state=evolve(step.state, current=state.current))
        if step.state.must_bow is None:
            return step
        return evolve(step, state=evolve(step.state, must_bow=self._next(state, seat)))


FIRST = Courtly("1")
SECOND = Courtly("2")


def installed(folder: Path, **entry_points: str) -> dict[str, str]:
    """Lays down a package in this folder that offers rules, `name="module:attribute"`; returns the environment in which
    a server has it installed."""
    metadata = folder / "croupier_samples-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: croupier-samples\nVersion: 1\n")
    lines = [f"{name} = {target}\n" for name, target in entry_points.items()]
    (metadata / "entry_points.txt").write_text("[croupier.rules]\n" + "".join(lines))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(_ROOT)])}
