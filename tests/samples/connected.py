"""A connected client that writes down what is done to it."""

from __future__ import annotations

import itertools

import trio
from attrs import define, field

from actors.roll import Following, Keys, Moment
from actors.table_messages import Role

GAME = Following("g", Role.PLAYER)
OTHER_GAME = Following("h", Role.PLAYER)


@define(eq=False)
class Client:
    """Implements `actors.roll.Connection`."""

    user_id: str = "u"
    following: Following | None = None
    last_seen: float = 0.0
    gone: bool = False
    pings: int = 0
    ends: list[str] = field(factory=list)
    """How it was ended: `dropped`, `replaced`, `evicted`."""
    told: list[tuple[str, bytes]] = field(factory=list)
    said: list[float] = field(factory=list)
    closed: bool = False

    def ping(self) -> None:
        self.pings += 1

    def drop(self) -> None:
        self.ends.append("dropped")

    def replaced(self) -> None:
        self.ends.append("replaced")

    def evicted(self) -> None:
        self.ends.append("evicted")

    def notify(self, event: str, body: bytes) -> None:
        self.told.append((event, body))

    def say_goodbye(self, reconnect_in: float) -> None:
        self.said.append(reconnect_in)

    async def close(self) -> None:
        await trio.sleep(1)
        self.closed = True


class KeyMaker:
    """Keys in the order in which they were made: s1 with p1, …"""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self, with_pid: bool = True) -> Keys:
        number = next(self._numbers)
        return Keys(f"s{number}", f"p{number}" if with_pid else "")


def at(seconds: float) -> Moment:
    """That many seconds of service; the wall clock is 1000 s ahead."""
    return Moment(seconds, 1000 + seconds)
