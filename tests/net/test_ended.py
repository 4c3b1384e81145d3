"""The games that have ended, on a real Valkey: they are found in order, and leave whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from actors.ports import ServerReplaced, StoreUnavailable
from net.ended import RedisEnded
from net.ownership import Ownership
from net.redis import Redis
from net.testing.ports import SimEntropy
from tests.samples.journal import CREATED, GAME, acted, snapshot

if TYPE_CHECKING:
    import trio

    from tests.samples.journal import Scene


@pytest.fixture
def ended(scene: Scene) -> RedisEnded:
    return RedisEnded(scene.redis, scene.ownership)


async def end(scene: Scene, game_id: str, at: float) -> None:
    created = evolve(CREATED, game_id=game_id, turn_timeout_seconds=30.0)
    await scene.journal.create(created, deadline=30.0)
    await scene.journal.writer(created, 1).append(acted(2, at=at), ends=True)


async def test_the_games_that_ended_are_found_the_earliest_first(scene: Scene, ended: RedisEnded) -> None:
    for game_id, at in (("b", 2000.0), ("a", 3000.0), ("c", 1000.5)):
        await end(scene, game_id, at)
    await scene.play()  # a game that runs
    assert await ended.waiting(9000.0, 10) == ("c", "b", "a")
    assert await ended.waiting(9000.0, 2) == ("c", "b")
    assert await ended.waiting(2000.0, 10) == ("c",)
    assert await ended.waiting(0.0, 10) == ()


async def test_a_game_leaves_the_store_with_all_that_was_kept_of_it(scene: Scene, ended: RedisEnded) -> None:
    await end(scene, GAME, 2000.0)
    scene.journal.save(snapshot(2))
    for key in ("game_conns", "spectators"):
        scene.oracle.sadd(f"croupier:{key}:{GAME}", "sid")
    await ended.remove(GAME, 2)
    assert scene.keys() == []


async def test_again_is_no_harm(scene: Scene, ended: RedisEnded) -> None:
    await end(scene, GAME, 2000.0)
    for _ in range(2):
        await ended.remove(GAME, 2)
    assert scene.keys() == []


async def test_other_games_stay(scene: Scene, ended: RedisEnded) -> None:
    await end(scene, "one", 2000.0)
    await end(scene, "two", 2001.0)
    await ended.remove("one", 2)
    assert await ended.waiting(9000.0, 10) == ("two",)
    assert len(await scene.events("two")) == 2


@pytest.mark.parametrize("last", [1, 3])
async def test_a_game_that_ends_otherwise_stays(scene: Scene, ended: RedisEnded, last: int) -> None:
    await end(scene, GAME, 2000.0)
    await ended.remove(GAME, last)
    assert scene.ids() == ["1-0", "2-0"]
    assert await ended.waiting(9000.0, 10) == (GAME,)


async def test_what_was_left_of_a_game_that_is_gone_goes(scene: Scene, ended: RedisEnded) -> None:
    await end(scene, GAME, 2000.0)
    scene.oracle.delete(f"croupier:game:{GAME}")
    await ended.remove(GAME, 2)
    assert scene.keys() == []


async def test_a_server_that_was_replaced_takes_no_game_out_of_the_store(scene: Scene, ended: RedisEnded) -> None:
    await end(scene, GAME, 2000.0)
    scene.replace()
    with pytest.raises(ServerReplaced):
        await ended.remove(GAME, 2)
    assert scene.ids() == ["1-0", "2-0"]


async def test_a_store_that_is_away_says_so() -> None:
    ended = RedisEnded(Redis(_nowhere, entropy=SimEntropy(1)), Ownership(entropy=SimEntropy(1)))
    with pytest.raises(StoreUnavailable):
        await ended.waiting(1.0, 1)
    with pytest.raises(StoreUnavailable):
        await ended.remove(GAME, 1)


async def _nowhere() -> trio.abc.Stream:
    raise OSError
