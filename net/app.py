"""The composition root: every room of the house is built and joined here, for the real world and for the simulation
alike."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio
from attrs import field, frozen

from actors.connections import Connections
from actors.directory import Directory
from actors.faults import report
from actors.kit.supervisor import ChildSpec, DynamicSupervisor, Strategy, Supervisor
from actors.ports import Clock, Entropy
from actors.rules.registry import Registry
from actors.table import House
from net.admission import Admission
from net.api import Api
from net.auth import Tokens, secret_for
from net.http import HttpLimits
from net.journal import RedisJournal
from net.listener import Acceptor, Listener, ListenerLimits, bind
from net.outside import SystemClock, SystemEntropy
from net.plain_socket import PlainSocket
from net.protocol import SUBPROTOCOL, JsonEncoder
from net.redis import Redis
from net.redis_url import RedisUrl
from net.router import Router
from net.valkey import EmbeddedValkey
from net.websocket import SocketLimits, SocketRoutes

if TYPE_CHECKING:
    from net.config import Config
    from net.http import Request, Response
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

RECONNECT_IN = 1.0
"""Seconds after which clients are asked to come back when the server stops."""


@frozen
class Outside:
    """All that the server needs of the world: the real one, or a simulated one."""

    clock: Clock
    entropy: Entropy
    connect_store: Callable[[], Awaitable[trio.abc.Stream]]
    acceptor: Acceptor
    services: tuple[ChildSpec, ...] = ()
    """What must run before the store can be reached: the embedded Valkey."""
    store_name: str = "the embedded store"
    setup: tuple[tuple[str, ...], ...] = ()
    """Commands that go first on each connection to the store."""
    inspect_store: Callable[[Redis], Awaitable[None]] | None = field(default=None)
    """Looks at the store once it answers; raises StartError to refuse it."""


class App:
    """The server, from its first task to its last."""

    def __init__(self, config: Config, outside: Outside, secrets: tuple[str, ...], registry: Registry) -> None:
        self._config = config
        self._outside = outside
        self.tokens = Tokens(secrets, config.auth.audience, outside.clock)
        self.store = Redis(outside.connect_store, entropy=outside.entropy, setup=outside.setup, name=outside.store_name)
        journal = RedisJournal(self.store, prefix=config.store.prefix, entropy=outside.entropy)
        house = House(
            journal, registry, outside.clock, outside.entropy, JsonEncoder(), max_events=config.games.max_events
        )
        self._tables = DynamicSupervisor("tables")
        self.directory = Directory(
            self._tables, house, mailbox=config.limits.mailbox, passivate_after=config.games.passivate_after
        )
        self.connections = Connections(
            ping_interval=config.sessions.ping_interval, ping_timeout=config.sessions.ping_timeout
        )
        self._router = router = Router(
            self.directory, outside.clock, outside.entropy, pending_requests=config.limits.pending_requests
        )
        self._admission = admission = Admission(self.connections, self.tokens, outside.entropy)
        self.engine = self._build_engine(router, admission)
        self._listener = self._build_listener(router, admission, registry)
        self.up = self.stopping = False
        self._stop_listening = trio.Event()
        self.root = self._build_root()

    def _build_engine(self, router: Router, admission: Admission) -> EngineServer:
        sessions, limits = self._config.sessions, self._config.limits
        config = EngineConfig(
            ping_interval=sessions.ping_interval,
            ping_timeout=sessions.ping_timeout,
            max_payload=min(limits.max_message_bytes, limits.http_body_bytes),
            max_backlog=limits.outbox_bytes,
            max_sessions=limits.max_connections,
        )
        above = SocketIo(router, admission, sessions.connect_timeout).above
        return EngineServer(config, self._outside.entropy, above)

    def _build_listener(self, router: Router, admission: Admission, registry: Registry) -> Listener:
        limits, outside = self._config.limits, self._outside
        api = Api(self.directory, registry, self.tokens, outside.entropy, router.failure_of, self.not_ready)
        plain = PlainSocket(router, admission, self._config.sessions.connect_timeout, limits.max_message_bytes)
        cors = Cors(self._config.server.allowed_origins)
        sockets = SocketRoutes()
        sockets.add("/ws", plain.serve, subprotocol=SUBPROTOCOL)
        routes = api.routes()
        routes.add("GET", "/ws", sockets.upgrade_required)

        async def respond(request: Request) -> Response:
            return await (self.engine.respond if request.path in ENGINE_PATHS else routes)(request)

        def upgrade(request: Request) -> Response | Accept:
            if (refused := cors.refuse(request)) is not None:
                return refused
            return self.engine.upgrade(request) if request.path in ENGINE_PATHS else sockets(request)

        return Listener(
            outside.acceptor,
            respond=cors.around(respond),
            upgrade=upgrade,
            limits=ListenerLimits(
                max_connections=limits.max_connections,
                outbox_bytes=limits.outbox_bytes,
                http=HttpLimits(limits.http_head_bytes, limits.http_body_bytes, limits.http_timeout, ENGINE_PATHS),
                socket=SocketLimits(limits.max_message_bytes),
            ),
            report=self._report,
        )

    def _build_root(self) -> Supervisor:
        """The listener starts last and stops first, the store the other way round. What merely ticks is supervised
        apart: if one of those crashes, nobody's connection is the worse for it."""
        tickers = Supervisor(
            "tickers",
            [
                ChildSpec(id="passivation", run=self.directory.passivate_idle),
                ChildSpec(id="heartbeat", run=self.connections.heartbeat),
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
        return Supervisor(
            "root",
            [*self._outside.services, store, self._tables.as_child(), tickers.as_child(), listener],
            strategy=Strategy.REST_FOR_ONE,
        )

    async def run(self, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serves until `stop` is called; started with the address once clients can connect. Raises StartError when
        it cannot start. Cancelled, it stops in order, within the shutdown times of its parts."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.root.run)
            self.up = True
            task_status.started(self._outside.acceptor.address)

    def stop(self) -> None:
        """Asks for an orderly end: no new connections, the clients told, what is in hand finished."""
        self.stopping = True
        self.root.request_stop()

    def not_ready(self) -> list[str]:
        """Why games cannot be served now; empty when they can."""
        reasons = []
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
            task_status.started()

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


async def serve_forever(config: Config, *, announce: Callable[[str], None]) -> None:
    """Serves on the real world until SIGTERM or SIGINT; a second signal ends it at once. `announce` is given the URL
    when clients can connect. Raises StartError, alone or in a group, when it cannot start."""
    clock, entropy = SystemClock(), SystemEntropy()
    with DataDirectory(config.server.data_dir).lock() as data:
        secrets = secret_for(config, data.path, entropy)
        acceptor = await bind(config.server.host, config.server.port)
        app = App(config, _the_world(config, data, clock, entropy, acceptor), secrets, Registry.discover())
        async with trio.open_nursery() as signals:
            await signals.start(_stop_on_signal, app, signals.cancel_scope)
            async with trio.open_nursery() as serving:
                announce(f"http://{await serving.start(app.run)}")
            signals.cancel_scope.cancel()


def _the_world(config: Config, data: DataDirectory, clock: Clock, entropy: Entropy, acceptor: Acceptor) -> Outside:
    if config.store.redis_url:
        url = RedisUrl.parse(config.store.redis_url)
        return Outside(
            clock,
            entropy,
            url.connect,
            acceptor,
            store_name=url.shown,
            setup=url.setup,
            inspect_store=_check_durability,
        )
    valkey = EmbeddedValkey(data, entropy=entropy, durability=config.store.durability)
    # A store with much to load takes its time, and one with much to write out at the end, too.
    keeper = ChildSpec(id="valkey", run=valkey.run, start_timeout=600.0, shutdown=30.0)
    return Outside(clock, entropy, valkey.connect, acceptor, services=(keeper,))


async def _check_durability(store: Redis) -> None:
    durability = await check_external(store)
    log.info("the store keeps what it acknowledges: appendfsync is %s", durability)


async def _stop_on_signal(
    app: App, everything: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """The first signal asks for an orderly end, the second takes what is left down at once."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            if app.stopping or not app.up:
                log.warning("%s: ending at once", signal.Signals(number).name)
                everything.cancel()
                return
            log.info("%s: stopping; once more ends at once", signal.Signals(number).name)
            app.stop()
