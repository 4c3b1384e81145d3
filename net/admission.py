"""How a client gets in: its connect data, whatever protocol brought it, becomes a session; and how it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.connections import Connections
from actors.ports import Entropy
from net.auth import Scope, Tokens
from net.outside import new_id, new_token
from net.protocol import ConnectAnswer, ConnectRequest, parse
from net.session import Session

if TYPE_CHECKING:
    from net.session import Channel


@frozen
class Admission:
    """Lets clients in and out, one way for all protocols."""

    connections: Connections
    tokens: Tokens
    entropy: Entropy

    def admit(self, data: object, channel: Channel) -> tuple[Session, ConnectAnswer]:
        """The session that this connect data asks for. Raises Invalid, Unauthorized (TokenExpired)."""
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
