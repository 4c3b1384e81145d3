"""The game actor: one task, one game. Validate, persist, apply, answer, in that order: nothing is acknowledged or shown
before it is durable."""

from __future__ import annotations

import enum
import logging
from functools import partial
from typing import TYPE_CHECKING, Literal

import trio
from attrs import evolve

from actors.apart.patience import patiently
from actors.apart.questions import Unanswered
from actors.clocks import Clocks
from actors.events import Aborted
from actors.failures import Code, Failure
from actors.faults import report
from actors.game import ABORTED, ReplayDiverged, RulesFault
from actors.held import Held
from actors.joining import NOT_IN_GAME, STORE_AWAY, Door, Joining, let_in, open_door, seat_for
from actors.judge import game_ended
from actors.kit.actor import NOT_AT_ONCE, TAKEN, Actor
from actors.messages import Abort, AbortAnswer, Act, Describe, Expire, Passivate, Resume, ResumeAnswer, TableMessage
from actors.moves import Request, abandonment, answer_again, expiry, extension, judge, resumption
from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from actors.recovery import recover, what_stands
from actors.rules.registry import RulesVersionMissing, UnknownRules
from actors.standing import Stands, Status, Suspension
from actors.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.events import Event
    from actors.game import Game, Position
    from actors.house import House
    from actors.kit.actor import Taken
    from actors.moves import Move
    from actors.ports import JournalWriter
    from actors.rules.interface import JsonObject
    from actors.standing import Standing
    from actors.telling import Pushes

log = logging.getLogger("croupier.table")

_FENCED_TRIES = 3
"""How often a request is judged anew when another writer keeps going on with the game."""

_LOOK_AGAIN = 1.0
"""Seconds of service after which a table that does not know what stands looks at its clock, if nobody asks before."""


class _Commit(enum.Enum):
    """What became of a move that was not refused."""

    DONE = enum.auto()
    FENCED = enum.auto()


class Table(Actor[TableMessage]):
    """One game. Its incarnations come and go; the journal is what it is.

    A fault of the rules, or a store that lost events, suspends the game: it is still shown as it last was, if it can
    be, takes no action, and can be aborted. It stays suspended until an operator has it try again, or a restart does.
    """

    takes_at_once = True

    _held: Held
    _writer: JournalWriter
    _npcs: tuple[str, ...]

    def __init__(self, game_id: str, house: House, standing: Standing) -> None:
        self._game_id = game_id
        self._house = house
        self._standing = standing
        self._audience = standing.audience
        self._telling = Telling(house.clock, house.service, house.encoder, standing.audience)
        self._clocks = Clocks(game_id, house, standing)
        self._stale = False
        self._interrupted = False
        # How far the message in hand has come, when it was taken at once and handed on.
        self._begun: Move | Literal[_Commit.DONE] | None = None

    # ---- its life

    async def start(self) -> None:
        """Rebuilds the game from its journal. Raises GameNotFound, StoreUnavailable, StoreLostData (what stands cannot
        be read)."""
        await self._load()

    async def stop(self) -> None:
        """At an orderly end the next incarnation is left a snapshot."""
        if not self._interrupted:
            self._keep_snapshot(after=1)

    async def _load(self, *, resuming: bool = False) -> None:
        house, standing = self._house, self._standing
        told = self._audience.told if len(self._audience) else None
        found = await recover(self._game_id, house.journal, house.registry, known=standing.known, told=told)
        loaded = found.loaded
        self._writer = house.journal.writer(loaded.created, loaded.last_event_id)
        self._held = held = Held.of(found)
        self._stale = False
        if isinstance(found.last, Aborted):
            standing.suspended = None
        elif found.problem is not None:
            self._give_up(found.problem)
        elif standing.suspended is not None and held.ended is None and not resuming:
            held.halt = _suspended(standing.suspended)
        standing.known = max(standing.known, loaded.last_event_id)
        self._clocks.take_over(held.deadline)
        house.attendance.open(
            self._game_id,
            standing,
            loaded.created.players,
            running=held.running is not None,
            begun=loaded.last_event_id > loaded.created.event_id,
        )
        if held.ended is not None:
            house.journal.retire(loaded.created, loaded.last_event_id)
        self._publish()
        try:
            if held.game is not None:
                self._telling.catch_up(held.game, held.recent)
        except RulesFault as error:
            self._suspend(error)
        self._npcs = tuple(player for player in loaded.created.players if house.npcs.plays(player))
        self._summon_npcs()

    def _give_up(self, problem: Exception) -> None:
        """The game could not be rebuilt to its end."""
        if isinstance(problem, UnknownRules | RulesVersionMissing):
            self._held.halt = Failure(Code.RULES_VERSION, f"this server cannot go on with this game: {problem}")
        elif self._held.ended is not None:
            self._held.halt = self._reported("it has ended, and cannot be shown", problem)
        else:
            self._suspend(problem)

    # ---- messages

    async def handle(self, message: TableMessage) -> object:
        """Answers one message; a push goes out after the answer that it follows from."""
        self._interrupted = True
        answer = await self._handle(message)
        self._interrupted = False
        return answer

    async def _handle(self, message: TableMessage) -> object:
        if self._stale and not isinstance(message, Passivate):
            try:
                await self._load()
            except StoreUnavailable:
                if isinstance(message, Request | Abort | Expire):
                    return STORE_AWAY  # what only reads goes on from memory
            except (GameNotFound, StoreLostData) as error:
                return self._suspend(error)
        try:
            return await self._serve(message)
        except RulesFault as error:
            return self._suspend(error)

    async def _serve(self, message: TableMessage) -> object:
        if isinstance(message, Request):
            return await self._play(message)
        if isinstance(message, Joining):
            return await self._admit(message)
        match message:
            case Describe():
                return self._standing.description
            case Abort(reason=reason):
                return await self._abort_by_operator(reason)
            case Resume():
                return await self._resume()
            case Expire():
                await self._look_at_the_clocks()
                return None
            case Passivate():
                if not self._standing.worth_keeping:
                    self.finish()
                return None

    # ---- joining

    async def _admit(self, message: Joining) -> Failure | None:
        seat = seat_for(self._held, message)
        if isinstance(seat, Failure):
            return seat
        door = await open_door(self._held, message, self._telling, self._house.journal)
        if seat is not None and isinstance(door, Door) and await self._gave_time_back(seat):
            door = await open_door(self._held, message, self._telling, self._house.journal)
        if isinstance(door, Failure):
            return door
        refused = let_in(message, seat, door, self._standing, self._house.attendance, self.reply)
        if refused is None and self._held.running is not None:
            self._clocks.look_around(self._held.deadline, self._writer)
        return refused

    async def _gave_time_back(self, seat: int) -> bool:
        """A player who comes back on their turn is given more time for it. Says whether the game may have gone on."""
        presence, before = self._audience.presence, self._held
        at = before.at
        if presence is None or self._stale or not presence.is_absent(seat):
            return False
        await self._make_move(lambda game, at: extension(game, at, seat, self._house, self._telling))
        return self._held is not before or self._held.at is not at

    # ---- acting

    def handle_at_once(self, message: TableMessage) -> object:
        """Judges an action where it comes in, and sends its event on its way: nobody's task is woken for that. What is
        not as it mostly is is left to `handle`."""
        held = self._held
        running = held.running
        if not isinstance(message, Act) or self._stale or running is None:
            return NOT_AT_ONCE
        seat = held.seat(message.user_id)
        if seat is None or held.event_of(message.user_id, message.message_id) is not None:
            return NOT_AT_ONCE
        began = trio.current_time()
        try:
            move = judge(*running, message, seat, self._telling)
        except Unanswered:  # by rules that run apart
            return NOT_AT_ONCE
        except RulesFault as error:
            return self._suspend(error)
        judged = trio.current_time()
        self._house.meter.queue.add(0.0)
        self._house.meter.rules.add(judged - began)
        if isinstance(move, Failure):
            return move
        self._begin(move, message, self.taken(), judged)
        return TAKEN

    def _begin(self, move: Move, message: Act, taken: Taken, now: float) -> None:
        """Sends the event of a move on its way. It is answered and shown when it stands, by whoever hears that; or
        handed on."""
        self._interrupted = True

        def done(error: BaseException | None) -> None:
            taken.go_on(stands if error is None else partial(hand_on, move))

        def stands() -> None:
            self._house.meter.commit.add(trio.current_time() - now)
            self._house.crash_points.reach("table.committed")
            self._make_good(move, message, taken.reply)
            self._interrupted = False
            if self._is_at_the_limit:
                hand_on(_Commit.DONE)
            else:
                taken.done()

        def hand_on(begun: Move | Literal[_Commit.DONE]) -> None:
            self._begun = begun
            taken.hand_on()

        deadline = self._clocks.deadline(move.after.deadline)
        if move.after.ended is None:
            self._house.crash_points.reach("table.judged")
            if self._writer.append_at_once(move.event, deadline=deadline, done=done):
                return
        hand_on(move)

    async def _play(self, message: Request) -> object:
        if (begun := self._begun) is not None:
            self._begun = None
            outcome = begun if begun is _Commit.DONE else await self._commit(begun, message)
            if outcome is not _Commit.FENCED:
                return await self._played(outcome)
            if not await self._reloaded():
                return STORE_AWAY
        for _ in range(_FENCED_TRIES):
            seat = self._held.seat(message.user_id)
            if seat is None:
                return NOT_IN_GAME
            answered_by = self._held.event_of(message.user_id, message.message_id)
            if answered_by is not None:
                return await self._answer_again(message, answered_by)
            if self._held.ended is not None:
                return game_ended(self._held.ended)
            if self._held.running is None:
                return self._held.halt or STORE_AWAY
            game, at = self._held.running
            began = trio.current_time()
            self._house.meter.queue.add(self.waited)
            move = await patiently(partial(judge, game, at, message, seat, self._telling))
            self._house.meter.rules.add(trio.current_time() - began)
            if isinstance(move, Failure):
                return move
            outcome = await self._commit(move, message)
            if outcome is not _Commit.FENCED:
                return await self._played(outcome)
            if not await self._reloaded():
                return STORE_AWAY
        return Failure(Code.UNAVAILABLE, "another server keeps going on with this game; nothing was applied")

    async def _played(self, outcome: Failure | _Commit) -> Failure | None:
        if isinstance(outcome, Failure):
            return outcome
        await self._end_at_the_limit()
        return None

    async def _look_at_the_clocks(self) -> None:
        """The time of whoever is to act is up, or all players have been away for too long: if it is still so. What is
        not done now, because the store is away, is done when the timers tell us again: they do until the clocks are set
        anew."""
        await self._make_move(self._what_time_brings)
        if self._held.running is None:
            self._house.timers.set(self._game_id, None)

    def _what_time_brings(self, game: Game, at: Position) -> Move | None:
        self._clocks.look_around(at.deadline, self._writer)
        if self._clocks.is_abandoned():
            return abandonment(game, at, self._telling)
        return expiry(game, at, self._telling) if self._clocks.is_up(at.deadline) else None

    async def _make_move(self, due: Callable[[Game, Position], Move | None]) -> None:
        """Makes the move that is due without anybody's asking, if there is one; judged anew when another writer was
        first."""
        for _ in range(_FENCED_TRIES):
            running = self._held.running
            move = None if running is None else await patiently(partial(due, *running))
            if move is None:
                return
            outcome = await self._commit(move, None)
            if outcome is _Commit.DONE:
                await self._end_at_the_limit()
            if outcome is not _Commit.FENCED or not await self._reloaded():
                return

    async def _commit(self, move: Move, message: Request | None) -> Failure | _Commit:
        """Makes a move durable, then answers and shows it. FENCED: another writer was first, nothing was applied."""
        after, ends = move.after, move.after.ended is not None
        deadline = None if ends else self._clocks.deadline(after.deadline)
        outcome = await self._append(self._writer, move.event, ends=ends, deadline=deadline)
        if outcome is _Commit.DONE:
            self._make_good(move, message, self.reply)
        return outcome

    def _make_good(self, move: Move, message: Request | None, reply: Callable[[object], None]) -> None:
        """The event of this move stands: from now on the game is there, the asker is answered, and everybody told."""
        after = move.after
        self._held.go_on(after, move.event)
        if message is not None and message.message_id is not None:
            self._held.answered[message.user_id, message.message_id] = after.event_id
        self._stands(after.event_id)
        if message is None:
            self._tell(None, move.pushes, after.event_id)
        else:
            with message.outlet.in_one_send():
                self._tell(partial(reply, move.answer), move.pushes, after.event_id)
        if after.ended is not None:
            log.info("a game is over", extra={"game": self._game_id, "reason": after.ended.reason})
        if self._npcs:
            self._summon_npcs()
        self._keep_snapshot(after=self._house.snapshot_every)

    async def _append(
        self, writer: JournalWriter, event: Event, *, ends: bool, deadline: float | None
    ) -> Failure | _Commit:
        """Makes an event durable. A Failure: it does not stand, or nobody knows."""
        self._house.crash_points.reach("table.judged")
        began = trio.current_time()
        try:
            with trio.move_on_after(self._house.settle_within) as patience:
                await writer.append(event, ends=ends, deadline=deadline)
        except StoreUnavailable:
            return STORE_AWAY
        except StoreLostData as error:
            return self._suspend(error)
        except Fenced:
            return _Commit.FENCED
        if patience.cancelled_caught:
            return self._in_doubt()
        self._house.meter.commit.add(trio.current_time() - began)
        self._house.crash_points.reach("table.committed")
        return _Commit.DONE

    def _tell(self, answer: Callable[[], None] | None, pushes: Pushes, event_id: int) -> None:
        began = trio.current_time()
        if answer is not None:
            answer()
            self._house.crash_points.reach("table.answered")
        self._telling.tell(pushes, event_id)
        self._house.meter.push.add(trio.current_time() - began)
        self._house.crash_points.reach("table.told")

    async def _reloaded(self) -> bool:
        log.warning("game %s was continued by another writer; reloading it", self._game_id)
        try:
            await self._load()
        except StoreUnavailable:
            self._stale = True
            return False
        except (GameNotFound, StoreLostData) as error:
            self._suspend(error)
        return True

    def _in_doubt(self) -> Failure:
        """The store does not say whether the event stands. The next message reloads, and what was still under way then
        finds itself fenced, or is found in the journal. If it stands, a clock may run that nobody has set here."""
        self._stale = True
        if self._held.created.turn_timeout_seconds is not None:
            self._house.timers.again(self._game_id, _LOOK_AGAIN)
        report_id = report(self._house.entropy, f"game {self._game_id}", TimeoutError("the store does not answer"))
        message = "the store did not say whether this counted; send it again with the same message_id"
        return Failure(Code.INTERNAL_ERROR, message, {"id": report_id})

    async def _answer_again(self, message: Request, event_id: int) -> object:
        try:
            return await answer_again(message, event_id, self._game_id, self._house.journal, self._telling)
        except StoreUnavailable:
            return STORE_AWAY
        except (StoreLostData, GameNotFound) as error:
            return self._reported(f"event {event_id}, which was acknowledged, cannot be read", error)

    def _summon_npcs(self) -> None:
        """They are not kept at the table while it is others' turn: what happens may be their business."""
        if self._held.running is not None:
            self._house.npcs.summon(self._game_id, self._npcs)

    # ---- calling it off

    @property
    def _is_at_the_limit(self) -> bool:
        return self._held.ended is None and self._writer.last_event_id >= self._house.max_events - 1

    async def _end_at_the_limit(self) -> None:
        if self._is_at_the_limit:
            reason = f"the game reached its limit of {self._house.max_events} events"
            await self._abort(self._writer, reason, asked=False)

    async def _abort_by_operator(self, reason: str) -> AbortAnswer | Failure:
        if self._held.ended is not None:
            return game_ended(self._held.ended)
        writer = self._writer
        if self._held.halt is not None:  # what stands may be less than this table knew: the end goes behind that
            try:
                loaded, _ = await what_stands(self._game_id, self._house.journal)
            except StoreUnavailable:
                return STORE_AWAY
            except (StoreLostData, GameNotFound):
                return _UNREADABLE
            writer = self._house.journal.writer(self._held.created, loaded.last_event_id)
        return await self._abort(writer, reason, asked=True)

    async def _abort(self, writer: JournalWriter, reason: str, *, asked: bool) -> AbortAnswer | Failure:
        """Calls the game off, suspended or not; a game whose rules cannot even show it ends all the same."""
        now = self._telling.now()
        event = Aborted(writer.last_event_id + 1, now.server_time, reason, now.service_time)
        outcome = await self._append(writer, event, ends=True, deadline=None)
        if isinstance(outcome, Failure):
            return outcome
        if outcome is _Commit.FENCED:
            self._stale = True
            return Failure(
                Code.UNAVAILABLE, "the journal of this game stands elsewhere; nothing was applied, try again"
            )
        log.info("a game was called off", extra={"game": self._game_id})
        self._writer = writer
        self._standing.suspended = None
        self._held.call_off(event)
        self._stands(event.event_id)
        answer = AbortAnswer(self._game_id, event.event_id, ABORTED)
        try:
            pushes = self._telling.pushes(*self._held.shown) if self._held.shown is not None else None
        except RulesFault:
            log.warning("game %s was called off, and its rules cannot show it", self._game_id)
            pushes = None
        self._tell(
            partial(self.reply, answer) if asked else None,
            pushes or self._telling.last_words(self._held.created, event.event_id),
            event.event_id,
        )
        return answer

    # ---- trying it again

    async def _resume(self) -> ResumeAnswer | Failure:
        """Reloads a suspended game, which goes on if nothing is wrong with it any more. One that runs is let be."""
        suspension = self._standing.suspended
        if suspension is not None:
            try:
                await self._load(resuming=True)
            except StoreUnavailable:
                return STORE_AWAY
            except (GameNotFound, StoreLostData) as error:
                return self._suspend(error)
        held = self._held
        if held.ended is not None:
            return game_ended(held.ended)
        if held.halt is not None:
            return held.halt
        if suspension is not None and not await self._goes_on(suspension):
            return STORE_AWAY
        return ResumeAnswer(self._game_id, self._writer.last_event_id, resumed=suspension is not None)

    async def _goes_on(self, suspension: Suspension) -> bool:
        """Nothing is wrong with the game any more. Its clock must not have run meanwhile; if that cannot be written
        down, the game stays as it was."""
        since, at = suspension.clock, self._held.at
        await self._make_move(lambda game, at: resumption(game, at, since, self._telling))
        owed = self._held.deadline is not None and self._held.at is at and since < self._house.service.now()
        if owed or self._held.halt is not None:
            self._held.halt = _suspended(suspension)
            self._publish()
            return False
        self._standing.suspended = None
        log.info("game %s goes on; it was suspended (report %s)", self._game_id, suspension.report_id)
        return True

    # ---- what is known of it

    def _stands(self, event_id: int) -> None:
        """This event is durable, and the table stands at it."""
        self._standing.known = event_id
        self._publish()

    def _publish(self) -> None:
        held = self._held
        status = Status.ENDED if held.ended else Status.SUSPENDED if held.halt else Status.RUNNING
        self._standing.stands = Stands(held.created, status, self._writer.last_event_id, held.ended, held.last_at)
        self._clocks.are_set(held.deadline, running=held.running is not None)

    def _keep_snapshot(self, *, after: int) -> None:
        """Keeps a snapshot of the game if it goes on, and so many events have come since the last one. One that cannot
        be made is missed by nobody but the next recovery."""
        try:
            snapshot = None if self._stale else self._held.snapshot(after=after)
            if snapshot is not None:
                self._house.journal.save(snapshot)
        except Exception as error:  # it is the state that cannot be saved, or what the rules made of it
            rules = (self._held.created.rules, self._held.created.rules_version)
            if rules not in self._house.unsaveable:
                self._house.unsaveable.add(rules)
                self._reported("it cannot be kept in a snapshot", error)

    # ---- faults

    def _suspend(self, error: BaseException) -> Failure:
        """Stops the game where it stands. The report says where it failed, and nothing of what the rules held."""
        why = str(error) if isinstance(error, RulesFault | ReplayDiverged | StoreLostData) else type(error).__name__
        failure = self._reported(f"the game is suspended, because {why}", error)
        now, before = self._telling.now(), self._standing.suspended
        since, clock = (now.server_time, now.service_time) if before is None else (before.since, before.clock)
        suspension = Suspension(failure.details["id"], why, since, clock)
        self._standing.suspended = suspension
        self._held.halt = _suspended(suspension)
        self._publish()
        return evolve(failure, message="the server failed; the game is suspended where it was")

    def _reported(self, what: str, error: BaseException) -> Failure:
        report_id = report(self._house.entropy, f"game {self._game_id}: {what}", error)
        return Failure(Code.INTERNAL_ERROR, "the server failed", {"id": report_id})


def _suspended(suspension: Suspension) -> Failure:
    details: JsonObject = {"status": Status.SUSPENDED, "id": suspension.report_id}
    return Failure(Code.UNAVAILABLE, "the game is suspended after a fault; nothing was applied", details)


_UNREADABLE = Failure(Code.UNAVAILABLE, "the journal of this game cannot be read; nothing was applied")
