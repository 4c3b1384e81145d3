"""The scripts that write the games and the clock. `net.scripts` says how scripts get to the store, and what each begins
with: the first of the keys and arguments that are named here are KEYS[2] and ARGV[2], but in LOAD.

A script's first write goes out as `pcall`, so that its refusal is the reply word for word, as the bare command
would have had it; what is written to the indexes after that cannot make the event unwritten, so its refusal is passed
over. Each may be sent again after its result was lost: the second time it changes nothing, or says so.

Redis 7 and Valkey, section "Scripting with Lua", are the source for: scripts are atomic, errors of `pcall` are tables,
a nil reply is `false`, and a script that has written is not stopped for want of memory.
"""

from __future__ import annotations

from typing import Final

from net.scripts import Script

CREATE: Final = Script(
    "create",
    """
-- KEYS: stream, deadlines, the indexes of running games... ARGV: id, event, nonce, game, at, deadline ('': none)
local added = redis.pcall('XADD', KEYS[2], ARGV[2], 'event', ARGV[3], 'nonce', ARGV[4])
if type(added) ~= 'string' then return added end
for i = 4, #KEYS do redis.pcall('ZADD', KEYS[i], ARGV[6], ARGV[5]) end
if ARGV[7] ~= '' then redis.pcall('ZADD', KEYS[3], ARGV[7], ARGV[5]) end
return added
""",
)
"""Event 1, and the game in the indexes; refused when the stream is there."""

APPEND: Final = Script(
    "append",
    """
-- KEYS: stream, deadlines, the indexes of running games...
-- ARGV: id, event, nonce, game, at, deadline ('': none, '=': as it stands)
local added = redis.pcall('XADD', KEYS[2], 'NOMKSTREAM', ARGV[2], 'event', ARGV[3], 'nonce', ARGV[4])
if type(added) ~= 'string' then return added end
for i = 4, #KEYS do redis.pcall('ZADD', KEYS[i], 'XX', 'GT', ARGV[6], ARGV[5]) end
if ARGV[7] == '' then
  redis.pcall('ZREM', KEYS[3], ARGV[5])
elseif ARGV[7] ~= '=' then
  redis.pcall('ZADD', KEYS[3], ARGV[7], ARGV[5])
end
return added
""",
)
"""An event, with its time in the indexes and the game's deadline. nil: there is no stream. XX: a game that has left the
indexes stays out. GT: a late write does not turn the time back."""

AS_IT_STANDS: Final = "="
"""In the place of APPEND's deadline: leave it."""

DEADLINE: Final = Script(
    "deadline",
    """
-- KEYS: stream, deadlines, running. ARGV: id, game, deadline ('': none)
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if not last or last[1] ~= ARGV[2] or not redis.call('ZSCORE', KEYS[4], ARGV[3]) then return 0 end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[3])
else
  redis.call('ZREM', KEYS[3], ARGV[3])
end
return 1
""",
)
"""Another deadline of a running game, if this event is still its last: one that comes with an event is the newer."""

FINISH: Final = Script(
    "finish",
    """
-- KEYS: stream, snapshot, ended, deadlines, the indexes of running games... ARGV: id, event, nonce, game, at, event_id
local added = redis.pcall('XADD', KEYS[2], 'NOMKSTREAM', ARGV[2], 'event', ARGV[3], 'nonce', ARGV[4])
if type(added) ~= 'string' then return added end
for i = 5, #KEYS do redis.pcall('ZREM', KEYS[i], ARGV[5]) end
redis.pcall('ZADD', KEYS[4], ARGV[6], ARGV[5])
local head = redis.pcall('GETRANGE', KEYS[3], 0, 63)
local saved = type(head) == 'string' and string.match(head, '^{"v":%d+,"event_id":(%d+),')
if saved and tonumber(saved) > tonumber(ARGV[7]) then redis.pcall('UNLINK', KEYS[3]) end
return added
""",
)
"""A game's last event: with it the game is out of every index of running games, and waits for the archive. A snapshot
of a later event is of what the store has lost (the game was called off because of that), and goes."""

RETIRE: Final = Script(
    "retire",
    """
-- KEYS: stream, ended, deadlines, the indexes of running games... ARGV: id, game, at
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if not last or last[1] ~= ARGV[2] then return 0 end
for i = 4, #KEYS do redis.call('ZREM', KEYS[i], ARGV[3]) end
redis.call('ZADD', KEYS[3], 'NX', ARGV[4], ARGV[3])
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
    writes=False,
)
"""The snapshot, the first entry, and the entries from the snapshot's event on (without one: from the first)."""

SNAPSHOT: Final = Script(
    "snapshot",
    """
-- KEYS: snapshot, stream. ARGV: event_id, the snapshot
local head = redis.call('GETRANGE', KEYS[2], 0, 63)
local standing = string.match(head, '^{"v":%d+,"event_id":(%d+),')
if standing and tonumber(standing) >= tonumber(ARGV[2]) then return 0 end
local id = ARGV[2] .. '-0'
if not redis.call('XRANGE', KEYS[3], id, id)[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[3])
return 1
""",
)
"""Keeps a snapshot, if the event that it is of stands, and no snapshot of that or a later event does."""

REMOVE: Final = Script(
    "remove",
    """
-- KEYS: stream, snapshot, ended, deadlines, players' connections, spectators' connections. ARGV: id, game
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if last and last[1] ~= ARGV[2] then return 0 end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[6], KEYS[7])
redis.call('ZREM', KEYS[4], ARGV[3])
redis.call('ZREM', KEYS[5], ARGV[3])
return 1
""",
)
"""Takes a game out of the store, if it ends with this event or is gone already."""

CLOCK: Final = Script(
    "clock",
    """
-- KEYS: service clock. ARGV: seconds
local standing = tonumber(redis.call('GET', KEYS[2]) or '')
if standing and standing >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1
""",
    claims=True,
)
"""Moves service time on, never back: 1. It stands there or further: 0."""
