"""The blows, carried out on real processes, by their pids."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from actors.ports import Clock
from net.checks import Outage, Promise, Violation
from net.checks.clocks import SLACK
from net.client import Api, ConnectionLost
from net.crash_points import ARCHIVE_POINTS, Fuse
from net.drill.evidence import Evidence
from net.drill.plan import Fault
from net.drill.players import Crowd
from net.drill.tables import Tables
from net.drill.twin import Twin
from net.process import ServerProcess

if TYPE_CHECKING:
    from net.drill.plan import Blow

POINT_PATIENCE: Final = 2.0
ARCHIVE_PATIENCE: Final = 8.0
"""Seconds for a crash point to be reached; then the server is killed at whatever moment it is. For one on the way into
the archive a game must come to its end."""

STOP_WITHIN: Final = 30.0
"""Seconds that an orderly end may take."""

REPLACED_WITHIN: Final = 30.0
"""Seconds within which a server that was replaced must have noticed, and ended."""

_DEAD_OR_STOPPED: Final = frozenset(
    {Fault.KILL, Fault.KILL_BOTH, Fault.PAUSE, Fault.SLOW_STORE, Fault.RESTART, Fault.TERM}
)

READY_WITHIN: Final = 240.0
SEATED_WITHIN: Final = 300.0
_LOOK: Final = 0.02


class NotBack(Exception):
    """The server, or its store, does not come back."""


@define(eq=False)
class Injector:
    """Does to one server what the plan says, and keeps the times."""

    server: ServerProcess
    fuse: Fuse
    twin: Twin
    crowd: Crowd
    tables: Tables
    evidence: Evidence
    clock: Clock
    hit: str | None = field(default=None, init=False)
    """The crash point at which the server ended last, if it was one."""

    async def strike(self, blow: Blow) -> float:
        """Carries the blow out, and returns when the server is ready again: the seconds that it was not. Raises
        ServerFailed, NotBack."""
        began, began_at = trio.current_time(), self.clock.now()
        self.hit = None
        outages = self.crowd.score.outages
        match blow.fault:
            case Fault.KILL | Fault.KILL_BOTH:
                began, began_at = await self._kill(blow)
            case Fault.KILL_STORE:
                await self._kill_store()
            case Fault.PAUSE:
                await self._pause(blow)
            case Fault.SLOW_STORE:
                await self._slow_store(blow)
            case Fault.DROP:
                self._drop(blow)
            case Fault.RESTART | Fault.TERM:
                await self._stop(blow)
                # It serves until it hears of it, and that may take a busy machine a while.
                outages.append(Outage(began_at, ended_at := self.clock.now(), certain=False))
                began_at = ended_at
                if blow.fault is Fault.RESTART:
                    await trio.sleep(blow.seconds)
            case Fault.TWO_SERVERS:
                await self._two_servers(blow)
        # Only that it was dead or stopped is certain: a server that is back serves, and its clock runs, before a busy
        # machine lets anybody see that. What is too short to tell anything stays part of the rest.
        back_at = self.clock.now()
        if blow.fault in _DEAD_OR_STOPPED and back_at - began_at > SLACK:
            outages.append(Outage(began_at, back_at))
            began_at = back_at
        if not self.server.runs:
            await self.server.start()
        await self.until_ready()
        if blow.fault is not Fault.DROP:
            outages.append(Outage(began_at, self.clock.now(), certain=False))
        self.crowd.score.blows[blow.fault] += 1
        return trio.current_time() - began

    # ---- what is done

    async def _kill(self, blow: Blow) -> tuple[float, float]:
        """When it died, by both clocks."""
        if blow.point is not None:
            self.fuse.light(blow.point, blow.count)
            self.crowd.down = True
            within = ARCHIVE_PATIENCE if blow.point in ARCHIVE_POINTS else POINT_PATIENCE
            if await self.server.ends_by_itself(within=within):
                self.hit = self.fuse.hit()
                if self.hit is not None:
                    self.crowd.score.points[self.hit] += 1
        began, began_at = trio.current_time(), self.clock.now()
        self.crowd.down = True
        if blow.fault is Fault.KILL_BOTH and blow.store_first:
            self._signal_store(signal.SIGKILL)
        await self.server.kill()
        if blow.fault is Fault.KILL_BOTH:
            await self.server.clear_store()
        return began, began_at

    async def _kill_store(self) -> None:
        killed = self._signal_store(signal.SIGKILL)
        with trio.fail_after(READY_WITHIN):
            while killed is not None and self._store_pid() in (None, killed):  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(_LOOK)

    async def _pause(self, blow: Blow) -> None:
        self.server.pause()
        try:
            await trio.sleep(blow.seconds)
        finally:
            self.server.resume()

    async def _slow_store(self, blow: Blow) -> None:
        self._signal_store(signal.SIGSTOP)
        try:
            await trio.sleep(blow.seconds)
        finally:
            self._signal_store(signal.SIGCONT)

    def _drop(self, blow: Blow) -> None:
        chance = self.crowd.plan.chance(f"blow {blow.number}")
        players = [player for match in self.tables.live for player in match.everybody]
        for player in chance.shuffled(players)[: max(1, round(blow.share * len(players)))]:
            player.hang_up()

    async def _stop(self, blow: Blow) -> None:
        self.crowd.down = blow.fault is Fault.TERM  # after the other it stays down for a while, on purpose
        again_after = blow.seconds if blow.fault is Fault.TERM else None
        status = await self.server.stop(within=STOP_WITHIN, again_after=again_after)
        if status == -signal.SIGKILL or (blow.fault is Fault.RESTART and status != 0):
            text = f"after SIGTERM it ended with status {status}" if status != -signal.SIGKILL else "it did not end"
            self.evidence.found(Violation(Promise.STOP, "-", text))

    async def _two_servers(self, blow: Blow) -> None:
        """The server sleeps. Another is started on its store, and those who wait for an answer go there. The first
        wakes up, with their requests in its sockets: the journal must not take its events, and it must go."""
        self.server.pause()
        try:
            await trio.sleep(2 * self.crowd.plan.think)  # so that whoever is to act has sent it
            async with self.twin.running():
                waiting = [
                    player
                    for match in self.tables.live
                    for player, recorder in zip(match.everybody, match.recorders, strict=True)
                    if recorder.unanswered
                ]
                self.twin.guests |= {player.user_id for player in waiting}
                for player in waiting:
                    player.hang_up()
                await trio.sleep(blow.seconds)
                self.server.resume()
                self.crowd.down = True
                if not await self.server.ends_by_itself(within=REPLACED_WITHIN):
                    self.evidence.found(Violation(Promise.WRITERS, "-", "the server that was replaced does not end"))
        finally:
            if self.server.runs:
                self.server.resume()
        for player in [player for match in self.tables.live for player in match.everybody]:
            player.hang_up()  # whoever was with the other

    # ---- being back

    async def until_ready(self) -> None:
        """Returns when the server says that it serves. Raises NotBack."""
        api = Api(self.server.connect)
        with trio.move_on_after(READY_WITHIN):
            while True:
                with suppress(OSError, ConnectionLost):
                    if (await api.request("GET", "/readyz")).status == 200:
                        return
                await trio.sleep(_LOOK)
        raise NotBack(f"the server is not ready within {READY_WITHIN:g} s")

    async def until_seated(self) -> None:
        """Returns when every player is back in the game. Raises NotBack."""
        with trio.move_on_after(SEATED_WITHIN):
            await self.crowd.until(lambda: not self.crowd.outside)
            self.crowd.down = False
            return
        raise NotBack(f"{len(self.crowd.outside)} players are not back in their games within {SEATED_WITHIN:g} s")

    # ---- the store

    def _signal_store(self, number: signal.Signals) -> int | None:
        with suppress(ProcessLookupError):  # it has been killed, and is not back yet
            return self.server.signal_store(number)
        return None

    def _store_pid(self) -> int | None:
        with suppress(ProcessLookupError):
            return self.server.store_pid
        return None
