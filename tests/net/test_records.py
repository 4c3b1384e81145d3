"""The connection records as they stand in Redis (contract, section 5), on a real server: keys, types, what is atomic,
and the queries. At the end the whole service writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from actors.ports import StoreUnavailable
from actors.roll import ConnectionRecord, Following, Moment
from actors.rules.registry import Registry
from actors.table_messages import Role
from net.ownership import Ownership
from net.records import RedisConnectionRecords
from net.testing.ports import SimEntropy
from tests.samples.memory import FixedClock
from tests.samples.tally import Tally

if TYPE_CHECKING:
    import redis as redis_py

    from net.redis import Redis
    from net.testing.house import House

NOW = 1000.0
WALL = 1_700_000_000.25
PLAYS = Following("g", Role.PLAYER)
WATCHES = Following("g", Role.SPECTATOR)


def record(
    sid: str, user: str = "u", following: Following | None = None, *, seen: float = NOW, online: bool = True
) -> ConnectionRecord:
    return ConnectionRecord(sid, user, following, WALL, Moment(seen, WALL + 60), f"pid-{sid}", online)


@pytest.fixture
def service() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def records(redis: Redis, ownership: Ownership, service: FixedClock) -> RedisConnectionRecords:
    return RedisConnectionRecords(redis, ownership, service)


def everything(oracle: Any) -> dict[str, object]:  # noqa: ANN401 - redis-py's own types say little
    """What stands, by key, without the prefix."""
    found: dict[str, object] = {}
    for name in sorted(key.decode() for key in oracle.scan_iter()):
        if name == "croupier:owner":
            continue
        kind = oracle.type(name)
        short = name.removeprefix("croupier:")
        match kind:
            case b"hash":
                found[short] = {k.decode(): v.decode() for k, v in oracle.hgetall(name).items()}
            case b"set":
                found[short] = {member.decode() for member in oracle.smembers(name)}
            case b"zset":
                found[short] = {member.decode(): score for member, score in oracle.zrange(name, 0, -1, withscores=True)}
            case b"string":
                found[short] = oracle.get(name).decode()
    return found


# ---- what stands


async def test_conn_record_has_the_fields_of_the_contract_and_the_user_is_mapped_to_it(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1")], [])
    assert everything(oracle) == {
        "conn:s1": {
            "user_id": "u",
            "game_id": "",
            "role": "",
            "connected_at": "2023-11-14T22:13:20.250Z",
            "last_seen": "2023-11-14T22:14:20.250Z",
            "pid": "pid-s1",
        },
        "user_conn:u": "s1",
        "conns": {"s1": NOW},
    }


async def test_conn_record_of_a_player_and_of_a_spectator_stand_among_their_games_connections(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS), record("s2", "v", WATCHES)], [])
    stands = everything(oracle)
    assert (stands["game_conns:g"], stands["spectators:g"]) == ({"s1"}, {"s2"})
    assert oracle.hget("croupier:conn:s1", "game_id") == b"g"
    assert [oracle.hget(f"croupier:conn:{sid}", "role") for sid in ("s1", "s2")] == [b"player", b"spectator"]


async def test_conn_record_joining_another_game_leaves_the_first(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS)], [])
    await records.write([record("s1", "u", Following("h", Role.SPECTATOR))], [])
    stands = everything(oracle)
    assert "game_conns:g" not in stands
    assert stands["spectators:h"] == {"s1"}
    await records.write([record("s1", "u", None)], [])
    assert "spectators:h" not in everything(oracle)


async def test_conn_record_registering_replaces_the_users_former_connection_everywhere(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS)], [])
    await records.write([record("s2", "u")], [])
    stands = everything(oracle)
    assert sorted(stands) == ["conn:s2", "conns", "user_conn:u"]
    assert (stands["user_conn:u"], stands["conns"]) == ("s2", {"s2": NOW})


async def test_conn_record_unregistering_removes_it_everywhere(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS)], [])
    await records.write([], ["s1", "unknown"])
    assert everything(oracle) == {}


async def test_conn_record_unregistering_leaves_the_users_mapping_if_it_points_at_another(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1")], [])
    oracle.set("croupier:user_conn:u", "s2")
    await records.write([], ["s1"])
    assert everything(oracle) == {"user_conn:u": "s2"}


async def test_conn_record_of_one_who_was_cut_off_is_kept_for_recovery_but_is_nobodys_connection(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS)], [])
    await records.write([record("s1", "u", PLAYS, online=False)], [])
    stands = everything(oracle)
    assert sorted(stands) == ["conn:s1", "conns:cut_off"]
    assert stands["conns:cut_off"] == {"s1": NOW}
    await records.write([record("s1", "u", PLAYS)], [])
    assert sorted(everything(oracle)) == ["conn:s1", "conns", "game_conns:g", "user_conn:u"]


async def test_conn_record_of_one_who_was_cut_off_leaves_the_mapping_of_a_later_connection(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s2")], [])
    await records.write([record("s1", online=False)], [])
    assert oracle.get("croupier:user_conn:u") == b"s2"


async def test_conn_record_is_written_again_without_harm(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS)], ["s0"])
    once = everything(oracle)
    await records.write([record("s1", "u", PLAYS)], ["s0"])
    assert everything(oracle) == once


# ---- time to live


async def test_conn_record_lives_for_an_hour_and_so_does_all_that_belongs_to_it(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS), record("s2", "v", WATCHES)], [])
    for key in ("conn:s1", "conn:s2", "user_conn:u", "user_conn:v", "game_conns:g", "spectators:g"):
        assert 3590 <= oracle.ttl(f"croupier:{key}") <= 3600, key


async def test_conn_record_heartbeats_renew_all_of_it_in_one_write(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    stand = [record("s1", "u", PLAYS), record("s2", "v", WATCHES), record("s3", "w")]
    await records.write(stand, [])
    for key in oracle.scan_iter():
        if oracle.type(key) != b"zset":
            oracle.expire(key, 10)
    before = oracle.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    evals = oracle.info("commandstats")["cmdstat_eval"]["calls"]
    later = [evolve(one, seen=Moment(NOW + 20, WALL + 80)) for one in stand]
    assert await records.beat(later) == []
    after = oracle.info("commandstats")
    assert after.get("cmdstat_evalsha", {}).get("calls", 0) + after["cmdstat_eval"]["calls"] == before + evals + 1
    for key in ("conn:s1", "user_conn:u", "game_conns:g", "spectators:g", "conn:s3"):
        assert oracle.ttl(f"croupier:{key}") > 3500, key
    assert everything(oracle)["conns"] == {"s1": NOW + 20, "s2": NOW + 20, "s3": NOW + 20}
    assert oracle.hget("croupier:conn:s2", "last_seen") == b"2023-11-14T22:14:40.250Z"


async def test_conn_record_that_has_vanished_or_tells_otherwise_is_named_by_the_heartbeat(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    stand = [record(f"s{number}", f"u{number}", PLAYS) for number in range(5)]
    await records.write(stand, [])
    oracle.delete("croupier:conn:s0")
    oracle.delete("croupier:user_conn:u1")
    oracle.srem("croupier:game_conns:g", "s2")
    oracle.hset("croupier:conn:s3", "game_id", "elsewhere")
    assert await records.beat(stand) == ["s0", "s1", "s2", "s3"]
    await records.write(stand[:4], [])
    assert await records.beat(stand) == []


# ---- reading


async def test_conn_record_is_read_as_it_was_written(records: RedisConnectionRecords) -> None:
    stand = [record("s1", "u", PLAYS), record("s2", "v", WATCHES, online=False), record("s3", "w", seen=12.5)]
    await records.write(stand, [])
    assert sorted(await records.load(), key=lambda one: one.sid) == stand


async def test_conn_record_that_cannot_be_read_hides_no_other(
    records: RedisConnectionRecords, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1"), record("s2", "v")], [])
    oracle.hset("croupier:conn:s1", "connected_at", "yesterday")
    oracle.zadd("croupier:conns", {"expired": 5})
    assert [one.sid for one in await records.load()] == ["s2"]


async def test_conn_record_stale_ones_are_found_by_service_time(records: RedisConnectionRecords) -> None:
    await records.write(
        [record("s1", "u", seen=5), record("s2", "v", seen=6), record("s3", "w", online=False, seen=1)], []
    )
    assert sorted(await records.stale(6)) == ["s1", "s3"]


# ---- the queries


async def test_conn_record_by_sid_and_by_user(records: RedisConnectionRecords) -> None:
    stand = record("s1", "u", PLAYS)
    await records.write([stand], [])
    assert await records.by_sid("s1") == stand
    assert await records.by_user("u") == stand
    assert await records.by_sid("s2") is None
    assert await records.by_user("v") is None


async def test_conn_record_a_user_is_online_when_connected_and_seen_lately(
    records: RedisConnectionRecords, service: FixedClock
) -> None:
    await records.write([record("s1", "u"), record("s2", "v", online=False)], [])
    assert [await records.is_online(user) for user in "uvw"] == [True, False, False]
    service.time = NOW + 90
    assert await records.is_online("u")
    service.time = NOW + 90.1
    assert not await records.is_online("u")


async def test_conn_record_connections_of_a_game_its_players_and_the_opponents(
    records: RedisConnectionRecords, service: FixedClock
) -> None:
    await records.write(
        [
            record("s1", "u", PLAYS),
            record("s2", "v", PLAYS),
            record("s3", "w", WATCHES),
            record("s4", "x", Following("h", Role.PLAYER)),
            record("s5", "y", PLAYS, seen=NOW - 91),
        ],
        [],
    )
    assert [one.sid for one in await records.of_game("g")] == ["s1", "s2", "s3"]
    assert await records.players("g") == {"u": "s1", "v": "s2"}
    assert await records.opponents("g", "u") == ("s2",)
    assert await records.players("nothing") == {}


async def test_conn_record_counts_of_connections_of_players_and_of_spectators(records: RedisConnectionRecords) -> None:
    await records.write(
        [record("s1", "u", PLAYS), record("s2", "v", WATCHES), record("s3", "w"), record("s4", "x", online=False)], []
    )
    assert await records.count() == 3
    assert (await records.count_players("g"), await records.count_spectators("g")) == (1, 1)
    assert (await records.count_players("h"), await records.count_spectators("h")) == (0, 0)


async def test_conn_record_many_are_written_and_read(records: RedisConnectionRecords) -> None:
    stand = [record(f"s{number}", f"u{number}") for number in range(1200)]
    await records.write(stand, [])
    assert len(await records.load()) == 1200
    assert await records.count() == 1200
    assert await records.beat(stand[:500]) == []


# ---- the store is away


async def test_conn_record_a_store_that_is_away_is_said_to_be(
    records: RedisConnectionRecords, redis: Redis, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1")], [])
    oracle.client_kill_filter(skipme=True)
    with pytest.raises(StoreUnavailable):
        await records.write([record("s2", "v")], [])
    await redis.wait_available()
    await records.write([record("s2", "v")], [])
    assert await records.is_online("v")


# ---- a server that was replaced


async def test_a_server_that_was_replaced_does_not_touch_what_its_successor_wrote(
    records: RedisConnectionRecords, redis: Redis, service: FixedClock, oracle: redis_py.Redis
) -> None:
    await records.write([record("s1", "u", PLAYS)], [])
    heir = Ownership(entropy=SimEntropy(5))
    await heir.claim(redis)
    await RedisConnectionRecords(redis, heir, service).write([record("s1", "u", WATCHES, seen=NOW + 9)], [])
    stands = everything(oracle)
    await records.write([record("s1", online=False), record("s2")], ["s1"])  # nobody waits for that
    with pytest.raises(StoreUnavailable):
        await records.beat([record("s1", "u", WATCHES)])
    assert everything(oracle) == stands


# ---- the whole service


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


def hash_of(house: House, sid: str) -> dict[str, str]:
    reply: Any = house.redis.execute("HGETALL", f"croupier:conn:{sid}")
    words = [word.decode() for word in reply]
    return dict(zip(words[::2], words[1::2], strict=True))


async def test_conn_record_of_the_service_follows_a_client_from_its_coming_to_its_end(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    client = await house.player("a")
    await trio.sleep(1)
    stands = hash_of(house, client.sid)
    assert (stands["user_id"], stands["game_id"], stands["role"], stands["pid"]) == ("a", "", "", client.pid)
    await client.join(game_id)
    await trio.sleep(1)
    assert (hash_of(house, client.sid)["game_id"], hash_of(house, client.sid)["role"]) == (game_id, "player")
    assert await house.app.records.players(game_id) == {"a": client.sid}
    await client.request("game:leave", {"game_id": game_id})
    await trio.sleep(1)
    assert hash_of(house, client.sid)["game_id"] == ""
    client.drop()
    await trio.sleep(1)
    assert not await house.app.records.is_online("a")
    await trio.sleep(house.config.sessions.recovery_window + 10)
    assert hash_of(house, client.sid) == {}


async def test_conn_record_of_the_service_is_the_replacing_connections(house: House) -> None:
    first, second = await house.player("a"), await house.player("a")
    await trio.sleep(1)
    assert hash_of(house, first.sid) == {}
    assert house.redis.execute("GET", "croupier:user_conn:a") == second.sid.encode()


async def test_conn_record_of_the_service_is_renewed_by_heartbeats_and_registered_anew_when_it_vanished(
    house: House,
) -> None:
    client = await house.player("a")
    await trio.sleep(1)
    seen = hash_of(house, client.sid)["last_seen"]
    await trio.sleep(60)
    assert hash_of(house, client.sid)["last_seen"] > seen
    house.redis.execute("FLUSHALL")
    await trio.sleep(60)
    assert hash_of(house, client.sid)["user_id"] == "a"
    assert house.redis.execute("GET", "croupier:user_conn:a") == client.sid.encode()


async def test_conn_record_of_a_killed_server_is_swept_away_once_it_is_stale(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    client = await house.player("a")
    await client.join(game_id)
    await trio.sleep(1)
    await house.crash()
    await house.start()
    assert await house.app.records.players(game_id) == {"a": client.sid}  # for all that anybody knows
    await trio.sleep(130)
    assert await house.app.records.players(game_id) == {}
    assert house.redis.execute("GET", "croupier:user_conn:a") is None
    assert house.redis.execute("SMEMBERS", f"croupier:game_conns:{game_id}") == []
    assert house.redis.execute("ZRANGE", "croupier:conns", 0, -1) == []
    await trio.sleep(60)
    assert hash_of(house, client.sid) == {}


async def test_conn_record_of_the_service_lasts_as_long_as_its_client_is_connected(house: House) -> None:
    client = await house.player("a")
    for _ in range(6):
        await trio.sleep(60)
        assert await house.app.records.is_online("a")
    assert hash_of(house, client.sid)["user_id"] == "a"


async def test_conn_record_pids_are_never_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    game_id = await house.new_game("tally", ["a", "b"])
    client = await house.player("a", recovery=True)
    await client.join(game_id)
    client.drop()
    back = await house.player("a", recovery=True, pid=client.pid, offset="nonsense")
    back.drop()
    house.redis.cut()
    await trio.sleep(200)
    assert client.pid not in caplog.text
    assert back.pid not in caplog.text
