"""Who is connected, and whose session waits for its client to come back: one session a user. Pure; what follows from a
decision is carried out by whoever asked.

A session outlives its connection, if its client was given a pid: for `window` seconds of service it is kept, and a
client of the same user that brings the pid goes on with it. A recovered session is used up: the pid takes a connection
over that is alive as far as the server knows, but only from the client that has it. Who brings the pid of a session
that was itself recovered must have seen something since then (an offset past its recovery); a copy of that client
cannot have, and gets a session of its own, which replaces the other for good. So two copies never take the session from
each other in turn.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from attrs import define, field, frozen

from actors.table_messages import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@frozen
class Following:
    """The game that a session follows, and how. `patches`: its states are sent as patches. That is not written down:
    who comes back to another life of the server is sent whole states until they join anew."""

    game_id: str
    role: Role
    patches: bool = field(default=False, eq=False)


class Connection(Protocol):
    """A connected client, as the supervisor of connections sees it. Nothing here blocks but `close`."""

    @property
    def user_id(self) -> str:
        """Whose connection it is."""

    @property
    def following(self) -> Following | None:
        """The game that it follows; when it is over: the one that it followed at its end."""

    @property
    def gone(self) -> bool:
        """Whether nothing that is sent will arrive any more."""

    @property
    def last_seen(self) -> float:
        """When bytes last came from it, on trio's clock."""

    def ping(self) -> None:
        """Asks for a sign of life."""

    def drop(self) -> None:
        """Cuts the connection at once; its session then ends by itself."""

    def replaced(self) -> None:
        """Ends it because its user has connected elsewhere: it is told so, and does not come back by itself."""

    def evicted(self) -> None:
        """Ends it, without a word, because its own client has come back on another connection."""

    def notify(self, event: str, body: bytes) -> None:
        """Sends a push that concerns the user, not the game that is followed; `body` is JSON."""

    def say_goodbye(self, reconnect_in: float) -> None:
        """Tells the client that the server stops, and when to come back."""

    async def close(self) -> None:
        """Ends the session in an orderly way, once it is answered what it has asked, within a bounded time."""


@frozen
class Keys:
    """What a session is known by: its `sid`, and the `pid` that recovers it (empty: nothing does)."""

    sid: str
    pid: str = field(repr=False)


@frozen
class Offset:
    """Where a client stands: it has seen this game up to this event (`actors.messages.parse_offset`)."""

    game_id: str
    event_id: int

    def is_past(self, other: Offset) -> bool:
        """Whether only a client that has gone on from the other one can have got this one."""
        return self.game_id != other.game_id or self.event_id > other.event_id


NOWHERE: Final = Offset("", 0)
"""Where a client stands that has seen no game."""


@frozen
class Moment:
    """A moment in service time, by which everything is reckoned here, and in wall time, for people."""

    service: float
    wall: float

    def before(self, seconds: float) -> Moment:
        """So many seconds earlier."""
        return Moment(self.service - seconds, self.wall - seconds)


@frozen
class ConnectionRecord:
    """What is written down of a session (contract, section 5). `online`: its client is connected; else it is only kept
    to be recovered. `following` is None when it follows no game."""

    sid: str
    user_id: str
    following: Following | None
    connected_at: float
    seen: Moment
    pid: str = field(repr=False)
    online: bool = True


@define(eq=False)
class UserSession:
    """One user's session. `seen` is when its client was last seen, as far as was looked; `connection` is None while it
    is cut off, and then `following` is what it followed. `connected_at` is wall time.

    `cut_short`: it is of a former life of the server, which ended before all was written down: what its client did in
    the last moments may be missing. `resuming`: a client has just claimed it, and its game is being asked for what was
    missed. `recovered_at`: how far the client that has it now was brought when it recovered it; None: that client began
    it.
    """

    user_id: str
    keys: Keys
    connected_at: float
    seen: Moment
    connection: Connection | None = None
    following: Following | None = None
    cut_short: bool = False
    resuming: bool = False
    recovered_at: Offset | None = None

    @property
    def sid(self) -> str:
        """Its id, which its recoveries do not change."""
        return self.keys.sid

    @property
    def follows(self) -> Following | None:
        """The game that it follows now, or is to follow when its client is back."""
        return self.following if self.connection is None or self.resuming else self.connection.following


@frozen
class Fresh:
    """The client has a new session. `replaced` is the connection that its user had, `former` the sid that is gone."""

    session: UserSession
    replaced: Connection | None
    former: str | None


@frozen
class Resumed:
    """The client has its session back, and with `since` is to be told what it missed of the game that it follows.
    `evicted` is the connection that it had before, if that was still taken for alive."""

    session: UserSession
    evicted: Connection | None
    following: Following | None
    since: int


Decision: TypeAlias = Fresh | Resumed


class Roll:
    """Every session of this process, by user."""

    def __init__(self, *, window: float) -> None:
        """`window`: seconds of service for which a session that was cut off waits for its client."""
        self.window = window
        self._by_user: dict[str, UserSession] = {}
        self._by_sid: dict[str, UserSession] = {}
        self._live = 0

    def __len__(self) -> int:
        """How many sessions have a connection."""
        return self._live

    def __iter__(self) -> Iterator[UserSession]:
        """Every session, those that are cut off among them; the roll may be changed meanwhile."""
        return iter(list(self._by_user.values()))

    def session(self, sid: str) -> UserSession | None:
        """The session of this sid."""
        return self._by_sid.get(sid)

    def of_user(self, user_id: str) -> UserSession | None:
        """The session of this user."""
        return self._by_user.get(user_id)

    def connection(self, user_id: str) -> Connection | None:
        """How to reach this user now."""
        session = self._by_user.get(user_id)
        return None if session is None else session.connection

    # ---- coming

    def connect(
        self,
        connection: Connection,
        make_keys: Callable[[], Keys],
        *,
        now: Moment,
        pid: str | None = None,
        offset: Offset | None = None,
    ) -> Decision:
        """A client is here: whether it goes on with its user's session, or has a new one, which replaces that."""
        had = self._by_user.get(connection.user_id)
        if had is not None and pid is not None and self._may_recover(had, pid, offset, now):
            evicted, following = had.connection, had.follows
            self._attach(had, connection, now)
            had.following = following
            had.resuming = following is not None
            had.recovered_at = NOWHERE if offset is None else offset  # until its game says more
            return Resumed(had, evicted, following, had.recovered_at.event_id)
        return self._fresh(connection, make_keys(), now)

    def _may_recover(self, session: UserSession, pid: str, offset: Offset | None, now: Moment) -> bool:
        if not session.keys.pid or not hmac.compare_digest(session.keys.pid.encode(), pid.encode()):
            return False
        if session.resuming or (session.connection is None and self._is_over(session, now)):
            return False
        follows = session.follows
        if follows is not None and (offset is None or offset.game_id != follows.game_id):
            return False
        if follows is None and offset is not None and session.cut_short:
            return False  # it has left that game, or joined it when there was no time left to write that down
        if session.connection is None or session.recovered_at is None:
            return True
        return follows is not None and offset is not None and offset.is_past(session.recovered_at)

    def _fresh(self, connection: Connection, keys: Keys, now: Moment) -> Fresh:
        had = self._by_user.get(connection.user_id)
        if had is not None:
            self.remove(had)
        session = UserSession(connection.user_id, keys, now.wall, now)
        self._by_user[session.user_id] = self._by_sid[session.sid] = session
        self._attach(session, connection, now)
        return Fresh(session, None if had is None else had.connection, None if had is None else had.sid)

    def _attach(self, session: UserSession, connection: Connection, now: Moment) -> None:
        self._live += session.connection is None
        session.connection = connection
        session.seen = now
        session.cut_short = False

    def recovered(self, connection: Connection, event_id: int) -> UserSession | None:
        """The client that claimed its session was given all that it missed, up to this event. None: the session is not
        its own any more."""
        session = self._owned(connection)
        if session is not None and session.resuming:
            assert session.following is not None
            session.resuming = False
            session.recovered_at = Offset(session.following.game_id, event_id)
        return session

    def afresh(self, connection: Connection, make_keys: Callable[[], Keys], now: Moment) -> Fresh | None:
        """What the client missed is not to be had: it has a new session in place of the one that it claimed. None: it
        was replaced meanwhile."""
        if self._owned(connection) is None:
            return None
        fresh = self._fresh(connection, make_keys(), now)
        return Fresh(fresh.session, None, fresh.former)

    # ---- going

    def cut_off(self, connection: Connection, now: Moment, *, left: bool = False) -> UserSession | None:
        """This connection is over. Its session is kept, if it can be recovered and its client has not `left` of its own
        accord. None: the session was not its own any more."""
        session = self._owned(connection)
        if session is None:
            return None
        if left or not session.keys.pid:
            self.remove(session)
        else:
            session.following = session.follows
            session.connection, session.resuming = None, False
            session.seen = now
            self._live -= 1
        return session

    def remove(self, session: UserSession) -> None:
        """Forgets a session."""
        if self._by_sid.pop(session.sid, None) is not None:
            self._live -= session.connection is not None
        if self._by_user.get(session.user_id) is session:
            del self._by_user[session.user_id]

    def expired(self, now: Moment) -> list[UserSession]:
        """Forgets the sessions whose clients have stayed away for longer than the window, and returns them."""
        over = [one for one in self._by_user.values() if one.connection is None and self._is_over(one, now)]
        for session in over:
            self.remove(session)
        return over

    def keep(self, sessions: Iterable[UserSession]) -> None:
        """Sessions of a former life of the server, all cut off: those that nobody has taken the place of wait for their
        clients. Of several of one user the one that was seen last does."""
        for session in sorted(sessions, key=lambda one: one.seen.service):
            assert session.connection is None
            had = self._by_user.get(session.user_id)
            if had is not None and (had.connection is not None or had.seen.service > session.seen.service):
                continue
            if had is not None:
                self.remove(had)
            self._by_user[session.user_id] = self._by_sid[session.sid] = session

    def _is_over(self, session: UserSession, now: Moment) -> bool:
        return now.service > session.seen.service + self.window

    def _owned(self, connection: Connection) -> UserSession | None:
        session = self._by_user.get(connection.user_id)
        return session if session is not None and session.connection is connection else None
