"""Games played at random by whoever knows nothing of them: of what is legal, anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from actors.failures import Failure
from actors.game import Game, RulesFault, ask_rules
from actors.rules.chance import Chance, key_of
from actors.rules.interface import JsonObject
from net.testing.rules.games import Act, GiveUp, Move, Played, SayDraw, TimeUp, game_of, step

if TYPE_CHECKING:
    from actors.game import Position
    from actors.rules.interface import AnyRules
    from net.testing.rules.games import Setting

Choose: TypeAlias = Callable[[Any, int, Chance], JsonObject]
"""`choose(state, seat, chance)`: an action for rules whose `legal` gives None, because there are too many to list."""


class Stuck(Exception):
    """A game cannot be played on; the text says why. `property` is what does not hold, `advice` what to do."""

    def __init__(self, property_: str, seen: str, advice: str) -> None:
        super().__init__(seen)
        self.property = property_
        self.seen = seen
        self.advice = advice


class Refused(Stuck):
    """What was listed as legal is refused."""


@frozen
class Mood:
    """How players play: in how many of 100 moves somebody lets their time run out, resigns, or speaks of a draw."""

    dawdling: int = 0
    resigning: int = 0
    drawing: int = 0


MOODS: Final = (Mood(), Mood(dawdling=10), Mood(resigning=2), Mood(dawdling=3, resigning=1, drawing=4))
"""Taken by lot, game by game."""


@frozen
class Wanderer:
    """Chooses the moves of one game."""

    game: Game
    pick: Chance
    mood: Mood
    choose: Choose | None = None

    @classmethod
    def of(cls, rules: AnyRules, setting: Setting, mood: Mood, choose: Choose | None = None) -> Wanderer:
        """The one for this setting: it chooses the same each time."""
        return cls(game_of(rules, setting), Chance(key_of(f"moves {setting.seed}")), mood, choose)

    def move(self, at: Position) -> Move:
        """What comes next. Raises Stuck, RulesFault."""
        rules, state, pick = self.game.rules, at.state, self.pick
        to_act = ask_rules(rules.to_act, state)
        if not to_act:
            raise Stuck(
                "a game that is not over waits for somebody",
                "to_act(state) is empty, and outcome(state) is None: nobody can ever bring this game on",
                "name in to_act who may act, or give the game its outcome",
            )
        if self.mood.dawdling and pick.below(100) < self.mood.dawdling:
            return TimeUp()
        if self.mood.resigning and pick.below(100) < self.mood.resigning:
            left = [s for s in range(len(self.game.seats)) if not ask_rules(rules.has_resigned, state, s)]
            return GiveUp(pick.choice(left))
        if self.mood.drawing and getattr(rules, "end_in_draw", None) and pick.below(100) < self.mood.drawing:
            by = at.draws.by
            return SayDraw(pick.choice(to_act), "offer") if by is None else self._answer(at, by)
        return self.action(at, pick.choice(to_act))

    def _answer(self, at: Position, by: int) -> Move:
        left = [s for s in range(len(self.game.seats)) if not ask_rules(self.game.rules.has_resigned, at.state, s)]
        others = [seat for seat in left if seat not in at.draws.agreed]
        return SayDraw(self.pick.choice(others or [by]), self.pick.choice(("accept", "accept", "decline")))

    def action(self, at: Position, seat: int) -> Act:
        """Any action that this seat, which is to act, may take. Raises Stuck, RulesFault."""
        rules = self.game.rules
        legal = ask_rules(rules.legal, at.state, seat)
        if legal is None:
            if self.choose is None:
                raise Stuck(
                    "a game can be played by whoever knows nothing of it",
                    f"legal(state, {seat}) is None (too many to list), so there is nothing to choose from",
                    "pass choose=, a function of (state, seat, chance) that returns any legal action as a JSON object",
                )
            return Act(seat, self.choose(at.state, seat, self.pick))
        if not legal:
            raise Stuck(
                "whoever is to act has something to do",
                f"seat {seat} is in to_act(state), and legal(state, {seat}) is empty: the game waits for ever",
                "list what the seat may do (a pass, if nothing else), or do not name it in to_act",
            )
        return Act(seat, ask_rules(rules.dump, self.pick.choice(legal)))


@frozen
class Walk:
    """A game that was played at random. `stuck` says why it cannot go on, `fault` what the rules raised on `trying`."""

    played: Played
    stuck: Stuck | None = None
    fault: RulesFault | None = None
    trying: Move | None = None


def wander(wanderer: Wanderer, most_moves: int) -> Walk:
    """Plays until the game is over, or so many moves are made, or it cannot go on. Raises RulesFault when it cannot
    begin."""
    game = wanderer.game
    positions: list[Position] = [game.begin()]
    moves: list[Move] = []
    trying: Move | None = None
    try:
        while positions[-1].ended is None and len(moves) < most_moves:
            trying = None
            trying = wanderer.move(positions[-1])
            after = step(game, positions[-1], trying)
            if isinstance(after, Failure) and not isinstance(trying, Act):  # a word about a draw, out of place
                trying = wanderer.action(positions[-1], wanderer.pick.choice(game.rules.to_act(positions[-1].state)))
                after = step(game, positions[-1], trying)
            if isinstance(after, Failure):
                raise _refused(trying, after)
            positions.append(after)
            moves.append(trying)
    except Stuck as stuck:
        return Walk(Played(game, tuple(positions), tuple(moves)), stuck=stuck)
    except RulesFault as fault:
        return Walk(Played(game, tuple(positions), tuple(moves)), fault=fault, trying=trying)
    return Walk(Played(game, tuple(positions), tuple(moves)))


def _refused(move: Move, failure: Failure) -> Refused:
    return Refused(
        "what legal lists can be done",
        f"{move}: this was listed as legal, and is refused: {failure.message}",
        "leave it out of legal, or let apply take it; while forced names an action, legal lists only that one's type",
    )
