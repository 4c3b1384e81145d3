"""Every connected client: who is here, their heartbeats, and their orderly end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


class Connection(Protocol):
    """A connected client, as the supervisor of connections sees it."""

    @property
    def user_id(self) -> str:
        """Whose connection it is."""

    @property
    def last_seen(self) -> float:
        """When bytes last came from it, on trio's clock."""

    def ping(self) -> None:
        """Asks for a sign of life; does not block."""

    def drop(self) -> None:
        """Cuts the connection at once; its session then ends by itself."""

    def say_goodbye(self, reconnect_in: float) -> None:
        """Tells the client that the server stops, and when to come back; does not block."""

    async def close(self) -> None:
        """Ends the session in an orderly way, once it is answered what it has asked, within a bounded time."""


class Connections:
    """The live connections of this process, and one heartbeat for all of them.

    A connection that was silent for `ping_interval` seconds is pinged; one that then stays silent for `ping_timeout`
    more is dropped. Any bytes from it count as a sign of life.
    """

    def __init__(self, *, ping_interval: float, ping_timeout: float) -> None:
        self._interval = ping_interval
        self._timeout = ping_timeout
        self._pinged: dict[Connection, float | None] = {}

    def __len__(self) -> int:
        return len(self._pinged)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._pinged))

    def opened(self, connection: Connection) -> None:
        """This client is connected from now on."""
        self._pinged[connection] = None

    def closed(self, connection: Connection) -> None:
        """This client is gone; no matter whether it was known."""
        self._pinged.pop(connection, None)

    async def heartbeat(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: pings the silent, drops the mute. It looks four times in the shorter of the two times."""
        task_status.started()
        while True:
            await trio.sleep(min(self._interval, self._timeout) / 4)
            self.beat(trio.current_time())

    def beat(self, now: float) -> None:
        """One round of the heartbeat at this time, on trio's clock."""
        for connection, pinged_at in list(self._pinged.items()):
            if pinged_at is not None and connection.last_seen >= pinged_at:
                pinged_at = self._pinged[connection] = None
            if pinged_at is not None:
                if now >= pinged_at + self._timeout:
                    connection.drop()
            elif now >= connection.last_seen + self._interval:
                self._pinged[connection] = now
                connection.ping()

    async def close_all(self, reconnect_in: float) -> None:
        """Tells every client that the server stops, and ends their sessions side by side. Cancelled: those that had
        not ended yet are left to their sockets' end."""
        for connection in self:
            connection.say_goodbye(reconnect_in)
        async with trio.open_nursery() as nursery:
            for connection in self:
                nursery.start_soon(connection.close)
