"""What each viewer may see of a game: views, answers, the final word. Pure functions of a game's position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from actors.audience import Audience
from actors.game import ask_rules, forced, legal
from actors.messages import ABSENT, ActionAnswer, DrawAnswer, ForcedView, GameOver, PlayerView, ResignAnswer, View

if TYPE_CHECKING:
    from actors.events import Created
    from actors.game import Ended, Game, Position
    from actors.messages import Maybe
    from actors.rules.interface import JsonObject


@frozen
class Now:
    """What a view tells that is not of the game: the time, and who is present. `server_time` is wall time."""

    server_time: float
    audience: Audience
    service_time: float = 0.0

    def wall(self, deadline: float) -> float:
        """The wall time at which this service time comes, if the service is not interrupted before."""
        return self.server_time + (deadline - self.service_time)


def view(game: Game, at: Position, seat: int | None, now: Now, *, changes: bool) -> View:
    """The game as this seat sees it; `changes` says whether to tell what the last event did. Raises RulesFault."""
    rules, state = game.rules, at.state
    to_act = () if at.ended else ask_rules(rules.to_act, state)
    current = None if at.ended else ask_rules(rules.current, state)
    ended = at.ended
    return View(
        game_id=game.created.game_id,
        rules=game.created.rules,
        rules_version=game.created.rules_version,
        players=tuple(
            PlayerView(player, at_seat, now.audience.status(at_seat)) for player, at_seat in game.seats.items()
        ),
        event_id=at.event_id,
        state=ask_rules(rules.view, state, seat),
        is_your_turn=seat is not None and current == seat,
        current_player_id=game.player(current),
        to_act=tuple(game.created.players[s] for s in to_act),
        game_over=ended is not None,
        spectator_count=now.audience.spectators,
        server_time=now.server_time,
        changes=ask_rules(changes_seen, at, seat) if changes else ABSENT,
        legal_actions=_legal(game, state, seat) if seat is not None and seat in to_act else ABSENT,
        pending_forced_action=ABSENT if ended else _forced(game, state, seat),
        turn_timeout_seconds=_timeout(game),
        turn_deadline=ABSENT if at.deadline is None else now.wall(at.deadline),
        winner_id=game.player(ended.winner) if ended else ABSENT,
        results=results(game.created, ended) if ended else ABSENT,
        end_reason=ended.reason if ended else ABSENT,
    )


def action_answer(game: Game, before: Position, after: Position, seat: int, action_type: str, now: Now) -> ActionAnswer:
    """What the player in that seat is answered about their own action. Raises RulesFault."""
    rules, ended = game.rules, after.ended
    current = None if ended else ask_rules(rules.current, after.state)
    return ActionAnswer(
        game_id=game.created.game_id,
        event_id=after.event_id,
        action_type=action_type,
        message=after.message,
        turn_changed=current != ask_rules(rules.current, before.state),
        current_player_id=game.player(current),
        to_act=() if ended else tuple(game.created.players[s] for s in ask_rules(rules.to_act, after.state)),
        changes=ask_rules(changes_seen, after, seat),
        game_over=ended is not None,
        server_time=now.server_time,
        pending_forced_action=ABSENT if ended else _forced(game, after.state, seat),
        turn_timeout_seconds=_timeout(game),
        turn_deadline=ABSENT if after.deadline is None else now.wall(after.deadline),
        winner_id=game.player(ended.winner) if ended else ABSENT,
        results=results(game.created, ended) if ended else ABSENT,
        end_reason=ended.reason if ended else ABSENT,
    )


def resign_answer(game: Game, after: Position) -> ResignAnswer:
    """What a player who gave up is answered."""
    ended = after.ended
    return ResignAnswer(
        game_id=game.created.game_id,
        event_id=after.event_id,
        game_over=ended is not None,
        winner_id=game.player(ended.winner) if ended else ABSENT,
        end_reason=ended.reason if ended else ABSENT,
    )


def draw_answer(game: Game, after: Position) -> DrawAnswer:
    """What a player is answered about a draw move."""
    return DrawAnswer(game_id=game.created.game_id, event_id=after.event_id, game_over=after.ended is not None)


def game_over(game: Game, at: Position, state: JsonObject) -> GameOver:
    """The final word to a viewer who sees this state. Raises ValueError while the game runs."""
    if at.ended is None:
        raise ValueError("the game is not over")
    return GameOver(
        game_id=game.created.game_id,
        event_id=at.event_id,
        winner_id=game.player(at.ended.winner),
        results=results(game.created, at.ended),
        end_reason=at.ended.reason,
        final_state=state,
    )


def results(created: Created, ended: Ended) -> dict[str, float]:
    """Each player's score."""
    return dict(zip(created.players, ended.scores, strict=True))


def _timeout(game: Game) -> float | Maybe:
    seconds = game.created.turn_timeout_seconds
    return ABSENT if seconds is None else seconds


def changes_seen(at: Position, seat: int | None) -> tuple[JsonObject, ...]:
    """What the last event changed, as this seat may know it."""
    return tuple(change.seen_by(seat) for change in at.changes)


def _legal(game: Game, state: Any, seat: int) -> tuple[JsonObject, ...] | Maybe:  # noqa: ANN401 - the rules' own type
    actions = ask_rules(legal, game.rules, state, seat)
    return ABSENT if actions is None else actions


def _forced(game: Game, state: Any, seat: int | None) -> ForcedView | Maybe:  # noqa: ANN401 - the rules' own type
    """The forced action that concerns this viewer: their own if they have one, else the first that is due."""
    due = ask_rules(forced, game.rules, state)
    if not due:
        return ABSENT
    one = next((one for one in due if one.seat == seat), due[0])
    params = one.params if one.seat == seat else {}
    return ForcedView(game.created.players[one.seat], one.action_type, one.reason, params)
