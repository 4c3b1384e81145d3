"""Two servers where there should be one: the second refuses, and where it cannot know, the newer one goes on, the older
one stops, and the data decide whatever both have begun."""

from __future__ import annotations

import random
import subprocess
import tempfile
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import redis as redis_py
import trio
from attrs import define

from net.client import ConnectionLost, CroupierClient, RequestFailed
from net.valkey_process import valkey_binary
from tests.drills.player import enter, last_answer, make_game
from tests.drills.server import PATIENCE, RealServer, croupier
from tests.drills.truth import Truth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from actors.rules.interface import JsonObject


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


# ---- a server that slept while another was started on its store


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

    async def play_to_the_end(self) -> None:
        """The game goes on."""
        while not (await self.act())["game_over"]:
            pass


@contextmanager
def external_store() -> Iterator[str]:
    """The socket of a Valkey that keeps what it acknowledged, and is nobody's child but the test's."""
    with tempfile.TemporaryDirectory(prefix="croupier-drill-") as folder:
        path = f"{folder}/s"
        options = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--save", ""]
        place = ["--port", "0", "--unixsocket", path, "--dir", folder]
        with subprocess.Popen([valkey_binary(), *place, *options], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if b"Ready to accept connections" in line:
                    break
            try:
                yield path
            finally:
                process.kill()


@define(eq=False)
class TwoServers:
    """A server that sleeps and a newer one on the same store, and the players of one game, connected to both."""

    older: RealServer
    here: Seats
    there: Seats
    store: redis_py.Redis

    def truth(self) -> Truth:
        """The game as it is written."""
        return Truth.of(self.store, self.here.game_id)

    async def wake_up(self) -> None:
        """The older server wakes, finds that it was replaced, says so, and ends."""
        assert self.older.process is not None
        self.older.resume()
        assert await self.older.process.wait() == 2
        last = self.older.stderr.splitlines()[-1]
        assert last.startswith("croupier: another server was started on ")
        assert "give each server a [store] prefix of its own" in last


@asynccontextmanager
async def two_servers(folder: Path, seed: int) -> AsyncIterator[TwoServers]:
    """A game under way on the first of two servers, which sleeps since before the second one was started."""
    rng = random.Random(seed)
    with external_store() as path:
        secret = "the secret of both servers in this drill"
        environ = {"CROUPIER_STORE_REDIS_URL": f"unix://{path}", "CROUPIER_AUTH_SECRET": secret}
        async with RealServer(folder / "older", environ) as older, trio.open_nursery() as nursery:
            game_id, users = await make_game(older, rng)
            here = Seats(game_id, {user: await enter(nursery, older, user) for user in users}, rng)
            for _ in range(3):
                await here.act()
            older.pause()
            async with RealServer(folder / "newer", environ) as newer:
                there = Seats(game_id, {user: await enter(nursery, newer, user) for user in users}, rng)
                store = redis_py.Redis(unix_socket_path=path)
                yield TwoServers(older, here, there, store)
                store.close()
                for client in (*here.clients.values(), *there.clients.values()):
                    client.drop()


async def test_a_request_that_both_servers_were_sent_counts_once_and_has_one_answer(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with two_servers(tmp_path, seed) as both:
            view = await both.there.look()
            [user_id] = view["to_act"]
            asleep, awake = both.here.clients[user_id], both.there.clients[user_id]
            request = (view["game_id"], view["legal_actions"][0], "sent twice")
            answers: list[bytes] = []
            refusals: list[str] = []

            async def send_to_the_sleeping_one() -> None:
                try:
                    await asleep.act(*request)
                except RequestFailed as refused:  # the store took nothing of it (docs/store.md): repeat it elsewhere
                    refusals.append(refused.code)
                except ConnectionLost:  # it may have been gone before it came to that
                    pass
                else:
                    answers.append(last_answer(asleep))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_to_the_sleeping_one)
                await awake.act(*request)
                answer = last_answer(awake)
                for _ in range(3):
                    await both.there.act()
                before = both.truth()
                await both.wake_up()
            assert answers in ([], [answer])
            assert refusals in ([], ["unavailable"])
            assert answer == before.answers(user_id)["sent twice"]
            assert both.truth().events == before.events
            await awake.act(*request)
            assert last_answer(awake) == answer
            await both.there.play_to_the_end()
            assert both.truth().last.ended is not None


async def test_a_server_that_slept_while_another_went_on_judges_by_what_is_written(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with two_servers(tmp_path, seed) as both:
            view = await both.there.look()
            [user_id] = view["to_act"]
            refusals: list[str] = []

            async def send_to_the_sleeping_one() -> None:
                try:
                    await both.here.clients[user_id].act(view["game_id"], view["legal_actions"][0], "too late")
                except RequestFailed as refused:
                    refusals.append(refused.code)
                except ConnectionLost:
                    pass
                else:
                    refusals.append("none")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_to_the_sleeping_one)
                answer = await both.there.act()
                while answer["to_act"] == [user_id] or "pending_forced_action" in answer:
                    answer = await both.there.act()
                before = both.truth()
                await both.wake_up()
            assert refusals in ([], ["not_your_turn"], ["draining"], ["unavailable"])
            assert both.truth().events == before.events
            await both.there.play_to_the_end()
            assert both.truth().last.ended is not None
