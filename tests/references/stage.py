"""Where stock clients of any kind play the scenes of `scenes.py`: a real server, with rules that have all there is in
the contract, and one program that holds the clients, as its puppets."""

from __future__ import annotations

import itertools
import random  # noqa: TID251 - for drills with real processes
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from attrs import define, field, frozen

from actors.rules.interface import JsonObject
from tests.drills.player import person
from tests.drills.server import RealServer
from tests.references.stock import StockClient, running
from tests.samples.courtly import installed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

RULES = "courtly"
HIGHEST = 1000
"""Secrets are so many different numbers; nobody guesses them by chance."""
MISS: JsonObject = {"type": "guess", "number": 5000}
RUDE: JsonObject = {"type": "guess", "number": 0}
BOW: JsonObject = {"type": "bow"}

IMPATIENT = {"CROUPIER_SESSIONS_STATUS_DEBOUNCE": "0.3", "CROUPIER_SESSIONS_GRACE": "1"}
"""What players see of one another happens sooner than by default."""


@frozen
class Kind:
    """A stock client. `program` runs it; `comes_back`: by itself, when its transport was lost; `recovers`: with its
    session. `over_ws`: it speaks the plain protocol. `always_asks`: each request of its library has an ack id."""

    name: str
    program: tuple[str | Path, ...]
    options: JsonObject = field(factory=dict)
    comes_back: bool = True
    recovers: bool = False
    over_ws: bool = False
    always_asks: bool = False


@define(eq=False)
class Guest:
    """One client, as a scene has it: every answer and push that is waited for is taken."""

    stage: Stage
    user_id: str
    who: str
    auth: JsonObject
    _connections: int = field(default=0, init=False)

    async def connect(self, **auth: object) -> JsonObject:
        """Opens it; returns what it says of its connection."""
        options = self.stage.kind.options
        await self.stage.command(what="connect", who=self.who, auth=self.auth | auth, options=options)
        return await self.is_back()

    async def is_back(self) -> JsonObject:
        """Waits until it is connected once more."""
        self._connections += 1
        return (await self.stage.lines(self.who, "connected", self._connections))[-1]

    async def comes_back(self, **auth: object) -> JsonObject:
        """It was cut off, and connects again: by itself, if it does that."""
        return await (self.is_back() if self.stage.kind.comes_back else self.connect(**auth))

    async def ask(self, event: str, data: object = None, **fields: object) -> JsonObject:
        """What it is answered."""
        number = self.stage.number()
        await self.stage.command(what="ask", who=self.who, id=number, event=event, data=data or fields)
        line = await self.stage.take(lambda line: line["kind"] == "answered" and line["id"] == number)
        answer: JsonObject = line["answer"]
        return answer

    async def does(self, event: str, **fields: object) -> JsonObject:
        """What it is answered, which is a success."""
        answer = await self.ask(event, **fields)
        assert answer["success"] is True, answer
        return answer

    async def fails(self, code: str, event: str, data: object = None, **fields: object) -> JsonObject:
        """The error that it is answered, of this code."""
        answer = await self.ask(event, data, **fields)
        assert set(answer) == {"success", "error", "request_message_id"}, answer
        assert answer["success"] is False
        error: JsonObject = answer["error"]
        assert error["code"] == code, error
        assert set(error) - {"details"} == {"code", "message"}
        return error

    async def says(self, event: str, **data: object) -> None:
        """Sends a request that wants no answer."""
        await self.stage.command(what="tell", who=self.who, event=event, data=data)

    async def hears(self, event: str, **fields: object) -> JsonObject:
        """The first such push with these fields that was not heard yet: in whichever order its client tells of them.
        It has one argument, and where the client asked for recovery perhaps an offset."""

        def fits(line: JsonObject) -> bool:
            if line["kind"] != "event" or line["who"] != self.who or line["event"] != event:
                return False
            return bool(fields.items() <= line["args"][0].items())

        line = await self.stage.take(fits)
        assert len(line["args"]) == 1 or "recovery" in self.auth
        data: JsonObject = line["args"][0]
        return data

    def heard(self, event: str) -> list[JsonObject]:
        """Every such push that has come, taken or not, whole."""
        said = self.stage.puppets.lines("event")
        return [line for line in said if line["who"] == self.who and line["event"] == event]

    def forgets(self, event: str) -> None:
        """What has come of these so far has nothing to do with the scene."""
        for line in self.heard(event):
            line["event"] = "forgotten"

    async def is_cut_off(self) -> None:
        """Loses its transport."""
        await self.stage.command(what="cut", who=self.who)

    async def leaves(self) -> None:
        """Says goodbye, for good."""
        await self.stage.command(what="leave", who=self.who)

    async def is_gone(self, count: int = 1) -> JsonObject:
        """Waits until it was disconnected so many times; returns what it says of the last."""
        return (await self.stage.lines(self.who, "disconnected", count))[-1]

    async def joins(self, game_id: str, **fields: object) -> JsonObject:
        """Joins a game: its answer, once the state that follows has come too."""
        answer = await self.does("game:join", game_id=game_id, **fields)
        await self.hears("game:state", game_id=game_id, changes=[])
        return answer

    async def acts(self, game_id: str, action: JsonObject = MISS, **fields: object) -> JsonObject:
        """Takes an action that is allowed."""
        return await self.does("game:action", game_id=game_id, action=action, **fields)


@define(eq=False)
class Stage:
    """The server and the puppets, for the length of a test."""

    server: RealServer
    kind: Kind
    puppets: StockClient
    folder: Path
    rng: random.Random
    _numbers: itertools.count[int] = field(factory=lambda: itertools.count(1), init=False)
    _taken: set[int] = field(factory=set, init=False)
    _guests: list[Guest] = field(factory=list, init=False)

    def number(self) -> int:
        """A number that nothing else has."""
        return next(self._numbers)

    async def enter(self, user_id: str | None = None, **auth: object) -> Guest:
        """A client that has connected: of a fresh person, unless a user is named."""
        guest = self.guest(user_id, **auth)
        await guest.connect()
        return guest

    def guest(self, user_id: str | None = None, **auth: object) -> Guest:
        """A client that has not connected yet."""
        user_id = person(self.rng) if user_id is None else user_id
        guest = Guest(self, user_id, f"guest {self.number()}", {"token": self.server.token(user_id)} | auth)
        self._guests.append(guest)
        return guest

    async def game(self, *guests: Guest, **fields: object) -> str:
        """A game of these, which nobody has joined; all have heard of it. Whoever is told a number in it misses."""
        users = [guest.user_id for guest in guests]
        game_id = await self.server.api.create_game(RULES, users, options={"highest": HIGHEST}, **fields)  # type: ignore[arg-type]
        for guest in guests:
            created = await guest.hears("game:created", game_id=game_id)
            assert created == {"game_id": game_id, "rules": RULES, "players": users}
        return game_id

    async def seated(self, players: int = 2, **fields: object) -> tuple[str, list[Guest]]:
        """A game whose players have come and joined."""
        guests = [await self.enter() for _ in range(players)]
        game_id = await self.game(*guests, **fields)
        for guest in guests:
            await guest.joins(game_id)
            guest.forgets(
                "game:reconnected"
            )  # there is one if the game was made before it was known that there is none
        return game_id, guests

    async def clear(self) -> None:
        """All clients go, for good."""
        guests, self._guests = self._guests, []
        for guest in guests:
            await guest.leaves()

    @asynccontextmanager
    async def another_life(self, environ: Mapping[str, str]) -> AsyncIterator[None]:
        """For the length of a block the server is another, with this in its environment besides."""
        former = self.server.environ
        await self._live(dict(former) | dict(environ))
        yield
        await self._live(former)

    async def _live(self, environ: Mapping[str, str]) -> None:
        await self.server.stop()
        self.server.environ = environ
        await self.server.start()

    # ---- the program of the puppets

    async def command(self, **command: object) -> None:
        """Has the program do something."""
        await self.puppets.tell(command)

    async def take(self, fits: Callable[[JsonObject], bool]) -> JsonObject:
        """Waits for a line that fits, and takes it: the first that nobody has taken."""
        looked_at = 0
        while True:
            for number, line in enumerate(self.puppets.said[looked_at:], looked_at):
                if number not in self._taken and fits(line):
                    self._taken.add(number)
                    return line
            looked_at = len(self.puppets.said)
            await self.puppets.hear_more()

    async def lines(self, who: str, kind: str, count: int) -> list[JsonObject]:
        """Waits until this client has said so much of this kind."""
        while True:
            found = [line for line in self.puppets.lines(kind) if line["who"] == who]
            if len(found) >= count:
                return found[:count]
            await self.puppets.hear_more()


@asynccontextmanager
async def open_stage(kind: Kind, folder: Path, rng: random.Random) -> AsyncIterator[Stage]:
    """A stage for the length of a block."""
    environ = IMPATIENT | installed(folder / "one", courtly="tests.samples.courtly:FIRST")
    async with RealServer(folder / "data", environ) as server:
        task: JsonObject = {"url": f"http://{server.address}"}
        async with running(*kind.program, task=task) as puppets:
            yield Stage(server, kind, puppets, folder, rng)
            await puppets.tell({"what": "end"})
            with trio.move_on_after(5):
                await puppets.ended()
