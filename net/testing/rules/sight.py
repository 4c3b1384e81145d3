"""What one viewer is sent of one moment, byte for byte, and what of it is different in another game."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import define, field, frozen

from actors.audience import Audience
from actors.failures import Failure
from actors.judge import judge_action
from actors.views import Now, Scene
from net.protocol import JsonEncoder
from net.testing.rules.games import Act, clock_of
from net.testing.rules.images import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.game import Game, Position
    from actors.rules.interface import JsonObject
    from net.testing.rules.games import Move
    from net.testing.rules.pairs import Moment

STANDING: Final = (
    "state", "is_your_turn", "current_player_id", "to_act", "game_over", "winner_id", "results", "end_reason",
)  # fmt: skip
"""Where the game stands, as far as a viewer may know it: two games that are different in these are different games to
them. In all else they must be the same, if they are the same in these."""

_ENCODER: Final = JsonEncoder()

Diff = list[tuple[str, Any, Any]]


@frozen
class Sight:
    """The push, and the answer to whoever moved."""

    body: bytes
    answer: bytes | None


def sight(game: Game, before: Position | None, at: Position, viewer: int | None, move: Move | None) -> Sight:
    """What this viewer is sent of this move. Raises RulesFault."""
    clock = 0.0 if before is None else clock_of(before)
    scene = Scene.of(game, at, Now(clock, Audience(), clock))
    body = orjson.dumps(scene.fields(viewer, changes=True))
    answer = None
    if before is not None and isinstance(move, Act) and move.seat == viewer:
        answer = _ENCODER.answer(scene.action_answer(before, viewer, move.action["type"]))
    return Sight(body, answer)


@define
class Told:
    """What is different to this viewer. `standing` is the state and what goes with it, `state` the part of it that is
    the rules' view; `mine` is what the rules have marked as for this viewer alone; `other` is all the rest."""

    viewer: int | None
    standing: Diff = field(factory=list)
    mine: Diff = field(factory=list)
    other: Diff = field(factory=list)

    @property
    def state(self) -> Diff:
        """Where the rules' view is different, with paths that begin there."""
        return [
            ("$" + path.removeprefix("$.state"), a, b) for path, a, b in self.standing if path.startswith("$.state")
        ]

    @property
    def knows(self) -> bool:
        """Whether the viewer may know from now on that it is this game and not the other."""
        return bool(self.standing or self.mine)

    @property
    def nothing(self) -> bool:
        """Whether the viewer is sent the same, byte for byte."""
        return not (self.standing or self.mine or self.other)


def told(moment: Moment, viewer: int | None) -> Told:
    """What is different to this viewer in this moment of two games. Raises RulesFault."""
    one, other = (
        sight(
            moment.games[n], None if moment.before is None else moment.before[n], moment.at[n], viewer, _move(moment, n)
        )
        for n in (0, 1)
    )
    found = Told(viewer)
    if one == other:
        return found
    mine = private_differences(moment, viewer)
    _sort(found, one.body, other.body, mine)
    if one.answer != other.answer and one.answer is not None and other.answer is not None:
        of_answer = Told(viewer)
        _sort(of_answer, one.answer, other.answer, mine)
        found.other += [(f"the answer's {path.removeprefix('$.')}", a, b) for path, a, b in of_answer.other]
        found.mine += of_answer.mine
    return found


def _move(moment: Moment, n: int) -> Move | None:
    return None if moment.moves is None else moment.moves[n]


def _sort(found: Told, one: bytes, other: bytes, mine: set[int]) -> None:
    all_of_them = differences(orjson.loads(one), orjson.loads(other))
    owner = [name for name in (orjson.loads(one).get("pending_forced_action") or {}).items() if name[0] == "player_id"]
    is_forced_on_me = bool(owner) and found.viewer is not None and owner[0][1] == f"player-{found.viewer}"
    for path, a, b in all_of_them:
        field_ = path.removeprefix("$.").split(".")[0].split("[")[0].split(" ")[0]
        if field_ in STANDING:
            found.standing.append((path, a, b))
        elif any(path.startswith(f"$.changes[{n}]") for n in mine) or (
            is_forced_on_me and path.startswith("$.pending_forced_action.params")
        ):
            found.mine.append((path, a, b))
        else:
            found.other.append((path, a, b))


def private_differences(moment: Moment, viewer: int | None) -> set[int]:
    """The changes of which the rules tell all others the same in both games, and this seat something else."""
    one, other = (at.changes for at in moment.at)
    if viewer is None or len(one) != len(other):
        return set()
    found = set()
    for n, (left, right) in enumerate(zip(one, other, strict=True)):
        if left.public == right.public and left.seen_by(viewer) != right.seen_by(viewer):
            found.add(n)
    return found


def refusals(moment: Moment, seat: int, probes: Sequence[JsonObject]) -> Diff:
    """Where the answers are different if this seat tries these actions: refused in other words, or only in one game.
    Raises RulesFault."""
    found: Diff = []
    for probe in probes:
        one, other = (_said(moment.games[n], moment.at[n], seat, probe) for n in (0, 1))
        if one != other:
            what = orjson.dumps(probe).decode()
            found += [(f"the answer to {what}, at {path}", a, b) for path, a, b in differences(one, other)]
    return found


def _said(game: Game, at: Position, seat: int, probe: JsonObject) -> JsonObject:
    after = judge_action(game, at, seat, probe)
    if isinstance(after, Failure):
        return {"code": str(after.code), "message": after.message, "details": after.details}
    return {"code": "accepted", "message": "", "details": {}}
