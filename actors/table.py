"""The game actor: one task, one game. Validate, persist, apply, answer, in that order: nothing is acknowledged or shown
before it is durable."""

from __future__ import annotations

import enum
import json
import logging
from collections import deque
from typing import TYPE_CHECKING

import trio
from attrs import evolve, frozen

from actors.events import Aborted, Acted, Created, Event, Resigned
from actors.failures import Code, Failure
from actors.faults import report
from actors.game import ABORTED, Ended, Game, Position, ReplayDiverged, RulesFault
from actors.judge import game_ended, judge_action, judge_resignation
from actors.kit.actor import Actor
from actors.messages import (
    ABSENT,
    Abort,
    AbortAnswer,
    Act,
    ActionAnswer,
    Describe,
    Description,
    GameOver,
    Join,
    Passivate,
    Push,
    Resign,
    ResignAnswer,
    Sealed,
    TableMessage,
)
from actors.ports import Clock, Encoder, Entropy, Fenced, GameNotFound, Journal, StoreLostData, StoreUnavailable
from actors.rules.registry import Registry, RulesVersionMissing, UnknownRules
from actors.views import Now, action_answer, game_over, resign_answer, results, view

if TYPE_CHECKING:
    from actors.messages import (
        View,
    )
    from actors.ports import JournalWriter
    from actors.rules.interface import AnyRules, JsonObject
    from actors.standing import Standing

log = logging.getLogger("croupier.table")

MISSED_EVENTS = 200
MISSED_BYTES = 256 * 1024
"""A joiner is given at most this much of what it missed; past it, it is told to resync (contract, section 2)."""

_FENCED_TRIES = 3
"""How often a request is judged anew when another writer keeps going on with the game."""

_BREATH = 50
"""Events that are replayed before other tasks have their turn."""


class Status(enum.StrEnum):
    """What a game is doing, as the API names it."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    ENDED = "ended"


@frozen
class House:
    """What every table of this server needs. A store that does not say for `settle_within` seconds whether an event
    stands keeps its asker waiting no longer."""

    journal: Journal
    registry: Registry
    clock: Clock
    entropy: Entropy
    encoder: Encoder
    max_events: int = 10_000
    settle_within: float = 10.0


@frozen
class _Move:
    """A request that the rules accepted, not yet durable: where it leads, its event, its answer, and what each seat
    that is listening will be sent."""

    after: Position
    event: Event
    answer: Sealed
    pushes: dict[int, tuple[Push, ...]]


class _Commit(enum.Enum):
    """What became of a move that was not refused."""

    DONE = enum.auto()
    FENCED = enum.auto()


class Table(Actor[TableMessage]):
    """One game. Its incarnations come and go; the journal is what it is.

    A fault of the rules, or a store that lost events, suspends the game: it is still shown as it last was, if it can
    be, takes no action, and can be aborted. In this process it stays suspended; a restart gives it another chance.
    """

    def __init__(self, game_id: str, house: House, standing: Standing) -> None:
        self._game_id = game_id
        self._house = house
        self._standing = standing
        self._audience = standing.audience
        self._recent: deque[Position] = deque(maxlen=MISSED_EVENTS)
        self._game: Game | None = None
        self._at: Position | None = None
        self._ended: Ended | None = None
        self._halt: Failure | None = None
        self._stale = False

    # ---- loading

    async def start(self) -> None:
        """Rebuilds the game from its journal. Raises GameNotFound, StoreUnavailable, StoreLostData (what stands cannot
        be read)."""
        await self._load()

    async def _load(self) -> None:
        events = await self._house.journal.load(self._game_id)
        created, last = events[0], events[-1]
        if not isinstance(created, Created):
            raise StoreLostData(f"the journal of {self._game_id} does not begin with its creation")
        self._created, self._last_at = created, last.at
        self._writer: JournalWriter = self._house.journal.writer(created, len(events))
        # Before anything is replayed: an acknowledged request stays acknowledged, whatever the rules say today.
        self._answered = {key: event.event_id for event in events if (key := _request_of(event)) is not None}
        self._forget()
        await self._rebuild(events)
        if isinstance(last, Aborted):
            self._call_off(last)
        elif self._standing.suspended is not None and self._ended is None:
            self._halt = self._suspended(self._standing.suspended)
        self._standing.known = max(self._standing.known, len(events))
        if self._ended is not None:
            self._house.journal.retire(created)
        self._publish()
        try:
            self._tell_what_was_missed()
        except RulesFault as error:
            self._suspend(error)

    def _forget(self) -> None:
        self._recent.clear()
        self._game = self._at = self._ended = self._halt = None
        self._stale = False

    async def _rebuild(self, events: list[Event]) -> None:
        try:
            if len(events) < self._standing.known:
                raise StoreLostData(f"event {self._standing.known} stood, the journal ends with {len(events)}")
            rules = self._house.registry.find(self._created.rules, self._created.rules_version)
            await self._replay(rules, events[1:])
        except (UnknownRules, RulesVersionMissing) as missing:
            self._halt = Failure(Code.RULES_VERSION, f"this server cannot go on with this game: {missing}")
        except (RulesFault, ReplayDiverged, StoreLostData) as error:
            self._suspend(error)

    async def _replay(self, rules: AnyRules, events: list[Event]) -> None:
        game = Game.of(self._created, rules)
        at = game.begin()
        self._game = game
        self._stand_at(at)
        for number, event in enumerate(events, 1):
            if isinstance(event, Aborted):
                break
            at = game.replay(at, event)
            self._stand_at(at)
            if number % _BREATH == 0:
                await trio.lowlevel.checkpoint()

    def _stand_at(self, position: Position) -> None:
        self._at = position
        self._ended = position.ended
        self._recent.append(position)

    def _call_off(self, event: Aborted) -> Ended:
        """The game ended with this abort, whether or not its rules could be replayed until then."""
        self._halt = self._standing.suspended = None
        if self._game is not None and self._at is not None:
            self._stand_at(evolve(self._game.abort(self._at), event_id=event.event_id))
        self._ended = Ended(None, (0,) * len(self._created.players), ABORTED)
        return self._ended

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
        if self._stale and not isinstance(message, Passivate):
            try:
                await self._load()
            except StoreUnavailable:
                if isinstance(message, Act | Resign | Abort):
                    return _STORE_AWAY  # what only reads goes on from memory
            except (GameNotFound, StoreLostData) as error:
                return self._suspend(error)
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
            case Describe():
                return self._standing.description
            case Abort(reason=reason):
                return await self._abort_by_operator(reason)
            case Passivate():
                if not self._standing.worth_keeping:
                    self.finish()
                return None

    # ---- joining

    def _join(self, message: Join) -> Failure | None:
        seat = self._seat(message.user_id)
        if seat is None:
            return _NOT_IN_GAME
        if self._at is None:
            return self._halt or _STORE_AWAY
        added = message.outlet not in self._audience
        self._audience.add(message.outlet, seat)
        try:
            shown = self._with_missed(self._view(self._at, seat, changes=False), seat, message.last_event_id)
            answer = self._seal(shown)
            state = self._push(self._view(evolve(self._at, changes=()), seat, changes=True))
        except RulesFault:
            if added:
                self._audience.discard(message.outlet)
            raise
        self._audience.told = self._at.event_id
        with message.outlet.in_one_send():
            self.reply(answer)
            message.outlet.push(state)
        return None

    def _with_missed(self, shown: View, seat: int, last_event_id: int | None) -> View:
        if last_event_id is None:
            return shown
        missed = [position for position in self._recent if position.event_id > last_event_id]
        if len(missed) != shown.event_id - last_event_id:  # ahead of us, or too far behind
            return evolve(shown, resync=True)
        views: list[View] = []
        size = 0
        for position in missed:
            views.append(self._view(position, seat, changes=True))
            size += len(self._push(views[-1]).json)
            if size > MISSED_BYTES:
                return evolve(shown, resync=True)
        return evolve(shown, missed=tuple(views))

    # ---- acting

    async def _play(self, message: Act | Resign) -> object:
        for _ in range(_FENCED_TRIES):
            seat = self._seat(message.user_id)
            if seat is None:
                return _NOT_IN_GAME
            if message.message_id is not None and (message.user_id, message.message_id) in self._answered:
                return await self._answer_again(message, message.message_id)
            if self._ended is not None:
                return game_ended(self._ended)
            if self._halt is not None or self._game is None or self._at is None:
                return self._halt or _STORE_AWAY
            move = self._judge(self._game, self._at, message, seat)
            if isinstance(move, Failure):
                return move
            outcome = await self._commit(move, message)
            if isinstance(outcome, Failure):
                return outcome
            if outcome is _Commit.DONE:
                await self._end_at_the_limit()
                return None
            log.warning("game %s was continued by another writer; reloading it", self._game_id)
            try:
                await self._load()
            except StoreUnavailable:
                return _STORE_AWAY
        return Failure(Code.UNAVAILABLE, "another server keeps going on with this game; nothing was applied")

    def _judge(self, game: Game, before: Position, message: Act | Resign, seat: int) -> _Move | Failure:
        now = self._now()
        match message:
            case Act(action=action):
                after = judge_action(game, before, seat, action)
                if isinstance(after, Failure):
                    return after
                answer = action_answer(game, before, after, seat, action["type"], now)
                event: Event = Acted(
                    event_id=after.event_id,
                    at=now.server_time,
                    player_id=message.user_id,
                    action=action,
                    chance_position=after.chance_position,
                    message_id=message.message_id,
                    answer=answer if message.message_id is not None else None,
                )
                return _Move(after, event, self._seal(answer), self._pushes(after))
            case Resign():
                after = judge_resignation(game, before, seat)
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
                )
                return _Move(after, event, self._seal(resigned), self._pushes(after))

    async def _commit(self, move: _Move, message: Act | Resign) -> Failure | _Commit:
        """Makes a move durable, then answers and shows it. FENCED: another writer was first, nothing was applied."""
        try:
            with trio.move_on_after(self._house.settle_within) as patience:
                await self._writer.append(move.event, ends=move.after.ended is not None)
        except StoreUnavailable:
            return _STORE_AWAY
        except StoreLostData as error:
            return self._suspend(error)
        except Fenced:
            return _Commit.FENCED
        if patience.cancelled_caught:
            return self._in_doubt()
        self._stand_at(move.after)
        self._last_at = move.event.at
        self._standing.known = move.after.event_id
        if message.message_id is not None:
            self._answered[message.user_id, message.message_id] = move.after.event_id
        self._publish()
        with message.outlet.in_one_send():
            self.reply(move.answer)
            self._tell(move.pushes, move.after.event_id)
        return _Commit.DONE

    def _in_doubt(self) -> Failure:
        """The store does not say whether the event stands. The next message reloads, and what was still under way then
        finds itself fenced, or is found in the journal."""
        self._stale = True
        report_id = report(self._house.entropy, f"game {self._game_id}", TimeoutError("the store does not answer"))
        message = "the store did not say whether this counted; send it again with the same message_id"
        return Failure(Code.INTERNAL_ERROR, message, {"id": report_id})

    async def _answer_again(self, message: Act | Resign, message_id: str) -> object:
        """The stored answer to a request that is sent again; the same id with another payload is refused."""
        event_id = self._answered[message.user_id, message_id]
        try:
            event = await self._house.journal.read(self._game_id, event_id)
        except StoreUnavailable:
            return _STORE_AWAY
        match message, event:
            case Act(action=action), Acted(action=journalled, answer=ActionAnswer() as answer):
                if _same(action, journalled):
                    return self._seal(answer)
            case Resign(), Resigned(answer=ResignAnswer() as answer):
                return self._seal(answer)
        return Failure(
            Code.INVALID_MESSAGE, "this message_id was used before, with another request", {"field": "message_id"}
        )

    # ---- calling it off

    async def _end_at_the_limit(self) -> None:
        if self._ended is None and self._writer.last_event_id >= self._house.max_events - 1:
            await self._abort(self._writer, f"the game reached its limit of {self._house.max_events} events")

    async def _abort_by_operator(self, reason: str) -> AbortAnswer | Failure:
        if self._ended is not None:
            return game_ended(self._ended)
        writer = self._writer
        if self._halt is not None:  # what stands may be less than this table knew: the end goes behind that
            try:
                events = await self._house.journal.load(self._game_id)
            except (StoreUnavailable, StoreLostData, GameNotFound):
                return _STORE_AWAY
            writer = self._house.journal.writer(self._created, len(events))
        return await self._abort(writer, reason)

    async def _abort(self, writer: JournalWriter, reason: str) -> AbortAnswer | Failure:
        """Calls the game off, suspended or not; a game whose rules cannot even show it ends all the same."""
        event = Aborted(writer.last_event_id + 1, self._house.clock.now(), reason)
        try:
            await writer.append(event, ends=True)
        except StoreUnavailable:
            return _STORE_AWAY
        except (StoreLostData, Fenced):
            self._stale = True
            return Failure(
                Code.UNAVAILABLE, "the journal of this game stands elsewhere; nothing was applied, try again"
            )
        self._writer, self._last_at = writer, event.at
        self._standing.known = event.event_id
        ended = self._call_off(event)
        self._publish()
        answer = AbortAnswer(self._game_id, event.event_id, ABORTED)
        self.reply(answer)
        try:
            pushes = {} if self._at is None else self._pushes(self._at)
        except RulesFault:
            log.warning("game %s was called off, and its rules cannot show it", self._game_id)
            pushes = {}
        self._tell(pushes or self._last_words(event, ended), event.event_id)
        return answer

    def _last_words(self, event: Aborted, ended: Ended) -> dict[int, tuple[Push, ...]]:
        over = GameOver(self._game_id, event.event_id, None, results(self._created, ended), ended.reason, {})
        return {seat: (self._push(over),) for seat, _ in self._audience.by_seat()}

    # ---- telling

    def _seat(self, user_id: str) -> int | None:
        players = self._created.players
        return players.index(user_id) if user_id in players else None

    def _now(self) -> Now:
        return Now(self._house.clock.now(), self._audience)

    def _view(self, at: Position, seat: int | None, *, changes: bool) -> View:
        assert self._game is not None
        return view(self._game, at, seat, self._now(), changes=changes)

    def _pushes(self, at: Position) -> dict[int, tuple[Push, ...]]:
        """What each seat that is listening is sent of this position: one push a seat, however many its outlets."""
        assert self._game is not None
        pushes: dict[int, tuple[Push, ...]] = {}
        for seat, _ in self._audience.by_seat():
            seen = self._view(at, seat, changes=True)
            final = (self._push(game_over(self._game, at, seen.state)),) if at.ended else ()
            pushes[seat] = (self._push(seen), *final)
        return pushes

    def _push(self, body: View | GameOver) -> Push:
        try:
            return Push(body, self._house.encoder.push(body))
        except Exception as error:
            raise RulesFault("the rules showed what has no JSON") from error

    def _seal(self, answer: View | ActionAnswer | ResignAnswer) -> Sealed:
        try:
            return Sealed(answer, self._house.encoder.answer(answer))
        except Exception as error:
            raise RulesFault("the rules answered what has no JSON") from error

    def _tell(self, pushes: dict[int, tuple[Push, ...]], event_id: int) -> None:
        for seat, outlets in self._audience.by_seat():
            for outlet in outlets:
                with outlet.in_one_send():
                    for push in pushes.get(seat, ()):
                        outlet.push(push)
        self._audience.told = event_id

    def _publish(self) -> None:
        created, ended = self._created, self._ended
        status = Status.ENDED if ended else Status.SUSPENDED if self._halt else Status.RUNNING
        self._standing.description = Description(
            game_id=created.game_id,
            rules=created.rules,
            rules_version=created.rules_version,
            players=created.players,
            status=status,
            event_count=self._writer.last_event_id,
            created_at=created.at,
            winner_id=ABSENT if ended is None else None if ended.winner is None else created.players[ended.winner],
            results=results(created, ended) if ended else ABSENT,
            end_reason=ended.reason if ended else ABSENT,
            ended_at=self._last_at if ended else ABSENT,
        )

    # ---- faults

    def _suspend(self, error: BaseException) -> Failure:
        """Stops the game where it stands. The report says where it failed, and nothing of what the rules held."""
        report_id = report(self._house.entropy, f"game {self._game_id} is suspended", error)
        self._standing.suspended = report_id
        self._halt = self._suspended(report_id)
        self._publish()
        message = "the server failed; the game is suspended where it was"
        return Failure(Code.INTERNAL_ERROR, message, {"id": report_id})

    def _suspended(self, report_id: str) -> Failure:
        details: JsonObject = {"status": Status.SUSPENDED, "id": report_id}
        return Failure(Code.UNAVAILABLE, "the game is suspended after a fault; nothing was applied", details)


def _request_of(event: Event) -> tuple[str, str] | None:
    """Whose request the event answered, and under which message id."""
    match event:
        case Acted(message_id=str() as message_id) | Resigned(message_id=str() as message_id):
            return event.player_id, message_id
        case _:
            return None


def _same(one: JsonObject, other: JsonObject) -> bool:
    """Whether these are the same JSON: 1 and true are not, though Python has them equal."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


_NOT_IN_GAME = Failure(Code.NOT_IN_GAME, "you are not a player of this game")
_STORE_AWAY = Failure(Code.UNAVAILABLE, "the store is away; nothing was applied, try again")
