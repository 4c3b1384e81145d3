"""The composition root: every room of the house is built and joined here, for the real world and for the simulation
alike."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio
from attrs import evolve, field, frozen

from actors.archivist import Archivist
from actors.attendance import Attendance
from actors.directory import Directory
from actors.faults import report
from actors.house import House
from actors.kit.supervisor import ChildSpec, DynamicSupervisor, Strategy, Supervisor
from actors.kit.watchdog import StallWatch
from actors.kit.watchdog_stop import LastResort
from actors.ports import Archive, Clock, CrashPoints, Entropy, NoCrashPoints, StoreUnavailable
from actors.presence import Patience
from actors.rules.registry import Registry
from actors.service_clock import ServiceClock
from actors.timers import Timers
from net.admin.api import AdminApi
from net.admin.door import Door, open_door
from net.admin.service import AdminService
from net.api import Api
from net.archive import archive_url, open_when_needed
from net.auth import Tokens, secret_for
from net.certificates import Certificate
from net.clock_store import RedisClockStore, Replaced
from net.collector import spare_what_is_there
from net.ended import RedisEnded
from net.forwarded import TrustedProxies
from net.gate import Gate
from net.history import History
from net.http import HttpLimits, Response
from net.journal import RedisJournal
from net.limits import RequestLimits
from net.listener import Acceptor, Listener, ListenerLimits, bind
from net.lobby import Lobby
from net.outside import SystemClock, SystemEntropy
from net.plain_socket import PlainSocket
from net.player_games import PlayerGames
from net.protocol import SUBPROTOCOL, JsonEncoder
from net.recent_games import RecentGames
from net.redis import Redis
from net.redis_url import RedisUrl
from net.router import Router
from net.running_games import RunningGames
from net.valkey import EmbeddedValkey
from net.websocket import SocketLimits, SocketRoutes

if TYPE_CHECKING:
    from actors.kit.shelter import Shelter
    from net.admission import Admission
    from net.config import Config
    from net.http import Request
    from net.websocket import Accept
from net.cors import Cors
from net.data_directory import DataDirectory
from net.durability import check_external
from net.engineio_packets import EngineConfig
from net.engineio_server import EngineServer
from net.socketio_client import SocketIo

log = logging.getLogger("croupier.app")

ENGINE_PATHS = frozenset({"/socket.io/", "/socket.io"})
"""Where Engine.IO is spoken. Clients ask for the first; some proxies cut the slash off."""

LAST_POLLS = 2.0
"""Seconds that clients that poll have to fetch what waits for them when the server stops."""

ARCHIVE_EVERY = 5.0
"""Seconds between two looks for games that ended long enough ago to be archived."""

CLAIM_AGAIN = 0.1
"""Seconds between two tries to become the owner of the store's keys."""

RECONNECT_IN = 1.0
"""Seconds after which clients are asked to come back when the server stops."""


@frozen
class Outside:
    """All that the server needs of the world: the real one, or a simulated one."""

    clock: Clock
    entropy: Entropy
    connect_store: Callable[[], Awaitable[trio.abc.Stream]]
    acceptor: Acceptor
    archive: Archive
    """The history of ended games, open."""
    services: tuple[ChildSpec, ...] = ()
    """What must run before the store can be reached: the embedded Valkey."""
    store_name: str = "the embedded store"
    setup: tuple[tuple[str, ...], ...] = ()
    """Commands that go first on each connection to the store."""
    inspect_store: Callable[[Redis], Awaitable[None]] | None = field(default=None)
    """Looks at the store once it answers; raises StartError to refuse it."""
    admin: Door | None = None
    """Where an operator comes in; None: nowhere."""
    certificate: Certificate | None = None
    """What players are spoken TLS with; None: they are spoken to in the clear."""
    crash_points: CrashPoints = field(factory=NoCrashPoints)
    """The moments at which a drill may end the process."""


class App:
    """The server, from its first task to its last."""

    def __init__(self, config: Config, outside: Outside, secrets: tuple[str, ...], registry: Registry) -> None:
        self.config = config
        self._outside = outside
        self.tokens = Tokens(secrets, config.auth.audience, outside.clock)
        self.store = self._build_store()
        self._clock_store = RedisClockStore(
            self.store, prefix=config.store.prefix, entropy=outside.entropy, replaced=self._give_way
        )
        self.service = ServiceClock(self._clock_store)
        self.attendance = Attendance(
            self.service, JsonEncoder(), Patience(config.sessions.status_debounce, config.sessions.grace)
        )
        self.timers = Timers(self.service, self._clock_store, lambda game_id: self.directory.expire(game_id))
        journal = RedisJournal(self.store, prefix=config.store.prefix, entropy=outside.entropy)
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
        )
        self._gate = Gate(config.limits)
        self._admission = admission = lobby.admission
        self.engine = self._build_engine(router, admission)
        self._listener = self._build_listener(router, admission, registry)
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
        )

    def _build_archivist(self, registry: Registry) -> Archivist:
        outside = self._outside
        return Archivist(
            RedisEnded(self.store, prefix=self.config.store.prefix),
            self.history,
            outside.archive,
            registry,
            outside.clock,
            outside.entropy,
            outside.crash_points,
            after=self.config.games.archive_after,
            every=ARCHIVE_EVERY,
        )

    def _build_engine(self, router: Router, admission: Admission) -> EngineServer:
        sessions, limits = self.config.sessions, self.config.limits
        config = EngineConfig(
            ping_interval=sessions.ping_interval,
            ping_timeout=sessions.ping_timeout,
            max_payload=min(limits.max_message_bytes, limits.http_body_bytes),
            max_backlog=limits.outbox_bytes,
            max_sessions=limits.max_connections,
            max_sessions_per_address=limits.connections_per_address,
        )
        above = SocketIo(router, admission, sessions.connect_timeout).above
        return EngineServer(config, self._outside.entropy, above, refuse=self._gate.refuse)

    def _build_listener(self, router: Router, admission: Admission, registry: Registry) -> Listener:
        limits, outside = self.config.limits, self._outside
        prefix = self.config.store.prefix
        running = RunningGames(self.store, prefix=prefix)
        recent = RecentGames(self.store, self.history, registry, prefix)
        api = Api(
            self.directory,
            registry,
            self.tokens,
            outside.entropy,
            router.failure_of,
            self.not_ready,
            history=self.history,
            archive=outside.archive,
            games_of=PlayerGames(running, recent, outside.archive),
            created=self._lobby.created,
        )
        plain = PlainSocket(router, admission, self.config.sessions.connect_timeout, limits.max_message_bytes)
        cors = Cors(self.config.server.allowed_origins)
        sockets = SocketRoutes()
        sockets.add("/ws", plain.serve, subprotocol=SUBPROTOCOL)
        routes = api.routes()
        routes.add("GET", "/ws", sockets.upgrade_required)

        async def respond(request: Request) -> Response:
            return await (self.engine.respond if request.path in ENGINE_PATHS else routes)(request)

        def upgrade(request: Request) -> Response | Accept:
            if (refused := cors.refuse(request)) is not None:
                return refused
            if request.path in ENGINE_PATHS:
                return self.engine.upgrade(request)
            decision = sockets(request)
            return decision if isinstance(decision, Response) else self._gate.refuse(request) or decision

        return Listener(
            outside.acceptor,
            respond=cors.around(self._gate.around(respond)),
            upgrade=upgrade,
            limits=ListenerLimits(
                max_connections=limits.max_connections,
                connections_per_address=limits.connections_per_address,
                outbox_bytes=limits.outbox_bytes,
                handshake_timeout=limits.handshake_timeout,
                http=HttpLimits(limits.http_head_bytes, limits.http_body_bytes, limits.http_timeout, ENGINE_PATHS),
                socket=SocketLimits(limits.max_message_bytes, handshake_timeout=limits.handshake_timeout),
            ),
            report=self._report,
            proxies=TrustedProxies.parse(self.config.server.trusted_proxies),
            certificate=outside.certificate,
        )

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
        supervisors: list[Shelter] = [time, self._tables, tickers, self._lobby.supervisor]
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
        api = AdminApi(lambda: self.root.node(), supervisors, self._outside.clock)
        admin = AdminService(self._outside.admin, api, self.tokens, self._report)
        supervisors.append(admin.supervisor)
        return [admin.as_child()]

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
        self.stopping = True
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
                await self._clock_store.claim()
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


async def serve_forever(
    config: Config, *, announce: Callable[[str], None], crash_points: CrashPoints | None = None
) -> None:
    """Serves on the real world until SIGTERM or SIGINT; a second signal ends it at once. `announce` is given the URL
    when clients can connect; at `crash_points` a drill may end it. Raises StartError, alone or in a group, when it
    cannot start."""
    clock, entropy = SystemClock(), SystemEntropy()
    with DataDirectory(config.server.data_dir).lock() as data:
        secrets = secret_for(config, data.path, entropy)
        certificate = Certificate.configured(config.server)
        acceptor = await bind(config.server.host, config.server.port)
        door = await open_door(config.admin.listen, data.path)
        async with open_when_needed(archive_url(config.archive.url, data.path)) as archive:
            outside = evolve(
                _the_world(config, data, clock, entropy, acceptor, archive), admin=door, certificate=certificate
            )
            if crash_points is not None:
                outside = evolve(outside, crash_points=crash_points)
            await _serve(App(config, outside, secrets, Registry.discover()), announce, certificate)


async def _serve(app: App, announce: Callable[[str], None], certificate: Certificate | None) -> None:
    last_resort = LastResort(app.config.server.stop_within, app.root.node)
    try:
        async with trio.open_nursery() as signals:
            await signals.start(StallWatch(app.config.limits.stall_after).run)
            await signals.start(_stop_on_signal, app, signals.cancel_scope, last_resort)
            if certificate is not None:
                await signals.start(_reload_on_signal, certificate)
            async with trio.open_nursery() as serving:
                address = await serving.start(app.run)
                spare_what_is_there()
                announce(f"{'http' if certificate is None else 'https'}://{address}")
            signals.cancel_scope.cancel()
    finally:
        last_resort.disarm()


def _the_world(
    config: Config, data: DataDirectory, clock: Clock, entropy: Entropy, acceptor: Acceptor, archive: Archive
) -> Outside:
    if config.store.redis_url:
        url = RedisUrl.parse(config.store.redis_url)
        return Outside(
            clock,
            entropy,
            url.connect,
            acceptor,
            archive,
            store_name=url.shown,
            setup=url.setup,
            inspect_store=_check_durability,
        )
    valkey = EmbeddedValkey(data, entropy=entropy, durability=config.store.durability)
    # A store with much to load takes its time, and one with much to write out at the end, too.
    keeper = ChildSpec(id="valkey", run=valkey.run, start_timeout=600.0, shutdown=30.0)
    return Outside(clock, entropy, valkey.connect, acceptor, archive, services=(keeper,))


async def _check_durability(store: Redis) -> None:
    durability = await check_external(store)
    log.info("the store keeps what it acknowledges: appendfsync is %s", durability)


async def _stop_on_signal(
    app: App,
    everything: trio.CancelScope,
    last_resort: LastResort,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """The first signal asks for an orderly end, the second takes what is left down at once; from the first on the end
    is bounded in time."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            last_resort.arm()
            if app.stopping or not app.up:
                log.warning("%s: ending at once", signal.Signals(number).name)
                everything.cancel()
                return
            log.info("%s: stopping; once more ends at once", signal.Signals(number).name)
            app.stop()


async def _reload_on_signal(
    certificate: Certificate, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """SIGHUP says that the certificate was renewed. Without TLS it ends the process, as always."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            certificate.reload()
