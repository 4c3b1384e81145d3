"""The scripts that write the connection records; see `net.scripts` for how scripts get
there, and what each begins with: the first of the keys and arguments that are named here are KEYS[2] and ARGV[2].

A session's record, its user's mapping and its place among its game's connections stand together or not at all. The keys
of the user's former connection are known only from what stands, so these scripts make key names from the prefix, and
need a store that is one (no cluster), as everything here does.
"""

from __future__ import annotations

from typing import Final

from net.scripts import Script

_MEMBERS: Final = """
local prefix, sid = ARGV[2], ARGV[3]
local function members(game, role)
  if role == 'spectator' then return prefix .. 'spectators:' .. game end
  return prefix .. 'game_conns:' .. game
end
local function leave(who)
  local of = redis.call('HMGET', prefix .. 'conn:' .. who, 'game_id', 'role')
  if of[1] and of[1] ~= '' then redis.call('SREM', members(of[1], of[2]), who) end
end
"""

PUT: Final = Script(
    "put a connection",
    """
-- KEYS: record, user's mapping, those who are connected, those who were cut off
-- ARGV: prefix, sid, seconds to live, service time, online ('': no), user, game ('': none), role, connected_at,
--   last_seen, pid
"""
    + _MEMBERS
    + """
local former, online = redis.call('GET', KEYS[3]), ARGV[6] ~= ''
if online and former and former ~= sid then
  leave(former)
  redis.call('DEL', prefix .. 'conn:' .. former)
  redis.call('ZREM', KEYS[4], former)
  redis.call('ZREM', KEYS[5], former)
end
leave(sid)
redis.call('HSET', KEYS[2], 'user_id', ARGV[7], 'game_id', ARGV[8], 'role', ARGV[9], 'connected_at', ARGV[10],
  'last_seen', ARGV[11], 'pid', ARGV[12])
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[online and 4 or 5], ARGV[5], sid)
redis.call('ZREM', KEYS[online and 5 or 4], sid)
if online then
  redis.call('SET', KEYS[3], sid, 'EX', ARGV[4])
  if ARGV[8] ~= '' then
    redis.call('SADD', members(ARGV[8], ARGV[9]), sid)
    redis.call('EXPIRE', members(ARGV[8], ARGV[9]), ARGV[4])
  end
elseif former == sid then
  redis.call('DEL', KEYS[3])
end
return 1
""",
)
"""Registers a connection, in the place of any other of its user; or writes that it has joined or left a game; or that
it was cut off, and is kept only to be recovered: then it is no longer its user's, nor among its game's."""

DROP: Final = Script(
    "drop a connection",
    """
-- KEYS: record, those who are connected, those who were cut off. ARGV: prefix, sid
"""
    + _MEMBERS
    + """
leave(sid)
local user = redis.call('HGET', KEYS[2], 'user_id')
if user and redis.call('GET', prefix .. 'user_conn:' .. user) == sid then
  redis.call('DEL', prefix .. 'user_conn:' .. user)
end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], sid)
redis.call('ZREM', KEYS[4], sid)
return 1
""",
)
"""Unregisters a connection; its user's mapping goes only if it still points at it."""

BEAT: Final = Script(
    "beat",
    """
-- KEYS: those who are connected, the records...
-- ARGV: prefix, seconds to live; for each record: sid, service time, user, game, role, last_seen
local prefix, ttl = ARGV[2], ARGV[3]
local wrong = {}
for i = 3, #KEYS do
  local at = 4 + (i - 3) * 6
  local sid, user, game, role = ARGV[at], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local mapping = prefix .. 'user_conn:' .. user
  local stands = redis.call('HMGET', KEYS[i], 'game_id', 'role')
  local group = ''
  if game ~= '' then group = prefix .. (role == 'spectator' and 'spectators:' or 'game_conns:') .. game end
  if stands[1] == game and stands[2] == role and redis.call('GET', mapping) == sid
      and (group == '' or redis.call('SISMEMBER', group, sid) == 1) then
    redis.call('HSET', KEYS[i], 'last_seen', ARGV[at + 5])
    redis.call('EXPIRE', KEYS[i], ttl)
    redis.call('EXPIRE', mapping, ttl)
    if group ~= '' then redis.call('EXPIRE', group, ttl) end
    redis.call('ZADD', KEYS[2], ARGV[at + 1], sid)
  else
    wrong[#wrong + 1] = sid
  end
end
return wrong
""",
)
"""Renews the records of all these connections. Returns the sids of those that do not stand as they should."""
