"""Whether a player may do what they ask, in the contract's order of checks. Pure: no mailbox, no journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.failures import Code, Failure
from actors.game import ask_rules, forced, submit
from actors.rules.interface import IllegalAction, MalformedAction

if TYPE_CHECKING:
    from actors.game import Ended, Game, Position
    from actors.rules.interface import ForcedAction, JsonObject
    from actors.table_messages import DrawMove


def judge_action(game: Game, at: Position, seat: int, action: JsonObject, *, clock: float = 0.0) -> Position | Failure:
    """The position that this action leads to at this service time, or why it does not. Raises RulesFault."""
    if at.ended is not None:
        return game_ended(at.ended)
    kind = action.get("type")
    if not isinstance(kind, str):
        return Failure(Code.INVALID_ACTION, "an action needs a type, a string", {"field": "type"})
    try:
        parsed = submit(game.rules.parse, action)
    except (MalformedAction, IllegalAction) as error:
        return Failure(Code.INVALID_ACTION, str(error))
    due = ask_rules(forced, game.rules, at.state)
    if due:
        mine = next((one for one in due if one.seat == seat), None)
        if mine is None or mine.action_type != kind:
            return _forced_first(game, mine or due[0], seat)
    to_act = ask_rules(game.rules.to_act, at.state)
    if seat not in to_act:
        current = game.player(ask_rules(game.rules.current, at.state))
        waiting_for = [game.created.players[s] for s in to_act]
        return Failure(
            Code.NOT_YOUR_TURN,
            f"it is the turn of {', '.join(waiting_for)}",
            {"current_player_id": current, "to_act": waiting_for},
        )
    try:
        return game.act(at, seat, parsed, clock=clock)
    except (IllegalAction, MalformedAction) as error:
        return Failure(Code.INVALID_ACTION, str(error))


def judge_resignation(game: Game, at: Position, seat: int, *, clock: float = 0.0) -> Position | Failure:
    """The position after this seat gave up at this service time, or why it may not. Raises RulesFault."""
    if at.ended is not None:
        return game_ended(at.ended)
    if ask_rules(game.rules.has_resigned, at.state, seat):
        return Failure(Code.ACTION_NOT_ALLOWED, "you have resigned from this game already")
    return game.resign(at, seat, clock=clock)


def judge_draw(game: Game, at: Position, seat: int, move: DrawMove, *, clock: float = 0.0) -> Position | Failure:
    """The position after this seat's word about a draw, or why it may not say it. Raises RulesFault."""
    if at.ended is not None:
        return game_ended(at.ended)
    try:
        return game.move_draw(at, seat, move, clock=clock)
    except IllegalAction as error:
        return Failure(Code.ACTION_NOT_ALLOWED, str(error))


def game_ended(ended: Ended) -> Failure:
    """The refusal of whatever comes after the end."""
    return Failure(Code.GAME_ENDED, "this game is over", {"end_reason": ended.reason})


def _forced_first(game: Game, due: ForcedAction, seat: int) -> Failure:
    owner = game.created.players[due.seat]
    whose = "you" if due.seat == seat else owner
    pending: JsonObject = {
        "player_id": owner,
        "action_type": due.action_type,
        "reason": due.reason,
        "params": due.params if due.seat == seat else {},
    }
    return Failure(
        Code.ACTION_NOT_ALLOWED,
        f"{due.action_type} is due first, by {whose}: {due.reason}",
        {"pending_forced_action": pending},
    )
