"""The supervisor of connections: it owns every user's session, decides who is let in as what, and sees to it that the
dead are noticed. Nothing here waits for the store: memory is the truth while the process lives, and `record_keeper`
writes it down for the next one."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from attrs import field, frozen

from actors.kit.actor import Actor, ActorError, Ask, Ref, actor_child
from actors.kit.policy import Restart
from actors.roll import Connection, Following, Fresh, Keys, Moment, Offset, Resumed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.kit.child import Spec
    from actors.ports import Clock, ServiceClock
    from actors.roll import Decision, Roll

__all__ = ["Admitted", "Connection", "Connections", "Following", "Keys", "Offset", "Resume"]

_ROUNDS: Final = 4
"""How often the heartbeat looks within the shorter of its two times."""


# ---- what the supervisor is told and asked


@frozen
class Resume:
    """What a client that has its session back is to be told of: the game that it follows, from this event on."""

    following: Following
    since: int


@frozen
class Admitted:
    """The client is in. `recovered`: it has its session back; with `resume` it is to be told first what it missed, and
    then the supervisor, how that went (`Connections.caught_up`, `Connections.afresh`)."""

    keys: Keys
    recovered: bool = False
    resume: Resume | None = None


@frozen(eq=False)
class Connect(Ask[Admitted]):
    """A client is here, and who it is has been checked. `recoverable`: it is to be given a pid."""

    connection: Connection
    recoverable: bool
    pid: str | None = field(default=None, repr=False)
    offset: Offset | None = None


@frozen(eq=False)
class Afresh(Ask[Admitted]):
    """What this client missed is not to be had: it needs a new session."""

    connection: Connection
    recoverable: bool


@frozen(eq=False)
class CaughtUp:
    """This client was told all that it missed, up to this event."""

    connection: Connection
    event_id: int


@frozen(eq=False)
class Moved:
    """This client follows another game now, or none."""

    connection: Connection


@frozen(eq=False)
class CutOff:
    """This connection is over; `left`: of the client's own accord, who said so."""

    connection: Connection
    left: bool


@frozen(eq=False)
class Notify:
    """Something for users, wherever they are connected."""

    user_ids: tuple[str, ...]
    event: str
    body: bytes = field(repr=False)


@frozen
class Beat:
    """It is time to look who is silent."""


Message: TypeAlias = Connect | Afresh | CaughtUp | Moved | CutOff | Notify | Beat


class ConnectionSupervisor(Actor[Message]):
    """One incarnation of it. What it knows outlives it, in `Connections`."""

    def __init__(self, house: Connections) -> None:
        self._house = house

    async def start(self) -> None:
        """The heartbeat begins."""
        self.every(self._house.beats_every, Beat())

    async def handle(self, message: Message) -> object:
        """Does what there is to be done, without waiting for anything."""
        house = self._house
        match message:
            case Connect():
                return house._connect(message)
            case Afresh(connection=connection, recoverable=recoverable):
                return house._begin_afresh(connection, recoverable=recoverable)
            case CaughtUp(connection=connection, event_id=event_id):
                if (session := house.roll.recovered(connection, event_id)) is not None:
                    house._changed(session.sid)
            case Moved(connection=connection):
                house._note(connection)
            case CutOff(connection=connection, left=left):
                house._cut_off(connection, left=left)
            case Notify(user_ids=user_ids, event=event, body=body):
                for user_id in user_ids:
                    if (reached := house.roll.connection(user_id)) is not None:
                        reached.notify(event, body)
            case Beat():
                house.beat(trio.current_time())
        return None


class Connections:
    """All sessions of this process, as the rest of the house sees them.

    A connection that was silent for `ping_interval` seconds is pinged; one that then stays silent for `ping_timeout`
    more is dropped. Any bytes from it count as a sign of life.
    """

    def __init__(
        self,
        roll: Roll,
        clock: Clock,
        service: ServiceClock,
        make_keys: Callable[[bool], Keys],
        *,
        ping_interval: float,
        ping_timeout: float,
        changed: Callable[[str], None] = lambda _: None,
        mailbox: int = 65_536,
    ) -> None:
        """`make_keys` makes those of a new session, with a pid if it is given true. `changed` is told the sid of each
        session that has come, gone or moved. Neither blocks."""
        self.roll = roll
        self.ref: Ref[Message] = Ref("connections", capacity=mailbox)
        self.beats_every = min(ping_interval, ping_timeout) / _ROUNDS
        self._clock = clock
        self._service = service
        self._make_keys = make_keys
        self._changed = changed
        self._interval = ping_interval
        self._timeout = ping_timeout
        self._pinged: dict[Connection, float] = {}

    def __len__(self) -> int:
        """How many clients are connected."""
        return len(self.roll)

    def __iter__(self) -> Iterator[Connection]:
        return iter([session.connection for session in self.roll if session.connection is not None])

    def now(self) -> Moment:
        """This moment."""
        return Moment(self._service.now(), self._clock.now())

    def as_child(self) -> Spec:
        """The supervisor of connections, to be supervised itself. A crash loses the message in hand, and no session."""
        return actor_child(self.ref, lambda: ConnectionSupervisor(self), restart=Restart.PERMANENT)

    # ---- telling and asking; raises ActorError where it says so

    def connect(self, message: Connect, on_answer: Callable[[Admitted | ActorError], None]) -> None:
        """Has a client let in; see `Ref.post`."""
        self.ref.post(message, on_answer)

    def afresh(self, message: Afresh, on_answer: Callable[[Admitted | ActorError], None]) -> None:
        """Has a client that cannot be brought up to date let in as a new one; see `Ref.post`."""
        self.ref.post(message, on_answer)

    def caught_up(self, connection: Connection, event_id: int) -> None:
        """This client was told all that it missed, up to this event. Raises nothing."""
        self._tell(CaughtUp(connection, event_id))

    def moved(self, connection: Connection) -> None:
        """This client follows another game now, or none. Raises nothing."""
        self._tell(Moved(connection))

    def closed(self, connection: Connection, *, left: bool = False) -> None:
        """This connection is over; `left`: by the client's own word, so that its session is not kept for it. Raises
        nothing; no matter whether it was known."""
        self._tell(CutOff(connection, left))

    def notify(self, user_ids: tuple[str, ...], event: str, body: bytes) -> None:
        """Sends a push, whose data `body` is as JSON, to those of the users who are connected. Raises nothing."""
        self._tell(Notify(user_ids, event, body))

    def _tell(self, message: Message) -> None:
        # Stopping, or swamped: the heartbeat finds who is gone, and the records follow what it finds.
        with suppress(ActorError):
            self.ref.tell(message)

    # ---- what the supervisor does

    def _connect(self, message: Connect) -> Admitted:
        decision = self.roll.connect(
            message.connection,
            lambda: self._make_keys(message.recoverable),
            now=self.now(),
            pid=message.pid,
            offset=message.offset,
        )
        return self._carry_out(decision)

    def _begin_afresh(self, connection: Connection, *, recoverable: bool) -> Admitted:
        decision = self.roll.afresh(connection, lambda: self._make_keys(recoverable), self.now())
        if decision is None:  # replaced meanwhile: it is let in to be told so, under a name that nobody knows
            return Admitted(self._make_keys(False))
        return self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> Admitted:
        session = decision.session
        self._changed(session.sid)
        match decision:
            case Fresh(replaced=replaced, former=former):
                if former is not None:
                    self._changed(former)
                if replaced is not None:
                    self._pinged.pop(replaced, None)
                    replaced.replaced()
                return Admitted(session.keys)
            case Resumed(evicted=evicted, following=following, since=since):
                if evicted is not None:
                    self._pinged.pop(evicted, None)
                    evicted.evicted()
                resume = None if following is None else Resume(following, since)
                return Admitted(session.keys, recovered=True, resume=resume)

    def _note(self, connection: Connection) -> None:
        session = self.roll.of_user(connection.user_id)
        if session is not None and session.connection is connection:
            self._changed(session.sid)

    def _cut_off(self, connection: Connection, *, left: bool) -> None:
        self._pinged.pop(connection, None)
        session = self.roll.cut_off(connection, self.now(), left=left)
        if session is not None:
            self._changed(session.sid)

    def beat(self, now: float) -> None:
        """One round of the heartbeat at this time, on trio's clock: pings the silent, drops the mute, and forgets whose
        client has stayed away for too long."""
        for connection in self:
            if connection.gone:
                self._cut_off(connection, left=False)
            else:
                self._listen_to(connection, now)
        for session in self.roll.expired(self.now()):
            self._changed(session.sid)

    def _listen_to(self, connection: Connection, now: float) -> None:
        pinged_at = self._pinged.get(connection)
        if pinged_at is not None and connection.last_seen >= pinged_at:
            del self._pinged[connection]
            pinged_at = None
        if pinged_at is not None:
            if now >= pinged_at + self._timeout:
                connection.drop()
        elif now >= connection.last_seen + self._interval:
            self._pinged[connection] = now
            connection.ping()

    # ---- the end

    async def close_all(self, reconnect_in: float) -> None:
        """Tells every client that the server stops, and ends their sessions side by side. Cancelled: those that had
        not ended yet are left to their sockets' end."""
        for connection in self:
            connection.say_goodbye(reconnect_in)
        async with trio.open_nursery() as nursery:
            for connection in self:
                nursery.start_soon(connection.close)
