"""The people of a world: players and spectators who act, dawdle, leave, come back, ask again and send rubbish, and note
everything that they do and see. Each is one task; it speaks and listens in turn."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import define, field, frozen

from actors.ports import Clock
from actors.rules.chance import Chance, key_of
from actors.rules.interface import JsonObject
from net.checks import Answered, Asked, Connected, Diary, Dropped, Over, Promise, Record, Shown, Violation
from net.client.player import How
from net.client.whole import OutOfStep, WholeStates
from net.testing.network import SimNetwork
from net.testing.world.dialects import PLAIN, SOCKET_IO, Answer, Push
from net.testing.world.line import Line, LineLost
from net.testing.world.plan import Guest, between
from net.testing.world.rubbish import RAW, rubbish

if TYPE_CHECKING:
    from net.testing.world.plan import Temper

CONNECT_WITHIN: Final = 12.0
GIVES_UP_AFTER: Final = 45.0
"""Seconds without an answer after which somebody hangs up: longer than an answer may take (`net.checks`)."""

SILENT_FOR: Final = 8.0
"""Seconds in which nothing came at all, after which somebody asks whether the server is there; and then hangs up."""

_LOOKS_EVERY: Final = 0.5
_LEAVES: Final = frozenset({"game:leave", "game:leave_spectate"})
_RETRY: Final = 0.2
_NOT_NOW: Final = frozenset({"unavailable", "overloaded", "rate_limited", "draining", "internal_error"})
_OVERTAKEN: Final = frozenset({"not_your_turn", "action_not_allowed", "invalid_action"})


@define(eq=False)
class Scene:
    """What all people of a world have in common."""

    network: SimNetwork
    address: str
    clock: Clock
    token: Callable[[str], str]
    calm: bool = False
    """Whether all faults are over: then nobody does anything but play."""
    violations: list[Violation] = field(factory=list)
    said: dict[str, int] = field(factory=dict)
    """How many messages came, by kind."""


@frozen
class Waiting:
    """A request that has no answer yet."""

    number: int
    at: float
    event: str
    message_id: str | None = None
    must_fail: bool = False


@frozen
class Sent:
    """A request that may be sent again, as it was."""

    event: str
    data: JsonObject
    message_id: str


@define(eq=False)
class Person:
    """A player of one game, or with `watches` a spectator of it. `game_id` is set when there is a game."""

    scene: Scene
    guest: Guest
    watches: bool
    game_id: str
    others: tuple[str, ...] = ()
    """Other games, to ask for what is not theirs."""
    records: list[Record] = field(factory=list, init=False)
    done: bool = field(default=False, init=False)
    view: JsonObject | None = field(default=None, init=False)
    """The newest that it was shown."""
    served: JsonObject | None = field(default=None, init=False)
    """What its last join was answered."""
    line: Line | None = field(default=None, init=False)
    _chance: Chance = field(init=False)
    _connection: int = field(default=0, init=False)
    _requests: int = field(default=0, init=False)
    _waiting: dict[int, Waiting] = field(factory=dict, init=False)
    _pid: str | None = field(default=None, init=False)
    _offset: str | None = field(default=None, init=False)
    _offset_event: int = field(default=0, init=False)
    _states: WholeStates = field(factory=WholeStates, init=False)
    _joined: bool = field(default=False, init=False)
    _left: bool = field(default=False, init=False)
    """Whether it has left the game, or tried, since it came into it last."""
    _deed: Sent | None = field(default=None, init=False)
    """What is to count once: sent until it is answered."""
    _deed_known: int = field(default=0, init=False)
    _answered: list[Sent] = field(factory=list, init=False)
    _deeds: int = field(default=0, init=False)
    _stays_away_until: float = field(default=0.0, init=False)
    _next_at: float = field(default=0.0, init=False)
    _not_before: float = field(default=0.0, init=False)
    _deaf: bool = field(default=False, init=False)
    _heard_at: float = field(default=0.0, init=False)
    _asked_at: float | None = field(default=None, init=False)
    """When it asked whether the server is there, if it has heard nothing since."""
    _heard_the_end: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._chance = Chance(key_of(f"guest {self.guest.key}"))

    @property
    def user_id(self) -> str:
        """Who this is."""
        return self.guest.user_id

    def diary(self) -> Diary:
        """What it has noted."""
        return Diary(self.user_id, self.game_id, tuple(self.records), watches=self.watches)

    # ---- its life

    async def live(self) -> None:
        """Comes, again and again, until the game is over for it."""
        while not self.done:
            if self.line is None:
                await trio.sleep_until(self._stays_away_until)
                await self._come()
                continue
            try:
                for heard in await self.line.hear(self._next_at):
                    self._heard_at, self._asked_at = trio.current_time(), None
                    if isinstance(heard, Answer):
                        self._take_answer(heard)
                    elif isinstance(heard, Push):
                        self._take_push(heard)
                if self._heard_the_end and self._deed is None:
                    self.done = True
                elif trio.current_time() >= self._next_at:
                    await self._do_something()
            except LineLost:
                self._lost()
        self._hang_up()

    async def look_again(self) -> None:
        """Comes once more, and joins: for what is served at the end."""
        self._hang_up()
        self.done = self._heard_the_end = False
        self._pid = None  # it is not to be told what it missed, but how it stands
        self.served = None
        self._next_at = self._stays_away_until = 0.0
        await self.live()

    async def _come(self) -> None:
        """Connects. How, depends on what it knows of its former session."""
        host = self.scene.network.host(self.user_id)
        dialect = SOCKET_IO if self._temper.socket_io else PLAIN
        hello: JsonObject = {"token": self.scene.token(self.user_id)}
        if self._temper.recovers:
            hello["recovery"] = True
        pid = self._pid
        if pid is not None and self._temper.recovers and self._event_id == self._offset_event and self._offset:
            hello |= {"pid": pid, "offset": self._offset}
        line: Line | None = None
        try:
            with trio.move_on_after(CONNECT_WITHIN):
                line = await Line.call(host, self.scene.address, dialect)
                answer = await line.connect(hello)
                if answer.get("success") is False:
                    raise LineLost
                self._came(line, answer, recovered=answer.get("pid") == pid is not None)
                return
        except (OSError, LineLost):
            pass
        if line is not None:
            line.drop()
        self._stays_away_until = trio.current_time() + _RETRY

    def _came(self, line: Line, answer: JsonObject, *, recovered: bool) -> None:
        self._connection += 1
        self._states = WholeStates()
        self.line = line
        self._pid = answer.get("pid")
        self._joined = recovered and self.view is not None and not self._left
        if not recovered:
            self._offset = None
        self._heard_at, self._asked_at = trio.current_time(), None
        self._note(Connected(self._now, self._connection))
        # A person is put into the game without asking: at times it waits for that.
        self._next_at = trio.current_time() + (0.3 if not self._joined and self._chance.flip() else 0.0)

    def _hang_up(self) -> None:
        if self.line is not None:
            self.line.drop()
            self._lost()

    def _lost(self) -> None:
        if self.line is not None:
            self.line.drop()
            self.line = None
            if not self._deaf:
                self._note(Dropped(self._now, self._connection))
        # Whether a leave that was not answered counted it does not know: a session that it recovers may follow nothing.
        self._left = self._left or any(one.event in _LEAVES and not one.must_fail for one in self._waiting.values())
        self._waiting.clear()
        self._joined = self._deaf = False
        self._stays_away_until = max(self._stays_away_until, trio.current_time() + _RETRY * self._chance.below(3))

    def cut_off(self, *, told: bool) -> None:
        """Its connection breaks; if it is not `told`, nothing comes any more, and it finds out by itself."""
        if self.line is None:
            return
        if told:
            self.line.cut()
        elif not self._deaf:
            self.line.half_open()
            self._deaf = True
            # For whoever judges the answers it is over now.
            self._note(Dropped(self._now, self._connection))

    # ---- what it hears

    def _take_answer(self, answer: Answer) -> None:
        waiting = self._waiting.pop(answer.request, None)
        data = answer.data
        self._note(Answered(self._now, self._connection, answer.request, _short(data)))
        if waiting is None:
            return  # the diary tells that it was not asked
        ok = data.get("success", True)
        self._count(f"answer:{'ok' if ok else data['error']['code']}")
        if waiting.must_fail and ok:
            self._complain(Promise.TWICE, f"{waiting.event} was not to be, and counted")
        if waiting.event in _LEAVES and not waiting.must_fail and ok:
            self._joined, self._left = False, True
        elif waiting.event in ("game:join", "game:spectate") and not waiting.must_fail:
            self._let_in(data, ok=ok)
        elif waiting.message_id is not None and self._deed is not None and self._deed.message_id == waiting.message_id:
            self._deed_answered(self._deed, data, ok=ok)

    def _let_in(self, data: JsonObject, *, ok: bool) -> None:
        if not ok:
            self._next_at = trio.current_time() + _RETRY
            if data["error"]["code"] in ("game_not_found", "not_in_game"):
                self.done = True
                self._complain(Promise.LOST, f"it cannot come into the game: {data['error']['code']}")
            return
        self._joined, self._left = True, False
        for missed in data.get("missed", ()):
            self._show(How.MISSED, missed)
        self.served = data
        self._show(How.JOINED, data)
        self._heard_the_end = self._heard_the_end or data["game_over"]
        self._soon()

    def _deed_answered(self, deed: Sent, data: JsonObject, *, ok: bool) -> None:
        if ok:
            self._deed = None
            self._answered.append(deed)
            self._deed_known = max(self._deed_known, data["event_id"])
            self._soon()
            return
        code = data["error"]["code"]
        if code in _NOT_NOW:
            if (data["error"].get("details") or {}).get("status") == "suspended":
                self._not_before = trio.current_time() + _LOOKS_EVERY
            self._next_at = trio.current_time() + _RETRY
        elif code in _OVERTAKEN or code == "game_ended":
            self._deed = None
            self._joined = False  # it looks again
            self._soon()
        else:
            self._deed = None
            self._complain(Promise.STUCK, f"{deed.event} of what was offered was refused: {code}")

    def _take_push(self, push: Push) -> None:
        self._count(push.event)
        data = push.data
        if data.get("game_id", self.game_id) != self.game_id:
            return
        match push.event:
            case "game:state":
                self._take_offset(push)
                self._take_state(data)
                self._soon()
            case "game:reconnected":
                self._joined, self._left = True, False
                self._show(How.JOINED, data)
                self._heard_the_end = self._heard_the_end or data["game_over"]  # it ended in that very moment
                self._soon()
            case "game:game_over":
                self._take_offset(push)
                self._note(Over(self._now, self._connection, data))
                self._heard_the_end = True

    def _take_state(self, data: JsonObject) -> None:
        if "state_patch" in data:
            self._count("patch")
        try:
            self._show(How.LIVE, self._states.take(data))
        except OutOfStep as error:
            self._complain(Promise.ORDER, str(error))

    def _take_offset(self, push: Push) -> None:
        if push.offset is not None:
            self._offset, self._offset_event = push.offset, push.data["event_id"]

    def _show(self, how: How, view: JsonObject) -> None:
        if self.view is None or view["event_id"] >= self.view["event_id"]:
            self.view = view
        self._note(Shown(self._now, self._connection, how, _short(view)))

    # ---- what it does

    async def _do_something(self) -> None:
        now = trio.current_time()
        self._next_at = now + _LOOKS_EVERY
        if self._is_forsaken(now):
            self._hang_up()
            return
        if not self._joined:
            self._join()
            return
        if self._deed is not None:
            self._try(self._deed)
            return
        if not self.scene.calm and await self._misbehave():
            return
        if self._may_act and now >= self._not_before:
            self._act()

    def _is_forsaken(self, now: float) -> bool:
        """Whether there is no more sense in waiting; asks first."""
        if any(now - waiting.at > GIVES_UP_AFTER for waiting in self._waiting.values()):
            return True
        if now - self._heard_at > SILENT_FOR and self._asked_at is None:
            self._asked_at = now
            self._ask("heartbeat", {})
        return self._asked_at is not None and now - self._asked_at > SILENT_FOR

    def _join(self) -> None:
        event = "game:spectate" if self.watches else "game:join"
        if any(waiting.event == event and not waiting.must_fail for waiting in self._waiting.values()):
            return
        data: JsonObject = {"game_id": self.game_id}
        if self.guest.patches:
            data["state_encoding"] = "patch"
        since = None
        if not self.watches and self._event_id and self._chance.below(4):
            since = data["last_event_id"] = self._event_id
        self._ask(event, data, since=since)

    def _act(self) -> None:
        """Something that is to count, once."""
        assert self.view is not None
        self._deeds += 1
        message_id = f"m{self._deeds}"
        resigns = self._temper.resigns_after
        if resigns is not None and self._deeds > resigns and self._chance.below(3) == 0:
            self._deed = Sent("game:resign", {"game_id": self.game_id}, message_id)
        elif not self.scene.calm and self._happens(self._temper.draws):
            move = self._chance.choice(("offer", "accept", "decline"))
            self._deed = Sent("game:draw", {"game_id": self.game_id, "move": move}, message_id)
        else:
            legal: list[JsonObject] = self.view["legal_actions"]
            action = self._chance.choice(legal)
            self._deed = Sent("game:action", {"game_id": self.game_id, "action": action}, message_id)
        self._try(self._deed)

    def _try(self, deed: Sent) -> None:
        """Sends it, if it is not under way on this connection."""
        if any(waiting.message_id == deed.message_id for waiting in self._waiting.values()):
            return
        self._ask(deed.event, {**deed.data, "message_id": deed.message_id}, message_id=deed.message_id)
        if not self.scene.calm and self._happens(self._temper.repeats):
            self._ask(deed.event, {**deed.data, "message_id": deed.message_id}, message_id=deed.message_id)

    def _ask(
        self,
        event: str,
        data: Any,  # noqa: ANN401 - rubbish may be anything
        *,
        message_id: str | None = None,
        since: int | None = None,
        must_fail: bool = False,
    ) -> None:
        assert self.line is not None
        self._requests += 1
        self._waiting[self._requests] = Waiting(self._requests, trio.current_time(), event, message_id, must_fail)
        action = data.get("action") if isinstance(data, dict) and message_id is not None else None
        move = data.get("move") if isinstance(data, dict) and message_id is not None else None
        self._note(Asked(self._now, self._connection, self._requests, event, message_id, action, since, move))
        self.line.ask(event, data, self._requests)

    async def _misbehave(self) -> bool:
        """At times it does something else. Says whether that is all for now."""
        temper, now = self._temper, trio.current_time()
        if self._happens(temper.wanders):
            return self._wander()
        if self._happens(temper.rude):
            self._be_rude()
        if self._happens(temper.repeats) and self._answered:
            again = self._chance.choice(self._answered)
            self._ask(again.event, {**again.data, "message_id": again.message_id}, message_id=again.message_id)
        if self._happens(temper.dawdles):
            self._not_before = now + between(self._chance, 0.5, 4.0)
        if self._happens(temper.idles):  # and does not even listen
            await trio.sleep(between(self._chance, 0.1, 2.0))
        return False

    def _wander(self) -> bool:
        """It leaves the game, or goes away."""
        if self._chance.below(4) == 0:
            self._ask("game:leave_spectate" if self.watches else "game:leave", {"game_id": self.game_id})
            self._joined, self._left = False, True
            self._next_at = trio.current_time() + between(self._chance, 0.0, 1.0)
            return True
        assert self.line is not None
        self._stays_away_until = trio.current_time() + between(self._chance, 0.0, 1.5)
        self._hang_up()
        return True

    def _be_rude(self) -> None:
        assert self.line is not None
        if self._chance.below(4) == 0:
            self.line.say(self._chance.choice(RAW))
            return
        asked = rubbish(self._chance, self.game_id, self.others, [sent.message_id for sent in self._answered])
        self._ask(asked.event, asked.data, must_fail=asked.must_fail)

    # ---- little things

    @property
    def _temper(self) -> Temper:
        return self.guest.temper

    @property
    def _now(self) -> float:
        return self.scene.clock.now()

    @property
    def _event_id(self) -> int:
        return self.view["event_id"] if self.view is not None else 0

    @property
    def _may_act(self) -> bool:
        view = self.view
        return bool(view is not None and view["event_id"] >= self._deed_known and view.get("legal_actions"))

    def _soon(self) -> None:
        """Does something when it has thought."""
        thinks = 0.0 if self.scene.calm else between(self._chance, 0.0, self._temper.thinks)
        self._next_at = min(self._next_at if self._next_at > trio.current_time() else inf, trio.current_time() + thinks)

    def _happens(self, likely: float) -> bool:
        return likely > 0 and self._chance.below(1000) < 1000 * likely

    def _note(self, record: Record) -> None:
        self.records.append(record)

    def _count(self, what: str) -> None:
        self.scene.said[what] = self.scene.said.get(what, 0) + 1

    def _complain(self, promise: Promise, text: str) -> None:
        self.scene.violations.append(Violation(promise, self.game_id, text, self.user_id))


def _short(answer: JsonObject) -> JsonObject:
    """A join's answer without the views that it carries besides: each of them is noted by itself."""
    return {**answer, "missed": []} if answer.get("missed") else answer
