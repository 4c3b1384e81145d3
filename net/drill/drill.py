"""The drill itself: games that are always under way, blow after blow, and the last judgement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from actors.events import Event
from actors.ports import Clock
from actors.rules.registry import Registry
from net.checks import (
    Outage,
    Promise,
    Served,
    Standing,
    Violation,
    can_end,
    fair_clocks,
    rebuilt_is_served,
    replayed,
)
from net.client import ConnectionLost, RequestFailed, open_client
from net.client.errors import leaves
from net.crash_points import Fuse
from net.drill.evidence import Evidence
from net.drill.faults import Injector, NotBack
from net.drill.ledger import Ledger, digest
from net.drill.plan import KILLS, Fault, Plan
from net.drill.players import Crowd
from net.drill.score import Score
from net.drill.show import Screen
from net.drill.tables import Tables
from net.drill.twin import Twin
from net.process import ServerFailed, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import JsonObject
    from net.client import Connector, Player
    from net.drill.plan import Blow
    from net.drill.tables import Match

LONGEST_LULL: Final = 5.0
"""Seconds without the wanted actions after which the next blow falls anyway."""

LOOKED_AT: Final = 200
"""Games whose players look at them once more at the very end: the unfinished, and the latest."""

AT_A_TIME: Final = 8
_DRAW_EVERY: Final = 0.25
_RETRY: Final = 0.1
_LOOK_EVERY: Final = 0.1
_STALL: Final = 0.25
"""Seconds by which we are late when the machine is too busy to judge clocks by."""
_LOOKS: Final = 3


@define(eq=False)
class Drill:
    """One drill on one server. `archived` gives a game's events out of the archive, None when it has none."""

    plan: Plan
    server: ServerProcess
    fuse: Fuse
    folder: Path
    registry: Registry
    clock: Clock
    score: Score
    evidence: Evidence
    screen: Screen
    archived: Callable[[str], tuple[Event, ...] | None]
    _crowd: Crowd = field(init=False)
    _twin: Twin = field(init=False)
    _began: float = field(factory=trio.current_time, init=False)
    _doing: str = field(default="starting the server", init=False)

    def __attrs_post_init__(self) -> None:
        self._crowd = Crowd(self.plan, self.score, self.clock, self._ready)
        self._twin = Twin(self.server, self.folder / "twin")

    async def run(self) -> None:
        """From the server's start to the last judgement; the server is left running. Violations are evidence; raises
        ServerFailed only when the server does not start for the first time."""
        (self.folder / "twin").mkdir(exist_ok=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_drawing)
            nursery.start_soon(self._notice_stalls)
            await self.server.start()
            # Not the server's own end of the world: the store may be killed, and the ledger waits for it.
            async with self.server.open_store() as redis:
                ledger = Ledger(redis, self.server.config.store.prefix, self.archived)
                tables = Tables(
                    self._crowd,
                    self.registry,
                    ledger,
                    self.evidence,
                    lambda: self.server.api,
                    self.server.token,
                    self._connector,
                )
                try:
                    await self._play(tables)
                    await self._judge_all(tables)
                except* (ServerFailed, NotBack) as group:
                    for error in leaves(group):
                        self.evidence.found(Violation(Promise.STUCK, "-", str(error)))
            nursery.cancel_scope.cancel()

    # ---- how players come to the server

    def _connector(self, user_id: str) -> Connector:
        async def connect() -> trio.abc.Stream:
            twin = self._twin.server
            server = twin if twin is not None and user_id in self._twin.guests else self.server
            return await server.connect()

        return connect

    async def _ready(self, player: Player) -> None:
        if player.user_id not in self._twin.guests:
            with trio.move_on_after(_RETRY):
                await self.server.wait_up()

    # ---- the games, and what is done to their server

    async def _play(self, tables: Tables) -> None:
        injector = Injector(self.server, self.fuse, self._twin, self._crowd, tables, self.evidence, self.clock)
        async with trio.open_nursery() as watching:
            watching.start_soon(self.server.watch)
            async with trio.open_nursery() as playing:
                for number in range(self.plan.games):
                    playing.start_soon(tables.keep, number)
                for blow in self.plan.blows():
                    if self._is_over(blow):
                        break
                    await self._strike(injector, blow)
                await injector.until_seated()
                await self._close(tables)
                if tables.live:
                    playing.cancel_scope.cancel()
            watching.cancel_scope.cancel()

    async def _close(self, tables: Tables) -> None:
        """The games under way come to their end, as far as they do in the time that there is for it."""
        self._doing = "playing the last games to their end"
        self.screen.say(
            f"{len(tables.live)} games are under way; they have {self.plan.closing:g} s to come to their end"
        )
        tables.closing = True
        with trio.move_on_after(self.plan.closing):
            await self._crowd.until(lambda: not tables.live)

    def _is_over(self, blow: Blow) -> bool:
        seconds = trio.current_time() - self._began
        return self.plan.is_over(kills=self.score.kills, blows=blow.number - 1, seconds=seconds)

    async def _strike(self, injector: Injector, blow: Blow) -> None:
        self._doing = "playing"
        wanted = self.score.actions + blow.after
        with trio.move_on_after(LONGEST_LULL):
            await self._crowd.until(lambda: self.score.actions >= wanted)
        self._doing = blow.name
        seconds = await injector.strike(blow)
        text = f"{blow.number:4} {blow.name}: "
        if blow.fault in KILLS:
            self.score.ready.append(seconds)
        text += f"{blow.share:.0%} of the players" if blow.fault is Fault.DROP else f"ready after {seconds:.2f} s"
        if not blow.at_once:
            began = trio.current_time()
            await injector.until_seated()
            text += f", all seated {trio.current_time() - began:.2f} s later"
        if blow.point is not None and injector.hit is None:
            text += " (the point was not reached in time)"
        self.screen.say(f"{text}; {self.score.actions:,} actions acknowledged")

    async def _notice_stalls(self) -> None:
        """Where we did not run, though we wanted to, the server may not have run either: whether its clock did then, is
        for nobody to say."""
        while True:
            before, at = trio.current_time(), self.clock.now()
            await trio.sleep(_LOOK_EVERY)
            if trio.current_time() - before > _LOOK_EVERY + _STALL:
                self.score.outages.append(Outage(at, self.clock.now(), certain=False))

    async def _keep_drawing(self) -> None:
        while True:
            self.screen.draw(self._doing, trio.current_time() - self._began)
            await trio.sleep(_DRAW_EVERY)

    # ---- the last judgement

    async def _judge_all(self, tables: Tables) -> None:
        """After one more kill, with nothing in memory: every game as it stands, the clocks, and what is served."""
        self._doing = "the last judgement"
        self.screen.say(f"the last judgement: one more kill, and every one of {len(tables.matches)} games as it stands")
        await self.server.kill()
        began = self.clock.now()
        await self.server.start()
        self.score.outages.append(Outage(began, self.clock.now(), certain=False))
        for match in tables.matches:
            if not match.digest:
                await tables.judge(match)
        unfinished = [match for match in tables.matches if not match.over]
        latest = [match for match in tables.matches if match.over][-LOOKED_AT:]
        limit = trio.CapacityLimiter(AT_A_TIME)
        async with trio.open_nursery() as nursery:
            for match in tables.matches:
                look = match in unfinished or match in latest
                nursery.start_soon(self._judge_at_the_end, match, tables, limit, look)
        for violation in fair_clocks(self.score.readings, self.score.outages):
            self.evidence.found(violation)

    async def _judge_at_the_end(self, match: Match, tables: Tables, limit: trio.CapacityLimiter, look: bool) -> None:
        async with limit:
            journal, archived = await tables.ledger.read(match.game_id)
            self.score.archived += archived
            # A game that is not over goes on: its turn clock may run.
            if digest(journal[: match.events]) != match.digest or (match.over and len(journal) != match.events):
                text = f"its journal has {len(journal)} events now, had {match.events}, and is another"
                self.evidence.found(Violation(Promise.LOST, match.game_id, text))
            if not look:
                return
            since = len(journal)
            finals = await self._look_at(match)
            journal, _ = await tables.ledger.read(match.game_id)
            truth = replayed(journal, self.registry)
            violations = [] if isinstance(truth, Violation) else [*rebuilt_is_served(finals, truth, since=since)]
            status = (await self.server.api.game(match.game_id))["status"]
            violations += can_end([Standing(match.game_id, status, _playable(finals))])
            if violations:
                self.evidence.of_game(match.game_id, match.diaries(), journal)
            for violation in violations:
                self.evidence.found(violation)

    async def _look_at(self, match: Match) -> list[Served]:
        """What its players and spectators are shown. Its turn clock may pass the turn on between two of them: then they
        look again."""
        finals: list[Served] = []
        for _ in range(_LOOKS):
            finals = [found for player in match.everybody if (found := await self._look(player)) is not None]
            if match.over or _playable(finals):
                break
        return finals

    async def _look(self, player: Player) -> Served | None:
        view: JsonObject | None = None
        try:
            async with open_client(self.server.connect, player.token) as client:
                view = await (client.spectate if player.watches else client.join)(player.game_id)
        except* (RequestFailed, ConnectionLost, OSError) as group:
            text = f"the game is not shown any more: {leaves(group)[0]}"
            self.evidence.found(Violation(Promise.REBUILT, player.game_id, text, player.user_id))
        return None if view is None else Served(None if player.watches else player.user_id, view)


def _playable(finals: Sequence[Served]) -> bool:
    """Whether one of the players was offered an action."""
    return any("legal_actions" in final.view for final in finals)
