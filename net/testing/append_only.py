"""What a real store has on its disk: the commands that changed something, in the order in which they were executed, as
its append-only file has them. fakeredis has no disk, so what a power cut leaves is made again from this."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

Command: TypeAlias = "Sequence[bytes]"


class Fsync(enum.StrEnum):
    """When a store forces what it wrote to the disk (`appendfsync`)."""

    ALWAYS = "always"
    EVERYSEC = "everysec"
    NO = "no"


_BETWEEN: Final = {Fsync.EVERYSEC: 1.0, Fsync.NO: 30.0}
"""Seconds between two moments at which everything is forced to the disk; without fsync, by the kernel."""

_CHANGE_NOTHING: Final = frozenset(
    {
        *("auth", "client", "config", "dbsize", "echo", "evalsha_ro", "eval_ro", "exists", "get", "hello", "hget"),
        *("hgetall", "hmget", "info", "keys", "lastsave", "llen", "lrange", "mget", "ping", "pttl", "readonly", "role"),
        *("scan", "scard", "sismember", "smembers", "strlen", "time", "ttl", "type", "unwatch", "watch", "xinfo"),
        *("xlen", "xrange", "xread", "xrevrange", "zcard", "zcount", "zrange", "zrangebyscore", "zrank", "zrevrange"),
        *("zscore"),
    }
)


@frozen
class Written:
    """A command, or a whole transaction, and the wall time at which it was executed."""

    at: float
    commands: tuple[Command, ...]


@define(eq=False)
class AppendOnly:
    """The log of one store. Under `always` it is kept empty: nothing can be lost, so nothing need be made again."""

    fsync: Fsync = Fsync.ALWAYS
    entries: list[Written] = field(factory=list, init=False)

    def wrote(self, at: float, commands: Sequence[Command]) -> None:
        """These were executed together, at that wall time."""
        if self.fsync is not Fsync.ALWAYS and any(changes_something(command) for command in commands):
            self.entries.append(Written(at, tuple(commands)))

    def cut_off(self, now: float) -> bool:
        """Forgets what was not on the disk yet at `now`. Says whether anything was lost."""
        between = _BETWEEN.get(self.fsync)
        if between is None:
            return False
        forced_at = now // between * between
        durable = [entry for entry in self.entries if entry.at < forced_at]
        lost = len(durable) < len(self.entries)
        self.entries = durable
        return lost


def changes_something(command: Command) -> bool:
    """Whether the store writes this command down."""
    return command[0].decode().lower() not in _CHANGE_NOTHING
