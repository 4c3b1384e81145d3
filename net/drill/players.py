"""The players of a drill, and who watches them: they think a little, dawdle, resign and offer draws at times, send
again what they are not sure of, and keep a record of everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from actors.ports import Clock
from actors.rules.chance import Chance
from net.checks import Answered, Asked, Connected, Diary, Dropped, Over, Record, Shown
from net.client import Company, Player
from net.client.play import Look, Send
from net.drill.plan import Plan, between
from net.drill.score import Score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import JsonObject
    from actors.table_messages import DrawMove
    from net.client.player import How

_RESIGNS_ONE_IN: Final = 150
_DAWDLES_ONE_IN: Final = 6
_OFFERS_ONE_IN: Final = 25
_SENDS_AGAIN: Final = 2

_RESPONSES: Final[tuple[DrawMove | None, ...]] = ("accept", "decline", "decline", None)


@define(eq=False)
class Crowd:
    """All the players of a drill, as they are together. `ready` returns when it is worth while to connect."""

    plan: Plan
    score: Score
    clock: Clock
    ready: Callable[[Player], Awaitable[None]]
    down: bool = False
    """Whether the server was ended, and not all are back."""
    outside: set[str] = field(factory=set, init=False)
    """The users who are not in their game."""
    _news: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def tell(self) -> None:
        """Something has happened; whoever waits looks again."""
        self._news.unpark_all()

    async def until(self, come_true: Callable[[], bool]) -> None:
        """Waits until this is so."""
        while not come_true():
            await self._news.park()


@define(eq=False)
class Recorder(Company):
    """Keeps one player's diary. `timeout` is the turn clock of the game, if it has one."""

    crowd: Crowd
    chance: Chance
    timeout: float | None
    records: list[Record] = field(factory=list, init=False)
    answered_ids: dict[str, Send] = field(factory=dict, init=False)
    unanswered: bool = field(default=False, init=False)
    """Whether a request is under way."""
    _connected: bool = field(default=False, init=False)
    _request: int = field(default=0, init=False)
    _away_since: float | None = field(default=None, init=False)
    _counts: bool = field(default=False, init=False)
    """Whether its way back is to be counted: it was the server's end that took its connection."""

    def diary(self, player: Player) -> Diary:
        """What it has kept so far."""
        return Diary(player.user_id, player.game_id, tuple(self.records), player.watches)

    # ---- what it does

    def choose(self, view: JsonObject) -> JsonObject | DrawMove | None:
        """Any of the legal actions; at times it resigns, or offers a draw, also where the rules know none."""
        if self.chance.below(_RESIGNS_ONE_IN) == 0:
            return None
        if self.chance.below(_OFFERS_ONE_IN) == 0:
            return "offer"
        chosen: JsonObject = self.chance.choice(view["legal_actions"])
        return chosen

    def respond(self) -> DrawMove | None:
        """To another's offer of a draw: mostly no, at times nothing."""
        return _RESPONSES[self.chance.below(len(_RESPONSES))]

    async def think(self, player: Player, view: JsonObject) -> None:
        """See `Company`: a moment; at times, where there is a turn clock, perhaps longer than that allows."""
        seconds = between(self.chance, 0.0, 2 * self.crowd.plan.think)
        if self.timeout is not None and self.chance.below(_DAWDLES_ONE_IN) == 0:
            seconds = between(self.chance, 0.5 * self.timeout, 1.8 * self.timeout)
        await trio.sleep(seconds)

    async def ready(self, player: Player) -> None:
        """See `Company`."""
        await self.crowd.ready(player)

    def again(self, player: Player) -> Sequence[Send]:
        """See `Company`: some of what was answered before must be answered the same."""
        if not self.answered_ids:
            return ()
        ids = sorted(self.answered_ids)
        chosen = {self.chance.choice(ids) for _ in range(_SENDS_AGAIN)}
        self.crowd.score.resent += len(chosen)
        return [self.answered_ids[message_id] for message_id in sorted(chosen)]

    # ---- what it notes

    def _note(self, record: Record) -> None:
        self.records.append(record)

    def entered(self, player: Player) -> None:
        """See `Company`."""
        self._connected = True
        self.crowd.score.ways[player.over] += 1
        self._note(Connected(self.crowd.clock.now(), player.connections))

    def came(self, player: Player) -> None:
        """See `Company`."""
        self.crowd.outside.discard(player.user_id)
        if self._away_since is not None and self._counts:
            self.crowd.score.seated.append(trio.current_time() - self._away_since)
        self._away_since = None
        self._counts = False
        self.crowd.tell()

    def dropped(self, player: Player) -> None:
        """See `Company`."""
        if self._connected:
            self._note(Dropped(self.crowd.clock.now(), player.connections))
        self._connected = self.unanswered = False
        if self._away_since is None:
            self._away_since = trio.current_time()
        self._counts = self._counts or self.crowd.down
        self.crowd.outside.add(player.user_id)

    def asking(self, player: Player, move: Look | Send) -> None:
        """See `Company`."""
        self._request += 1
        self.unanswered = True
        at = self.crowd.clock.now()
        match move:
            case Look():
                since = player.event_id if player.resume and player.event_id and not player.watches else None
                event = "game:spectate" if player.watches else "game:join"
                asked = Asked(at, player.connections, self._request, event, since=since)
            case Send(action=str(draw), message_id=message_id):
                asked = Asked(at, player.connections, self._request, "game:draw", message_id, move=draw)
            case Send(action=dict(action), message_id=message_id):
                asked = Asked(at, player.connections, self._request, "game:action", message_id, action)
            case Send(message_id=message_id):
                asked = Asked(at, player.connections, self._request, "game:resign", message_id)
        self._note(asked)

    def answered(self, player: Player, move: Look | Send, answer: JsonObject, seconds: float) -> None:
        """See `Company`."""
        self.unanswered = False
        self._note(Answered(self.crowd.clock.now(), player.connections, self._request, _short(answer)))
        score = self.crowd.score
        if not answer["success"]:
            score.refused[answer["error"]["code"]] += 1
        elif isinstance(move, Send) and move.message_id not in self.answered_ids:
            self.answered_ids[move.message_id] = move
            score.actions += 1
            self.crowd.tell()

    def shown(self, player: Player, view: JsonObject, how: How) -> None:
        """See `Company`."""
        self.crowd.score.views += 1
        self._note(Shown(self.crowd.clock.now(), player.connections, how, _short(view)))

    def over(self, player: Player, data: JsonObject) -> None:
        """See `Company`."""
        self._note(Over(self.crowd.clock.now(), player.connections, data))


def _short(answer: JsonObject) -> JsonObject:
    """A join's answer without the views that it carries besides: each of them is kept by itself."""
    return {**answer, "missed": []} if answer.get("missed") else answer
