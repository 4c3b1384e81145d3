"""One of a crowd: a client of `/ws` as light as can be, who answers pings, knows where it stands, and comes back."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import orjson
import trio
from attrs import define, field

from actors.rules.interface import JsonObject
from net.bench.carriers import Dial, ServerHungUp, WebSocketCarrier, hung_up_on_error, open_websocket
from net.bench.errors import BenchFailed
from net.protocol import SUBPROTOCOL

_STATE: Final = b'{"event":"game:state",'
_ANSWER: Final = b'{"ack":'
_RECONNECTED: Final = b'{"event":"game:reconnected",'
_PATIENCE: Final = 60.0


@define(eq=False)
class Guest:
    """Reads in a task of its own. One request is in hand at a time."""

    _dial: Dial
    _token: str = field(repr=False)
    _nursery: trio.Nursery
    legal: list[JsonObject] = field(factory=list, init=False)
    """What it may do now, in the game that it follows."""
    _carrier: WebSocketCarrier | None = field(default=None, init=False)
    _sid: str = field(default="", init=False)
    _pid: str = field(default="", init=False, repr=False)
    _offset: str = field(default="", init=False)
    _game_id: str = field(default="", init=False)
    _answer: bytes = field(default=b"", init=False)
    _answered: trio.Event = field(factory=trio.Event, init=False)
    _expected: bytes = field(default=_STATE, init=False)
    _shown: trio.Event = field(factory=trio.Event, init=False)

    @property
    def pongs(self) -> int:
        """How many pings it has answered on its present connection."""
        return 0 if self._carrier is None else self._carrier.pongs

    # ---- coming and going

    async def arrive(self) -> None:
        """Connects, as somebody who can be recovered."""
        connected = await self._connect({"token": self._token, "recovery": True})
        self._sid, self._pid = connected["sid"], connected["pid"]

    async def recover(self) -> None:
        """Comes back with its session; returns when it has it."""
        asked = {"token": self._token, "recovery": True, "pid": self._pid, "offset": self._offset}
        connected = await self._connect(asked)
        if not connected["recovered"] or connected["sid"] != self._sid:
            raise BenchFailed("a guest has lost its session")

    async def arrive_afresh(self) -> None:
        """Comes back with a new session; returns when it was put into its game."""
        self.expect("game:reconnected")
        await self._connect({"token": self._token})
        await self.shown(_PATIENCE)

    def hang_up(self) -> None:
        """Goes without a word. Idempotent."""
        if self._carrier is not None:
            self._carrier.hang_up()
            self._carrier = None

    async def _connect(self, asked: JsonObject) -> JsonObject:
        carrier = await open_websocket(self._dial, "/ws", subprotocol=SUBPROTOCOL)
        with hung_up_on_error(carrier):
            await carrier.send(orjson.dumps({"event": "connect", "data": asked, "id": 0}))
            answer: JsonObject = orjson.loads(await carrier.receive())["data"]
            if "sid" not in answer:
                raise BenchFailed(f"a guest was not let in: {answer}")
        self._carrier = carrier
        self._nursery.start_soon(self._read, carrier)
        return answer

    # ---- what it asks

    async def join(self, game_id: str) -> None:
        """Sits down; returns when it was shown the state."""
        self.expect("game:state")
        self._game_id = game_id
        await self._ask("game:join", {"game_id": game_id})
        await self.shown(_PATIENCE)

    async def spectate(self, game_id: str) -> None:
        """Watches; returns when it was shown the state."""
        self.expect("game:state")
        await self._ask("game:spectate", {"game_id": game_id})
        await self.shown(_PATIENCE)

    async def leave(self, game_id: str) -> None:
        """Watches no more."""
        await self._ask("game:leave_spectate", {"game_id": game_id})

    async def act(self, game_id: str) -> None:
        """Takes the last action of those that it may take."""
        await self._ask("game:action", {"game_id": game_id, "action": self.legal[-1]})

    async def _ask(self, event: str, data: JsonObject) -> None:
        assert self._carrier is not None
        self._answered = trio.Event()
        await self._carrier.send(orjson.dumps({"event": event, "data": data, "id": 1}))
        with trio.move_on_after(_PATIENCE):
            await self._answered.wait()
        if b'"success":true' not in self._answer:
            raise BenchFailed(f"the server answered {event} with {self._answer[:200]!r}")

    # ---- what it is told

    def expect(self, event: str) -> None:
        """From now on `shown` waits for a push of this event."""
        self._expected = b'{"event":"%b",' % event.encode()
        self._shown = trio.Event()

    async def shown(self, patience: float) -> None:
        """Waits for what is expected. Raises BenchFailed when it does not come."""
        with trio.move_on_after(patience):
            await self._shown.wait()
        if not self._shown.is_set():
            raise BenchFailed("a guest was not shown what happened")

    async def _read(self, carrier: WebSocketCarrier) -> None:
        with suppress(ServerHungUp, trio.ClosedResourceError):
            while True:
                self._take(await carrier.receive())

    def _take(self, message: bytes) -> None:
        if message.startswith(_ANSWER):
            self._answer = message
            self._answered.set()
        elif message.startswith(_STATE) and self._game_id.encode() in message:
            told = orjson.loads(message)
            self._offset = told.get("offset", self._offset)
            self.legal = told["data"].get("legal_actions", [])
        if message.startswith(self._expected):
            self._shown.set()
