"""The demo itself: a game from its first event to its last, with the server's death in the middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import trio
from attrs import define, field

from actors.rules.interface import JsonObject
from net.auth import Scope
from net.client import Api, ApiFailed, Company, Ending, Player
from net.client.play import Send
from net.demo.facts import Answered, Came, Dropped, Finished, Killed, Proved, Saw, Serving, Tick
from net.demo.plan import CannotPlay, Plan
from net.demo.proof import Proof, audit, same_hands
from net.demo.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.events import Event
    from net.client.play import Look
    from net.client.player import How
    from net.demo.facts import Fact

FRAME: Final = 0.05
"""Seconds between two pictures."""

REST: Final = 6
"""How many times a player's thinking all rest when the proof has just been shown, so that it can be read."""


class Server(Protocol):
    """A server that may be killed and started again, as the demo needs it."""

    @property
    def pid(self) -> int:
        """The id of its process, while it runs."""

    @property
    def address(self) -> str:
        """`HOST:PORT`; the same in all its lives."""

    async def connect(self) -> trio.abc.Stream:
        """A fresh stream to it. Raises OSError while it is down."""

    def token(self, user_id: str, scope: Scope) -> str:
        """A token that it accepts, in all its lives."""

    async def start(self) -> None:
        """Starts it; returns when it listens. Raises ServerFailed."""

    async def kill(self) -> None:
        """kill -9; returns when it is dead."""

    async def journal(self, game_id: str) -> Sequence[Event]:
        """What stands in its store of this game, read past the server."""


@define(eq=False)
class Stage(Company):
    """Plays the plan on this server, and hands each picture of it to `show`. `pace` is how many seconds a player
    thinks."""

    plan: Plan
    server: Server
    scene: Scene
    show: Callable[[Scene], None]
    pace: float
    game_id: str = field(default="", init=False)
    robots: list[Player] = field(factory=list, init=False)
    acknowledged: dict[tuple[str, str], JsonObject] = field(factory=dict, init=False)
    """The answer to each action, by player and message id."""
    _began: float = field(factory=trio.current_time, init=False)
    _news: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _go_on: trio.Event = field(factory=trio.Event, init=False)
    _endings: list[Ending] = field(factory=list, init=False)

    async def play(self) -> None:
        """From the server's start to the last word; the server is left running. Raises ServerFailed,
        CannotPlay, alone or in a group."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_showing)
            await self._start_server()
            await self._seat_players()
            if self.plan.kill_after is not None:
                nursery.start_soon(self._kill_it, self.plan.kill_after)
            async with trio.open_nursery() as game:
                for robot in self.robots:
                    game.start_soon(self._play_to_the_end, robot)
            events = await self.server.journal(self.game_id)
            nursery.cancel_scope.cancel()
        self.tell(Finished(self._endings[0], audit(self.acknowledged, events)))
        self.show(self.scene)

    # ---- what the robots tell and ask

    def tell(self, fact: Fact) -> None:
        """Takes notice of this; it is shown with the next frame."""
        if isinstance(fact, Answered):
            self.acknowledged[fact.player, fact.message_id] = fact.answer
        self.scene = self.scene.after(fact, trio.current_time() - self._began)
        self._news.unpark_all()

    def came(self, player: Player) -> None:
        """See `Company`."""
        self.tell(Came(player.user_id))

    def dropped(self, player: Player) -> None:
        """See `Company`."""
        self.tell(Dropped(player.user_id))

    def answered(self, player: Player, move: Look | Send, answer: JsonObject, seconds: float) -> None:
        """See `Company`."""
        if isinstance(move, Send) and answer["success"]:
            self.tell(Answered(player.user_id, move.message_id, seconds, answer))

    def shown(self, player: Player, view: JsonObject, how: How) -> None:
        """See `Company`; the watchers see what the first of them sees."""
        if player is self.robots[0]:
            self.tell(Saw(view))
        self._news.unpark_all()

    async def think(self, player: Player, view: JsonObject) -> None:
        """Thinks, and nobody plays before all sit. At the event after which the server is to be killed, also waits
        until that has happened."""
        await trio.sleep(self.pace)
        await self._until(lambda: all(robot.event_id for robot in self.robots))
        if self.plan.kill_after is not None and view["event_id"] >= self.plan.kill_after:
            await self._go_on.wait()

    # ---- the course of it

    async def _start_server(self) -> None:
        started_at = trio.current_time()
        await self.server.start()
        self.tell(Serving(self.server.pid, self.server.address, trio.current_time() - started_at))

    async def _seat_players(self) -> None:
        plan = self.plan
        api = Api(self.server.connect, self.server.token("demo", Scope.SERVICE))
        try:
            self.game_id = await api.create_game(plan.rules, plan.players, options=plan.options, seed=plan.seed)
        except ApiFailed as failed:
            raise CannotPlay(f"the server does not make this game: {failed.message}") from None
        for seat, player in enumerate(plan.players):
            token = self.server.token(player, Scope.PLAYER)
            self.robots.append(Player(player, self.game_id, token, self.server.connect, plan.chooser(seat), self))

    async def _play_to_the_end(self, robot: Player) -> None:
        self._endings.append(await robot.play())

    async def _kill_it(self, event_id: int) -> None:
        """Kills the server when everybody has seen this event, starts it again, and looks whether anything is lost."""
        await self._until(lambda: all(robot.event_id >= event_id for robot in self.robots))
        before = {robot.user_id: robot.view for robot in self.robots if robot.view is not None}
        joined = {robot.user_id: robot.joined for robot in self.robots}
        last, killed_at = max(robot.event_id for robot in self.robots), trio.current_time()
        self.tell(Killed(self.server.pid, last))
        await self.server.kill()
        await self._start_server()
        await self._until(lambda: all(robot.joined > joined[robot.user_id] for robot in self.robots))
        back_after = trio.current_time() - killed_at
        after = {robot.user_id: robot.view for robot in self.robots if robot.view is not None}
        found = audit(self.acknowledged, await self.server.journal(self.game_id))
        self.tell(Proved(Proof(last, back_after, same_hands(before, after), found)))
        await trio.sleep(REST * self.pace)
        self._go_on.set()

    async def _until(self, come_true: Callable[[], bool]) -> None:
        while not come_true():
            await self._news.park()

    async def _keep_showing(self) -> None:
        # Not with each fact: to draw takes longer than the server does, and would be taken for its latency.
        while True:
            self.tell(Tick())
            self.show(self.scene)
            await trio.sleep(FRAME)
