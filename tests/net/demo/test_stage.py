"""The demo on the house: the real server and the real clients, in virtual time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define, evolve

from actors.events import Acted
from net.demo.plan import CannotPlay
from net.demo.proof import Audit
from net.demo.scene import Scene
from net.demo.stage import Stage
from net.journal import RedisJournal
from net.ownership import Ownership
from net.redis import Redis
from net.testing.house import ADDRESS, House
from tests.net.demo.played import REGISTRY, Played, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.events import Event
    from actors.rules.interface import JsonObject
    from actors.rules.registry import Registry
    from net.auth import Scope
    from net.demo.plan import Plan


START = 0.5
"""Seconds that the house's server takes to come back."""


@define(eq=False)
class HouseServer:
    """The house's server, as the demo starts and kills it."""

    house: House
    pid: int = 1
    address: str = ADDRESS
    kills: int = 0
    forget_an_event: bool = False
    slow: int | None = None
    """Which of the connections takes its time; 0 is that which makes the game."""
    connections: int = 0

    async def connect(self) -> trio.abc.Stream:
        number, self.connections = self.connections, self.connections + 1
        if number == self.slow:
            await trio.sleep(1)
        return await self.house.network.host("players").connect(ADDRESS)

    def token(self, user_id: str, scope: Scope) -> str:
        return self.house.token(user_id, scope=scope)

    async def start(self) -> None:
        if self.kills:
            self.pid += 1
            await trio.sleep(START)
            await self.house.start()

    async def kill(self) -> None:
        self.kills += 1
        await self.house.crash()

    async def journal(self, game_id: str) -> Sequence[Event]:
        entropy = self.house.entropy
        connect = partial(self.house.network.host("auditor").connect, self.house.redis.address)
        redis = Redis(connect, entropy=entropy)
        async with trio.open_nursery() as nursery:
            await nursery.start(redis.run)
            events = await RedisJournal(redis, Ownership(entropy=entropy), entropy=entropy).history(game_id)
            nursery.cancel_scope.cancel()
        return events[:-1] if self.forget_an_event else events


@pytest.fixture
def house_rules() -> Registry:
    return REGISTRY


async def performed(house: House, made: Plan, pace: float = 0.25) -> tuple[Stage, list[Scene]]:
    pictures: list[Scene] = []
    stage = Stage(made, HouseServer(house), Scene(made), pictures.append, pace)
    await stage.play()
    return stage, pictures


def moves(scene: Scene) -> list[str]:
    return [line.text for line in scene.log if line.kind == "move"]


@pytest.mark.parametrize(("rules", "players"), [("crazy_eights", 2), ("crazy_eights", 5), ("tally", 3)])
async def test_a_game_is_played_to_its_end_through_the_death_of_the_server(
    house: House, rules: str, players: int
) -> None:
    made = plan(rules=rules, players=players)
    stage, _ = await performed(house, made)
    scene = stage.scene
    assert scene.killed is not None
    assert scene.killed.event_id == made.kill_after
    assert scene.proof is not None
    assert made.kill_after is not None
    assert scene.proof.audit == Audit(made.kill_after - 1, made.kill_after - 1)
    assert scene.proof.holds
    assert scene.proof.seconds > START
    assert scene.finished is not None
    actions = len(Played.of(made).positions) - 1
    assert scene.finished.audit == Audit(actions, actions)
    assert [robot.joined for robot in stage.robots] == [2] * players


async def test_what_is_played_is_what_was_rehearsed(house: House) -> None:
    made = plan()
    stage, _ = await performed(house, made)
    played = Played.of(made)
    events = await stage.server.journal(stage.game_id)
    assert len(events) == len(played.positions)
    assert stage.robots[0].view is not None
    assert stage.robots[0].view["state"] == played.view(len(played.positions))["state"]


async def test_the_same_seed_is_the_same_play_with_a_kill_or_without(house: House) -> None:
    killed, _ = await performed(house, plan(seed="again"))
    server = HouseServer(house)
    left_alone = Stage(plan(seed="again", kill=False), server, Scene(plan()), lambda _: None, 0.0)
    await left_alone.play()
    assert server.kills == 0
    assert moves(killed.scene) == moves(left_alone.scene)

    def played(events: Sequence[Event]) -> list[JsonObject]:
        return [event.action for event in events if isinstance(event, Acted)]

    assert played(await server.journal(killed.game_id)) == played(await server.journal(left_alone.game_id))


@pytest.mark.parametrize("slow", [1, 2])
async def test_nobody_plays_before_everybody_sits_and_the_deal_is_shown(slow: int, house: House) -> None:
    made = next(made for n in range(20) if first_to_act(made := plan(seed=f"{n}", kill=False)) == 1)
    server = HouseServer(house, slow=slow)
    stage = Stage(made, server, Scene(made), lambda _: None, 0.0)
    await stage.play()
    assert next(line.mark for line in stage.scene.log if line.mark.isdecimal()) == "1"


def first_to_act(made: Plan) -> int:
    [seat] = REGISTRY.latest(made.rules).to_act(Played.of(made).positions[0].state)
    return seat


async def test_nobody_acts_between_the_event_that_the_server_is_killed_after_and_the_proof(house: House) -> None:
    stage, _ = await performed(house, plan(players=4))
    marks = [line.mark for line in stage.scene.log]
    kill, proof = marks.index("kill"), marks.index("proof")
    assert not any(mark.isdecimal() for mark in marks[kill:proof])
    assert set(marks[kill + 1 : proof]) == {"server", "Anna", "Ben", "Carla", "Dario"}


async def test_the_pictures_show_the_server_gone_and_the_players_without_connection(house: House) -> None:
    _, pictures = await performed(house, plan())
    assert any(picture.serving is None and picture.killed is not None and not picture.inside for picture in pictures)
    assert pictures[0].view is None
    assert pictures[-1].finished is not None


async def test_all_rest_when_the_proof_is_shown_so_that_it_can_be_read(house: House) -> None:
    _, pictures = await performed(house, plan(), pace=0.5)
    resting = {
        picture.event_id
        for picture in pictures
        if picture.proof is not None and picture.now < proved_at(pictures) + 2.9
    }
    assert resting == {plan().kill_after}


def proved_at(pictures: list[Scene]) -> float:
    return next(picture.now for picture in pictures if picture.proof is not None)


async def test_an_acknowledged_action_that_the_journal_does_not_have_is_found_out(house: House) -> None:
    server = HouseServer(house, forget_an_event=True)
    stage = Stage(plan(), server, Scene(plan()), lambda _: None, 0.0)
    await stage.play()
    assert stage.scene.proof is not None
    assert not stage.scene.proof.audit.holds
    assert stage.scene.finished is not None
    assert stage.scene.finished.audit.found == stage.scene.finished.audit.acknowledged - 1


async def test_a_game_that_the_server_does_not_make_is_said_in_a_line(house: House) -> None:
    made = evolve(plan(), options={"bogus": True})
    with pytest.RaisesGroup(
        pytest.RaisesExc(CannotPlay, match="^the server does not make this game: "), flatten_subgroups=True
    ):
        await Stage(made, HouseServer(house), Scene(made), lambda _: None, 0.0).play()
