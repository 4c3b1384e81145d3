"""A person at a table: what is shown, what is asked, and what is sent. The terminal is behind two functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from attrs import define, field
from rich.text import Text

from actors.rules.interface import JsonObject
from net.client import CroupierClient
from net.client.errors import ConnectionLost, leaves
from net.client.play import Decide, Leave, Look, Pause, Seat, Send, Wait
from net.terminal import typed
from net.terminal.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from net.client.play import Ending

Ask: TypeAlias = Callable[[str], Awaitable[str | None]]
"""Asks the person for a line; None: there will be no more. It can be cancelled, and loses no line by it."""

_PATIENCE: Final = 60.0
"""Seconds for which a lost server is tried again."""
_RETRY: Final = 0.5


class Left(Exception):
    """The person has left the table, and may come back."""


@define(eq=False)
class Sitting:
    """Plays one game to its end. `connect` gives a fresh connection."""

    game_id: str
    picture: Picture
    connect: Callable[[], Awaitable[CroupierClient]]
    show: Callable[[list[Text]], None]
    ask: Ask
    _seat: Seat = field(init=False)
    _shown: int = field(default=0, init=False)
    _deciding: int = field(default=0, init=False)
    _last: JsonObject | None = field(default=None, init=False)
    _asking: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._seat = Seat(self.game_id, None, self._message_ids())

    def _message_ids(self) -> Iterator[str]:
        # What is decided at an event counts once, also for whoever leaves and comes back.
        while True:
            yield f"played-{self._deciding}"

    async def play(self) -> Ending:
        """Returns how the game ended. Raises Left; ConnectionLost when the server is gone and does not come back; and
        RequestFailed for a refusal that no other try will mend."""
        client = await self.connect()
        while True:
            try:
                return await self._play_on(client)
            except ConnectionLost:
                self.show([Text("the connection is gone; trying again", style="red")])
            self._seat.lost()
            client = await self._connect_again()

    async def _connect_again(self) -> CroupierClient:
        give_up = trio.current_time() + _PATIENCE
        while True:
            try:
                return await self.connect()
            except (OSError, ConnectionLost):
                if trio.current_time() > give_up:
                    raise ConnectionLost(reason="the server does not come back") from None
            await trio.sleep(_RETRY)

    async def _play_on(self, client: CroupierClient) -> Ending:
        seat = self._seat
        while True:
            match seat.next():
                case Look():
                    answer = await client.request("game:join", {"game_id": self.game_id})
                    if answer["success"]:
                        self._saw(answer)
                    seat.looked(answer)
                case Decide(view):
                    await self._decide(client, view)
                case Send() as send:
                    await self._send(client, send)
                case Pause(seconds):
                    await trio.sleep(seconds)
                case Wait():
                    await self._listen(client)
                case Leave(ending):
                    if self._last is not None:
                        self.show([Text(), *self.picture.board(self._last), self.picture.ending(self._last)])
                    return ending

    async def _send(self, client: CroupierClient, send: Send) -> None:
        answer = await client.request(*send.request(self.game_id))
        if not answer["success"]:
            self.show([Text(f"  {answer['error']['message']}", style="red")])
        self._seat.answered(answer)

    # ---- what is seen

    async def _listen(self, client: CroupierClient) -> None:
        push = await client.next_push()
        if push.data.get("game_id") != self.game_id:
            return
        match push.event:
            case "game:state":
                self._saw(push.data)
            case "game:game_over":
                if self._last is not None:
                    self._last = {**self._last, **push.data, "state": push.data["final_state"]}
                self._seat.over(push.data)
            case "game:draw_offered":
                self.show([Text("  a draw is offered, which this terminal cannot answer", style="dim")])

    def _saw(self, view: JsonObject) -> None:
        known = self._seat.view
        if known is not None and view["event_id"] <= known["event_id"]:
            return  # a join is answered, and then told the same
        self._seat.saw(view)
        self._last = view
        if view["event_id"] > self._shown:
            if self._shown and (news := self.picture.happened(view)):
                self.show([Text(), *news] if self._asking else news)
            self._shown = view["event_id"]

    # ---- what is decided

    async def _decide(self, client: CroupierClient, view: JsonObject) -> None:
        """Asks what to do, while what happens meanwhile is shown; if that changes what can be done, it asks again."""
        self.show([Text(), *self.picture.board(view), Text(), *self.picture.actions(view)])
        try:
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    action = await self._choice(view)
                    self._deciding = view["event_id"]
                    self._seat.decided(view, action)
                    nursery.cancel_scope.cancel()

                async def watch() -> None:
                    while self._seat.view is view:
                        await self._listen(client)
                        if isinstance(self._seat.next(), Leave):
                            break
                    nursery.cancel_scope.cancel()

                nursery.start_soon(ask)
                nursery.start_soon(watch)
        except BaseExceptionGroup as group:
            raise _the_reason(group) from None
        finally:
            self._asking = False

    async def _choice(self, view: JsonObject) -> JsonObject | None:
        """The action that the person chooses; None to resign. Raises Left."""
        legal: list[JsonObject] = view["legal_actions"]
        while True:
            self._asking = True
            line = await self.ask(f"your action, 1 to {len(legal)}, or help: ")
            self._asking = False
            if line is None:
                raise Left
            match typed.read(line, len(legal)):
                case typed.Number(number):
                    return legal[number - 1]
                case typed.Help():
                    self.show([Text(f"  {one}") for one in typed.HELP.splitlines()])
                case typed.Board():
                    self.show([Text(), *self.picture.board(view), Text(), *self.picture.actions(view)])
                case typed.About(name):
                    said = self.picture.about(name, view) or f"nothing is known of {name!r}"
                    self.show([Text(f"  {said}", style="italic")])
                case typed.Resign():
                    sure = await self.ask("give the game up? yes or no: ")
                    if sure is not None and sure.strip().lower() in ("y", "yes"):
                        return None
                case typed.Quit():
                    raise Left
                case typed.Misread(why):
                    self.show([Text(f"  {why}", style="red")])


def _the_reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What it ended with: the first that is no cancellation, if there is one."""
    _, others = group.split(trio.Cancelled)
    return group if others is None else leaves(others)[0]
