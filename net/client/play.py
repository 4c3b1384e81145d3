"""Playing a game without knowing it: what to do next, given what was seen (`Seat`), and the doing of it (`play`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import trio
from attrs import define, field, frozen

from actors.rules.interface import JsonObject
from actors.table_messages import DrawMove
from net.client.errors import ConnectionLost, RequestFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors.ports import Entropy
    from net.client.websocket import CroupierClient

Choose: TypeAlias = "Callable[[JsonObject], JsonObject | DrawMove | None]"
"""Given a view in which it is this player's to act: the action, of those in its `legal_actions`; None to resign,
`offer` to offer a draw."""

Respond: TypeAlias = "Callable[[], DrawMove | None]"
"""Given that another player has offered a draw: `accept` or `decline`; None to say nothing to it."""

_NOT_NOW = frozenset({"unavailable", "overloaded", "rate_limited", "draining"})
"""Nothing was applied; the same will do later."""

_OVERTAKEN = frozenset({"not_your_turn", "action_not_allowed", "invalid_action", "game_ended"})
"""The game is not where this player thought: look again."""

_MOST_REFUSALS = 8
"""Of what the server has just offered, in a row, at one event: then it is at fault. A game that went on meanwhile
has merely overtaken the player, as often as its turn clock is shorter than their way to the server."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


@frozen
class Ending:
    """How a game ended, as `game:game_over` says it, or a view that came later."""

    game_id: str
    event_id: int
    winner_id: str | None
    results: dict[str, float]
    end_reason: str


@frozen
class Look:
    """Join the game, and see where it is."""


@frozen
class Send:
    """Send this action, or this draw move, under this id; None is a resignation."""

    action: JsonObject | DrawMove | None
    message_id: str

    def request(self, game_id: str) -> tuple[str, JsonObject]:
        """The event and the data of the request."""
        match self.action:
            case None:
                return "game:resign", {"game_id": game_id, "message_id": self.message_id}
            case str(move):
                return "game:draw", {"game_id": game_id, "move": move, "message_id": self.message_id}
            case action:
                return "game:action", {"game_id": game_id, "action": action, "message_id": self.message_id}


@frozen
class Decide:
    """Choose an action for this view, and say it (`Seat.decided`): for a seat that has nothing to choose with."""

    view: JsonObject


@frozen
class Wait:
    """Wait for the next push."""


@frozen
class Pause:
    """Let the server have that many seconds, then ask again what to do."""

    seconds: float


@frozen
class Leave:
    """The game is over."""

    ending: Ending


Move: TypeAlias = Look | Send | Decide | Wait | Pause | Leave


@define(eq=False)
class Seat:
    """One player's part in one game: takes in what was seen and answered, and says what to do next. No I/O.

    An action that was sent and not answered is sent again under the same `message_id`, on whatever connection, until
    it is answered. So `message_ids` must give each id once for this user and game.

    With no `choose`, whoever takes time to choose is told when to (`Decide`).
    """

    game_id: str
    choose: Choose | None
    message_ids: Iterator[str] = field(factory=lambda: (f"m{n}" for n in itertools.count(1)))
    respond: Respond = lambda: None
    _offered: bool = field(default=False, init=False)
    _resigned: bool = field(default=False, init=False)
    _view: JsonObject | None = field(default=None, init=False)
    _newest: int = field(default=0, init=False)
    _sent: Send | None = field(default=None, init=False)
    _known: int = field(default=0, init=False)
    _pause: float = field(default=0.0, init=False)
    _next_pause: float = field(default=_FIRST_PAUSE, init=False)
    _refusals: int = field(default=0, init=False)
    _refused_at: int = field(default=0, init=False)
    _ending: Ending | None = field(default=None, init=False)

    def next(self) -> Move:
        """What to do now. Asked twice in a row without news, it says the same, but for a Pause, which is said once."""
        if self._ending is not None:
            return Leave(self._ending)
        if self._pause:
            seconds, self._pause = self._pause, 0.0
            return Pause(seconds)
        if self._view is None:
            return Look()
        if self._sent is None and self._offered:
            self._offered = False
            if (move := self.respond()) is not None:
                self._sent = Send(move, next(self.message_ids))
        if self._sent is None and self._may_act(self._view):
            if self.choose is None:
                return Decide(self._view)
            self._sent = Send(self.choose(self._view), next(self.message_ids))
        return Wait() if self._sent is None else self._sent

    def decided(self, view: JsonObject, action: JsonObject | None) -> None:
        """What was chosen for this view; None is to resign. When the game has gone on meanwhile it counts no more."""
        if self._ending is None and self._sent is None and self._view is view:
            self._sent = Send(action, next(self.message_ids))

    def saw(self, view: JsonObject) -> None:
        """A view of the game came, of whatever event."""
        self._newest = max(self._newest, view["event_id"])
        if self._view is None or view["event_id"] >= self._view["event_id"]:
            self._view = view
        if view["game_over"] and "results" in view:
            self.over(view)

    def draw_offered(self) -> None:
        """Another player has offered a draw. Who has resigned from a game of several hears of it, and has no say."""
        self._offered = not self._resigned

    def over(self, data: JsonObject) -> None:
        """The game is over, says a `game:game_over`, or a view."""
        self._ending = Ending(data["game_id"], data["event_id"], data["winner_id"], data["results"], data["end_reason"])

    def looked(self, answer: JsonObject) -> None:
        """The join got this answer. Raises RequestFailed when no other try will do better."""
        if answer["success"]:
            self.saw(answer)
        else:
            self._refused(RequestFailed(answer), mend=_NOT_NOW)

    def answered(self, answer: JsonObject) -> None:
        """The action that was sent last got this answer. Raises RequestFailed when no other try will do better."""
        if answer["success"]:
            if self._sent is not None and self._sent.action is None:
                self._resigned, self._offered = True, False
            self._sent = None
            self._refusals = 0
            self._next_pause = _FIRST_PAUSE
            self._known = max(self._known, answer["event_id"])
        else:
            self._refused(RequestFailed(answer), mend=_NOT_NOW | _OVERTAKEN)

    def _refused(self, failure: RequestFailed, *, mend: frozenset[str]) -> None:
        if failure.code not in mend:
            raise failure
        if failure.code in _NOT_NOW:
            self._pause = self._next_pause
            self._next_pause = min(2 * self._next_pause, _LONGEST_PAUSE)
            return
        if self._newest > self._refused_at:
            self._refused_at, self._refusals = self._newest, 0
        self._refusals += 1
        if self._refusals > _MOST_REFUSALS:
            raise failure
        self._sent = None
        self._view = None

    def lost(self) -> None:
        """The connection is gone. What was sent and not answered may have counted, or not."""
        self._view = None

    @property
    def view(self) -> JsonObject | None:
        """The newest view of the game; None: it is to be looked at."""
        return self._view

    @property
    def unanswered(self) -> Send | None:
        """What was to be sent, or was, and has no answer yet."""
        return self._sent

    def _may_act(self, view: JsonObject) -> bool:
        # A view from before our own last action would have us take it twice.
        return bool(view["event_id"] >= self._known and view.get("legal_actions"))


async def play(
    client: CroupierClient,
    game_id: str,
    choose: Choose,
    *,
    message_ids: Iterator[str] | None = None,
    reconnect: Callable[[], Awaitable[CroupierClient]] | None = None,
    seen: Callable[[JsonObject], None] | None = None,
) -> Ending:
    """Plays the game to its end and returns how it ended; it takes the client's pushes for itself.

    `choose` picks each action; `message_ids` gives the ids that actions are sent under (`m1`, `m2`, …); `seen` is
    given every view. When the connection is lost, `reconnect` gives another, and is tried again and again while it
    raises OSError or ConnectionLost; an action that was not answered is then sent again under its id. Without it,
    ConnectionLost is raised. Raises RequestFailed for a failure that no other try will mend.
    """
    seat = Seat(game_id, choose) if message_ids is None else Seat(game_id, choose, message_ids)
    while True:
        try:
            return await _play_on(client, seat, seen)
        except ConnectionLost:
            if reconnect is None:
                raise
        seat.lost()
        client = await _connect_again(reconnect)


async def _play_on(client: CroupierClient, seat: Seat, seen: Callable[[JsonObject], None] | None) -> Ending:
    while True:
        match seat.next():
            case Look():
                seat.looked(answer := await client.request("game:join", {"game_id": seat.game_id}))
                if seen is not None and answer["success"]:
                    seen(answer)
            case Send() as send:
                seat.answered(await client.request(*send.request(seat.game_id)))
            case Pause(seconds):
                await trio.sleep(seconds)
            case Leave(ending):
                return ending
            case Wait():
                push = await client.next_push()
                if push.data.get("game_id") != seat.game_id:
                    continue
                if push.event == "game:state":
                    seat.saw(push.data)
                    if seen is not None:
                        seen(push.data)
                elif push.event == "game:game_over":
                    seat.over(push.data)


async def _connect_again(reconnect: Callable[[], Awaitable[CroupierClient]]) -> CroupierClient:
    pause = _FIRST_PAUSE
    while True:
        try:
            return await reconnect()
        except (OSError, ConnectionLost):
            await trio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def random_choice(entropy: Entropy) -> Choose:
    """Picks any of the legal actions, as the entropy has it: the same one for the same entropy and views."""

    def choose(view: JsonObject) -> JsonObject:
        legal: list[JsonObject] = view["legal_actions"]
        return legal[int.from_bytes(entropy.bytes(8), "big") % len(legal)]

    return choose
