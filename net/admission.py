"""How a client gets in: its connect data, whatever protocol brought it, becomes a session; and how it leaves."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import trio
from attrs import field, frozen

from actors.connections import Admitted, Afresh, Connect, Connections, Offset
from actors.kit.actor import ActorError
from actors.messages import Push, parse_offset
from net.auth import Scope, Tokens
from net.comeback import Comeback
from net.limits import Buckets, in_milliseconds
from net.protocol import ConnectAnswer, ConnectRequest, parse
from net.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from net.session import Channel


class ConnectsTooOften(Exception):
    """The user has connected too often of late; they may again in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("you connect too often; try again later")
        self.retry_after = in_milliseconds(retry_after)


class Closed(Exception):
    """The server stops, or is swamped, and lets nobody in now: the client is to come back."""


@frozen
class Welcome:
    """The client is in. `missed` is what it is to be sent, with its answer, in the very call that brings this: the next
    push may follow at once."""

    session: Session
    answer: ConnectAnswer
    missed: tuple[Push, ...] = ()


log = logging.getLogger("croupier.sessions")

OnAdmitted: TypeAlias = "Callable[[Welcome | Closed], None]"


@frozen
class Admission:
    """Lets clients in and out, one way for all protocols."""

    connections: Connections
    tokens: Tokens
    comeback: Comeback
    connects: Buckets
    """How often a user may connect."""
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

    def admit(self, data: object, channel: Channel, on_admitted: OnAdmitted, *, always_pid: bool = False) -> Session:
        """Lets in the client that brings this connect data. `on_admitted` is called later, once, unless the client is
        gone by then: with its welcome, or with why it is to come back. Until then the session takes no requests.

        It is given a pid, with which its session can be recovered, if it asks for that, or `always_pid`. Raises
        Invalid, Unauthorized (TokenExpired), ConnectsTooOften, Closed; `on_admitted` then is not called.
        """
        if self.closed:
            raise Closed
        asked = parse(data, ConnectRequest)
        claims = self.tokens.verify(asked.token, scope=Scope.PLAYER)
        if (wait := self.connects.take(claims.user_id, trio.current_time())) is not None:
            raise ConnectsTooOften(wait)
        # Whoever comes with a pid has asked before.
        recovery = asked.recovery or asked.pid is not None
        session = Session(claims, channel, recovery=recovery, moved=self.connections.moved)
        entering = _Entering(self, session, recovery or always_pid, on_admitted)
        stands = None if asked.offset is None else parse_offset(asked.offset)
        offset = None if stands is None else Offset(*stands)
        try:
            self.connections.connect(Connect(session, entering.recoverable, asked.pid, offset), entering.answered)
        except ActorError:
            raise Closed from None
        return session

    def leave(self, session: Session, *, left: bool = False) -> None:
        """The client is gone: no game tells it anything any more. `left`: it said so itself, and its session is not
        kept. Idempotent."""
        if session.sid and not session.is_over:
            log.info("a session ended", extra={"session": session.sid, "user": session.user_id})
        session.ended()
        self.connections.closed(session, left=left)


@frozen(eq=False)
class _Entering:
    """A client on its way in."""

    admission: Admission
    session: Session
    recoverable: bool
    on_admitted: OnAdmitted

    def answered(self, outcome: Admitted | ActorError) -> None:
        """What the supervisor of connections says."""
        if self.admission.closed or not isinstance(outcome, Admitted):
            self._turn_away()
        elif outcome.resume is None:
            self._let_in(outcome, ())
        else:
            self._bring_up_to_date(outcome)

    def _bring_up_to_date(self, admitted: Admitted) -> None:
        resume, session, connections = admitted.resume, self.session, self.admission.connections
        assert resume is not None

        def done(missed: tuple[Push, ...] | None) -> None:
            if missed is not None:
                # First: whoever comes with the same pid from now on is a copy of this client.
                connections.caught_up(session, _stands_at(missed, resume.since))
                self._let_in(admitted, missed)
                return
            try:
                connections.afresh(Afresh(session, self.recoverable), self.answered)
            except ActorError:
                self._turn_away()

        self.admission.comeback.recover(session, resume, done)

    def _let_in(self, admitted: Admitted, missed: tuple[Push, ...]) -> None:
        session, keys = self.session, admitted.keys
        if not session.awaits_welcome:
            return
        session.admitted(keys.sid)
        try:
            self.on_admitted(Welcome(session, ConnectAnswer(keys.sid, keys.pid, admitted.recovered), missed))
        except BaseException:  # a fault of ours, and not of whoever calls us: it must not leave half a session behind
            self.admission.leave(session)
            session.drop()
            raise
        session.welcomed()
        words = "a session was recovered" if admitted.recovered else "a session began"
        log.info(words, extra={"session": session.sid, "user": session.user_id})
        if not admitted.recovered and not session.gone:
            self.admission.comeback.put_back(session)

    def _turn_away(self) -> None:
        if self.session.awaits_welcome:
            self.admission.leave(self.session)
            self.on_admitted(Closed())


def _stands_at(missed: tuple[Push, ...], since: int) -> int:
    """The event that a client has seen when it has got these."""
    for push in reversed(missed):
        if push.offset is not None and (stands := parse_offset(push.offset)) is not None:
            return max(since, stands[1])
    return since
