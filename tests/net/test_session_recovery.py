"""Session recovery on `/ws` (contract, section 1): a client that was cut off finds its session, its game, and all that
it missed, in order, once. `tests/net/test_socketio_recovery.py` has the same for Socket.IO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from actors.rules.registry import Registry
from net.client import ConnectionLost, ConnectRefused
from net.config import Config
from net.testing.house import open_house
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from types import EllipsisType

    from net.client import CroupierClient, PushMessage
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}
PERSON = "00000000-0000-4000-8000-00000000000a"
MOMENTARY = ("spectator_count", "turn_deadline", "server_time")
WINDOW = Config().sessions.recovery_window
FOUR = ("a", "b", "c", "d")


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


async def four_play(
    house: House, first: str = "a", *, seed: str | None = None, turn_timeout_seconds: float | None = None
) -> tuple[str, list[CroupierClient]]:
    """A game of four, all of whom can be recovered; the first has had their turn."""
    users = (first, *FOUR[1:])
    game_id = await house.new_game("tally", users, seed=seed, turn_timeout_seconds=turn_timeout_seconds)
    players = [await house.player(user, recovery=True) for user in users]
    for player in players:
        await player.join(game_id)
    await players[0].act(game_id, MISS)
    await trio.sleep(0.5)
    return game_id, players


async def the_others_play(game_id: str, players: list[CroupierClient]) -> None:
    for player in players[1:]:
        await player.act(game_id, MISS)
    await trio.sleep(0.5)


async def come_back(
    house: House,
    client: CroupierClient,
    user: str = "a",
    *,
    offset: str | EllipsisType | None = ...,
    token: str | None = None,
) -> CroupierClient:
    """The same client on another connection, with the last offset that it was told, if no other is given."""
    offset = client.latest_offset if offset is ... else offset
    back = await house.player(user, recovery=True, pid=client.pid, offset=offset, token=token)
    await trio.sleep(0.1)
    return back


def stored(client: CroupierClient) -> list[PushMessage]:
    """The states and the game over that this client was pushed."""
    return [push for push in client.pushes if push.event in ("game:state", "game:game_over")]


def event_ids(client: CroupierClient) -> list[int]:
    return [push.data["event_id"] for push in stored(client)]


def lasting(push: PushMessage) -> bytes:
    """A state's bytes, without what belongs to the moment of sending."""
    kept = {key: value for key, value in push.data.items() if key not in MOMENTARY}
    if "players" in kept:
        kept["players"] = [{key: value for key, value in p.items() if key != "status"} for p in kept["players"]]
    return orjson.dumps([push.event, kept, push.offset])


def is_fresh(back: CroupierClient, before: CroupierClient) -> bool:
    assert (back.sid == before.sid) == (back.pid == before.pid) == back.recovered
    return not back.recovered


# ---- offsets


async def test_recovery_offsets_come_with_states_and_the_game_over_alone(house: House) -> None:
    game_id, players = await four_play(house)
    watcher = await house.player("w")
    assert (await watcher.request("game:spectate", {"game_id": game_id}))["success"]
    for player in players[1:]:
        await player.resign(game_id)
    await trio.sleep(0.5)
    pushes = [push for push in players[0].pushes if push.event != "game:created"]
    assert {push.event for push in pushes if push.offset is not None} == {"game:state", "game:game_over"}
    assert {push.event for push in pushes if push.offset is None} == {"game:opponent_status", "game:spectator_count"}
    assert all(push.offset is not None for push in stored(players[0]))


async def test_recovery_offsets_are_told_to_nobody_who_did_not_ask(house: House) -> None:
    game_id, players = await four_play(house)
    plain = await house.player("a", record=True)
    await plain.join(game_id)
    for player in players[1:]:
        await player.resign(game_id)
    await trio.sleep(0.5)
    assert event_ids(plain) == [2, 3, 4, 5, 5]
    assert not any("offset" in str(message) for message in plain.received)


# ---- coming back


async def test_recovery_gives_sid_pid_game_and_the_missed_states_in_order_once(house: House) -> None:
    game_id, players = await four_play(house)
    players[0].drop()
    await the_others_play(game_id, players)
    back = await come_back(house, players[0])
    assert (back.recovered, back.sid, back.pid) == (True, players[0].sid, players[0].pid)
    assert event_ids(back) == [3, 4, 5]
    await back.act(game_id, MISS)
    await the_others_play(game_id, players)
    assert event_ids(back) == [3, 4, 5, 6, 7, 8, 9]


async def test_recovery_replays_the_very_bytes_that_were_sent_live(house: House, house_rules: Registry) -> None:
    game_id, players = await four_play(house, seed="s")
    players[0].drop()
    await the_others_play(game_id, players)
    back = await come_back(house, players[0])
    async with open_house(house.config, house_rules) as twin:
        other_id, others = await four_play(twin, seed="s")
        await the_others_play(other_id, others)
        live = [lasting(push) for push in stored(others[0]) if push.data["event_id"] > 2]
    replayed = [lasting(push).replace(game_id.encode(), other_id.encode()) for push in stored(back)]
    assert replayed == live
    assert len(live) == 3


async def test_recovery_ends_with_the_presence_and_the_spectator_count_and_no_game_reconnected(house: House) -> None:
    game_id, players = await four_play(house, PERSON)
    watcher = await house.player("w")
    await watcher.request("game:spectate", {"game_id": game_id})
    players[0].drop()
    players[2].drop()
    await players[1].act(game_id, MISS)
    await trio.sleep(10)
    back = await come_back(house, players[0], PERSON)
    await trio.sleep(10)
    events = [push.event for push in back.pushes]
    assert events == ["game:state", *["game:opponent_status"] * 3, "game:spectator_count"]
    status = {p.data["opponent_id"]: p.data["status"] for p in back.pushes if p.event == "game:opponent_status"}
    assert status == {"b": "connected", "c": "reconnecting", "d": "connected"}
    assert back.pushes[-1].data == {"game_id": game_id, "spectator_count": 1}


async def test_recovery_brings_the_game_over_that_was_missed_and_nothing_after_it(house: House) -> None:
    game_id, players = await four_play(house)
    players[0].drop()
    for player in players[1:]:
        await player.resign(game_id)
    back = await come_back(house, players[0])
    await trio.sleep(0.5)
    assert [(push.event, push.data["event_id"]) for push in stored(back)] == [
        ("game:state", 3),
        ("game:state", 4),
        ("game:state", 5),
        ("game:game_over", 5),
    ]
    back.drop()
    again = await come_back(house, players[0], offset=back.latest_offset)
    await trio.sleep(0.5)
    assert (again.recovered, stored(again)) == (True, [])


async def test_recovery_after_the_last_state_but_before_the_game_over_brings_the_game_over(house: House) -> None:
    game_id, players = await four_play(house)
    for player in players[1:]:
        await player.resign(game_id)
    await trio.sleep(0.5)
    last_state = [push for push in players[0].pushes if push.event == "game:state"][-1]
    players[0].drop()
    back = await come_back(house, players[0], offset=last_state.offset)
    await trio.sleep(0.5)
    assert [push.event for push in stored(back)] == ["game:game_over"]


async def test_recovery_of_a_spectator_goes_on_as_a_spectator(house: House) -> None:
    game_id, players = await four_play(house)
    watcher = await house.player("w", recovery=True)
    await watcher.request("game:spectate", {"game_id": game_id})
    await watcher.next_push("game:state")
    watcher.drop()
    await the_others_play(game_id, players)
    back = await come_back(house, watcher, "w")
    assert back.recovered
    assert event_ids(back) == [3, 4, 5]
    assert all(push.data["state"]["secret"] is None for push in stored(back))
    assert (await back.request("game:leave_spectate", {"game_id": game_id}))["success"]


async def test_recovery_of_a_session_that_follows_no_game_gives_its_sid(house: House) -> None:
    client = await house.player("a", recovery=True)
    client.drop()
    await trio.sleep(1)
    back = await house.player("a", recovery=True, pid=client.pid)
    assert (back.recovered, back.sid, back.pid) == (True, client.sid, client.pid)


async def test_recovery_is_seen_by_nobody_when_it_is_quick(house: House) -> None:
    _, players = await four_play(house)
    before = len(players[1].pushes)
    players[0].drop()
    await trio.sleep(1)
    assert (await come_back(house, players[0])).recovered
    await trio.sleep(100)
    assert [push.event for push in players[1].pushes[before:]] == []


async def test_recovery_works_again_and_again_with_the_same_pid(house: House) -> None:
    game_id, players = await four_play(house)
    client = players[0]
    for turn in range(3):
        client.drop()
        await the_others_play(game_id, players)
        client = await come_back(house, client)
        assert (client.recovered, client.sid, client.pid) == (True, players[0].sid, players[0].pid)
        await client.act(game_id, MISS)
        await trio.sleep(0.5)
        assert event_ids(client)[-1] == 6 + 4 * turn


# ---- the old connection is still taken for alive


async def test_recovery_evicts_the_old_connection_without_a_word(house: House) -> None:
    game_id, players = await four_play(house)
    back = await come_back(house, players[0])
    assert (back.recovered, back.sid) == (True, players[0].sid)
    await trio.sleep(1)
    assert players[0].lost is not None
    assert players[0].lost.code != 4001
    assert "session:replaced" not in [push.event for push in players[0].pushes]
    await the_others_play(game_id, players)
    assert event_ids(back) == [3, 4, 5]
    assert len(house.app.connections) == 4


async def test_recovery_evicts_a_connection_that_is_half_open(house: House) -> None:
    game_id, players = await four_play(house)
    house.network.host("a").half_open()
    await the_others_play(game_id, players)
    back = await come_back(house, players[0])
    assert back.recovered
    assert event_ids(back) == [3, 4, 5]


# ---- used up


async def test_recovery_is_used_up_of_two_clients_with_one_pid_one_recovers(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(1)
    one = await come_back(house, players[0])
    two = await come_back(house, players[0])
    assert (one.recovered, two.recovered) == (True, False)
    assert two.sid != one.sid
    assert two.pid != one.pid
    assert (await one.next_push("session:replaced")).data == {}
    with pytest.raises(ConnectionLost) as lost:
        await one.next_push("what never comes")
    assert lost.value.code == 4001


async def test_recovery_of_two_clients_with_one_pid_at_the_same_moment_is_for_one(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(1)
    came: list[CroupierClient] = []

    async def one() -> None:
        came.append(await come_back(house, players[0]))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(one)
    await trio.sleep(1)
    assert sum(client.recovered for client in came) == 1
    assert len([client for client in came if client.lost is None]) == 1


async def test_recovery_two_copies_that_both_come_back_by_themselves_do_not_take_turns(house: House) -> None:
    _, players = await four_play(house)
    # The copy takes the session; the client, whose socket was closed, comes back with what it knows, as libraries do.
    copy = await come_back(house, players[0])
    assert copy.recovered
    await trio.sleep(1)
    again = await come_back(house, players[0])
    assert is_fresh(again, players[0])
    await trio.sleep(1)
    assert copy.lost is not None
    assert copy.lost.code == 4001  # and so it stays away
    assert again.lost is None


async def test_recovery_of_a_recovered_client_that_was_shown_more_since_is_not_used_up(house: House) -> None:
    game_id, players = await four_play(house)
    back = await come_back(house, players[0])
    await the_others_play(game_id, players)
    again = await come_back(house, back)
    assert (again.recovered, again.sid) == (True, players[0].sid)


# ---- nothing is recovered


async def test_recovery_with_a_stolen_pid_and_another_users_token_recovers_nothing(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(1)
    thief = await come_back(house, players[0], "thief")
    assert is_fresh(thief, players[0])
    await trio.sleep(1)
    assert stored(thief) == []
    assert (await come_back(house, players[0])).recovered  # and the owner has lost nothing


async def test_recovery_with_a_stolen_pid_of_a_living_session_does_it_no_harm(house: House) -> None:
    game_id, players = await four_play(house)
    await come_back(house, players[0], "thief")
    await trio.sleep(1)
    assert await players[0].heartbeat() > 0
    await the_others_play(game_id, players)
    assert event_ids(players[0])[-1] == 5


@pytest.mark.parametrize("token", ["", "a.b.c"])
async def test_recovery_with_a_pid_and_no_token_recovers_nothing(house: House, token: str) -> None:
    _, players = await four_play(house)
    players[0].drop()
    with pytest.raises(ConnectRefused) as refused:
        await come_back(house, players[0], token=token)
    assert refused.value.code == "unauthorized"
    assert (await come_back(house, players[0])).recovered


async def test_recovery_with_an_expired_token_of_the_same_user_recovers_nothing(house: House) -> None:
    _, players = await four_play(house)
    token = house.token("a", ttl=1)
    players[0].drop()
    await trio.sleep(2)
    with pytest.raises(ConnectRefused) as refused:
        await come_back(house, players[0], token=token)
    assert refused.value.code == "token_expired"
    assert (await come_back(house, players[0])).recovered


async def test_recovery_past_the_window_gives_a_fresh_session(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(WINDOW + 1)
    assert is_fresh(await come_back(house, players[0]), players[0])


async def test_recovery_within_the_window_is_granted_to_its_end(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(WINDOW - 1)
    assert (await come_back(house, players[0])).recovered


@pytest.mark.parametrize(
    "wrong", ["", "nonsense", ":", "g:-1", "another:2", "{game}:99999", "{game}:1:1", "{game}:2.0"]
)
async def test_recovery_from_an_offset_that_was_never_given_is_no_splice_but_a_fresh_session(
    house: House, wrong: str
) -> None:
    game_id, players = await four_play(house, PERSON)
    players[0].drop()
    await the_others_play(game_id, players)
    back = await come_back(house, players[0], PERSON, offset=wrong.replace("{game}", game_id))
    assert is_fresh(back, players[0])
    assert (await back.next_push("game:reconnected")).data["event_id"] == 5
    assert stored(back) == []


async def test_recovery_without_an_offset_of_a_session_with_a_game_is_a_fresh_session(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(1)
    assert is_fresh(await come_back(house, players[0], offset=None), players[0])


async def test_recovery_past_what_the_journal_serves_gives_a_fresh_session_and_the_full_state(house: House) -> None:
    _, players = await four_play(house, PERSON, turn_timeout_seconds=1)
    for player in players:
        player.drop()
    await trio.sleep(220)  # the clock runs out over and over
    house.app.connections.roll.window = 10 * WINDOW
    back = await come_back(house, players[0], PERSON)
    assert is_fresh(back, players[0])
    view = (await back.next_push("game:reconnected")).data
    assert view["event_id"] > 200
    assert stored(back) == []


async def test_recovery_after_the_user_connected_elsewhere_is_used_up(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(1)
    await house.player("a")
    assert is_fresh(await come_back(house, players[0]), players[0])


async def test_recovery_after_the_game_was_left_restores_no_subscription(house: House) -> None:
    game_id, players = await four_play(house)
    await players[0].request("game:leave", {"game_id": game_id})
    players[0].drop()
    await the_others_play(game_id, players)
    back = await come_back(house, players[0])
    await trio.sleep(1)
    assert back.recovered
    assert back.pushes == ()


# ---- the server is killed in between


async def test_recovery_after_the_server_was_killed(house: House) -> None:
    game_id, players = await four_play(house)
    await house.crash()
    await house.start()
    back = await come_back(house, players[0])
    assert (back.recovered, back.sid, back.pid) == (True, players[0].sid, players[0].pid)
    assert stored(back) == []
    others = [await come_back(house, player, user) for player, user in zip(players[1:], FOUR[1:], strict=True)]
    assert all(other.recovered for other in others)
    await the_others_play(game_id, [back, *others])
    assert event_ids(back) == [3, 4, 5]


async def test_recovery_after_the_server_was_killed_with_the_client_cut_off_before(house: House) -> None:
    game_id, players = await four_play(house)
    players[0].drop()
    await the_others_play(game_id, players)
    await house.crash()
    await house.start()
    back = await come_back(house, players[0])
    assert back.recovered
    assert event_ids(back) == [3, 4, 5]


async def test_recovery_of_a_game_that_was_joined_when_there_was_no_time_left_to_write_it_down_is_a_fresh_session(
    house: House,
) -> None:
    """Never the old session without its game: its client would take itself for seated."""
    game_id = await house.new_game("tally", ["a", "b"])
    await (await house.player("b")).join(game_id)  # the game is in memory
    client = await house.player("a", recovery=True)
    await trio.sleep(1)
    house.redis.refuse()
    house.redis.cut()
    await trio.sleep(0.1)
    await client.join(game_id)
    assert (await client.next_push("game:state")).offset is not None
    await house.crash()
    house.redis.admit()
    await house.start()
    back = await come_back(house, client)
    assert is_fresh(back, client)
    assert (await back.join(game_id))["event_id"] == 1


async def test_recovery_after_an_orderly_restart(house: House) -> None:
    _, players = await four_play(house)
    await house.restart()
    back = await come_back(house, players[0])
    assert (back.recovered, back.sid) == (True, players[0].sid)


async def test_recovery_downtime_does_not_count_towards_the_window(house: House) -> None:
    _, players = await four_play(house)
    players[0].drop()
    await trio.sleep(WINDOW / 2)
    await house.crash()
    await trio.sleep(10 * WINDOW)
    await house.start()
    assert (await come_back(house, players[0])).recovered


async def test_recovery_after_a_kill_is_used_up_too(house: House) -> None:
    _, players = await four_play(house)
    await house.crash()
    await house.start()
    one, two = await come_back(house, players[0]), await come_back(house, players[0])
    assert (one.recovered, two.recovered) == (True, False)


async def test_recovery_after_a_kill_is_not_granted_to_a_session_that_was_replaced_before_it(house: House) -> None:
    _, players = await four_play(house)
    await house.player("a", recovery=True)
    await trio.sleep(1)
    await house.crash()
    await house.start()
    assert is_fresh(await come_back(house, players[0]), players[0])


# ---- the store is away


async def test_recovery_while_the_store_is_away_lets_clients_in_all_the_same(house: House) -> None:
    _, players = await four_play(house)
    house.redis.cut()
    house.redis.refuse()
    await trio.sleep(1)
    fresh = await house.player("z")
    assert await fresh.heartbeat() > 0
    players[0].drop()
    back = await come_back(house, players[0])  # its table is in memory
    assert back.recovered
    house.redis.admit()
    await trio.sleep(5)
    assert await house.app.records.is_online("z")
    assert await house.app.records.is_online("a")
