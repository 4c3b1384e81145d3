from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from actors.rules.registry import Registry
from net.auth import Scope, Tokens
from net.client import (
    ApiFailed,
    ConnectionLost,
    ConnectRefused,
    RequestFailed,
    play,
    random_choice,
)
from net.config import Auth, Config
from net.redis import StoreNotReached, StoreUnavailable
from net.testing.house import SECRETS, HouseError, open_house
from net.testing.ports import SimEntropy
from net.testing.streams import Link
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client import (
        CroupierClient,
        Ending,
    )
    from net.testing.house import House

TWO = ("alice", "bob")


async def two_at_a_table(house: House) -> tuple[str, CroupierClient, CroupierClient]:
    """A game of Crazy Eights, and its two players, who have joined."""
    game_id = await house.new_game("crazy_eights", TWO, seed="a seed")
    alice, bob = [await house.player(user) for user in TWO]
    for player in (alice, bob):
        await player.join(game_id)
    return game_id, alice, bob


def journal(house: House, game_id: str) -> list[dict[str, Any]]:
    """What stands in the store, as it stands there."""
    entries: Any = house.redis.execute("XRANGE", f"croupier:game:{game_id}", "-", "+")
    return [json.loads(dict(zip(fields[::2], fields[1::2], strict=True))[b"event"]) for _, fields in entries]


async def whose_turn(house: House, game_id: str) -> CroupierClient:
    """The player whose turn it is, connected and joined."""
    for user in TWO:
        player = await house.player(user)
        if (await player.join(game_id))["is_your_turn"]:
            return player
    raise AssertionError("it is nobody's turn")


async def short_game(house: House) -> str:
    return await house.new_game("crazy_eights", TWO, options={"hand_size": 4, "max_plays": 30, "draw_limit": 1})


async def play_it_out(house: House, game_id: str) -> list[Ending]:
    """Both players play, and come back whenever they are cut off, until the game is over."""
    endings = []

    async def sit(seat: int) -> None:
        back = partial(house.player, TWO[seat])
        choose = random_choice(SimEntropy(seat))
        endings.append(await play(await back(), game_id, choose, reconnect=back))

    async with trio.open_nursery() as nursery:
        for seat in range(2):
            nursery.start_soon(sit, seat)
    return endings


# ---- the house itself


async def test_it_runs_in_virtual_time_without_asking(house: House) -> None:
    assert isinstance(trio.lowlevel.current_clock(), MockClock)
    await trio.sleep(300)
    assert await house.api.healthz()


async def test_the_clock_of_a_test_that_names_one_is_taken(house: House, autojump_clock: MockClock) -> None:
    await trio.sleep(1)
    assert trio.lowlevel.current_clock() is autojump_clock


async def test_it_refuses_to_run_in_real_time() -> None:
    with pytest.raises(HouseError, match="virtual time"):
        async with open_house():
            pass


async def test_a_test_that_waits_for_what_never_comes_is_ended(autojump_clock: MockClock) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(HouseError, match="never comes")):
        async with open_house(patience=60):
            await trio.sleep_forever()


async def test_the_same_seed_makes_the_same_ids_and_hands(autojump_clock: MockClock) -> None:
    async def deal(seed: int) -> tuple[str, object]:
        async with open_house(seed=seed) as house:
            game_id = await house.new_game("crazy_eights", TWO)
            return game_id, (await (await house.player("alice")).join(game_id))["state"]

    assert await deal(7) == await deal(7)
    assert await deal(7) != await deal(8)


class TestWithAnotherConfigurationAndOtherRules:
    @pytest.fixture
    def house_config(self) -> Config:
        return Config(auth=Auth(audience="elsewhere"))

    @pytest.fixture
    def house_rules(self) -> Registry:
        return Registry([Tally()])

    async def test_the_server_has_what_the_test_gives(self, house: House) -> None:
        await house.player("alice", token=Tokens(SECRETS, "elsewhere", house.clock).issue("alice", Scope.PLAYER, 60))
        with pytest.raises(ConnectRefused):
            await house.player("alice", token=Tokens(SECRETS, "croupier", house.clock).issue("alice", Scope.PLAYER, 60))
        assert [rules["name"] for rules in await house.api.rules()] == ["tally"]


async def test_a_server_can_be_killed_while_it_starts(house: House) -> None:
    game_id, alice, _ = await two_at_a_table(house)
    before = await alice.join(game_id)
    await house.crash()
    house.redis.pause()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def start() -> None:
            with pytest.raises(HouseError, match="killed while it started"):
                await house.start()

        await house.advance(1)
        await house.crash()
    house.redis.resume()
    await house.restart()
    alice = await house.player("alice")
    assert (await alice.join(game_id))["state"] == before["state"]


async def test_a_player_who_is_cut_off_misses_nothing(house: House) -> None:
    """The test of docs/simulation.md."""
    game_id = await house.new_game("crazy_eights", ["alice", "bob"])
    alice = await house.player("alice", recover=True)
    bob = await house.player("bob")
    view = await alice.join(game_id)
    await bob.join(game_id)
    house.network.host("alice").cut()
    await bob.resign(game_id)
    await house.advance(10)
    assert alice.latest_state is not None
    assert alice.latest_state["event_id"] == view["event_id"] + 1
    assert alice.latest_state["game_over"]


async def test_whoever_waits_for_its_end_hears_of_it_however_it_comes(house: House) -> None:
    async def restart_when_down() -> None:
        await house.until_down()
        await house.start()

    async def killed() -> None:
        await house.crash()

    async def stopped() -> None:
        await house.stop()

    async def taken_over_in_vain() -> None:
        house.redis.pause()
        with trio.move_on_after(1):
            await house.take_over()
        house.redis.resume()

    for end in (killed, stopped, taken_over_in_vain):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restart_when_down)
            await trio.sleep(0.1)
            await end()
        assert await house.api.healthz()


async def test_of_two_servers_on_one_store_the_former_notices_and_goes(house: House) -> None:
    game_id, alice, _ = await two_at_a_table(house)
    before = await alice.join(game_id)
    former = house.app
    await house.take_over()
    assert house.app is not former
    late = await house.player("alice")
    assert (await late.join(game_id))["state"] == before["state"]
    await house.advance(30)
    assert former.stopping
    assert alice.lost is not None


# ---- who comes


async def test_players_are_connected_by_their_own_tokens(house: House) -> None:
    game_id, _, bob = await two_at_a_table(house)
    mallory = await house.player("mallory")
    with pytest.raises(RequestFailed, match="not_in_game"):
        await mallory.join(game_id)
    with pytest.raises(ConnectRefused) as caught:
        await house.player("mallory", token=house.token("bob", ttl=60) + "x")
    assert caught.value.code == "unauthorized"
    stale = house.token("bob", ttl=60)
    await trio.sleep(61)
    with pytest.raises(ConnectRefused) as caught:
        await house.player("bob", token=stale)
    assert caught.value.code == "token_expired"
    sent_at = house.clock.now()
    assert sent_at < await bob.heartbeat() < house.clock.now()


async def test_a_players_cable_can_be_pulled_and_the_server_notices_in_its_time(house: House) -> None:
    await two_at_a_table(house)
    assert len(house.app.connections) == 2
    house.network.host("bob").half_open()
    await trio.sleep(house.config.sessions.ping_interval)
    assert len(house.app.connections) == 2
    await trio.sleep(house.config.sessions.ping_timeout * 1.5)
    assert len(house.app.connections) == 1


# ---- the server's life


async def test_a_crash_takes_no_time_and_everybody_is_cut_off(house: House) -> None:
    _, alice, _ = await two_at_a_table(house)
    before = trio.current_time()
    await house.crash()
    assert trio.current_time() == before
    with pytest.raises(ConnectionLost):
        await alice.heartbeat()
    with pytest.raises(OSError, match="nobody listens"):
        await house.player("alice")
    with pytest.raises(HouseError, match="down"):
        await house.crash()


async def test_what_the_store_had_read_before_the_crash_stands_though_nobody_was_told(house: House) -> None:
    game_id = await short_game(house)
    for event_id in (2, 3):  # the first append of a server looks before it writes; the second only writes
        player = await whose_turn(house, game_id)
        action = (await player.join(game_id))["legal_actions"][0]
        if event_id == 2:
            await player.act(game_id, action)
    house.redis.pause()
    async with trio.open_nursery() as nursery:

        async def act() -> None:
            with pytest.raises(ConnectionLost):
                await player.act(game_id, action)

        nursery.start_soon(act)
        await trio.sleep(0.1)
        await house.crash()
    assert len(journal(house, game_id)) == 2
    house.redis.resume()
    assert len(journal(house, game_id)) == 3
    await house.restart()
    assert (await (await house.player("alice")).join(game_id))["event_id"] == 3


async def test_what_a_crashed_server_had_not_sent_never_happens(house: House) -> None:
    game_id = await short_game(house)
    player = await whose_turn(house, game_id)
    action = (await player.join(game_id))["legal_actions"][0]
    async with trio.open_nursery() as nursery:

        async def act() -> None:
            with pytest.raises(ConnectionLost):
                await player.act(game_id, action, "m1")

        nursery.start_soon(act)
        await trio.sleep(0.0015)  # the action is at the server, and nothing of it at the store
        await house.crash()
        await trio.sleep(10)
    assert len(journal(house, game_id)) == 1


async def test_after_a_crash_and_a_restart_the_game_is_as_it_was(house: House) -> None:
    game_id, alice, bob = await two_at_a_table(house)
    before = [(await player.join(game_id))["state"] for player in (alice, bob)]
    await house.crash()
    await trio.sleep(86)
    await house.restart()
    after = [(await (await house.player(user)).join(game_id))["state"] for user in TWO]
    assert after == before


async def test_an_orderly_stop_says_goodbye(house: House) -> None:
    _, alice, _ = await two_at_a_table(house)
    await house.stop()
    with pytest.raises(ConnectionLost) as caught:
        await alice.next_push("session:replaced")
    assert caught.value.code == 1012
    with pytest.raises(HouseError, match="down"):
        await house.stop()
    with pytest.raises(HouseError, match="restart"):
        _ = house.app


async def test_a_server_that_is_up_cannot_be_started_again(house: House) -> None:
    with pytest.raises(HouseError, match="up already"):
        await house.start()


async def test_a_server_without_its_store_does_not_start_and_can_be_started_later(house: House) -> None:
    await house.crash()
    house.redis.refuse()
    with pytest.raises(StoreNotReached):
        await house.restart()
    house.redis.admit()
    await house.restart()
    assert await house.api.healthz()


# ---- games in it


async def test_a_whole_game_is_played_and_nobody_is_sent_a_card_of_the_others_hand(house: House) -> None:
    game_id = await short_game(house)
    clients = [await house.player(user, record=True) for user in TWO]
    hands: list[dict[int, list[str]]] = [{}, {}]
    endings = []

    async def sit(seat: int) -> None:
        def remember(view: dict[str, Any]) -> None:
            if not view["game_over"]:  # at the end all hands are open
                hands[seat][view["event_id"]] = view["state"]["hand"]

        endings.append(await play(clients[seat], game_id, random_choice(SimEntropy(seat)), seen=remember))

    async with trio.open_nursery() as nursery:
        for seat in range(2):
            nursery.start_soon(sit, seat)
    looked_at = 0
    for seat, client in enumerate(clients):
        for message in client.received:
            event_id = json.loads(message)["data"].get("event_id")
            for card in hands[1 - seat].get(event_id, ()):
                assert f'"{card}"' not in str(message)
                looked_at += 1
    assert looked_at > 100
    assert endings[0] == endings[1]
    described = await house.api.game(game_id)
    assert (described["status"], described["winner_id"]) == ("ended", endings[0].winner_id)
    assert described["event_count"] == endings[0].event_id == len(journal(house, game_id))


async def test_a_game_is_played_to_its_end_through_crash_after_crash(house: House) -> None:
    house.network.link = Link(latency=0.01)
    await house.restart()
    game_id = await short_game(house)
    done = trio.Event()
    crashes = 0

    async def kill() -> None:
        nonlocal crashes
        while not done.is_set():
            await trio.sleep(0.137 + 0.01 * crashes)
            await house.crash()
            crashes += 1
            await house.restart()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(kill)
        endings = await play_it_out(house, game_id)
        done.set()
    assert crashes >= 3
    assert endings[0] == endings[1]
    check_that_nothing_counts_twice(house, game_id)


async def test_a_game_that_has_ended_is_still_there_after_a_crash(house: House) -> None:
    game_id = await short_game(house)
    ending, _ = await play_it_out(house, game_id)
    assert ending.winner_id in TWO
    await house.crash()
    await house.restart()
    for user in TWO:
        view = await (await house.player(user)).join(game_id)
        assert (view["game_over"], view["winner_id"], view["results"]) == (True, ending.winner_id, ending.results)


async def test_a_game_is_played_to_its_end_on_a_store_that_loses_connections_and_replies(house: House) -> None:
    house.network.link = Link(latency=0.002)
    await house.restart()
    game_id = await short_game(house)

    async def break_things() -> None:
        while True:
            await trio.sleep(0.05)
            house.redis.drop_next_reply("EVAL", f"croupier:game:{game_id}")
            await trio.sleep(0.31)
            house.redis.pause()
            house.redis.cut()
            await trio.sleep(0.2)
            house.redis.resume()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(break_things)
        endings = await play_it_out(house, game_id)
        nursery.cancel_scope.cancel()
    assert endings[0] == endings[1]
    check_that_nothing_counts_twice(house, game_id)


async def test_a_game_is_played_to_its_end_in_small_pieces_and_over_cut_connections(house: House) -> None:
    house.network.link = Link(capacity=200, latency=0.0005, send_limit=53, receive_limit=31)
    await house.restart()
    game_id = await short_game(house)

    async def cut() -> None:
        while True:
            for user in TWO:
                await trio.sleep(0.9)
                house.network.host(user).cut()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut)
        endings = await play_it_out(house, game_id)
        nursery.cancel_scope.cancel()
    assert endings[0] == endings[1]
    check_that_nothing_counts_twice(house, game_id)


def check_that_nothing_counts_twice(house: House, game_id: str) -> None:
    created, *acted = journal(house, game_id)
    assert created["kind"] == "created"
    assert [event["event_id"] for event in acted] == list(range(2, len(acted) + 2))
    for user in TWO:
        sent = [event["message_id"] for event in acted if event["player_id"] == user]
        assert sent == sorted(set(sent), key=lambda message_id: int(message_id[1:]))


async def test_while_the_store_is_away_nothing_is_made(house: House) -> None:
    house.redis.refuse()
    house.redis.cut()
    await trio.sleep(1)
    with pytest.raises(ApiFailed) as caught:
        await house.new_game("crazy_eights", TWO)
    assert (caught.value.status, caught.value.code) == (503, "unavailable")
    with pytest.raises(StoreUnavailable):
        await house.app.store.call("PING")
