"""Two servers where there should be one: the second refuses, and where it cannot know, the data decide."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define

from net.client import CroupierClient, RequestFailed
from tests.drills.player import enter, last_answer, make_game
from tests.drills.server import PATIENCE, RealServer, croupier
from tests.drills.truth import Truth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.client import PushMessage


async def test_a_second_server_on_the_same_data_directory_refuses_and_the_first_goes_on(
    tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, (user_id, _) = await make_game(server, random.Random(seed))
            client = await enter(nursery, server, user_id)
            view = await client.join(game_id)
            second = await croupier("serve", "--port", "0", "--data-dir", server.data, cwd=tmp_path)
            answer = await client.act(game_id, view["legal_actions"][0])
            client.drop()
            assert server.process is not None
            pid = server.process.pid
    assert (second.status, second.stdout, second.stderr.count("\n")) == (2, "", 1)
    assert second.stderr.startswith("croupier: ")
    assert f"{server.data} is in use by another server (pid {pid})" in second.stderr
    assert answer["event_id"] == 2


# ---- a server that slept while another went on


@define(eq=False)
class Seats:
    """The two players of one game, as they are connected to one server."""

    game_id: str
    clients: dict[str, CroupierClient]
    rng: random.Random
    acted: int = 0

    async def look(self) -> JsonObject:
        """The view of whoever is to act, as this server has it."""
        views = [await client.join(self.game_id) for client in self.clients.values()]
        return next((view for view in views if "legal_actions" in view), views[0])

    async def act(self) -> JsonObject:
        """Whoever is to act does so; the answer."""
        view = await self.look()
        [user_id] = view["to_act"]
        self.acted += 1
        return await self.clients[user_id].act(
            self.game_id, self.rng.choice(view["legal_actions"]), f"{id(self)}-{self.acted}"
        )

    async def settle(self, user_id: str) -> list[PushMessage]:
        """Everything that this user was sent so far and that was not taken yet."""
        client = self.clients[user_id]
        await client.heartbeat()
        return [await client.next_push() for _ in client.pushes]


@define(eq=False)
class TwoWriters:
    """A server and another one on the same store, and the players of one game, connected to both."""

    server: RealServer
    here: Seats
    there: Seats

    def truth(self) -> Truth:
        """The game as it is written."""
        with self.server.store() as store:
            return Truth.of(store, self.here.game_id)

    async def hold_against_what_was_missed(self, since: int, truth: Truth) -> None:
        """Fails unless each client of the server was sent each event after that one, once, in order."""
        for user_id in self.here.clients:
            pushes = await self.here.settle(user_id)
            assert [push.event for push in pushes] == ["game:state"] * (len(truth.events) - since)
            assert [push.data["event_id"] for push in pushes] == list(range(since + 1, len(truth.events) + 1))
            for push in pushes:
                truth.hold_against(push.data, user_id)

    async def play_to_the_end(self) -> None:
        """The game goes on where the server woke."""
        while not (await self.here.act())["game_over"]:
            pass
        assert self.truth().last.ended is not None


@asynccontextmanager
async def two_writers(folder: Path, seed: int) -> AsyncIterator[TwoWriters]:
    """A game under way on the first of two servers; all its clients have taken what they were sent."""
    rng = random.Random(seed)
    async with RealServer(folder / "data") as server:
        with server.store_socket() as path:
            environ = {"CROUPIER_STORE_REDIS_URL": f"unix://{path}", "CROUPIER_AUTH_SECRET": server.secret}
            async with RealServer(folder / "elsewhere", environ) as other, trio.open_nursery() as nursery:
                game_id, users = await make_game(server, rng)
                here = Seats(game_id, {user: await enter(nursery, server, user) for user in users}, rng)
                there = Seats(game_id, {user: await enter(nursery, other, user) for user in users}, rng)
                for _ in range(3):
                    await here.act()
                for user in users:
                    await here.settle(user)
                yield TwoWriters(server, here, there)
                for client in (*here.clients.values(), *there.clients.values()):
                    client.drop()


async def test_a_server_that_slept_while_another_applied_the_same_request_gives_the_same_answer(
    tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with two_writers(tmp_path, seed) as both, trio.open_nursery() as nursery:
            view = await both.there.look()
            [user_id] = view["to_act"]
            asleep, awake = both.here.clients[user_id], both.there.clients[user_id]
            request = (view["game_id"], view["legal_actions"][0], "sent twice")
            answered = trio.Event()

            async def send_to_the_sleeping_one() -> None:
                await asleep.act(*request)
                answered.set()

            both.server.pause()
            nursery.start_soon(send_to_the_sleeping_one)
            await awake.act(*request)
            answer = last_answer(awake)
            for _ in range(3):
                await both.there.act()
            before = both.truth()
            both.server.resume()
            await answered.wait()
            assert last_answer(asleep) == answer == before.answers(user_id)["sent twice"]
            assert both.truth().events == before.events
            await both.hold_against_what_was_missed(view["event_id"], before)
            await both.play_to_the_end()


async def test_a_server_that_slept_while_another_went_on_judges_by_what_is_written(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with two_writers(tmp_path, seed) as both, trio.open_nursery() as nursery:
            view = await both.there.look()
            [user_id] = view["to_act"]
            refusals: list[RequestFailed] = []
            answered = trio.Event()

            async def send_to_the_sleeping_one() -> None:
                try:
                    await both.here.clients[user_id].act(view["game_id"], view["legal_actions"][0], "too late")
                except RequestFailed as refused:
                    refusals.append(refused)
                answered.set()

            both.server.pause()
            nursery.start_soon(send_to_the_sleeping_one)
            answer = await both.there.act()
            while answer["to_act"] == [user_id] or "pending_forced_action" in answer:
                answer = await both.there.act()
            before = both.truth()
            both.server.resume()
            await answered.wait()
            assert [refused.code for refused in refusals] == ["not_your_turn"]
            assert refusals[0].details["to_act"] == answer["to_act"]
            assert both.truth().events == before.events
            await both.hold_against_what_was_missed(view["event_id"], before)
            await both.play_to_the_end()
