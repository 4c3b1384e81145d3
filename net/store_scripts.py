"""The scripts that the store executes, and how they get there.

A script is executed whole, or (when its first write is refused) not at all, with nothing in between; so what must stand
together is written by one. Each may be sent again after its result was lost: the second time it changes nothing, or
says so. A script's first write goes out as `pcall`, so that its refusal is the reply word for word, as the bare command
would have had it; what is written to the indexes after that cannot make the event unwritten, so its refusal is passed
over.

Redis 7 and Valkey, section "Scripting with Lua", are the source for: scripts are atomic, errors of `pcall` are tables,
a nil reply is `false`, and a script that has written is not stopped for want of memory.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from net.redis import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.redis import Arg, Command, Redis, Reply

log = logging.getLogger(__name__)


@frozen
class Script:
    """A Lua script; `name` is for the log."""

    name: str
    body: str = field(repr=False)
    sha: str = field(init=False, repr=False)

    @sha.default
    def _sha(self) -> str:
        # SHA-1 is the name that EVALSHA goes by, and no protection.
        return hashlib.sha1(self.body.encode(), usedforsecurity=False).hexdigest()


CREATE: Final = Script(
    "create",
    """
-- KEYS: stream, deadlines, the indexes of running games... ARGV: id, event, nonce, game, at, deadline ('': none)
local added = redis.pcall('XADD', KEYS[1], ARGV[1], 'event', ARGV[2], 'nonce', ARGV[3])
if type(added) ~= 'string' then return added end
for i = 3, #KEYS do redis.pcall('ZADD', KEYS[i], ARGV[5], ARGV[4]) end
if ARGV[6] ~= '' then redis.pcall('ZADD', KEYS[2], ARGV[6], ARGV[4]) end
return added
""",
)
"""Event 1, and the game in the indexes; refused when the stream is there."""

APPEND: Final = Script(
    "append",
    """
-- KEYS: stream, deadlines. ARGV: id, event, nonce, game, deadline ('': none)
local added = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', ARGV[1], 'event', ARGV[2], 'nonce', ARGV[3])
if type(added) ~= 'string' then return added end
if ARGV[5] ~= '' then
  redis.pcall('ZADD', KEYS[2], ARGV[5], ARGV[4])
else
  redis.pcall('ZREM', KEYS[2], ARGV[4])
end
return added
""",
)
"""An event after which the turn clock runs out at another time, and that time. nil: there is no stream."""

DEADLINE: Final = Script(
    "deadline",
    """
-- KEYS: stream, deadlines, running. ARGV: id, game, deadline ('': none)
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last or last[1] ~= ARGV[1] or not redis.call('ZSCORE', KEYS[3], ARGV[2]) then return 0 end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
else
  redis.call('ZREM', KEYS[2], ARGV[2])
end
return 1
""",
)
"""Another deadline of a running game, if this event is still its last: one that comes with an event is the newer."""

FINISH: Final = Script(
    "finish",
    """
-- KEYS: stream, snapshot, ended, deadlines, the indexes of running games... ARGV: id, event, nonce, game, at, event_id
local added = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', ARGV[1], 'event', ARGV[2], 'nonce', ARGV[3])
if type(added) ~= 'string' then return added end
for i = 4, #KEYS do redis.pcall('ZREM', KEYS[i], ARGV[4]) end
redis.pcall('ZADD', KEYS[3], ARGV[5], ARGV[4])
local head = redis.pcall('GETRANGE', KEYS[2], 0, 63)
local saved = type(head) == 'string' and string.match(head, '^{"v":%d+,"event_id":(%d+),')
if saved and tonumber(saved) > tonumber(ARGV[6]) then redis.pcall('UNLINK', KEYS[2]) end
return added
""",
)
"""A game's last event: with it the game is out of every index of running games, and waits for the archive. A snapshot
of a later event is of what the store has lost (the game was called off because of that), and goes."""

RETIRE: Final = Script(
    "retire",
    """
-- KEYS: stream, ended, deadlines, the indexes of running games... ARGV: id, game, at
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last or last[1] ~= ARGV[1] then return 0 end
for i = 3, #KEYS do redis.call('ZREM', KEYS[i], ARGV[2]) end
redis.call('ZADD', KEYS[2], 'NX', ARGV[3], ARGV[2])
return 1
""",
)
"""What FINISH does to the indexes, for a game whose last event stands already."""

LOAD: Final = Script(
    "load",
    """
-- KEYS: stream, snapshot. ARGV: how many entries at most
local snapshot = redis.pcall('GET', KEYS[2])
if type(snapshot) == 'table' then snapshot = '' end
local event_id = snapshot and string.match(snapshot, '^{"v":%d+,"event_id":(%d+),') or '1'
local first = redis.pcall('XRANGE', KEYS[1], '1-0', '1-0')
if first.err then return first end
return {snapshot, first, redis.call('XRANGE', KEYS[1], event_id .. '-0', '+', 'COUNT', ARGV[1])}
""",
)
"""The snapshot, the first entry, and the entries from the snapshot's event on (without one: from the first)."""

SNAPSHOT: Final = Script(
    "snapshot",
    """
-- KEYS: snapshot, stream. ARGV: event_id, the snapshot
local head = redis.call('GETRANGE', KEYS[1], 0, 63)
local standing = string.match(head, '^{"v":%d+,"event_id":(%d+),')
if standing and tonumber(standing) >= tonumber(ARGV[1]) then return 0 end
local id = ARGV[1] .. '-0'
if not redis.call('XRANGE', KEYS[2], id, id)[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""",
)
"""Keeps a snapshot, if the event that it is of stands, and no snapshot of that or a later event does."""

REMOVE: Final = Script(
    "remove",
    """
-- KEYS: stream, snapshot, ended, deadlines, players' connections, spectators' connections. ARGV: id, game
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last and last[1] ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[5], KEYS[6])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
return 1
""",
)
"""Takes a game out of the store, if it ends with this event or is gone already."""

CLOCK: Final = Script(
    "clock",
    """
-- KEYS: service clock, owner. ARGV: the owner's nonce, seconds
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[1] then return -1 end
if not owner then redis.call('SET', KEYS[2], ARGV[1]) end
local standing = tonumber(redis.call('GET', KEYS[1]) or '')
if standing and standing >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""",
)
"""Moves service time on, never back: 1. It stands there or further: 0. Another server owns these keys: -1."""


class Scripts:
    """Executes scripts on a store, each as `EVALSHA`, which names it by its hash.

    The first use on a connection carries the whole script, by which the server keeps it: commands are executed in the
    order in which they were sent, so whatever follows on that connection finds it there. A server that has forgotten it
    since (`SCRIPT FLUSH`, or too many scripts of others) refuses the hash, has then executed nothing, and is sent the
    whole script.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._epoch = 0
        self._sent: set[str] = set()

    async def call(
        self,
        script: Script,
        keys: Sequence[str],
        args: Sequence[Arg],
        *,
        epoch: int | None = None,
        also: Sequence[Command] = (),
    ) -> Reply:
        """The script's reply. Raises as `Redis.call` does, and takes `epoch` and `also` as that does; a script whose
        result is unknown was executed, will be, or never will."""
        command = self._command(script, keys, args)
        try:
            return await self._redis.call(*command, epoch=epoch, also=also)
        except CommandRefused as refused:
            if refused.code != "NOSCRIPT":
                raise
        return await self._redis.call(*_whole(script, keys, args), epoch=epoch, also=also)

    def send(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> bool:
        """Executes the script soon, and waits for nothing; a refusal is logged. False: the store is away, and nothing
        will happen."""

        def refused(error: CommandRefused) -> None:
            if error.code == "NOSCRIPT":
                self._redis.send(_whole(script, keys, args))
            else:
                # Not the message, which may quote arguments: there may be hidden cards in them.
                log.warning("the store refused the script %s: %s", script.name, error.code)

        return self._redis.send(self._command(script, keys, args), refused=refused)

    def _command(self, script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
        if self._epoch != self._redis.epoch:
            self._epoch = self._redis.epoch
            self._sent.clear()
        if script.sha not in self._sent:
            self._sent.add(script.sha)
            return _whole(script, keys, args)
        return ("EVALSHA", script.sha, len(keys), *keys, *args)


def _whole(script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
    return ("EVAL", script.body, len(keys), *keys, *args)
