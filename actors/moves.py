"""From a request that the rules accept, or a clock that ran out, to everything that will follow from it: the event to
be journalled, the answer and the pushes, all made before anything is durable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from actors.events import Abandoned, Acted, DrawMoved, Event, Extended, Resigned, Resumed, TimedOut
from actors.failures import Code, Failure
from actors.game import Position, ask_rules
from actors.judge import judge_action, judge_draw, judge_resignation
from actors.messages import ActionAnswer, DrawAnswer, ResignAnswer, Sealed
from actors.table_messages import Act, Draw, Resign
from actors.telling import Pushes
from actors.views import Scene, draw_answer, resign_answer

if TYPE_CHECKING:
    from actors.game import Game
    from actors.house import House
    from actors.ports import Journal
    from actors.rules.interface import JsonObject
    from actors.telling import Telling


@frozen
class Move:
    """What the rules accepted, not yet durable: where it leads, its event, its answer (None: nobody asked), and what
    each seat that is listening will be sent."""

    after: Position
    event: Event
    answer: Sealed | None
    pushes: Pushes


Request: TypeAlias = Act | Resign | Draw
"""What a player asks of a table that may become an event."""


def judge(game: Game, before: Position, message: Request, seat: int, telling: Telling) -> Move | Failure:
    """What this request would do, or why it is refused. Raises RulesFault."""
    now = telling.now()
    match message:
        case Act(action=action):
            after = judge_action(game, before, seat, action, clock=now.service_time)
            if isinstance(after, Failure):
                return after
            scene = Scene.of(game, after, now)
            answer = scene.action_answer(before, seat, action["type"])
            event: Event = Acted(
                event_id=after.event_id,
                at=now.server_time,
                player_id=message.user_id,
                action=action,
                chance_position=after.chance_position,
                message_id=message.message_id,
                answer=answer if message.message_id is not None else None,
                clock=now.service_time,
            )
            return Move(after, event, telling.seal(answer), telling.pushes_of(scene))
        case Resign():
            after = judge_resignation(game, before, seat, clock=now.service_time)
            if isinstance(after, Failure):
                return after
            resigned = resign_answer(game, after)
            event = Resigned(
                event_id=after.event_id,
                at=now.server_time,
                player_id=message.user_id,
                chance_position=after.chance_position,
                message_id=message.message_id,
                answer=resigned if message.message_id is not None else None,
                clock=now.service_time,
            )
            return Move(after, event, telling.seal(resigned), telling.pushes(game, after))
        case Draw(move=move):
            after = judge_draw(game, before, seat, move, clock=now.service_time)
            if isinstance(after, Failure):
                return after
            said = draw_answer(game, after)
            event = DrawMoved(
                event_id=after.event_id,
                at=now.server_time,
                player_id=message.user_id,
                move=move,
                chance_position=after.chance_position,
                message_id=message.message_id,
                answer=said if message.message_id is not None else None,
                clock=now.service_time,
            )
            return Move(after, event, telling.seal(said), telling.pushes(game, after))


def extension(game: Game, before: Position, seat: int, house: House, telling: Telling) -> Move | None:
    """What a player is given who comes back on their turn, while their clock runs; None when that is nothing. Raises
    RulesFault."""
    now = telling.now()
    seconds = min(house.reconnect_extension, house.extension_budget - before.extension_of(seat))
    if before.deadline is None or before.deadline <= now.service_time or seconds <= 0:
        return None
    if seat not in ask_rules(game.rules.to_act, before.state):
        return None
    after = game.extend(before, seat, seconds)
    event = Extended(after.event_id, now.server_time, game.created.players[seat], seconds, now.service_time)
    return Move(after, event, None, telling.pushes(game, after))


def resumption(game: Game, before: Position, stood_since: float, telling: Telling) -> Move | None:
    """What it means that the game goes on, which was suspended at this service time: its turn clock goes on from where
    it stood. None when none runs."""
    now = telling.now()
    seconds = now.service_time - stood_since
    if before.deadline is None or seconds <= 0:
        return None
    after = game.resume(before, seconds)
    return Move(
        after, Resumed(after.event_id, now.server_time, seconds, now.service_time), None, telling.pushes(game, after)
    )


def abandonment(game: Game, before: Position, telling: Telling) -> Move:
    """What it means that all players have been away for too long. Raises RulesFault."""
    now, after = telling.now(), game.abandon(before)
    return Move(after, Abandoned(after.event_id, now.server_time, now.service_time), None, telling.pushes(game, after))


def expiry(game: Game, before: Position, telling: Telling) -> Move:
    """What it means that the time of whoever is to act is up. Raises RulesFault."""
    now = telling.now()
    after = game.time_out(before, clock=now.service_time)
    event = TimedOut(
        event_id=after.event_id,
        at=now.server_time,
        players=game.waiting_for(before),
        chance_position=after.chance_position,
        clock=now.service_time,
    )
    return Move(after, event, None, telling.pushes(game, after))


async def answer_again(
    message: Request, event_id: int, game_id: str, journal: Journal, telling: Telling
) -> Sealed | Failure:
    """The stored answer to a request that is sent again, and was this event; the same id with another payload is
    refused. Raises StoreUnavailable, and StoreLostData or GameNotFound when the event is not there."""
    answer = stored_answer(message, await journal.read(game_id, event_id))
    if answer is not None:
        return telling.seal(answer)
    return Failure(
        Code.INVALID_MESSAGE, "this message_id was used before, with another request", {"field": "message_id"}
    )


def stored_answer(message: Request, event: Event) -> ActionAnswer | ResignAnswer | DrawAnswer | None:
    """What was answered when this request led to this event; None when it was another request."""
    match message, event:
        case Act(action=action), Acted(action=journalled, answer=ActionAnswer() as answer):
            return answer if _same(action, journalled) else None
        case Resign(), Resigned(answer=ResignAnswer() as resigned):
            return resigned
        case Draw(move=move), DrawMoved(move=journalled_move, answer=DrawAnswer() as said):
            return said if move == journalled_move else None
        case _:
            return None


def _same(one: JsonObject, other: JsonObject) -> bool:
    """Whether these are the same JSON: 1 and true are not, though Python has them equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
