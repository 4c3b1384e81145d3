"""Writes down who is connected, for the next life of the server and for whoever looks into the store.

The sessions in memory are the truth; the records follow them. What has changed is written in batches, from what is true
when the batch is made up, and again until the store has acknowledged it: so the store may be away for as long as it
will, nobody waits for it, and when it is back it is told how things stand, not how they came to be so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from actors.ports import StoreUnavailable
from actors.roll import ConnectionRecord, Keys, Moment, UserSession

if TYPE_CHECKING:
    from actors.ports import Clock, ConnectionRecords, ServiceClock
    from actors.roll import Roll

_BATCH: Final = 200
"""Records that are written at once."""

_RETRY: Final = 0.5
"""Seconds between two tries to write while the store is away."""

_GRAIN: Final = 0.001
"""Seconds that are none: two clocks are compared."""

_LAST_WRITES: Final = 2.0
"""Seconds that a server that stops takes to write down who was there."""


class RecordKeeper:
    """Keeps the records of the sessions in `roll`.

    Every `beat_every` seconds the records of all who were seen since are renewed together. A record that was not for
    `stale_after` seconds of service is nobody's who is connected: it is removed, unless its session waits for its
    client still.
    """

    def __init__(
        self,
        roll: Roll,
        records: ConnectionRecords,
        clock: Clock,
        service: ServiceClock,
        *,
        beat_every: float = 20.0,
        stale_after: float = 90.0,
    ) -> None:
        self._roll = roll
        self._records = records
        self._clock = clock
        self._service = service
        self._beat_every = beat_every
        self._stale_after = stale_after
        self._changes: dict[str, None] = {}
        self._news = trio.lowlevel.ParkingLot()
        self._loaded = False

    def changed(self, sid: str) -> None:
        """This session has come, gone or moved. Does not block."""
        self._changes[sid] = None
        self._news.unpark_all()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: reads who was connected before the server was started, however long the store is away, is up then,
        and writes. Cancelled, it writes down, for two seconds at most, that everybody has gone."""
        await self._load()
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_changes)
                nursery.start_soon(self._beat)
                nursery.start_soon(self._sweep)
        finally:
            with trio.move_on_after(_LAST_WRITES, shield=True):
                await self._last_writes()

    # ---- reading

    async def _load(self) -> None:
        while not self._loaded:
            try:
                records = await self._records.load()
            except StoreUnavailable:
                await trio.sleep(_RETRY)
                continue
            since = self._service.now() - self._roll.window
            kept = [record for record in records if record.pid and record.seen.service >= since]
            self._roll.keep(_session_of(record) for record in kept)
            self._loaded = True

    # ---- writing

    async def _write_changes(self) -> None:
        while True:
            while not self._changes:
                await self._news.park()
            if not await self._write_some():
                await trio.sleep(_RETRY)

    async def _write_some(self) -> bool:
        """Writes a batch; false: the store is away, and there is as much to be written as before."""
        batch = list(self._changes)[:_BATCH]
        standing, gone = [], []
        for sid in batch:
            del self._changes[sid]
            session = self._roll.session(sid)
            if session is None:
                gone.append(sid)
            else:
                standing.append(self._record(session))
        done = False
        try:
            await self._records.write(standing, gone)
            done = True
        except StoreUnavailable:
            pass
        finally:  # cancelled, too
            if not done:
                self._changes = {**dict.fromkeys(batch), **self._changes}
        return done

    async def _last_writes(self) -> None:
        now = Moment(self._service.now(), self._clock.now())
        for session in self._roll:
            if session.connection is not None:  # its socket is closed, or will be before long
                self._roll.cut_off(session.connection, now)
                self.changed(session.sid)
        while self._changes and await self._write_some():
            pass

    def _record(self, session: UserSession) -> ConnectionRecord:
        session.seen = self._last_seen(session)
        return ConnectionRecord(
            sid=session.sid,
            user_id=session.user_id,
            following=session.follows,
            connected_at=session.connected_at,
            seen=session.seen,
            pid=session.keys.pid,
            online=session.connection is not None and not session.connection.gone,
        )

    def _last_seen(self, session: UserSession) -> Moment:
        """When its client was last seen, in service time as far as that went on."""
        if session.connection is None:
            return session.seen
        silent_for = max(0.0, trio.current_time() - session.connection.last_seen)
        seen = Moment(self._service.now(), self._clock.now()).before(silent_for)
        return seen if seen.service > session.seen.service else session.seen

    # ---- heartbeats

    async def _beat(self) -> None:
        while True:
            await trio.sleep(self._beat_every)
            # Whoever was not seen since the last round is left out; their records grow old, as they should.
            seen = [one for one in self._roll if self._last_seen(one).service > one.seen.service + _GRAIN]
            for first in range(0, len(seen), _BATCH):
                await self._beat_for(seen[first : first + _BATCH])

    async def _beat_for(self, sessions: list[UserSession]) -> None:
        try:
            for sid in await self._records.beat([self._record(session) for session in sessions]):
                self.changed(sid)
        except StoreUnavailable:
            pass  # the next round comes soon enough

    # ---- the sweep

    async def _sweep(self) -> None:
        while True:
            await trio.sleep(self._stale_after / 3)
            try:
                for sid in await self._records.stale(self._service.now() - self._stale_after):
                    self.changed(sid)
            except StoreUnavailable:
                continue


def _session_of(record: ConnectionRecord) -> UserSession:
    keys = Keys(record.sid, record.pid)
    # Of a client that was cut off, or was there at an orderly end, everything was written down.
    return UserSession(
        record.user_id,
        keys,
        record.connected_at,
        record.seen,
        following=record.following,
        cut_short=record.online,
    )
