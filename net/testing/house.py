"""The thin house: the real composition root, booted in-process, on simulated streams, in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from actors.ports import Archive, CrashPoints, NoCrashPoints
from actors.rules.registry import Registry
from net.app import App
from net.archive import directly, open_archive
from net.auth import Scope, Tokens
from net.client import Api, CroupierClient
from net.client.errors import leaves
from net.config import Config, Limits
from net.errors import StartError
from net.ownership import Replaced
from net.ports import Outside
from net.testing.determinism import determined
from net.testing.network import SimHost, SimNetwork
from net.testing.ports import SimClock, SimEntropy
from net.testing.redis import SimRedis
from net.testing.streams import Link
from net.testing.trace import Trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from actors.rules.interface import JsonObject

ADDRESS = "croupier"
"""Where the server listens on the simulated network."""

LINK = Link(latency=0.001)
"""What the network is like unless a test makes it another: a question and its answer take two milliseconds. In no time
at all, what came before and what came after could not be told apart."""

SECRETS = ("the secret of the house that is for tests alone",)
"""What tokens are signed with in the house."""

_TEN_YEARS = 10 * 365 * 86400.0
_STOPPING = 120.0
"""Virtual seconds that an orderly stop may take."""


class HouseError(Exception):
    """The house is used in a way it cannot be, or it has waited in vain."""


@frozen(eq=False)
class _Server:
    """One life of the server."""

    app: App
    host: SimHost
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    down: trio.Event = field(factory=trio.Event)
    """It was killed, or has ended."""


@define(eq=False)
class House:
    """A running server with all that it needs of the world, and the players who come to it. Made by `open_house`.

    `network` and `redis` have the faults: `house.redis.pause()`, `house.network.host("alice").cut()`. What is in the
    store and in the archive, the clock and the stream of entropy outlive the server.
    """

    config: Config
    registry: Registry
    entropy: SimEntropy
    archive: Archive
    """The history of ended games: a real one, in memory."""
    _nursery: trio.Nursery
    crash_points: CrashPoints = field(factory=NoCrashPoints)
    """Told of the moments of a commit; set, it counts from the next start of the server on."""
    store_config: Mapping[str, str] = field(factory=dict)
    """What the store is configured to, where that is not the default: `appendfsync`."""
    trace: Trace = field(factory=Trace)
    """What happens, in order; its digest is the same whenever the same happens."""
    clock: SimClock = field(factory=SimClock)
    network: SimNetwork = field(init=False)
    redis: SimRedis = field(init=False)
    api: Api = field(init=False)
    """The HTTP API, with a service token."""
    _tokens: Tokens = field(init=False)
    _lives: int = field(default=0, init=False)
    _server: _Server | None = field(default=None, init=False)
    _starting: _Server | None = field(default=None, init=False)
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def __attrs_post_init__(self) -> None:
        self.network = SimNetwork(LINK, self.trace)
        self.redis = SimRedis(self.network, self.clock, config=self.store_config)
        self._tokens = Tokens(SECRETS, self.config.auth.audience, self.clock)
        operator = self._tokens.issue("operator", Scope.SERVICE, _TEN_YEARS)
        self.api = Api(partial(self._connect, "operator"), operator)

    @property
    def app(self) -> App:
        """The server as it lives now. Raises HouseError when it is down."""
        if self._server is None:
            raise HouseError("the server is down: restart it first")
        return self._server.app

    # ---- who comes

    def token(self, user_id: str, *, scope: Scope = Scope.PLAYER, ttl: float = 86400.0) -> str:
        """A token of this user, good for `ttl` virtual seconds."""
        return self._tokens.issue(user_id, scope, ttl)

    async def player(
        self,
        user_id: str,
        *,
        token: str | None = None,
        record: bool = False,
        recovery: bool = False,
        pid: str | None = None,
        offset: str | None = None,
        recover: bool = False,
    ) -> CroupierClient:
        """Connects a player, from a host of the network that has the user's name. With `recover` it comes back by
        itself. Raises as `CroupierClient.connect_ws`."""
        return await CroupierClient.connect_ws(
            self._nursery,
            partial(self._connect, user_id),
            self.token(user_id) if token is None else token,
            recovery=recovery,
            pid=pid,
            offset=offset,
            recover=recover,
            record=record,
        )

    async def spectator(self, user_id: str, game_id: str, *, recover: bool = False) -> CroupierClient:
        """Connects somebody who watches this game. Raises as `player`, and RequestFailed when they may not."""
        client = await self.player(user_id, recover=recover)
        await client.spectate(game_id)
        return client

    async def new_game(
        self,
        rules: str,
        players: Sequence[str],
        *,
        options: JsonObject | None = None,
        turn_timeout_seconds: float | None = None,
        seed: str | None = None,
        spectators: str | None = None,
    ) -> str:
        """Makes a game through the API and returns its id."""
        return await self.api.create_game(
            rules,
            players,
            options=options,
            turn_timeout_seconds=turn_timeout_seconds,
            seed=seed,
            spectators=spectators,
        )

    # ---- the server's life

    async def crash(self) -> None:
        """Kills the server as `kill -9` does: nothing that it does from this moment on has an effect; the clients and
        the store get what it had sent, and then the end. What stands in the store stays. Raises HouseError when it is
        down."""
        if self._starting is None:
            self._up()
        self.kill()
        await trio.lowlevel.checkpoint()

    def kill(self) -> None:
        """The same, at once, from wherever it is called, also while the server starts: `start` then raises HouseError.
        What is left of it falls apart in its own time, and nobody hears of it. Nothing happens when it is down."""
        server = self._server if self._starting is None else self._starting
        if server is not None:
            self._server = None
            self.trace.did("house", f"kills {server.host.name}")
            server.host.die()
            server.scope.cancel()
            server.down.set()
            self._changed.unpark_all()

    async def until_down(self) -> None:
        """Returns when the server is down, whatever has ended it."""
        await trio.lowlevel.checkpoint()
        while self._server is not None or self._starting is not None:
            await self._changed.park()

    async def take_over(self) -> None:
        """Starts another server on the same store, as when an operator starts one too many. Who connects from now on
        comes to it; the former one is left to notice. Raises as `start`; HouseError when there is no former one."""
        former = self._up()
        self._server = None
        self.network.acceptors.pop(ADDRESS, None)  # none: the former one is at its end already
        self.trace.did("house", f"leaves {former.host.name} to itself")
        await self.start()

    async def advance(self, seconds: float) -> None:
        """Lets this much time go by."""
        await trio.sleep(seconds)

    async def stop(self) -> None:
        """Stops the server in order, as SIGTERM does. Raises HouseError when it is down, or does not stop."""
        server = self._up()
        server.app.stop()
        with trio.move_on_after(_STOPPING) as patience:
            await server.down.wait()
        if self._server is server:
            self._server = None
        server.host.die()
        if patience.cancelled_caught:
            server.scope.cancel()
            raise HouseError(f"the server was asked to stop, and has not in {_STOPPING:g} s")

    async def restart(self) -> None:
        """Starts the server again on the same store; stops it in order before that, if it is up."""
        if self._server is not None:
            await self.stop()
        await self.start()

    async def start(self) -> None:
        """Starts the server, and returns when players can connect. Raises what keeps it from starting."""
        if self._server is not None or self._starting is not None:
            raise HouseError("the server is up already")
        self._lives += 1
        host = self.network.host(f"server-{self._lives}")
        outside = Outside(
            clock=self.clock,
            entropy=self.entropy,
            connect_store=partial(host.connect, self.redis.address),
            acceptor=host.listen(ADDRESS),
            archive=self.archive,
            crash_points=self.crash_points,
        )
        server = self._starting = _Server(App(self.config, outside, SECRETS, self.registry), host)
        self.trace.did("house", f"starts {host.name}")
        try:
            await self._nursery.start(self._live, server)
        except BaseExceptionGroup as group:
            reasons, rest = group.split(StartError)
            if rest is not None or reasons is None:
                raise
            raise leaves(reasons)[0] from group
        finally:
            self._starting = None
            self._changed.unpark_all()
            if server.scope.cancel_called or not server.app.up:
                host.die()
        if server.scope.cancel_called:
            raise HouseError("the server was killed while it started")
        self._server = server

    async def _live(self, server: _Server, *, task_status: trio.TaskStatus[None]) -> None:
        up = False
        try:
            with server.scope:
                async with trio.open_nursery() as life:
                    await life.start(server.app.run)
                    up = True
                    task_status.started()
        except Exception as error:
            # The dead tell nobody: what goes wrong while a crashed server falls apart is of no account. And a server
            # that another one was started beside is to go.
            if not (server.scope.cancel_called or (up and _was_replaced(error))):
                raise
        finally:
            server.down.set()
            if self._server is server:
                self._server = None
                server.host.die()
            self._changed.unpark_all()
        if not up:  # it was killed
            task_status.started()

    def _up(self) -> _Server:
        if self._server is None:
            raise HouseError("the server is down already")
        return self._server

    async def _connect(self, name: str) -> trio.abc.Stream:
        return await self.network.host(name).connect(ADDRESS)


def _was_replaced(error: Exception) -> bool:
    found = leaves(error) if isinstance(error, ExceptionGroup) else [error]
    return all(isinstance(one, Replaced) for one in found)


def unhurried() -> Config:
    """The defaults, without the limits on how often and from where somebody comes: in virtual time everything happens
    at once."""
    return Config(limits=Limits().without_rates())


@asynccontextmanager
async def open_house(
    config: Config | None = None,
    registry: Registry | None = None,
    *,
    seed: int = 0,
    patience: float = 7200.0,
    store_config: Mapping[str, str] | None = None,
    trace: Trace | None = None,
) -> AsyncIterator[House]:
    """A house for the length of a block, its server up. At the end the server is stopped in order, if it is up.

    `registry` is by default what is installed; `store_config` what the store is configured to, beside the defaults
    (`{"appendfsync": "everysec"}`). Everything random follows from `seed`, the order in which tasks run too: twice the
    same block goes the same way, in whatever process, and leaves the same digest in `trace`. Needs Trio's MockClock
    with `autojump_threshold=0`; a block that lasts longer than `patience` virtual seconds waits for what never comes,
    and is ended with HouseError. Whatever is raised inside comes in an ExceptionGroup.
    """
    clock = trio.lowlevel.current_clock()
    if not (isinstance(clock, MockClock) and clock.autojump_threshold == 0):
        raise HouseError("the house needs virtual time: run it under trio.testing.MockClock(autojump_threshold=0)")
    with determined(seed):
        async with open_archive("sqlite://", run_sync=directly) as archive, trio.open_nursery() as nursery:
            house = House(
                config=unhurried() if config is None else config,
                registry=Registry.discover() if registry is None else registry,
                entropy=SimEntropy(seed),
                archive=archive,
                nursery=nursery,
                store_config={} if store_config is None else store_config,
                trace=Trace() if trace is None else trace,
            )
            nursery.start_soon(house.redis.run)
            nursery.start_soon(_lose_patience, patience)
            await house.start()
            yield house
            if house._server is not None:
                await house.stop()
            nursery.cancel_scope.cancel()


async def _lose_patience(seconds: float) -> None:
    await trio.sleep(seconds)
    raise HouseError(f"{seconds:g} virtual seconds went by: this waits for something that never comes")
