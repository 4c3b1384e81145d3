"""How a client gets in: its connect data, whatever protocol brought it, becomes a session; and how it leaves."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
from attrs import field, frozen

from actors.connections import Connections
from actors.ports import Entropy
from net.auth import Scope, Tokens
from net.outside import new_id, new_token
from net.protocol import ConnectAnswer, ConnectRequest, parse
from net.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from net.session import Channel


class Closed(Exception):
    """The server stops, and lets nobody in any more."""


@frozen
class Admission:
    """Lets clients in and out, one way for all protocols."""

    connections: Connections
    tokens: Tokens
    entropy: Entropy
    _lurkers: set[trio.CancelScope] = field(factory=set, init=False)
    _closed: trio.Event = field(factory=trio.Event, init=False)

    @contextmanager
    def until_closed(self) -> Iterator[None]:
        """For whoever waits to be told who a client is: the waiting is cut short when nobody is let in any more."""
        with trio.CancelScope() as scope:
            if self.closed:
                scope.cancel()
            self._lurkers.add(scope)
            try:
                yield
            finally:
                self._lurkers.discard(scope)

    @property
    def closed(self) -> bool:
        """Whether nobody is let in any more."""
        return self._closed.is_set()

    def close(self) -> None:
        """Nobody is let in any more: the server stops."""
        self._closed.set()
        for scope in self._lurkers:
            scope.cancel()

    def admit(self, data: object, channel: Channel) -> tuple[Session, ConnectAnswer]:
        """The session that this connect data asks for. Raises Invalid, Unauthorized (TokenExpired), Closed."""
        if self.closed:
            raise Closed
        asked = parse(data, ConnectRequest)
        claims = self.tokens.verify(asked.token, scope=Scope.PLAYER)
        answer = ConnectAnswer(sid=new_id(self.entropy), pid=new_token(self.entropy))
        session = Session(answer.sid, claims, channel)
        self.connections.opened(session)
        return session, answer

    def leave(self, session: Session) -> None:
        """The client is gone: no game tells it anything any more. Idempotent."""
        session.ended()
        self.connections.closed(session)
