"""One connected client, whatever protocol it speaks: who it is, which game it follows, what it is owed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import trio
from attrs import frozen

from actors.messages import SessionReplaced
from actors.roll import Following
from net.outbox import Kind
from net.patching import Patching
from net.protocol import encode_failure, message_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from actors.failures import Failure
    from actors.messages import Push
    from net.auth import Claims
    from net.protocol import AckId, Request


_LAST_ANSWERS = 5.0
"""Seconds that a server that stops waits for the answers that it owes."""

_KINDS = {"game:state": Kind.STATE, "game:game_over": Kind.GAME_OVER}


class Channel(Protocol):
    """A client's protocol on its socket. Nothing here blocks but `close`, and nothing raises when the client is
    gone."""

    @property
    def gone(self) -> bool:
        """Whether nothing that is sent will arrive any more."""

    @property
    def last_seen(self) -> float:
        """When bytes last came in, on trio's clock."""

    def answer(self, ack: AckId, body: bytes) -> None:
        """Sends the answer to the request with this ack id; `body` is JSON."""

    def push(self, push: Push, kind: Kind, offset: str | None) -> None:
        """Sends a push of a game, encoded once for all channels of one protocol. With an offset, the client is told
        that it may go on from there."""

    def may_skip(self, game_id: str) -> bool:
        """Whether a live state of this game that is pushed now may take the place of one that the client has not been
        sent yet."""

    def notify(self, event: str, body: bytes) -> None:
        """Sends a push of the session itself; `body` is JSON."""

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is sent inside leaves in one write."""

    def ping(self) -> None:
        """Asks for a sign of life."""

    def drop(self) -> None:
        """Cuts the connection at once."""

    def cut_off(self) -> None:
        """Closes the connection of a client that floods, and reads nothing more of it."""

    def dismiss(self) -> None:
        """Puts the client out, after what was sent, in the way after which it does not come back by itself."""

    def evict(self) -> None:
        """Closes the connection without a word, because its client has another one."""

    async def close(self) -> None:
        """Ends the connection in an orderly way because the server stops; bounded in time."""


@frozen
class Followed:
    """A game that a session follows: `leave` takes it out of the audience because its user wants that, `drop` because
    the connection is gone."""

    following: Following
    leave: Callable[[], None]
    drop: Callable[[], None]


class Session:
    """A client's connection from its connect to its end. Tables see it as an Outlet, the supervisor of connections as a
    Connection.

    It follows one game at a time, as a player or as a spectator: joining another leaves the first. With `recovery`, its
    client is told where it stands with each state; if it asked for patches when it joined, it is sent them.
    """

    def __init__(
        self, claims: Claims, channel: Channel, *, recovery: bool = False, moved: Callable[[Session], None]
    ) -> None:
        """`moved` is called whenever the session follows another game, or none any more."""
        self.claims = claims
        self.recovery = recovery
        self.sid = ""
        """Its id, once it is admitted."""
        self.following: Following | None = None
        """The game that it follows; when it is over, the one that it followed last."""
        self._channel = channel
        self._moved = moved
        self.user_id = claims.user_id
        """Whose session this is."""
        self.pending = 0
        """How many requests wait for their answers."""
        self._nothing_pending: trio.Event | None = None
        self._joins = 0
        self._joining: dict[int, Following] = {}
        self._followed_by = 0
        self._followed: Followed | None = None
        self._patching: Patching | None = None
        self._welcomed = self._replaced = self._over = False

    # ---- towards the router

    def answer(self, request: Request, body: bytes) -> None:
        """Answers a request that succeeded; nothing is sent when no answer was wanted."""
        if request.ack is not None:
            self._channel.answer(request.ack, body)

    def fail(self, request: Request, failure: Failure) -> None:
        """Answers a request that failed: under its ack id, or without one as a push `error`."""
        body = encode_failure(failure, message_id_of(request.data))
        if request.ack is not None:
            self._channel.answer(request.ack, body)
        else:
            self._channel.notify("error", body)

    def cut_off(self) -> None:
        """Ends the connection of a client that floods; whoever reads it then ends the session."""
        self._channel.cut_off()

    def asks(self) -> None:
        """A request goes to a table: its answer comes later."""
        self.pending += 1

    def is_answered(self) -> None:
        """One of those is answered."""
        self.pending -= 1
        if not self.pending and self._nothing_pending is not None:
            self._nothing_pending.set()

    # ---- the game that it follows

    def next_join(self) -> int:
        """A number for a join: of several under way at once, the one that was asked last counts."""
        self._joins += 1
        return self._joins

    def joins(self, following: Following, number: int | None = None) -> int:
        """A table is asked to let this session follow a game; returns the number of that join."""
        number = self.next_join() if number is None else number
        self._joining[number] = following
        return number

    def join_failed(self, number: int) -> None:
        """The table has refused."""
        self._joining.pop(number, None)

    def follow(self, number: int, followed: Followed) -> bool:
        """The table has let it in. From now on this session is told of this game, and of no other: true; unless a later
        join was answered first, it has left meanwhile, or is over. To leave is not to resign."""
        wanted = self._joining.pop(number, None) is not None and number >= self._followed_by
        if self._over:
            followed.drop()
        elif not wanted:
            if self.following is None or self.following.game_id != followed.following.game_id:
                followed.leave()
        else:
            self._leave_for(followed)
            self._followed_by = number
        return wanted and not self._over

    def _leave_for(self, followed: Followed | None) -> None:
        former, self._followed = self._followed, followed
        following = None if followed is None else followed.following
        if former is not None and (following is None or former.following.game_id != following.game_id):
            former.leave()
        self.following = following
        self._patching = Patching() if following is not None and following.patches else None
        self._moved(self)

    def leave(self, following: Following) -> bool:
        """Leaves the game, or takes back a join of it that is under way; false: it does not follow it, in that role."""
        under_way = [number for number, joining in self._joining.items() if joining == following]
        for number in under_way:
            del self._joining[number]
        if self.following != following:
            return bool(under_way)
        self._leave_for(None)
        return True

    # ---- its beginning and its end

    def admitted(self, sid: str) -> None:
        """The supervisor of connections has let it in, under this id."""
        self.sid = sid

    def welcomed(self) -> None:
        """Its client was told that it is in."""
        self._welcomed = True
        if self._replaced:
            self._put_out()

    @property
    def awaits_welcome(self) -> bool:
        """Whether there is still somebody to be told that they are in: also one who was replaced meanwhile, and is told
        that next."""
        return not self._channel.gone and (self._replaced or not self._over)

    def replaced(self) -> None:
        """The user has connected elsewhere: the client is told so, and does not come back by itself."""
        self._replaced = True
        if self._welcomed:
            self._put_out()
        self.ended()

    def _put_out(self) -> None:
        self._channel.notify(SessionReplaced.event, b"{}")
        self._channel.dismiss()

    def evicted(self) -> None:
        """The client has come back on another connection: this one is closed without a word."""
        self.ended()
        self._channel.evict()

    @property
    def is_over(self) -> bool:
        """Whether it has ended: its client is gone, or was replaced."""
        return self._over

    def ended(self) -> None:
        """The connection is over; no game tells this session anything any more. Idempotent."""
        self._over = True
        self._joining.clear()
        followed, self._followed = self._followed, None
        if followed is not None:
            followed.drop()

    # ---- as an Outlet

    @property
    def gone(self) -> bool:
        """Whether nothing that is handed over will arrive any more."""
        return self._over or self._channel.gone

    def push(self, push: Push) -> None:
        """Sends a push of the game that this session follows; of another, it comes too late and is dropped."""
        body, following = push.body, None if self._over else self.following
        if following is not None and not isinstance(body, SessionReplaced) and body.game_id == following.game_id:
            if self._patching is not None:
                push = self._patching.next(push, whole=self._channel.may_skip(body.game_id))
            self._send(push, _KINDS.get(body.event, Kind.OTHER))

    def replay(self, pushes: Sequence[Push]) -> None:
        """Sends pushes of which none may be skipped for a newer one: what the client missed."""
        for push in pushes:
            if self._patching is not None:
                self._patching.next(push, whole=True)
            self._send(push, Kind.GAME_OVER if push.body.event == "game:game_over" else Kind.OTHER)

    def _send(self, push: Push, kind: Kind) -> None:
        self._channel.push(push, kind, push.offset if self.recovery else None)

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is answered and pushed inside leaves in one write."""
        return self._channel.in_one_send()

    # ---- as a Connection

    @property
    def last_seen(self) -> float:
        """When bytes last came in, on trio's clock."""
        return self._channel.last_seen

    def ping(self) -> None:
        """Asks the client for a sign of life."""
        self._channel.ping()

    def drop(self) -> None:
        """Cuts the connection at once; the task that reads it then ends the session."""
        self._channel.drop()

    def notify(self, event: str, body: bytes) -> None:
        """Sends a push that concerns the user, not the game that is followed."""
        if self._welcomed and not self._over:
            self._channel.notify(event, body)

    def say_goodbye(self, reconnect_in: float) -> None:
        """Tells the client that the server stops, and when to come back."""
        self._channel.notify("server:draining", b'{"reconnect_in":%g}' % reconnect_in)

    async def close(self) -> None:
        """Ends the connection because the server stops, once what it has asked is answered; bounded in time."""
        with trio.move_on_after(_LAST_ANSWERS):
            while self.pending:
                self._nothing_pending = trio.Event()
                await self._nothing_pending.wait()
        await self._channel.close()
