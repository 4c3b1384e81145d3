"""One player of the house in one game: an actor that asks its table as any session does, and sees what any session in
its seat would be sent.

It comes when the table says that there may be something to do (`Npcs.summon`), stays as long as things happen, and goes
when nothing has for a while: nobody waits for it then but the table, which calls it again.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import orjson
import trio
from attrs import define, field, frozen

from actors.bots.players import CannotChoose
from actors.bots.sight import Sight
from actors.failures import Code, Failure
from actors.kit.actor import Actor, ActorError, AskTimeout, Ref
from actors.kit.supervisor import SupervisorStopped
from actors.messages import DrawOffered, GameOver, Push, Sealed, View
from actors.ports import GameNotFound
from actors.standing import Status
from actors.table_messages import Act, Draw, Join, Resign
from net.client.errors import RequestFailed
from net.client.play import Decide, Leave, Look, Pause, Seat, Send, Wait
from net.protocol import encode_failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from actors.kit.timers import Timer
    from actors.rules.interface import JsonObject
    from net.npc.company import Company

log = logging.getLogger("croupier.npc")

_ANSWER_TIMEOUT: Final = 30.0
_REST_AFTER: Final = 30.0
"""Seconds without anything to do after which the player leaves the table."""

_FIRST_RETRY: Final = 1.0
_MOST_RETRIES: Final = 6
"""How often a player that the server refuses comes again, after growing pauses, before it waits to be called."""

_REMEMBERED: Final = 200
"""Views that a player keeps of a game whose rules imagine no positions."""


@frozen
class Go:
    """There may be something to do."""


@frozen
class Rest:
    """Nothing has happened for a while, if nothing has since."""

    event_id: int


Message = Go | Rest


@define(eq=False)
class Ear:
    """The outlet of a player: keeps what it is told until it is listened to, and says that there is something. Once the
    player has left (`gone`), `called` says whether it is wanted again."""

    ref: Ref[Message]
    gone: bool = False
    called: bool = False
    heard: list[Push] = field(factory=list)

    def push(self, push: Push) -> None:
        """See `Outlet`."""
        if not self.heard:
            self.wake()
        self.heard.append(push)

    def wake(self) -> None:
        """Has the player look whether there is something to do."""
        try:
            self.ref.tell(Go())
        except ActorError:
            log.debug("%s has enough to do, or is gone", self.ref)

    def in_one_send(self) -> AbstractContextManager[None]:
        """See `Outlet`."""
        return nullcontext()


class NpcPlayer(Actor[Message]):
    """One incarnation. A crash costs it what it remembers, and no more: it joins again and sees where the game is."""

    def __init__(self, company: Company, ear: Ear, game_id: str, user_id: str, kind: str) -> None:
        self._company = company
        self._ear = ear
        self._game_id = game_id
        self._user_id = user_id
        self._kind = kind
        self._retries = 0
        self._views: dict[int, JsonObject] = {}
        self._deciding = self._acted = 0
        self._draw_offered = False
        self._resting: Timer | None = None
        self._begin()

    def _begin(self) -> None:
        self._seat = Seat(self._game_id, None, self._message_ids())

    def _message_ids(self) -> Iterator[str]:
        # Two decisions at one event are never both applied, whatever was crashed or lost in between.
        while True:
            yield f"npc-{self._deciding}"

    async def start(self) -> None:
        """Begins by looking where the game is."""
        self._ear.gone = False
        self.after(0, Go())

    async def stop(self) -> None:
        """Follows the game no more."""
        self._ear.gone = True
        self._company.directory.leave(self._game_id, self._ear)

    def _leave(self) -> None:
        """Follows the game no more, and ends when what waits in the mailbox, which is old news, has been thrown away.
        Whoever calls from now on calls the next one."""
        self._ear.gone = True
        self._company.directory.leave(self._game_id, self._ear)
        self.finish()

    async def handle(self, message: Message) -> object:
        """Does what there is to be done, one request after the other."""
        self._listen()
        if self._ear.gone or (isinstance(message, Rest) and self._is_idle_since(message.event_id)):
            self._leave()
            return None
        try:
            await self._go()
        except RequestFailed as failed:
            self._refused(failed)
        return None

    async def _go(self) -> None:
        while True:
            if self._draw_offered and (seen := self._seat.view) is not None:
                await self._answer_draw(seen)
            match self._seat.next():
                case Look():
                    await self._look()
                case Decide(view):
                    await self._decide(view)
                case Send() as send:
                    await self._send(send)
                case Pause(seconds):
                    self.after(seconds, Go())
                    return
                case Wait() if (unlisted := self._unlisted()) is not None:
                    await self._decide(unlisted)
                case Wait():
                    self._rest_later()
                    return
                case Leave():
                    self._leave()
                    return
            self._listen()

    # ---- what it hears

    def _listen(self) -> None:
        heard, self._ear.heard = self._ear.heard, []
        for push in heard:
            match push.body.event:
                case View.event:
                    self._saw(orjson.loads(push.json))
                case GameOver.event:
                    self._seat.over(orjson.loads(push.json))
                case DrawOffered.event:
                    self._draw_offered = True
                case _:
                    pass

    def _saw(self, view: JsonObject) -> None:
        self._seat.saw(view)
        if not self._company.thinker.imagines(view["rules"], view["rules_version"]):
            self._views[view["event_id"]] = view["state"]

    def _past(self, event_id: int) -> tuple[JsonObject, ...]:
        """What it saw before this event, from the first on; nothing, if it has not seen all of it."""
        if event_id > _REMEMBERED or any(number not in self._views for number in range(1, event_id)):
            return ()
        return tuple(self._views[number] for number in range(1, event_id))

    def _is_idle_since(self, event_id: int) -> bool:
        return self._resting is not None and self._newest() == event_id and isinstance(self._seat.next(), Wait)

    def _unlisted(self) -> JsonObject | None:
        """The view in which it is to act, and is not told what there is to choose from."""
        view = self._seat.view
        if view is None or view["event_id"] <= self._acted or "legal_actions" in view:
            return None
        return view if self._user_id in view["to_act"] else None

    def _newest(self) -> int:
        view = self._seat.view
        return 0 if view is None else view["event_id"]

    def _rest_later(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
        self._resting = self.after(_REST_AFTER, Rest(self._newest()))

    # ---- what it does

    async def _look(self) -> None:
        answer = await self._ask(Join(self._user_id, self._ear, 0))
        for missed in answer.pop("missed", ()):
            self._saw(missed)
        if answer["success"]:
            self._saw(answer)
        self._seat.looked(answer)

    async def _decide(self, view: JsonObject) -> None:
        company, event_id = self._company, view["event_id"]
        began = trio.current_time()
        sight = Sight.of(view, self._user_id, self._past(event_id))
        try:
            decision = await company.thinker.decide(self._kind, sight, company.entropy.bytes(16))
            action: JsonObject | None = decision.action
        except CannotChoose as error:
            log.warning("%s resigns game %s: %s", self._user_id, self._game_id, error)
            action = None
        await trio.sleep_until(began + company.pause)
        self._listen()
        self._deciding = event_id
        self._seat.decided(view, action)

    async def _answer_draw(self, view: JsonObject) -> None:
        """Takes the draw that it was offered, or declines it. Whatever it is answered: the game goes on, or is over."""
        self._draw_offered = False
        company = self._company
        sight = Sight.of(view, self._user_id, self._past(view["event_id"]))
        takes = await company.thinker.takes_draw(self._kind, sight, company.entropy.bytes(16))
        answer = await self._ask(Draw(self._user_id, self._ear, "accept" if takes else "decline"))
        log.debug("%s takes a draw in game %s: %s (%s)", self._user_id, self._game_id, takes, answer["success"])
        self._listen()

    async def _send(self, send: Send) -> None:
        user_id, ear, message_id = self._user_id, self._ear, send.message_id
        match send.action:
            case None:
                answer = await self._ask(Resign(user_id, ear, message_id))
            case str(move):
                answer = await self._ask(Draw(user_id, ear, move, message_id))
            case action:
                answer = await self._ask(Act(user_id, ear, action, message_id))
        self._seat.answered(answer)
        if answer["success"]:
            self._retries = 0
            self._acted = answer["event_id"] - 1

    async def _ask(self, message: Join | Act | Resign | Draw) -> JsonObject:
        """The answer, as it would come over the wire."""
        try:
            answer = await self._company.directory.table(self._game_id).ask(message, timeout=_ANSWER_TIMEOUT)
        except AskTimeout:
            answer = Failure(Code.UNAVAILABLE, "the table does not answer")
        except ActorError as error:
            answer = self._company.failure_of(error)
        except GameNotFound:
            answer = Failure(Code.GAME_NOT_FOUND, "there is no such game")
        except SupervisorStopped:
            answer = Failure(Code.DRAINING, "the server is stopping")
        found: JsonObject = orjson.loads(answer.json if isinstance(answer, Sealed) else encode_failure(answer, ""))
        if not found["success"] and _is_suspended(RequestFailed(found)):
            raise RequestFailed(found)  # not to be tried again and again, as what is merely unavailable is
        return found

    def _refused(self, failed: RequestFailed) -> None:
        """No other try at once will do better. It looks again later, some times, and decides anew by what it then sees;
        or waits to be called: who goes on with a suspended game wakes its table, and that calls."""
        self._begin()
        self._retries += 1
        if failed.code == Code.GAME_NOT_FOUND or _is_suspended(failed) or self._retries > _MOST_RETRIES:
            log.info("%s leaves game %s until it is called again: %s", self._user_id, self._game_id, failed)
            self._leave()
            return
        self.after(_FIRST_RETRY * 2 ** (self._retries - 1), Go())


def _is_suspended(failed: RequestFailed) -> bool:
    return failed.details.get("status") == Status.SUSPENDED
