"""A player that picks at random, and comes back when the connection is lost."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import trio
from attrs import define, field

from actors.rules.interface import JsonObject
from net.client import Choose, ConnectionLost, Connector, CroupierClient, Seat
from net.client.play import Leave, Look, Pause, Send, Wait
from net.demo.facts import Answered, Came, Dropped
from net.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from net.client import Ending
    from net.demo.facts import Fact

CONNECT_TIMEOUT: Final = 10.0
RETRY: Final = 0.05
"""Seconds between two tries to connect."""

PATIENCE: Final = 90.0
"""Seconds for which a robot tries to come into the game; longer than a server may take to start."""

_NEVER: Final = "a push that no server sends"


class ShutOut(StartError):
    """A player has tried for long to come into the game, and cannot."""


class Company(Protocol):
    """Those a robot plays with: told of what it does, and asked to wait."""

    def tell(self, fact: Fact) -> None:
        """Takes notice of this."""

    def shown(self, robot: Robot, view: JsonObject) -> None:
        """Takes notice of what this robot was shown."""

    async def think(self, view: JsonObject) -> None:
        """Returns when the player who was shown this, and is to act, may."""


@define(eq=False)
class Robot:
    """One player of one game, on as many connections as it takes."""

    user_id: str
    game_id: str
    token: str
    connect: Connector
    choose: Choose
    company: Company
    view: JsonObject | None = field(default=None, init=False)
    """The newest view of the game that it was shown."""
    joined: int = field(default=0, init=False)
    """How many times it has come into the game."""
    _tried: set[str] = field(factory=set, init=False)
    _seat: Seat = field(init=False)
    _outside_since: float = field(factory=trio.current_time, init=False)

    def __attrs_post_init__(self) -> None:
        self._seat = Seat(self.game_id, self.choose, (f"m{n}" for n in itertools.count(1)))

    @property
    def event_id(self) -> int:
        """The newest event that it was shown; 0 before the first."""
        return self.view["event_id"] if self.view is not None else 0

    async def play(self) -> Ending:
        """Plays to the end. Raises ShutOut, and in a group RequestFailed for a refusal that no other try will mend."""
        while True:
            joined = self.joined
            try:
                async with trio.open_nursery() as nursery:
                    ending = await self._play_on_one_connection(nursery)
                    nursery.cancel_scope.cancel()
            except* (ConnectionLost, OSError, trio.TooSlowError):
                self.company.tell(Dropped(self.user_id))
                self._seat.lost()
                self._keep_patience(came_in=self.joined > joined)
                await trio.sleep(RETRY)
            else:
                return ending

    def _keep_patience(self, *, came_in: bool) -> None:
        now = trio.current_time()
        if came_in:
            self._outside_since = now
        elif now - self._outside_since > PATIENCE:
            raise ShutOut(f"{self.user_id} cannot come into the game: for {PATIENCE:g} s no connection has held")

    async def _play_on_one_connection(self, nursery: trio.Nursery) -> Ending:
        with trio.fail_after(CONNECT_TIMEOUT):
            client = await CroupierClient.connect_ws(nursery, self.connect, self.token)
        try:
            return await self._play(client)
        finally:
            client.drop()

    async def _play(self, client: CroupierClient) -> Ending:
        while True:
            match self._seat.next():
                case Look():
                    await self._join(client)
                case Send(action, message_id):
                    await self._act(client, action, message_id)
                case Pause(seconds):
                    await trio.sleep(seconds)
                case Leave(ending):
                    return ending
                case Wait():
                    push = await client.next_push()
                    if push.event == "game:state":
                        self._shown(push.data)
                        self._seat.saw(push.data)
                    elif push.event == "game:game_over":
                        self._seat.over(push.data)

    async def _join(self, client: CroupierClient) -> None:
        answer = await client.request("game:join", {"game_id": self.game_id})
        if answer["success"]:
            self.joined += 1
            self.company.tell(Came(self.user_id))
            self._shown(answer)
        self._seat.looked(answer)

    async def _act(self, client: CroupierClient, action: JsonObject, message_id: str) -> None:
        if message_id not in self._tried and self.view is not None:
            await _while_connected(client, partial(self.company.think, self.view))
        self._tried.add(message_id)
        sent_at = trio.current_time()
        data = {"game_id": self.game_id, "action": action, "message_id": message_id}
        answer = await client.request("game:action", data)
        if answer["success"]:
            took = trio.current_time() - sent_at
            self.company.tell(Answered(self.user_id, message_id, took, answer))
        self._seat.answered(answer)

    def _shown(self, view: JsonObject) -> None:
        self.view = view
        self.company.shown(self, view)


async def _while_connected(client: CroupierClient, wait: Callable[[], Awaitable[None]]) -> None:
    """Waits; raises ConnectionLost, in a group, as soon as there is no connection any more."""

    async def notice_the_end() -> None:
        await client.next_push(_NEVER)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(notice_the_end)
        await wait()
        nursery.cancel_scope.cancel()
