"""Games of any rules without a server: the same fold over events that a table uses (`actors.game`), driven by moves
that can be written down, played again, shortened and changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import orjson
from attrs import field, frozen

from actors.events import Acted, Created, DrawMoved, Resigned, TimedOut
from actors.game import Game, Position
from actors.judge import judge_action, judge_draw, judge_resignation
from actors.rules.interface import JsonObject
from actors.table_messages import DrawMove

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actors.events import Event
    from actors.failures import Failure
    from actors.rules.interface import AnyRules

SECONDS_A_TURN = 60.0
"""The turn timer of these games: what a clock tells a viewer belongs to what they are shown."""


@frozen
class Setting:
    """What the first state follows from, besides the rules."""

    players: int
    options: JsonObject
    seed: str

    def __str__(self) -> str:
        return f"{self.players} players, options {in_json(self.options)}, seed {self.seed!r}"


@frozen
class Act:
    """That seat takes this action."""

    seat: int
    action: JsonObject

    def __str__(self) -> str:
        return f"seat {self.seat} acts: {in_json(self.action)}"


@frozen
class GiveUp:
    """That seat resigns."""

    seat: int

    def __str__(self) -> str:
        return f"seat {self.seat} resigns"


@frozen
class TimeUp:
    """The time of all who are to act is up."""

    def __str__(self) -> str:
        return "the time of all who are to act is up"


@frozen
class SayDraw:
    """That seat says this about a draw."""

    seat: int
    move: DrawMove

    def __str__(self) -> str:
        return f"seat {self.seat} says of a draw: {self.move}"


Move: TypeAlias = Act | GiveUp | TimeUp | SayDraw


@frozen
class Played:
    """A game as far as it was played: `moves[n]` led from `positions[n]` to `positions[n + 1]`."""

    game: Game
    positions: tuple[Position, ...]
    moves: tuple[Move, ...] = field(default=())

    @property
    def last(self) -> Position:
        """Where it stands."""
        return self.positions[-1]

    def events(self) -> list[Event]:
        """What a journal would have of it."""
        events: list[Event] = [self.game.created]
        for move, after in zip(self.moves, self.positions[1:], strict=True):
            events.append(self._event(move, after, self.positions[after.event_id - 2]))
        return events

    def _event(self, move: Move, after: Position, before: Position) -> Event:
        number, drawn, clock = after.event_id, after.chance_position, clock_of(before)
        players = self.game.created.players
        match move:
            case Act(seat=seat, action=action):
                return Acted(number, clock, players[seat], action, drawn, clock=clock)
            case GiveUp(seat=seat):
                return Resigned(number, clock, players[seat], drawn, clock=clock)
            case TimeUp():
                return TimedOut(number, clock, self.game.waiting_for(before), drawn, clock=clock)
            case SayDraw(seat=seat, move=said):
                return DrawMoved(number, clock, players[seat], said, drawn, clock=clock)


def game_of(rules: AnyRules, setting: Setting) -> Game:
    """The game of this setting, at which nobody has sat down yet."""
    created = Created(
        event_id=1,
        at=0.0,
        game_id="game",
        rules=rules.name,
        rules_version=rules.version,
        players=tuple(f"player-{seat}" for seat in range(setting.players)),
        seed=setting.seed,
        options=orjson.loads(orjson.dumps(setting.options)),  # a copy: rules that change it must not change ours
        turn_timeout_seconds=SECONDS_A_TURN,
    )
    return Game.of(created, rules)


def clock_of(before: Position) -> float:
    """The service time at which the move after this position is made: a second later than the one before."""
    return float(before.event_id)


def step(game: Game, before: Position, move: Move) -> Position | Failure:
    """The position that this move leads to, or why it is refused, as a table judges it. Raises RulesFault."""
    clock = clock_of(before)
    match move:
        case Act(seat=seat, action=action):
            return judge_action(game, before, seat, action, clock=clock)
        case GiveUp(seat=seat):
            return judge_resignation(game, before, seat, clock=clock)
        case TimeUp():
            return game.time_out(before, clock=clock)
        case SayDraw(seat=seat, move=said):
            return judge_draw(game, before, seat, said, clock=clock)


def play(game: Game, moves: Iterable[Move], *, lenient: bool = False) -> Played | None:
    """The game after these moves. One that is refused makes it None, or with `lenient` is left out, and so are all
    after the end. Raises RulesFault."""
    positions, taken = [game.begin()], []
    for move in moves:
        after = None if positions[-1].ended is not None else step(game, positions[-1], move)
        if isinstance(after, Position):
            positions.append(after)
            taken.append(move)
        elif not lenient:
            return None
    return Played(game, tuple(positions), tuple(taken))


def numbered(moves: Sequence[Move], *, most: int = 40) -> str:
    """The moves, a line each; of very many the last ones."""
    if not moves:
        return "    (none: it is the first position)"
    left_out = max(0, len(moves) - most)
    lines = [f"    … {left_out} moves before"] if left_out else []
    return "\n".join([*lines, *(f"    {n}. {move}" for n, move in enumerate(moves[left_out:], left_out + 1))])


def in_json(value: object, *, most: int = 400) -> str:
    """The value as JSON, cut short; what has none, as Python shows it."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
