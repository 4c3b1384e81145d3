"""The game actor: one task, one game. Validate, persist, apply, answer, in that order: nothing is acknowledged or shown
before it is durable."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Literal

import trio

from actors.apart.patience import patiently
from actors.apart.questions import Unanswered
from actors.calling_off import FENCED_TRIES, CallingOff
from actors.failures import Code, Failure
from actors.game import RulesFault
from actors.joining import NOT_IN_GAME, STORE_AWAY, Door, Joining, let_in, open_door, seat_for
from actors.judge import game_ended
from actors.kit.actor import NOT_AT_ONCE, TAKEN
from actors.moves import Request, abandonment, answer_again, expiry, extension, judge
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from actors.table_messages import Abort, Act, Describe, Expire, Passivate, Resume
from actors.writing import Committed

if TYPE_CHECKING:
    from actors.game import Game, Position
    from actors.kit.actor import Taken
    from actors.moves import Move
    from actors.table_messages import TableMessage

log = logging.getLogger("croupier.table")


class Table(CallingOff):
    """One game: its messages, one at a time. Its incarnations come and go; the journal is what it is."""

    takes_at_once = True

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
            stood = trio.current_time()
            self._house.meter.commit.add(stood - now)
            self._house.crash_points.reach("table.committed")
            self._make_good(move, message, taken.reply, stood)
            self._interrupted = False
            if self._is_at_the_limit:
                hand_on(Committed.DONE)
            else:
                taken.done()

        def hand_on(begun: Move | Literal[Committed.DONE]) -> None:
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
            outcome = begun if begun is Committed.DONE else await self._commit(begun, message)
            if outcome is not Committed.FENCED:
                return await self._played(outcome)
            if not await self._reloaded():
                return STORE_AWAY
        for _ in range(FENCED_TRIES):
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
            if outcome is not Committed.FENCED:
                return await self._played(outcome)
            if not await self._reloaded():
                return STORE_AWAY
        return Failure(Code.UNAVAILABLE, "another server keeps going on with this game; nothing was applied")

    async def _played(self, outcome: Failure | Committed) -> Failure | None:
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

    async def _answer_again(self, message: Request, event_id: int) -> object:
        try:
            return await answer_again(message, event_id, self._game_id, self._house.journal, self._telling)
        except StoreUnavailable:
            return STORE_AWAY
        except (StoreLostData, GameNotFound) as error:
            return self._reported(f"event {event_id}, which was acknowledged, cannot be read", error)
