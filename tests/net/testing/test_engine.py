"""The simulated Redis answers as a real Valkey does, byte for byte in what the server uses."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import hiredis
import pytest
import trio
from fakeredis import FakeRedis, FakeServer

from net.outside import SystemClock
from net.testing.engine import Engine, encode
from net.testing.ports import SimClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio.testing import MockClock

CONVERSATIONS: dict[str, list[str]] = {
    "the connection": [
        "PING",
        "PING hello",
        "ECHO hello",
        "CLIENT SETNAME croupier",
        "CLIENT GETNAME",
        "SELECT 0",
        "SELECT 99",
        "NOSUCH",
        "NOSUCH a b",
        "GET",
        "CONFIG GET maxmemory-policy",
        "CONFIG GET nosuchthing",
    ],
    "a journal": [
        "XADD g NOMKSTREAM 2-0 f v",
        "EXISTS g",
        "XADD g 1-0 event {} nonce aa",
        "XADD g NOMKSTREAM 2-0 event {} nonce aa",
        "XADD g NOMKSTREAM 2-0 event {} nonce aa",
        "XADD g NOMKSTREAM 1-0 event {} nonce bb",
        "XADD g 0-0 f v",
        "XADD g nonsense f v",
        "XADD g 3-0 f",
        "XADD g 5-0 gaps are taken",
        "XLEN g",
        "XRANGE g - +",
        "XRANGE g 2 2",
        "XRANGE g 2-0 2-0 COUNT 1",
        "XRANGE g (2-0 + COUNT 1",
        "XRANGE g 77 +",
        "XREVRANGE g + - COUNT 1",
        "XREVRANGE nosuch + - COUNT 1",
        "XINFO STREAM nosuch",
        "XREAD COUNT 1 STREAMS g 1-0",
        "XREAD COUNT 1 STREAMS g 9-0",
        "XDEL g 5-0",
        "XREVRANGE g + - COUNT 1",
        "XADD g 5-0 not again",
        "TYPE g",
        "GET g",
        "DEL g",
        "XADD g NOMKSTREAM 6-0 f v",
    ],
    "the indexes": [
        "ZADD z 10 a 20 b 5.5 c",
        "ZADD z XX GT 11 a",
        "ZADD z XX GT 1 a",
        "ZADD z XX 99 nosuch",
        "ZADD z XX GT CH 12 a",
        "ZADD z 1800000000.123 d",
        "ZSCORE z d",
        "ZSCORE z nosuch",
        "ZRANGE z 0 -1",
        "ZRANGE z 0 -1 WITHSCORES",
        "ZRANGE z 0 10 BYSCORE LIMIT 0 1",
        "ZREVRANGE z 0 0",
        "ZRANGEBYSCORE z -inf (20",
        "ZCARD z",
        "ZREM z a nosuch",
        "ZADD z notanumber a",
        "ZADD z NX XX 1 a",
        "SADD z a",
    ],
    "the records": [
        "HSET h user_id u game_id g",
        "HSET h user_id v",
        "HGET h user_id",
        "HGET h nosuch",
        "HMGET h user_id nosuch",
        "HGETALL h",
        "HGETALL nosuch",
        "HDEL h game_id",
        "HEXISTS h game_id",
        "HINCRBY h n 3",
        "EXPIRE h 3600",
        "EXPIRE nosuch 3600",
        "TTL h",
        "PERSIST h",
        "TTL h",
        "TTL nosuch",
        "SET s one",
        "SET s two NX",
        "SET s two XX GET",
        "SET s three EX 100",
        "TTL s",
        "GET s",
        "GET nosuch",
        "INCR s",
        "SET n 41",
        "INCR n",
        "SET s",
        "SADD set b a c",
        "SADD set a",
        "SCARD set",
        "SISMEMBER set a",
        "SREM set a x",
        "MGET s nosuch h",
        "DEL s h nosuch",
        "EXISTS s set",
    ],
    "transactions": [
        "MULTI",
        "XADD t 1-0 f v",
        "SET k v",
        "EXEC",
        "MULTI",
        "XADD t 1-0 f v",
        "ZADD k 1 a",
        "SET after failures",
        "EXEC",
        "GET after",
        "MULTI",
        "NOSUCH",
        "SET never v",
        "EXEC",
        "GET never",
        "MULTI",
        "GET",
        "EXEC",
        "EXEC",
        "MULTI",
        "DISCARD",
        "DISCARD",
        "WATCH k",
        "SET k other",
        "MULTI",
        "PING",
        "EXEC",
        "MULTI",
        "CONFIG GET maxmemory-policy",
        "EXEC",
    ],
}


class Real:
    """A connection to a real server, which says nothing that is not a whole reply."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(path)

    def execute(self, command: list[bytes]) -> bytes:
        self._socket.sendall(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type]
        reader = hiredis.Reader(notEnoughData=self)
        got = b""
        while reader.gets() is self:
            part = self._socket.recv(65536)
            got += part
            reader.feed(part)
        return got

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def real(valkey_socket: str) -> Iterator[Real]:
    connection = Real(valkey_socket)
    connection.execute([b"FLUSHALL"])
    yield connection
    connection.close()


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_it_answers_as_a_real_valkey_does(name: str, real: Real, autojump_clock: MockClock) -> None:
    await trio.lowlevel.checkpoint()
    simulated = Engine(SimClock()).session()
    for line in CONVERSATIONS[name]:
        command = [word.encode() for word in line.split()]
        assert (line, simulated.execute(command)) == (line, real.execute(command))


async def test_the_refusal_of_an_id_says_what_the_journal_looks_for(real: Real) -> None:
    await trio.lowlevel.checkpoint()
    add = [b"XADD", b"g", b"7-0", b"f", b"v"]
    real.execute(add)
    assert b"equal or smaller than" in real.execute(add)
    session = Engine(SimClock()).session()
    session.execute(add)
    assert session.execute(add) == real.execute(add)


async def test_everything_about_time_follows_the_simulated_clock(autojump_clock: MockClock) -> None:
    session = Engine(SimClock(epoch=1000.0)).session()
    session.execute([b"SET", b"k", b"v", b"EX", b"60"])
    session.execute([b"SET", b"h", b"v"])
    session.execute([b"PEXPIRE", b"h", b"59500"])
    assert session.execute([b"TIME"]) == b"*2\r\n$4\r\n1000\r\n$1\r\n0\r\n"
    assert session.execute([b"XADD", b"s", b"*", b"f", b"v"]) == b"$9\r\n1000000-0\r\n"
    await trio.sleep(59.75)
    assert session.execute([b"EXISTS", b"k", b"h"]) == b":1\r\n"
    assert session.execute([b"TTL", b"k"]) == b":0\r\n"
    await trio.sleep(0.5)
    assert session.execute([b"GET", b"k"]) == b"$-1\r\n"


async def test_outside_of_a_command_fakeredis_is_left_as_it_was() -> None:
    await trio.lowlevel.checkpoint()
    Engine(SimClock()).session().execute([b"ZADD", b"z", b"1.1", b"a"])
    theirs = FakeRedis(server=FakeServer(), decode_responses=True)
    assert abs(theirs.time()[0] - SystemClock().now()) < 60
    theirs.close()


async def test_sets_come_sorted_also_out_of_a_transaction() -> None:
    await trio.lowlevel.checkpoint()
    session = Engine(SimClock()).session()
    names = [b"n%02d" % n for n in range(40)]
    session.execute([b"SADD", b"set", *reversed(names)])
    expected = encode(names)
    assert session.execute([b"SMEMBERS", b"set"]) == expected
    assert session.execute([b"SUNION", b"set", b"nosuch"]) == expected
    for command in (b"MULTI", b"SMEMBERS set"):
        session.execute(command.split())
    assert session.execute([b"EXEC"]) == b"*1\r\n" + expected


@pytest.mark.parametrize(
    "command", ["SPOP set", "RANDOMKEY", "BLPOP list 0", "SUBSCRIBE channel", "XREAD BLOCK 0 STREAMS s $"]
)
async def test_what_would_break_determinism_or_wait_is_refused(command: str) -> None:
    await trio.lowlevel.checkpoint()
    reply = Engine(SimClock()).session().execute([word.encode() for word in command.split()])
    assert reply.startswith(b"-ERR")
    assert reply.endswith(b"not simulated\r\n")


async def test_the_configuration_is_a_durable_ones_and_can_be_another() -> None:
    await trio.lowlevel.checkpoint()
    command = [b"CONFIG", b"GET", b"append*"]
    durable = [b"appendfsync", b"always", b"appendonly", b"yes"]
    assert Engine(SimClock()).session().execute(command) == encode(durable)
    lax = Engine(SimClock(), {"appendonly": "no"}).session()
    assert lax.execute([b"CONFIG", b"GET", b"appendonly"]) == encode([b"appendonly", b"no"])
    lax.execute([b"CONFIG", b"SET", b"appendonly", b"yes"])
    assert lax.execute([b"CONFIG", b"GET", b"APPENDONLY"]) == encode([b"appendonly", b"yes"])


async def test_what_a_closed_connection_watched_and_queued_is_forgotten() -> None:
    await trio.lowlevel.checkpoint()
    engine = Engine(SimClock())
    gone, other = engine.session(), engine.session()
    for command in (b"WATCH k", b"MULTI", b"SET k gone"):
        gone.execute(command.split())
    gone.close()
    assert other.execute([b"SET", b"k", b"other"]) == b"+OK\r\n"
    assert other.execute([b"GET", b"k"]) == encode(b"other")


def test_resp2_has_no_form_for_a_map() -> None:
    with pytest.raises(TypeError, match="dict"):
        encode({})
