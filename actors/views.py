"""What each viewer may see of a game: views, answers, the final word. Pure functions of a game's position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from actors.audience import Audience
from actors.game import Game, Position, ask_rules, legal
from actors.messages import ABSENT, ActionAnswer, DrawAnswer, ForcedView, GameOver, ResignAnswer, View
from actors.rules.interface import ForcedAction, JsonObject

if TYPE_CHECKING:
    from actors.events import Created
    from actors.game import Ended
    from actors.rules.interface import AnyRules


@frozen
class Now:
    """What a view tells that is not of the game: the time, and who is present. `server_time` is wall time."""

    server_time: float
    audience: Audience
    service_time: float = 0.0

    def wall(self, deadline: float) -> float:
        """The wall time at which this service time comes, if the service is not interrupted before."""
        return self.server_time + (deadline - self.service_time)


@frozen
class Scene:
    """A position, as far as all who look at it are shown the same: what the rules say of it is asked once, however many
    views are made of it. The seats that are to act, and whose turn it is; none once the game is over."""

    game: Game
    at: Position
    now: Now
    current: int | None
    to_act: tuple[int, ...]
    players_to_act: tuple[str, ...]
    """The users who are to act."""
    forced: tuple[ForcedAction, ...]
    players: list[JsonObject]
    spectators: int

    @classmethod
    def of(cls, game: Game, at: Position, now: Now) -> Scene:
        """The scene that is set now. Raises RulesFault."""
        current, to_act, due = (None, (), ()) if at.ended else ask_rules(_whose_turn, game.rules, at.state)
        audience = now.audience
        players: list[JsonObject] = [
            {"id": player, "seat": seat, "status": audience.status(seat)} for player, seat in game.seats.items()
        ]
        users = game.created.players
        players_to_act = tuple([users[seat] for seat in to_act])
        return cls(game, at, now, current, to_act, players_to_act, due, players, audience.spectators)

    def view(self, seat: int | None, *, changes: bool) -> View:
        """The game as this seat sees it; `changes` says whether to tell what the last event did. Raises RulesFault."""
        return View.of(self.fields(seat, changes=changes))

    def fields(self, seat: int | None, *, changes: bool) -> JsonObject:
        """The fields of that view as JSON, those that are absent left out. Raises RulesFault.

        Of each action every viewer is sent one: as an object of its own first, it would take twice as long to make.
        """
        game, at, now, ended = self.game, self.at, self.now, self.at.ended
        created = game.created
        acts = seat is not None and seat in self.to_act
        state, seen, actions = ask_rules(_shown, game.rules, at, seat, changes=changes, actions=acts)
        fields: JsonObject = {
            "game_id": created.game_id,
            "rules": created.rules,
            "rules_version": created.rules_version,
            "players": self.players,
            "event_id": at.event_id,
            "state": state,
            "is_your_turn": seat is not None and self.current == seat,
            "current_player_id": game.player(self.current),
            "to_act": self.players_to_act,
            "game_over": ended is not None,
            "spectator_count": self.spectators,
            "server_time": now.server_time,
        }
        if seen is not None:
            fields["changes"] = seen
        if actions is not None:
            fields["legal_actions"] = actions
        if self.forced:
            due = self._forced(seat)
            fields["pending_forced_action"] = {
                "player_id": due.player_id,
                "action_type": due.action_type,
                "reason": due.reason,
                "params": due.params,
            }
        if created.turn_timeout_seconds is not None:
            fields["turn_timeout_seconds"] = created.turn_timeout_seconds
        if at.deadline is not None:
            fields["turn_deadline"] = now.wall(at.deadline)
        if ended is not None:
            fields["winner_id"] = game.player(ended.winner)
            fields["results"] = results(created, ended)
            fields["end_reason"] = ended.reason
        return fields

    def action_answer(self, before: Position, seat: int, action_type: str) -> ActionAnswer:
        """What the player in that seat is answered about their own action, which led here. Raises RulesFault."""
        game, at, ended = self.game, self.at, self.at.ended
        turn_before, seen = ask_rules(_answered, game.rules, before, at, seat)
        seconds = game.created.turn_timeout_seconds
        return ActionAnswer(
            game_id=game.created.game_id,
            event_id=at.event_id,
            action_type=action_type,
            message=at.message,
            turn_changed=self.current != turn_before,
            current_player_id=game.player(self.current),
            to_act=self.players_to_act,
            changes=seen,
            game_over=ended is not None,
            server_time=self.now.server_time,
            pending_forced_action=self._forced(seat) if self.forced else ABSENT,
            turn_timeout_seconds=ABSENT if seconds is None else seconds,
            turn_deadline=ABSENT if at.deadline is None else self.now.wall(at.deadline),
            winner_id=game.player(ended.winner) if ended else ABSENT,
            results=results(game.created, ended) if ended else ABSENT,
            end_reason=ended.reason if ended else ABSENT,
        )

    def _forced(self, seat: int | None) -> ForcedView:
        """The forced action that concerns this viewer: their own if they have one, else the first that is due."""
        due = next((one for one in self.forced if one.seat == seat), self.forced[0])
        params = due.params if due.seat == seat else {}
        return ForcedView(self.game.created.players[due.seat], due.action_type, due.reason, params)


def view(game: Game, at: Position, seat: int | None, now: Now, *, changes: bool) -> View:
    """The game as this seat sees it; `changes` says whether to tell what the last event did. Raises RulesFault."""
    return Scene.of(game, at, now).view(seat, changes=changes)


# ---- asked of the rules in one call, which is held to one time limit


def _whose_turn(rules: AnyRules, state: Any) -> tuple[int | None, tuple[int, ...], tuple[ForcedAction, ...]]:  # noqa: ANN401 - the rules' own type
    return rules.current(state), tuple(rules.to_act(state)), tuple(rules.forced(state))


def _shown(
    rules: AnyRules, at: Position, seat: int | None, *, changes: bool, actions: bool
) -> tuple[JsonObject, tuple[JsonObject, ...] | None, tuple[JsonObject, ...] | None]:
    seen = changes_seen(at, seat) if changes else None
    may = legal(rules, at.state, seat) if actions and seat is not None else None
    return rules.view(at.state, seat), seen, may


def _answered(
    rules: AnyRules, before: Position, after: Position, seat: int
) -> tuple[int | None, tuple[JsonObject, ...]]:
    return rules.current(before.state), changes_seen(after, seat)


def changes_seen(at: Position, seat: int | None) -> tuple[JsonObject, ...]:
    """What the last event changed, as this seat may know it."""
    return tuple([change.seen_by(seat) for change in at.changes])


# ---- other answers


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
