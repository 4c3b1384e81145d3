"""The composition root: every room of the house is built and joined here, for the real world and for the simulation
alike."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from actors.apart.rules import Apart
from actors.archivist import Archivist
from actors.attendance import Attendance
from actors.directory import Directory
from actors.faults import report
from actors.house import House
from actors.kit.supervisor import ChildSpec, DynamicSupervisor, Strategy, Supervisor
from actors.meter import Meter
from actors.ports import StoreUnavailable
from actors.presence import Patience
from actors.service_clock import ServiceClock
from actors.timers import Timers
from net.admin.api import AdminApi
from net.admin.games import SuspendedGames, with_suspended
from net.admin.inside import Inside
from net.admin.login import Login
from net.admin.page import AdminPage
from net.admin.service import AdminService
from net.api import Api
from net.auth import Tokens
from net.clock_store import RedisClockStore
from net.ended import RedisEnded
from net.front_door import FrontDoor
from net.history import History
from net.journal import RedisJournal
from net.limits import RequestLimits
from net.lobby import Lobby
from net.metrics import Metrics
from net.npc.company import Company
from net.npc.games import NpcGames
from net.ownership import Ownership, Replaced
from net.player_games import PlayerGames
from net.protocol import JsonEncoder
from net.recent_games import RecentGames
from net.redis import Redis
from net.router import Router
from net.running_games import RunningGames

if TYPE_CHECKING:
    from actors.kit.shelter import Shelter
    from actors.kit.tree import Node
    from actors.messages import GameCreated
    from actors.rules.registry import Registry
    from net.config import Config
    from net.ports import Outside

log = logging.getLogger("croupier.app")

LAST_POLLS = 2.0
"""Seconds that clients that poll have to fetch what waits for them when the server stops."""

ARCHIVE_EVERY = 5.0
"""Seconds between two looks for games that ended long enough ago to be archived."""

CLAIM_AGAIN = 0.1
"""Seconds between two tries to become the owner of the store's keys."""

RECONNECT_IN = 1.0
"""Seconds after which clients are asked to come back when the server stops."""


class App:
    """The server, from its first task to its last."""

    def __init__(self, config: Config, outside: Outside, secrets: tuple[str, ...], registry: Registry) -> None:
        self.config = config
        self._outside = outside
        thinker = outside.thinker(registry)  # which has the real rules where it is
        self.registry = registry = registry.with_native(lambda rules: Apart(rules, outside.rules_workers))
        self.tokens = Tokens(secrets, config.auth.audience, outside.clock)
        self.meter = Meter()
        self.store = self._build_store()
        prefix = config.store.prefix
        self._ownership = Ownership(prefix=prefix, entropy=outside.entropy, replaced=self._give_way)
        self._clock_store = RedisClockStore(self.store, self._ownership, prefix=prefix)
        self.service = ServiceClock(self._clock_store)
        self.npcs = Company(
            lambda: self.directory,
            thinker,
            NpcGames(self.store, prefix=prefix),
            outside.entropy,
            lambda error: self._router.failure_of(error),
            enabled=config.npc.processes > 0,
            pause=config.npc.pause,
            jitter=self._chance,
        )
        self.attendance = Attendance(
            self.service,
            JsonEncoder(),
            Patience(config.sessions.status_debounce, config.sessions.grace),
            self.npcs.plays,
        )
        self.timers = Timers(
            self.service, self._clock_store, lambda game_id: self.directory.expire(game_id), self.meter.late
        )
        journal = RedisJournal(self.store, self._ownership, prefix=prefix, entropy=outside.entropy)
        self.history = History(journal, outside.archive)
        self.archivist = self._build_archivist(registry)
        self._tables = DynamicSupervisor("tables", jitter=self._chance)
        self.directory = Directory(
            self._tables,
            self._build_house(registry),
            mailbox=config.limits.mailbox,
            passivate_after=config.games.passivate_after,
        )
        self._lobby = lobby = Lobby(
            config,
            self.store,
            self._ownership,
            self.directory,
            self.tokens,
            clock=outside.clock,
            service=self.service,
            entropy=outside.entropy,
            jitter=self._chance,
        )
        self.connections, self.records = lobby.connections, lobby.records
        self._router = router = Router(
            self.directory,
            outside.clock,
            outside.entropy,
            limits=RequestLimits.of(config.limits),
            pending_requests=config.limits.pending_requests,
            meter=self.meter,
        )
        self._admission = lobby.admission
        front = FrontDoor(
            config,
            outside.acceptor,
            outside.certificate,
            router=router,
            admission=lobby.admission,
            api=self._build_api(router, registry),
            entropy=outside.entropy,
            report=self._report,
        )
        self.engine, self._listener = front.engine, front.listener
        self.up = self.stopping = False
        self._claimed = self._replaced = False
        self._stop_listening = trio.Event()
        self.root = self._build_root()

    def _build_store(self) -> Redis:
        outside = self._outside
        return Redis(
            outside.connect_store,
            entropy=outside.entropy,
            setup=outside.setup,
            name=outside.store_name,
            crash_points=outside.crash_points,
            batches=self.meter.batch,
        )

    def _build_house(self, registry: Registry) -> House:
        outside, games, sessions = self._outside, self.config.games, self.config.sessions
        return House(
            self.history,
            registry,
            outside.clock,
            outside.entropy,
            JsonEncoder(),
            self.service,
            self.timers,
            self.attendance,
            max_events=games.max_events,
            snapshot_every=games.snapshot_every,
            reconnect_extension=sessions.reconnect_extension,
            extension_budget=sessions.extension_budget,
            abandon_after=games.abandon_after,
            crash_points=outside.crash_points,
            meter=self.meter,
            npcs=self.npcs,
        )

    def _build_archivist(self, registry: Registry) -> Archivist:
        outside = self._outside
        return Archivist(
            RedisEnded(self.store, self._ownership, prefix=self.config.store.prefix),
            self.history,
            outside.archive,
            registry,
            outside.clock,
            outside.entropy,
            outside.crash_points,
            after=self.config.games.archive_after,
            every=ARCHIVE_EVERY,
        )

    def _build_api(self, router: Router, registry: Registry) -> Api:
        outside, prefix = self._outside, self.config.store.prefix
        running = RunningGames(self.store, prefix=prefix)
        recent = RecentGames(self.store, self.history, registry, prefix)
        return Api(
            self.directory,
            registry,
            self.tokens,
            outside.entropy,
            router.failure_of,
            self.not_ready,
            history=self.history,
            archive=outside.archive,
            games_of=PlayerGames(running, recent, outside.archive),
            created=self._created,
        )

    def _created(self, game: GameCreated) -> None:
        self._lobby.created(game)
        self.npcs.summon(game.game_id, game.players)

    def _build_root(self) -> Supervisor:
        """The listener starts last and stops first, the store the other way round. Service time has been read before
        there are tables. What merely ticks is supervised apart: if one of those crashes, nobody's connection is the
        worse for it. The admin listener is there before everything else and after, to tell how that goes."""
        time = Supervisor("time", [ChildSpec(id="service clock", run=self.service.run)], max_restarts=30, within=60.0)
        tickers = Supervisor(
            "tickers",
            [
                ChildSpec(id="timers", run=self.timers.run),
                ChildSpec(id="attendance", run=self.attendance.run),
                ChildSpec(id="passivation", run=self.directory.passivate_idle),
                ChildSpec(id="archivist", run=self.archivist.run),
                ChildSpec(id="engine.io", run=self.engine.run),
            ],
            max_restarts=30,
            within=60.0,
        )
        listener = ChildSpec(
            id="listener",
            run=self._listen,
            ask_to_stop=lambda: self._stop_listening.set(),
            shutdown=20.0,
            start_timeout=10.0,
        )
        store = ChildSpec(id="store", run=self._keep_store, start_timeout=60.0)
        supervisors: list[Shelter] = [
            time,
            self._tables,
            tickers,
            self.npcs.supervisor,
            self.npcs.players,
            self._lobby.supervisor,
        ]
        self.inside = self._build_inside(supervisors)
        admin = self._build_admin(supervisors)
        root = Supervisor(
            "root",
            [
                *admin,
                *self._outside.services,
                store,
                time.as_child(),
                self._tables.as_child(),
                tickers.as_child(),
                self.npcs.as_child(),
                self._lobby.supervisor.as_child(),
                listener,
            ],
            strategy=Strategy.REST_FOR_ONE,
            jitter=self._chance,
        )
        supervisors.append(root)
        return root

    def _chance(self) -> float:
        """A number from 0 to below 1: tables that fail for one reason are not to try again in one moment."""
        return int.from_bytes(self._outside.entropy.bytes(2), "big") / 0x10000

    def _build_admin(self, supervisors: list[Shelter]) -> list[ChildSpec]:
        if self._outside.admin is None:
            return []
        routes = AdminApi(self._tree, supervisors, self._outside.clock).routes()
        Metrics(self.inside).routes(routes)
        pages = AdminPage(self.inside, Login(self.tokens), self._router.failure_of).routes()
        SuspendedGames(self.directory, self._router.failure_of).routes(routes)
        admin = AdminService(self._outside.admin, routes, self.tokens, self._report, pages=pages)
        supervisors.append(admin.supervisor)
        return [admin.as_child()]

    def _build_inside(self, supervisors: list[Shelter]) -> Inside:
        return Inside(
            self.config,
            self.meter,
            self.directory,
            self.connections,
            self._listener,
            self.store,
            self._outside.clock,
            tree=self._tree,
            supervisors=supervisors,
            not_ready=self.not_ready,
            draining=lambda: self.stopping,
            drain=self._outside.terminate or self.stop,
            journal=self.history,
            registry=self.registry,
            loaded=self._outside.loaded,
        )

    def _tree(self) -> Node:
        return with_suspended(self.root.node(), self.directory)

    async def run(self, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until `stop` is called; started with the address once clients can connect. Raises StartError when
        it cannot start, and Replaced after it has stopped because another server has taken its store over. Cancelled,
        it stops in order, within the shutdown times of its parts."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.root.run)
            self.up = True
            if self._outside.admin is not None:
                log.info("the admin listener is at %s", self._outside.admin.acceptor.address)
            task_status.started(self._outside.acceptor.address)
        if self._replaced:
            raise Replaced(
                f"another server was started on {self._outside.store_name} with the prefix {self.config.store.prefix},"
                " so this one has stopped: give each server a [store] prefix of its own"
            )

    def stop(self) -> None:
        """Asks for an orderly end: no new connections, the clients told, what is in hand finished."""
        if not self.stopping:
            self.meter.drains += 1
        self.stopping = True
        self.service.stand_still()
        self.root.request_stop()

    def not_ready(self) -> list[str]:
        """Why games cannot be served now; empty when they can."""
        reasons = []
        if not self.up:  # service time is being read, among other things
            reasons.append("the server is recovering")
        if not self.store.available:
            reasons.append("the store is not reachable")
        if self.stopping:
            reasons.append("the server is draining")
        return reasons

    async def _keep_store(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.store.run)
            if self._outside.inspect_store is not None:
                await self._outside.inspect_store(self.store)
            await self._claim_store()
            task_status.started()

    async def _claim_store(self) -> None:
        """Makes this server the owner of its keys, once in its life: again would take them back from a successor."""
        while not self._claimed:
            try:
                await self._ownership.claim(self.store)
            except StoreUnavailable:
                await self.store.wait_available()
                await trio.sleep(CLAIM_AGAIN)
            else:
                self._claimed = True

    def _give_way(self) -> None:
        """Another server owns the store's keys now: this one stops in order, so that its clients come to that one."""
        if not self._replaced:
            log.error("another server was started on %s; this one stops", self._outside.store_name)
        self._replaced = True
        if self.up and not self.stopping:
            self.stop()

    async def _listen(self, task_status: trio.TaskStatus[None]) -> None:
        self._stop_listening = trio.Event()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._listener.run)
            task_status.started()
            await self._stop_listening.wait()
            self._router.draining = True
            self._admission.close()
            await self.connections.close_all(RECONNECT_IN)
            self.engine.close_all()
            # A client that polls comes for its last words with a request of its own, perhaps on a new connection.
            with trio.move_on_after(LAST_POLLS):
                await self.engine.none_left()
            self._listener.stop_accepting()

    def _report(self, what: str, error: BaseException) -> str:
        """Logs a fault under an id of its own, and returns the id."""
        return report(self._outside.entropy, what, error)
