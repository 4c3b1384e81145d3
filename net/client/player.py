"""A player who does not give up: comes back when the connection is lost, sends again what was not answered, and plays
the game to its end. The demo shows such players, and the drill keeps a record of what they saw."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from actors.rules.interface import JsonObject
from net.client.carriers import Over
from net.client.errors import ConnectionLost
from net.client.play import Choose, Leave, Look, Pause, Respond, Seat, Send, Wait
from net.client.streams import Connector
from net.client.websocket import CroupierClient
from net.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from net.client.play import Ending
    from net.client.websocket import PushMessage

CONNECT_TIMEOUT: Final = 30.0
ANSWER_TIMEOUT: Final = 60.0
"""Seconds after which a connection on which a request stays without an answer is given up."""

RETRY: Final = 0.05
"""Seconds between two tries to connect."""

PATIENCE: Final = 240.0
"""Seconds for which a player tries to come into the game; longer than a server may take to start."""

_NEVER: Final = "a push that no server sends"


class ShutOut(StartError):
    """A player has tried for long to come into the game, and cannot."""


class How(enum.Enum):
    """How a view came: as the answer to a join, among what that answer says was missed, or live."""

    JOINED = enum.auto()
    MISSED = enum.auto()
    LIVE = enum.auto()


class Company:
    """Those that a player plays with: told of what it does and sees, and asked to wait. All of these do nothing."""

    async def ready(self, player: Player) -> None:
        """Returns when it is worth while for the player to connect."""

    def entered(self, player: Player) -> None:
        """The player is connected."""

    def came(self, player: Player) -> None:
        """The player is in the game, for the first time or again."""

    def dropped(self, player: Player) -> None:
        """The player's connection is gone, or there was none to be had."""

    def asking(self, player: Player, move: Look | Send) -> None:
        """The player sends this request now."""

    def answered(self, player: Player, move: Look | Send, answer: JsonObject, seconds: float) -> None:
        """The request got this answer, so many seconds after it was sent."""

    def shown(self, player: Player, view: JsonObject, how: How) -> None:
        """The player was shown this view."""

    def over(self, player: Player, data: JsonObject) -> None:
        """The player was told how the game ended."""

    async def think(self, player: Player, view: JsonObject) -> None:
        """Returns when the player who was shown this, and is to act, may."""

    def again(self, player: Player) -> Sequence[Send]:
        """What the player is to send once more, now that it is back, though it was answered."""
        return ()


@define(eq=False)
class Player:
    """One player of one game, on as many connections as it takes. With `resume` it asks for what it missed; with
    `watches` it is none of the players, and looks on until the game is over."""

    user_id: str
    game_id: str
    token: str = field(repr=False)
    connect: Connector
    choose: Choose
    company: Company
    message_ids: Iterator[str] = field(factory=lambda: (f"m{n}" for n in itertools.count(1)), repr=False)
    resume: bool = False
    over: Over = Over.PLAIN
    """Which way it connects."""
    respond: Respond = field(default=lambda: None, repr=False)
    watches: bool = False
    received: list[str | bytes] | None = field(default=None, repr=False)
    """Where every message that came on a connection is kept when that is over, if that is wanted."""
    view: JsonObject | None = field(default=None, init=False, repr=False)
    """The newest view of the game that it was shown."""
    client: CroupierClient | None = field(default=None, init=False)
    """Its connection, while there is one."""
    joined: int = field(default=0, init=False)
    """How many times it has come into the game."""
    connections: int = field(default=0, init=False)
    """How many times it has connected."""
    _tried: set[str] = field(factory=set, init=False, repr=False)
    _seat: Seat = field(init=False, repr=False)
    _outside_since: float = field(factory=trio.current_time, init=False)

    def __attrs_post_init__(self) -> None:
        self._seat = Seat(self.game_id, self.choose, self.message_ids, self.respond)

    @property
    def event_id(self) -> int:
        """The newest event that it was shown; 0 before the first."""
        return self.view["event_id"] if self.view is not None else 0

    def hang_up(self) -> None:
        """Cuts the connection, if there is one; the player comes back."""
        if self.client is not None:
            self.client.drop()

    async def play(self) -> Ending:
        """Plays to the end. Raises ShutOut, and in a group RequestFailed for a refusal that no other try will mend."""
        while True:
            await self.company.ready(self)
            joined = self.joined
            try:
                async with trio.open_nursery() as nursery:
                    ending = await self._play_on_one_connection(nursery)
                    nursery.cancel_scope.cancel()
            except* (ConnectionLost, OSError, trio.TooSlowError):
                self.company.dropped(self)
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
            client = await CroupierClient.connect(
                nursery, self.connect, self.token, over=self.over, record=self.received is not None
            )
        self.client = client
        self.connections += 1
        self.company.entered(self)
        try:
            return await self._play(client)
        finally:
            self.client = None
            if self.received is not None:
                self.received += client.received
            client.drop()

    async def _play(self, client: CroupierClient) -> Ending:
        while True:
            match self._seat.next():
                case Look():
                    await self._join(client)
                case Send() as send:
                    await self._act(client, send)
                case Pause(seconds):
                    await trio.sleep(seconds)
                case Leave(ending):
                    return ending
                case Wait():
                    self._pushed(await client.next_push())

    def _pushed(self, push: PushMessage) -> None:
        if push.data.get("game_id") != self.game_id:
            return
        if push.event == "game:state":
            self._shown(push.data, How.LIVE)
            if not push.data["game_over"]:  # else the final word must follow
                self._seat.saw(push.data)
        elif push.event == "game:game_over":
            self.company.over(self, push.data)
            self._seat.over(push.data)
        elif push.event == "game:draw_offered":
            self._seat.draw_offered()

    async def _join(self, client: CroupierClient) -> None:
        data: JsonObject = {"game_id": self.game_id}
        if self.resume and self.view is not None and not self.watches:
            data["last_event_id"] = self.view["event_id"]
        answer = await self._ask(client, Look(), "game:spectate" if self.watches else "game:join", data)
        if answer["success"]:
            for missed in answer.get("missed", ()):
                self._shown(missed, How.MISSED)
            self._shown(answer, How.JOINED)
            self.joined += 1
            self.company.came(self)
            for send in self.company.again(self):
                await self._ask(client, send, *send.request(self.game_id))
            if (unanswered := self._seat.unanswered) is not None:  # when the game is over, too: it may have ended it
                await self._act(client, unanswered)
        self._seat.looked(answer)

    async def _act(self, client: CroupierClient, send: Send) -> None:
        if send.message_id not in self._tried and self.view is not None:
            await _while_connected(client, partial(self.company.think, self, self.view))
        self._tried.add(send.message_id)
        self._seat.answered(await self._ask(client, send, *send.request(self.game_id)))

    async def _ask(self, client: CroupierClient, move: Look | Send, event: str, data: JsonObject) -> JsonObject:
        sent_at = trio.current_time()
        self.company.asking(self, move)
        with trio.fail_after(ANSWER_TIMEOUT):
            answer = await client.request(event, data)
        # What came before the answer is noticed before it, though nobody waited for it.
        while (push := client.take_push(before=client.latest_answer)) is not None:
            self._pushed(push)
        self.company.answered(self, move, answer, trio.current_time() - sent_at)
        return answer

    def _shown(self, view: JsonObject, how: How) -> None:
        self.view = view
        self.company.shown(self, view, how)


async def _while_connected(client: CroupierClient, wait: Callable[[], Awaitable[None]]) -> None:
    """Waits; raises ConnectionLost, in a group, as soon as there is no connection any more."""

    async def notice_the_end() -> None:
        await client.next_push(_NEVER)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(notice_the_end)
        await wait()
        nursery.cancel_scope.cancel()
