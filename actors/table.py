"""The game actor: one task, one game. Validate, persist, apply, answer, in that order: nothing is acknowledged or
shown before it is durable."""

from __future__ import annotations

import enum
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from actors.events import Aborted, Acted, Created, Event, Resigned
from actors.failures import Code, Failure
from actors.game import ABORTED, Game, Position, ReplayDiverged, RulesFault
from actors.judge import game_ended, judge_action, judge_resignation
from actors.kit.actor import Actor
from actors.kit.reports import trace
from actors.messages import (
    ABSENT,
    Abort,
    AbortAnswer,
    Act,
    ActionAnswer,
    Describe,
    Description,
    Join,
    Passivate,
    Push,
    Resign,
    ResignAnswer,
    TableMessage,
    Unsubscribe,
)
from actors.ports import Clock, Entropy, Fenced, Journal, StoreLostData, StoreUnavailable
from actors.rules.registry import Registry
from actors.views import Now, action_answer, game_over, resign_answer, results, view

if TYPE_CHECKING:
    from actors.audience import Audience
    from actors.messages import (
        View,
    )

log = logging.getLogger("croupier.table")

MISSED_EVENTS = 200
"""A joiner is given at most this many missed states (contract, section 2)."""

_FENCED_TRIES = 3
"""How often a request is judged anew when another writer keeps going on with the game."""


class Status(enum.StrEnum):
    """What a game is doing, as the API names it."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    ENDED = "ended"


@frozen
class House:
    """What every table of this server needs."""

    journal: Journal
    registry: Registry
    clock: Clock
    entropy: Entropy
    max_events: int = 10_000


@frozen
class _Move:
    """A request that the rules accepted, not yet durable: where it leads, its event, its answer, and what each seat
    that is listening will be sent."""

    after: Position
    event: Event
    answer: Any
    pushes: dict[int, tuple[Push, ...]]


class Table(Actor[TableMessage]):
    """One game. Its incarnations come and go; the journal is what it is.

    A fault of the rules suspends the game: it is still shown as it last was, takes no action, and can be aborted.
    """

    def __init__(self, game_id: str, house: House, audience: Audience) -> None:
        self._game_id = game_id
        self._house = house
        self._audience = audience

    # ---- loading

    async def start(self) -> None:
        """Rebuilds the game from its journal. Raises GameNotFound, StoreUnavailable, StoreLostData, UnknownRules,
        RulesVersionMissing, RulesFault (not even the first state can be made)."""
        await self._load()

    async def _load(self) -> None:
        events = await self._house.journal.load(self._game_id)
        created = events[0]
        if not isinstance(created, Created):
            raise StoreLostData(f"the journal of {self._game_id} does not begin with its creation")
        self._game = Game.of(created, self._house.registry.find(created.rules, created.rules_version))
        self._last_at = events[-1].at
        self._writer = self._house.journal.writer(created, len(events))
        self._answered: dict[tuple[str, str], int] = {}
        self._recent: deque[Position] = deque(maxlen=MISSED_EVENTS)
        self._suspended: str | None = None
        self._stale = False
        self._at = self._game.begin()
        self._recent.append(self._at)
        try:
            for event in events[1:]:
                self._remember(event, self._game.replay(self._at, event))
        except (RulesFault, ReplayDiverged) as error:
            if isinstance(events[-1], Aborted):  # called off because of just this fault
                self._at = evolve(self._game.abort(self._at), event_id=events[-1].event_id)
            else:
                self._suspend(error)
        try:
            self._tell_what_was_missed()
        except RulesFault as error:
            self._suspend(error)

    def _remember(self, event: Event, after: Position) -> None:
        self._at = after
        self._last_at = event.at
        self._recent.append(after)
        match event:
            case Acted(message_id=str() as message_id) | Resigned(message_id=str() as message_id):
                self._answered[event.player_id, message_id] = event.event_id
            case _:
                pass

    def _tell_what_was_missed(self) -> None:
        """After a crash or a fence there may be events that nobody was shown: another writer's, or our own last."""
        told = self._audience.told
        if told is None:
            return
        for position in self._recent:
            if position.event_id > told:
                self._tell(self._pushes(position), position.event_id)

    # ---- messages

    async def handle(self, message: TableMessage) -> object:
        """Answers one message; a push goes out after the answer that it follows from."""
        if self._stale:
            try:
                await self._load()
            except StoreUnavailable:
                return _STORE_AWAY
        try:
            return await self._handle(message)
        except RulesFault as error:
            return self._suspend(error)

    async def _handle(self, message: TableMessage) -> object:
        match message:
            case Act() | Resign():
                return await self._play(message)
            case Join():
                return self._join(message)
            case Unsubscribe(outlet=outlet):
                self._audience.discard(outlet)
            case Describe():
                return self._describe()
            case Abort(reason=reason):
                return await self._abort(reason)
            case Passivate():
                if not len(self._audience):
                    self.finish()
        return None

    # ---- joining

    def _join(self, message: Join) -> Failure | None:
        seat = self._game.seats.get(message.user_id)
        if seat is None:
            return _NOT_IN_GAME
        added = message.outlet not in self._audience
        self._audience.add(message.outlet, seat)
        try:
            answer = self._with_missed(self._view(self._at, seat, changes=False), seat, message.last_event_id)
            state = Push(self._view(evolve(self._at, changes=()), seat, changes=True))
        except RulesFault:
            if added:
                self._audience.discard(message.outlet)
            raise
        self._audience.told = self._at.event_id
        with message.outlet.in_one_send():
            self.reply(answer)
            message.outlet.push(state)
        return None

    def _with_missed(self, view: View, seat: int, last_event_id: int | None) -> View:
        if last_event_id is None:
            return view
        missed = [position for position in self._recent if position.event_id > last_event_id]
        if len(missed) != self._at.event_id - last_event_id:  # ahead of us, or too far behind
            return evolve(view, resync=True)
        return evolve(view, missed=tuple(self._view(position, seat, changes=True) for position in missed))

    # ---- acting

    async def _play(self, message: Act | Resign) -> object:
        for _ in range(_FENCED_TRIES):
            seat = self._game.seats.get(message.user_id)
            if seat is None:
                return _NOT_IN_GAME
            if message.message_id is not None and (message.user_id, message.message_id) in self._answered:
                return await self._answer_again(message, message.message_id)
            if self._suspended is not None and self._at.ended is None:
                return self._refuse_suspended()
            move = self._judge(message, seat)
            if isinstance(move, Failure):
                return move
            refused = await self._commit(move, message)
            if not self._stale:
                return refused
            log.warning("game %s was continued by another writer; reloading it", self._game_id)
            try:
                await self._load()
            except StoreUnavailable:
                return _STORE_AWAY
        return Failure(Code.UNAVAILABLE, "another server keeps going on with this game; nothing was applied")

    def _judge(self, message: Act | Resign, seat: int) -> _Move | Failure:
        before, now = self._at, self._now()
        match message:
            case Act(action=action):
                after = judge_action(self._game, before, seat, action)
                if isinstance(after, Failure):
                    return after
                answer = action_answer(self._game, before, after, seat, action["type"], now)
                event: Event = Acted(
                    event_id=after.event_id,
                    at=now.server_time,
                    player_id=message.user_id,
                    action=action,
                    chance_position=after.chance_position,
                    message_id=message.message_id,
                    answer=answer if message.message_id is not None else None,
                )
                return _Move(after, event, answer, self._pushes(after))
            case Resign():
                after = judge_resignation(self._game, before, seat)
                if isinstance(after, Failure):
                    return after
                resigned = resign_answer(self._game, after)
                event = Resigned(
                    event_id=after.event_id,
                    at=now.server_time,
                    player_id=message.user_id,
                    chance_position=after.chance_position,
                    message_id=message.message_id,
                    answer=resigned if message.message_id is not None else None,
                )
                return _Move(after, event, resigned, self._pushes(after))

    async def _commit(self, move: _Move, message: Act | Resign) -> Failure | None:
        """Makes a move durable, then answers and shows it. When another writer was first, leaves us stale."""
        try:
            await self._writer.append(move.event, ends=move.after.ended is not None)
        except StoreUnavailable:
            return _STORE_AWAY
        except StoreLostData as error:
            return self._suspend(error)
        except Fenced:
            self._stale = True
            return None
        self._remember(move.event, move.after)
        with message.outlet.in_one_send():
            self.reply(move.answer)
            self._tell(move.pushes, move.after.event_id)
        if move.after.ended is None and move.after.event_id >= self._house.max_events - 1:
            await self._abort(f"the game reached its limit of {self._house.max_events} events")
        return None

    async def _answer_again(self, message: Act | Resign, message_id: str) -> object:
        """The stored answer to a request that is sent again; the same id with another payload is refused."""
        event_id = self._answered[message.user_id, message_id]
        try:
            event = await self._house.journal.read(self._game_id, event_id)
        except StoreUnavailable:
            return _STORE_AWAY
        match message, event:
            case Act(action=action), Acted(action=journalled, answer=ActionAnswer() as answer) if action == journalled:
                return answer
            case Resign(), Resigned(answer=ResignAnswer() as answer):
                return answer
        return Failure(
            Code.INVALID_MESSAGE,
            "this message_id was used before, with another request",
            {"field": "message_id"},
        )

    async def _abort(self, reason: str) -> AbortAnswer | Failure:
        """Calls the game off, suspended or not; a game whose rules cannot even show it ends all the same."""
        if self._at.ended is not None:
            return game_ended(self._at)
        after = evolve(self._game.abort(self._at), event_id=self._writer.last_event_id + 1)
        event = Aborted(after.event_id, self._house.clock.now(), reason)
        try:
            pushes = self._pushes(after)
        except RulesFault:
            pushes = {seat: (Push(game_over(self._game, after, {})),) for seat, _ in self._audience.by_seat()}
        try:
            await self._writer.append(event, ends=True)
        except StoreUnavailable:
            return _STORE_AWAY
        except (StoreLostData, Fenced) as error:
            self._stale = isinstance(error, Fenced)
            return Failure(Code.UNAVAILABLE, "the journal of this game stands elsewhere; nothing was applied")
        self._remember(event, after)
        self._suspended = None
        answer = AbortAnswer(self._game_id, after.event_id, ABORTED)
        self.reply(answer)
        self._tell(pushes, after.event_id)
        return answer

    # ---- telling

    def _now(self) -> Now:
        return Now(self._house.clock.now(), self._audience)

    def _view(self, at: Position, seat: int | None, *, changes: bool) -> View:
        return view(self._game, at, seat, self._now(), changes=changes)

    def _pushes(self, at: Position) -> dict[int, tuple[Push, ...]]:
        """What each seat that is listening is sent of this position: one push a seat, however many its outlets."""
        pushes: dict[int, tuple[Push, ...]] = {}
        for seat, _ in self._audience.by_seat():
            seen = self._view(at, seat, changes=True)
            final = (Push(game_over(self._game, at, seen.state)),) if at.ended else ()
            pushes[seat] = (Push(seen), *final)
        return pushes

    def _tell(self, pushes: dict[int, tuple[Push, ...]], event_id: int) -> None:
        for seat, outlets in self._audience.by_seat():
            for outlet in outlets:
                with outlet.in_one_send():
                    for push in pushes.get(seat, ()):
                        outlet.push(push)
        self._audience.told = event_id

    def _describe(self) -> Description:
        created, ended = self._game.created, self._at.ended
        status = Status.ENDED if ended else Status.SUSPENDED if self._suspended else Status.RUNNING
        return Description(
            game_id=created.game_id,
            rules=created.rules,
            rules_version=created.rules_version,
            players=created.players,
            status=status,
            event_count=self._writer.last_event_id,
            created_at=created.at,
            winner_id=self._game.player(ended.winner) if ended else ABSENT,
            results=results(self._game, self._at) if ended else ABSENT,
            end_reason=ended.reason if ended else ABSENT,
            ended_at=self._last_at if ended else ABSENT,
        )

    # ---- faults

    def _suspend(self, error: Exception) -> Failure:
        """Stops the game where it stands. The report says where the rules failed, and nothing of what they held."""
        self._suspended = self._house.entropy.bytes(6).hex()
        log.error(
            "game %s is suspended (report %s)\n%s",
            self._game_id,
            self._suspended,
            trace(error, confidential=True),
        )
        return Failure(
            Code.INTERNAL_ERROR,
            "the server failed; the game is suspended where it was",
            {"id": self._suspended},
        )

    def _refuse_suspended(self) -> Failure:
        return Failure(
            Code.UNAVAILABLE,
            "the game is suspended after a fault; nothing was applied",
            {"status": Status.SUSPENDED, "id": self._suspended},
        )


_NOT_IN_GAME = Failure(Code.NOT_IN_GAME, "you are not a player of this game")
_STORE_AWAY = Failure(Code.UNAVAILABLE, "the store is away; nothing was applied, try again")
