"""Stock clients, each a program of its own, and the server that they come back to."""

from __future__ import annotations

import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import trio
from attrs import define, field

from actors.rules.interface import JsonObject
from net.checks import lasting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from tests.drills.server import RealServer
    from tests.drills.truth import Truth

PYTHON_PLAYER = Path(__file__).with_name("python_player.py")


@define(eq=False)
class StockClient:
    """What a client in another process says of itself: lines of JSON, each with its `kind`."""

    process: trio.Process
    said: list[JsonObject] = field(factory=list, init=False)
    _news: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _telling: trio.Lock = field(factory=trio.Lock, init=False)
    _stderr: bytes = field(default=b"", init=False)

    # ---- while it runs

    async def until(self, kind: str, count: int = 1) -> JsonObject:
        """Waits until it has said so many lines of this kind; returns the last of those."""
        while len(found := self.lines(kind)) < count:
            assert self.process.returncode is None, f"it ended, and never said {kind!r}"
            await self._news.park()
        return found[count - 1]

    async def go_on(self) -> None:
        """Lets it go on, where it holds."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(b"\n")

    async def tell(self, command: JsonObject) -> None:
        """Has it do something: a line of JSON to its input."""
        assert self.process.stdin is not None
        async with self._telling:
            await self.process.stdin.send_all(orjson.dumps(command) + b"\n")

    async def hear_more(self) -> None:
        """Waits until it says something more."""
        assert self.process.returncode is None, f"it has ended: {self._stderr.decode()}"
        await self._news.park()

    async def ended(self) -> None:
        """Waits for its end, which must be a good one."""
        while self.process.returncode is None:
            await self._news.park()
        assert (self.process.returncode, self._stderr.decode()) == (0, "")

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        unread = b""
        async for data in self.process.stdout:
            *lines, unread = (unread + data).split(b"\n")
            self.said += map(orjson.loads, lines)
            self._news.unpark_all()
        await self.process.wait()
        self._news.unpark_all()

    async def _overhear(self) -> None:
        assert self.process.stderr is not None
        async for data in self.process.stderr:
            self._stderr += data

    # ---- what it said

    def lines(self, kind: str) -> list[JsonObject]:
        """What it said of this kind."""
        return [line for line in self.said if line["kind"] == kind]

    def events(self, name: str) -> list[JsonObject]:
        """The data of every such event that was handed to it: each handler gets one argument, and no more."""
        found = [line["args"] for line in self.lines("event") if line["event"] == name]
        assert all(len(args) == 1 for args in found)
        return [args[0] for args in found]

    def answers(self, event: str) -> list[JsonObject]:
        """What its requests of this kind were answered."""
        return [line["answer"] for line in self.lines("answered") if line["event"] == event]

    def transports(self, kind: str) -> list[str]:
        """The transport that it named in each line of this kind."""
        return [line["transport"] for line in self.lines(kind)]

    @property
    def handed(self) -> list[JsonObject]:
        """The data of every event and of every answer, in the order in which they came."""
        return [
            line["answer"] if line["kind"] == "answered" else line["args"][0]
            for line in self.said
            if line["kind"] in {"answered", "event"}
        ]

    # ---- afterwards

    def hold_against(self, truth: Truth, user_id: str) -> None:
        """Fails unless everything that this player was answered and shown is what the journal says, and it has seen
        the game to its end. As values: JavaScript writes 12.0 as 12."""
        acted = {
            line["request"]["message_id"]: line["answer"]
            for line in self.lines("answered")
            if line["event"] == "game:action"
        }
        assert acted == {message_id: orjson.loads(answer) for message_id, answer in truth.answers(user_id).items()}
        joined, shown = self.answers("game:join"), self.events("game:state")
        missed = [seen for answer in joined for seen in answer.get("missed", ())]
        for seen in [*joined, *shown, *missed]:
            self._hold_one_against(truth, user_id, seen)
        known = range(joined[0]["event_id"], len(truth.events) + 1)
        assert {seen["event_id"] for seen in [*shown, *missed]} == set(known)
        texts = [orjson.dumps({"data": data}) for data in self.handed]
        assert list(truth.leaks(texts, truth.game.seats[user_id])) == []
        self._hold_against_the_end(truth)

    @staticmethod
    def _hold_one_against(truth: Truth, user_id: str, seen: JsonObject) -> None:
        event_id, changes = seen["event_id"], seen.get("changes")
        shown: JsonObject = orjson.loads(lasting(seen))
        expected: JsonObject = orjson.loads(truth.view(event_id, user_id, changes=changes is not None))
        if changes == []:  # as one who joins sees it
            expected["changes"] = []
        assert shown == expected, f"{user_id} was shown another event {event_id} than the journal has"

    def _hold_against_the_end(self, truth: Truth) -> None:
        ended = truth.last.ended
        assert ended is not None
        [ending] = self.events("game:game_over")
        assert ending["event_id"] == len(truth.events)
        assert ending["winner_id"] == truth.game.player(ended.winner)
        assert ending["results"] == dict(zip(truth.game.created.players, ended.scores, strict=True))
        assert ending["end_reason"] == ended.reason


def python_player(
    server: RealServer,
    token: str,
    game_id: str,
    *,
    transports: Sequence[str] | None = None,
    namespaces: Sequence[str] = ("/game",),
    holds: Sequence[int] = (),
) -> AbstractAsyncContextManager[StockClient]:
    """The player of python_player.py, for the length of a block. `transports` None: what its client takes by default;
    `holds`: before which of its actions it waits for `go_on`."""
    task = {
        "url": f"http://{server.address}",
        "token": token,
        "game_id": game_id,
        "seed": game_id,
        "holds": holds,
        "namespaces": namespaces,
        "transports": transports,
    }
    return running(sys.executable, PYTHON_PLAYER, task=task)


@asynccontextmanager
async def running(*command: str | Path, task: JsonObject) -> AsyncIterator[StockClient]:
    """A program of a client for the length of a block, with its task as its last argument. At the block's end, whatever
    happened, it is dead; what it said is a note on the error that ended the block."""
    with trio.CancelScope(shield=True):
        process = await trio.lowlevel.open_process(
            [*command, orjson.dumps(task).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    client = StockClient(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client._overhear)
            nursery.start_soon(client._listen)
            try:
                yield client
            finally:
                process.kill()
    except BaseException as error:
        error.add_note(f"the client said:\n{_tail(client.said)}\nand on stderr:\n{client._stderr.decode()}")
        raise


def _tail(said: Sequence[JsonObject], most: int = 40) -> str:
    return "\n".join(orjson.dumps(line).decode()[:300] for line in said[-most:])
