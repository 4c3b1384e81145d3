"""Writes whose result is unknown, on a real Valkey: sent again until it is known, they count once, whatever is cut
when."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from actors.ports import Fenced, ServerReplaced, StoreLostData
from net.ended import RedisEnded
from tests.samples.journal import CREATED, GAME, KEY, acted, open_scene

if TYPE_CHECKING:
    import redis as redis_py

    from actors.ports import Entropy
    from net.journal import RedisJournalWriter
    from tests.samples.journal import Scene


async def test_an_event_whose_acknowledgement_was_lost_stands_once(scene: Scene, writer: RedisJournalWriter) -> None:
    async with scene.reply_lost(partial(writer.append, acted(4), ends=False)):
        pass
    await writer.append(acted(5), ends=False)
    assert [event.event_id for event in await scene.events()] == [1, 2, 3, 4, 5]


async def test_an_end_whose_acknowledgement_was_lost_is_whole(scene: Scene, writer: RedisJournalWriter) -> None:
    async with scene.reply_lost(partial(writer.append, acted(4), ends=True)):
        pass
    assert scene.ids()[3:] == ["4-0"]
    assert scene.running() == [None, None, None]
    assert scene.ended() == 1004.0


@pytest.mark.parametrize("ends", [False, True])
async def test_an_event_that_never_arrived_is_sent_again(scene: Scene, writer: RedisJournalWriter, ends: bool) -> None:
    async with scene.in_doubt(partial(writer.append, acted(4), ends=ends)):
        pass
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0"]
    assert scene.ended() == (1004.0 if ends else None)


async def test_an_event_that_arrives_late_after_all_is_not_applied_twice(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    async with scene.in_doubt(partial(writer.append, acted(4), ends=False)):
        pass
    await scene.proxy.lines[0].deliver()
    await writer.append(acted(5), ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0", "5-0"]


async def test_an_event_that_lands_between_the_look_and_the_second_sending_is_known_as_ours(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    old_line = scene.proxy.lines[0]
    landed = trio.Event()

    async def land_first(data: bytes) -> None:
        if b"EVAL" in data and not landed.is_set():
            landed.set()
            await old_line.deliver()

    async with scene.in_doubt(partial(writer.append, acted(4), ends=False)):
        scene.proxy.before_sending = land_first
    assert landed.is_set()
    await writer.append(acted(5), ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0", "5-0"]


async def test_whoever_wrote_while_our_result_was_unknown_has_fenced_us(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    async def append() -> None:
        with pytest.raises(Fenced):
            await writer.append(acted(4), ends=False)

    async with scene.in_doubt(append):
        scene.add("4-0", {"event": "theirs", "nonce": "theirs"})
    await scene.proxy.lines[0].deliver()
    assert scene.ids()[3:] == ["4-0"]


async def test_a_server_that_is_replaced_while_a_result_is_unknown_learns_that_its_event_does_not_stand(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    async def append() -> None:
        with pytest.raises(ServerReplaced):
            await writer.append(acted(4), ends=False)

    async with scene.in_doubt(append):
        scene.replace()
    await scene.proxy.lines[0].deliver()  # too late
    assert scene.ids() == ["1-0", "2-0", "3-0"]


async def test_a_server_that_is_replaced_while_a_result_is_unknown_learns_that_its_event_stands(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    async def replace_behind_it(data: bytes) -> None:
        if b"EVAL" in data:
            scene.proxy.before_sending = nothing
            await scene.proxy.lines[0].deliver()
            scene.replace()

    async def nothing(data: bytes) -> None:
        await trio.lowlevel.checkpoint()

    async with scene.in_doubt(partial(writer.append, acted(4), ends=False)):
        scene.proxy.before_sending = replace_behind_it
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0"]
    with pytest.raises(ServerReplaced):
        await writer.append(acted(5), ends=False)


async def test_what_became_of_its_event_nobody_says_when_the_game_is_gone(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    async def append_and_lose() -> None:
        with pytest.raises(StoreLostData):
            await writer.append(acted(4), ends=False)

    async def replace_behind_it(data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if b"EVAL" in data:
            scene.replace()
            scene.oracle.delete(KEY)

    async with scene.in_doubt(append_and_lose):
        scene.proxy.before_sending = replace_behind_it


async def test_while_a_result_is_unknown_it_waits_for_the_store(scene: Scene, writer: RedisJournalWriter) -> None:
    done = trio.Event()

    async def append() -> None:
        await writer.append(acted(4), ends=False)
        done.set()

    async with trio.open_nursery() as waiting, scene.in_doubt(append):
        scene.proxy.refuse = True
        waiting.start_soon(_admit_when_not, done, scene)
    assert done.is_set()
    assert scene.ids()[3:] == ["4-0"]


async def _admit_when_not(done: trio.Event, scene: Scene) -> None:
    await trio.sleep(0.2)
    assert not done.is_set()
    scene.proxy.refuse = False


async def test_a_store_that_refuses_while_a_result_is_unknown_does_not_make_it_known(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    done = trio.Event()

    async def append() -> None:
        await writer.append(acted(4), ends=False)
        done.set()

    async def make_room() -> None:
        await trio.sleep(0.2)
        assert not done.is_set()
        scene.oracle.config_set("maxmemory", 0)

    scene.oracle.config_set("maxmemory", 1)
    try:
        async with trio.open_nursery() as waiting, scene.in_doubt(append):
            waiting.start_soon(make_room)
    finally:
        scene.oracle.config_set("maxmemory", 0)
    assert scene.ids()[3:] == ["4-0"]


async def test_after_a_cancelled_append_the_writer_is_spent(scene: Scene, writer: RedisJournalWriter) -> None:
    async with scene.in_doubt(partial(writer.append, acted(4), ends=False)) as appending:
        appending.cancel_scope.cancel()
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=False)
    await scene.proxy.given_out(2)
    await scene.redis.wait_available()
    await scene.proxy.lines[0].deliver()
    assert [event.event_id for event in await scene.events()] == [1, 2, 3, 4]


async def test_a_store_that_lost_events_while_a_result_was_unknown_is_found_out(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    async def append() -> None:
        with pytest.raises(StoreLostData):
            await writer.append(acted(4), ends=False)

    async with scene.in_doubt(append):
        scene.oracle.xdel(KEY, "3-0")


# ---- creating


async def test_a_creation_whose_acknowledgement_was_lost_stands_once(scene: Scene) -> None:
    async with scene.reply_lost(partial(scene.journal.create, CREATED)):
        pass
    assert scene.ids() == ["1-0"]
    assert await scene.events() == [CREATED]


async def test_a_creation_that_never_arrived_is_sent_again(scene: Scene) -> None:
    async with scene.in_doubt(partial(scene.journal.create, CREATED)):
        pass
    await scene.proxy.lines[0].deliver()
    assert scene.ids() == ["1-0"]


async def test_a_creation_that_lands_after_the_games_end_puts_it_back_into_no_index(scene: Scene) -> None:
    async with scene.in_doubt(partial(scene.journal.create, CREATED, deadline=30.0)):
        pass
    await scene.journal.writer(CREATED, 1).append(acted(2), ends=True)
    await scene.proxy.lines[0].deliver()
    assert scene.running() == [None, None, None]
    assert scene.deadline() is None
    assert scene.ended() == 1002.0


# ---- dead connections


async def test_what_stands_in_a_dead_connection_never_arrives_once_there_is_another(
    oracle: redis_py.Redis, valkey_socket: str, entropy: Entropy
) -> None:
    """So a creation that was sent again cannot bring a game back that has ended since, and gone to the archive."""
    async with open_scene(oracle, valkey_socket, entropy, ends_dead_connections=True) as scene:
        async with scene.in_doubt(partial(scene.journal.create, CREATED, deadline=30.0)):
            pass
        await scene.journal.writer(CREATED, 1).append(acted(2), ends=True)
        await RedisEnded(scene.redis, scene.ownership).remove(GAME, 2)
        with pytest.raises(trio.BrokenResourceError):
            await scene.proxy.lines[0].deliver()
        assert scene.keys() == []


async def test_a_store_that_does_not_let_us_end_them_is_told_of_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for _ in range(3):
        await scene.cut()
    assert caplog.text.count("does not let us end dead connections of ours (CLIENT KILL: NOPERM)") == 1
    assert await scene.redis.call("PING") == b"PONG"
