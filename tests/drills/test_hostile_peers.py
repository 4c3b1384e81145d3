"""Nothing that a peer sends ends anything but its own session: at a real server, with games going on meanwhile."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from net.client import ConnectionLost, CroupierClient, RequestFailed
from tests.drills.hostile import Hostile, attack
from tests.drills.server import PATIENCE, RealServer

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUTS = int(os.environ.get("CROUPIER_HOSTILE_INPUTS") or 1500)
"""Hostile connections of each of the two rounds; .ci/run asks for more."""

WORKERS = 16
IDLE = 1000
"""Connections of each of three kinds that say nothing."""

LEAK = 4 * 2**20
"""A second round as large as the first may leave this many bytes more: an input that left 3 KB would be noticed."""

IMPATIENT = {"CROUPIER_SESSIONS_CONNECT_TIMEOUT": "3", "CROUPIER_LIMITS_HTTP_TIMEOUT": "3"}


def memory_of(pid: int) -> int:
    """The bytes of memory that belong to this process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell")


def descriptors_of(pid: int) -> int:
    """How many files and sockets the process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


class Bystanders:
    """Two people who play on while the server is attacked. Every request of theirs must be answered."""

    def __init__(self, server: RealServer, nursery: trio.Nursery) -> None:
        self.answers = 0
        self._server = server
        self._nursery = nursery
        self._players: list[trio.CancelScope] = []

    async def start(self) -> None:
        """Sits them down, and lets them play."""
        self.game_id = await self._server.api.create_game("crazy_eights", ["alice", "bob"])
        for user in ("alice", "bob"):
            client = await CroupierClient.connect_ws(self._nursery, self._server.connect, self._server.token(user))
            await client.join(self.game_id)
            self._nursery.start_soon(self._play, client)

    async def _play(self, client: CroupierClient) -> None:
        with trio.CancelScope() as playing:
            self._players.append(playing)
            while True:
                await client.heartbeat()
                legal = (client.latest_state or {}).get("legal_actions")
                if legal:
                    with suppress(RequestFailed):  # a hostile peer with a player's own token may have been first
                        await client.act(self.game_id, legal[0])
                self.answers += 1
                await trio.sleep(0.01)

    async def still_served(self) -> None:
        """Waits until each of them has been answered again."""
        target = self.answers + 4
        with trio.fail_after(PATIENCE):
            while self.answers < target:  # noqa: ASYNC110 - two tasks count, this one looks
                await trio.sleep(0.01)

    def leave(self) -> None:
        """They stop."""
        for playing in self._players:
            playing.cancel()


async def round_of_attacks(server: RealServer, hostile: Hostile, inputs: int) -> None:
    """So many hostile connections, several at a time."""

    async def worker(scripts: Iterator[int]) -> None:
        for number in scripts:
            await attack(server, hostile.script(), reset=number % 3 == 0)

    numbers = iter(range(inputs))
    async with trio.open_nursery() as nursery:
        for _ in range(WORKERS):
            nursery.start_soon(worker, numbers)


async def test_random_and_mutated_sessions_crash_nothing_disturb_nobody_and_leave_nothing_behind(
    tmp_path: Path, seed: int
) -> None:
    async with RealServer(tmp_path / "data", IMPATIENT) as server, trio.open_nursery() as nursery:
        assert server.process is not None
        pid = server.process.pid
        bystanders = Bystanders(server, nursery)
        await bystanders.start()
        other_game = await server.api.create_game("crazy_eights", ["mallory", "trent"])
        hostile = Hostile(random.Random(seed), server.token("mallory"), other_game)
        await bystanders.still_served()
        before = descriptors_of(pid)
        await round_of_attacks(server, hostile, INPUTS)
        after_one = memory_of(pid)
        await round_of_attacks(server, hostile, INPUTS)
        after_two = memory_of(pid)
        await bystanders.still_served()
        assert after_two - after_one < LEAK
        with trio.fail_after(PATIENCE):
            while descriptors_of(pid) > before:  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(0.05)
        assert "Traceback" not in server.stderr
        bystanders.leave()
        assert await server.terminate() == 0


async def test_thousands_of_silent_connections_disturb_nobody_and_are_sent_away(tmp_path: Path) -> None:
    async with RealServer(tmp_path / "data", IMPATIENT) as server, trio.open_nursery() as nursery:
        assert server.process is not None
        pid = server.process.pid
        bystanders = Bystanders(server, nursery)
        await bystanders.start()
        await bystanders.still_served()
        before = descriptors_of(pid)
        hostile = Hostile(random.Random(1), "no token", "no-game")
        openings = [
            b"",
            hostile._upgrade("/ws", "Sec-WebSocket-Protocol: croupier.v1.json\r\n"),
            b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
        ]
        silent = []
        for number in range(3 * IDLE):
            stream = await server.connect()
            await stream.send_all(openings[number % 3] or b"G")
            silent.append(stream)
        await bystanders.still_served()
        with trio.fail_after(PATIENCE):
            while descriptors_of(pid) > before:  # noqa: ASYNC110 - the server closes them all by itself
                await trio.sleep(0.05)
        for stream in silent:
            await trio.aclose_forcefully(stream)
        bystanders.leave()
        assert await server.terminate() == 0


async def test_a_flood_of_requests_that_nobody_reads_the_answers_of_disturbs_nobody(tmp_path: Path) -> None:
    async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
        assert server.process is not None
        pid = server.process.pid
        bystanders = Bystanders(server, nursery)
        await bystanders.start()
        await bystanders.still_served()
        before = memory_of(pid)
        hostile = Hostile(random.Random(1), server.token("mallory"), "no-game")
        flood = b"".join(
            hostile._frame(b'{"event":"game:join","data":{"game_id":"no-such-game-%d"},"id":%d}' % (n, n))
            for n in range(500)
        )
        stream = await server.connect()
        await stream.send_all(hostile._upgrade("/ws", "Sec-WebSocket-Protocol: croupier.v1.json\r\n"))
        await stream.send_all(hostile._frame(b'{"event":"connect","data":{"token":"%b"}}' % hostile.token.encode()))
        with suppress(trio.BrokenResourceError), trio.move_on_after(10):
            while True:  # until the server will not take more, or hangs up on who does not read
                await stream.send_all(flood)
        await bystanders.still_served()
        assert memory_of(pid) - before < 16 * 2**20
        await trio.aclose_forcefully(stream)
        bystanders.leave()
        with suppress(ConnectionLost):
            assert await server.terminate() == 0
