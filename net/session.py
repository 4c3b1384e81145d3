"""One connected client, whatever protocol it speaks: who it is, which game it follows, what it is owed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from net.protocol import Request, encode_failure, message_id_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from actors.failures import Failure
    from actors.messages import Push
    from net.auth import Claims
    from net.protocol import AckId


_LAST_ANSWERS = 5.0
"""Seconds that a server that stops waits for the answers that it owes."""


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

    def push(self, push: Push) -> None:
        """Sends a push of a game, encoded once for all channels of one protocol."""

    def notify(self, event: str, body: bytes) -> None:
        """Sends a push of the session itself; `body` is JSON."""

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is sent inside leaves in one write."""

    def ping(self) -> None:
        """Asks for a sign of life."""

    def drop(self) -> None:
        """Cuts the connection at once."""

    async def close(self) -> None:
        """Ends the connection in an orderly way because the server stops; bounded in time."""


class Session:
    """A client's connection from its accepted connect to its end. Tables see it as an Outlet, the connection
    supervisor as a Connection.

    It follows one game at a time: joining another leaves the first.
    """

    def __init__(self, sid: str, claims: Claims, channel: Channel) -> None:
        self.sid = sid
        self.claims = claims
        self._pending = 0
        self._nothing_pending = trio.Event()
        self._channel = channel
        self._joins = 0
        self._followed_by = 0
        self._game_id: str | None = None
        self._leave: Callable[[], None] | None = None
        self._over = False

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

    def refuse(self, failure: Failure, ack: AckId | None) -> None:
        """Answers what could not even be read as a request."""
        self.fail(Request("", None, ack), failure)

    @property
    def pending(self) -> int:
        """How many requests wait for their answers."""
        return self._pending

    def asks(self) -> None:
        """A request goes to a table: its answer comes later."""
        self._pending += 1

    def is_answered(self) -> None:
        """One of those is answered."""
        self._pending -= 1
        if not self._pending:
            self._nothing_pending.set()

    def next_join(self) -> int:
        """A number for a join: of several under way at once, the one that was asked last counts."""
        self._joins += 1
        return self._joins

    def follow(self, join: int, game_id: str, leave: Callable[[], None]) -> None:
        """This session is told of this game from now on, and of no other; unless a later join was answered first.
        `leave` takes it out of the game's audience. To leave is not to resign."""
        if join < self._followed_by:
            leave()
            return
        if game_id != self._game_id and self._leave is not None:
            self._leave()
        self._followed_by, self._game_id, self._leave = join, game_id, leave

    def ended(self) -> None:
        """The connection is over; no game tells this session anything any more."""
        self._over = True
        leave, self._game_id, self._leave = self._leave, None, None
        if leave is not None:
            leave()

    # ---- as an Outlet

    @property
    def gone(self) -> bool:
        """Whether nothing that is handed over will arrive any more."""
        return self._over or self._channel.gone

    def push(self, push: Push) -> None:
        """Sends a push of the game that this session follows; of another, it comes too late and is dropped."""
        if push.body.game_id == self._game_id:
            self._channel.push(push)

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is answered and pushed inside leaves in one write."""
        return self._channel.in_one_send()

    # ---- as a Connection

    @property
    def user_id(self) -> str:
        """Whose session this is."""
        return self.claims.user_id

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

    def say_goodbye(self, reconnect_in: float) -> None:
        """Tells the client that the server stops, and when to come back."""
        self._channel.notify("server:draining", b'{"reconnect_in":%g}' % reconnect_in)

    async def close(self) -> None:
        """Ends the connection because the server stops, once what it has asked is answered; bounded in time."""
        with trio.move_on_after(_LAST_ANSWERS):
            while self._pending:
                self._nothing_pending = trio.Event()
                await self._nothing_pending.wait()
        await self._channel.close()
