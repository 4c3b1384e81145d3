"""A table's game, and what is written of it: made durable first, then answered and shown. Loading it, and what is known
of it, belong to that: after a fence, a doubt or a fault it is what the journal says."""

from __future__ import annotations

import enum
import logging
from functools import partial
from typing import TYPE_CHECKING, Literal

import trio
from attrs import evolve

from actors.clocks import Clocks
from actors.events import Aborted
from actors.failures import Code, Failure
from actors.faults import report
from actors.game import ReplayDiverged, RulesFault
from actors.held import Held
from actors.joining import STORE_AWAY
from actors.kit.actor import Actor
from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from actors.recovery import recover
from actors.rules.registry import RulesVersionMissing, UnknownRules
from actors.standing import Stands, Status, Suspension
from actors.table_messages import TableMessage
from actors.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.events import Event
    from actors.house import House
    from actors.moves import Move, Request
    from actors.ports import JournalWriter
    from actors.rules.interface import JsonObject
    from actors.standing import Standing
    from actors.telling import Pushes

log = logging.getLogger("croupier.table")

_LOOK_AGAIN = 1.0
"""Seconds of service after which a table that does not know what stands looks at its clock, if nobody asks before."""


class Committed(enum.Enum):
    """What became of a move that was not refused."""

    DONE = enum.auto()
    FENCED = enum.auto()


class Writing(Actor[TableMessage]):
    """What a table has of its game, and how it goes on with it.

    A fault of the rules, or a store that lost events, suspends the game: it is still shown as it last was, if it can
    be, takes no action, and can be aborted. It stays suspended until an operator has it try again, or a restart does.
    """

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
        self._begun: Move | Literal[Committed.DONE] | None = None

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
            held.halt = suspended(standing.suspended)
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

    # ---- going on

    async def _commit(self, move: Move, message: Request | None) -> Failure | Committed:
        """Makes a move durable, then answers and shows it. FENCED: another writer was first, nothing was applied."""
        after, ends = move.after, move.after.ended is not None
        deadline = None if ends else self._clocks.deadline(after.deadline)
        outcome = await self._append(self._writer, move.event, ends=ends, deadline=deadline)
        if outcome is Committed.DONE:
            self._make_good(move, message, self.reply, trio.current_time())
        return outcome

    def _make_good(self, move: Move, message: Request | None, reply: Callable[[object], None], now: float) -> None:
        """The event of this move stands, as of now: the game is there, the asker is answered, and everybody told."""
        after = move.after
        self._held.go_on(after, move.event)
        if message is not None and message.message_id is not None:
            self._held.answered[message.user_id, message.message_id] = after.event_id
        self._stands(after.event_id)
        if message is None:
            self._tell(None, move.pushes, after.event_id, now)
        else:
            with message.outlet.in_one_send():
                self._tell(partial(reply, move.answer), move.pushes, after.event_id, now)
        if after.ended is not None:
            log.info("a game is over", extra={"game": self._game_id, "reason": after.ended.reason})
        if self._npcs:
            self._summon_npcs()
        self._keep_snapshot(after=self._house.snapshot_after(self._held.saved))

    async def _append(
        self, writer: JournalWriter, event: Event, *, ends: bool, deadline: float | None
    ) -> Failure | Committed:
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
            return Committed.FENCED
        if patience.cancelled_caught:
            return self._in_doubt()
        self._house.meter.commit.add(trio.current_time() - began)
        self._house.crash_points.reach("table.committed")
        return Committed.DONE

    def _tell(self, answer: Callable[[], None] | None, pushes: Pushes, event_id: int, began: float) -> None:
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

    def _summon_npcs(self) -> None:
        """They are not kept at the table while it is others' turn: what happens may be their business."""
        if self._held.running is not None:
            self._house.npcs.summon(self._game_id, self._npcs)

    # ---- what is known of it

    def _stands(self, event_id: int) -> None:
        """This event is durable, and the table stands at it."""
        self._standing.known = event_id
        self._publish()

    def _publish(self) -> None:
        held = self._held
        status = Status.ENDED if held.ended else Status.SUSPENDED if held.halt else Status.RUNNING
        self._standing.stands = Stands(held.created, status, self._writer.last_event_id, held.ended, held.last_at)
        running = held.running
        self._clocks.are_set(None if running is None else running[1].deadline, running=running is not None)

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
        self._held.halt = suspended(suspension)
        self._publish()
        return evolve(failure, message="the server failed; the game is suspended where it was")

    def _reported(self, what: str, error: BaseException) -> Failure:
        report_id = report(self._house.entropy, f"game {self._game_id}: {what}", error)
        return Failure(Code.INTERNAL_ERROR, "the server failed", {"id": report_id})


def suspended(suspension: Suspension) -> Failure:
    details: JsonObject = {"status": Status.SUSPENDED, "id": suspension.report_id}
    return Failure(Code.UNAVAILABLE, "the game is suspended after a fault; nothing was applied", details)
