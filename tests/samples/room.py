"""A directory over a memory journal, and what a test does with its tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import trio
from attrs import evolve

from actors.attendance import Attendance
from actors.directory import Directory
from actors.failures import Failure
from actors.house import House
from actors.messages import Description, Sealed, View
from actors.rules.registry import Registry
from actors.table_messages import Act, Join
from actors.timers import Timers
from net.protocol import JsonEncoder
from tests.samples.memory import CountingEntropy, CrashLog, FixedClock, Listener, MemoryClockStore, MemoryJournal

if TYPE_CHECKING:
    from actors.failures import Code
    from actors.kit.actor import Ask
    from actors.kit.supervisor import DynamicSupervisor
    from actors.ports import ServiceClock
    from actors.rules.interface import JsonObject
    from tests.samples.tally import Tally

GAME = "g1"
MISS: JsonObject = {"type": "guess", "number": 5000}
RUDE: JsonObject = {"type": "guess", "number": 0}
TIMEOUT = 5.0


class Room:
    """`clock` is wall time and `service` service time; both stand where the test puts them. The timers and the
    attendance are real, and run if the test runs them. Games are never abandoned, and nobody who comes back is given
    time, unless the test `sets` that."""

    def __init__(
        self, tables: DynamicSupervisor, rules: Tally, *, max_events: int = 100, snapshot_every: int = 1000
    ) -> None:
        self.tables = tables
        self.journal = MemoryJournal()
        self.rules = rules
        self.clock = FixedClock()
        self.service = FixedClock(1000.0)
        self.clock_store = MemoryClockStore()
        self.crash_points = CrashLog()
        self.timers = Timers(self.service, self.clock_store, lambda game_id: self.directory.expire(game_id))
        self.attendance = Attendance(self.service, JsonEncoder())
        self.house = House(
            self.journal,
            Registry([rules]),
            self.clock,
            CountingEntropy(),
            JsonEncoder(),
            self.service,
            self.timers,
            self.attendance,
            max_events=max_events,
            snapshot_every=snapshot_every,
            reconnect_extension=0.0,
            abandon_after=math.inf,
            crash_points=self.crash_points,
        )
        self.directory = self._directory()

    def sets(self, **changes: Any) -> None:  # noqa: ANN401 (whatever a house has)
        """From now on the house has these. To be called before there are tables."""
        self.house = evolve(self.house, **changes)
        self.directory = self._directory()

    def _directory(self) -> Directory:
        return Directory(self.tables, self.house, mailbox=8, passivate_after=40.0)

    def serve_by(self, service: ServiceClock, timers: Timers) -> None:
        """From now on the house has this service time and these timers. To be called before there are tables."""
        self.timers = timers
        self.sets(service=service, timers=timers)

    def keep_in(self, journal: MemoryJournal) -> None:
        """From now on the house has this journal. To be called before there are tables."""
        self.journal = journal
        self.sets(journal=journal)

    def play_by(self, rules: Tally) -> None:
        """From now on the house has these rules and no others. Tables that are in memory keep the old ones."""
        self.sets(registry=Registry([rules]))

    async def new_game(
        self,
        players: int = 2,
        game_id: str = GAME,
        *,
        turn_timeout_seconds: float | None = None,
        spectators: str = "public",
    ) -> None:
        names = tuple("abcd"[:players])
        await self.directory.create(
            game_id,
            "tally",
            names,
            seed="s",
            options={},
            spectators=spectators,
            turn_timeout_seconds=turn_timeout_seconds,
        )

    async def ask(self, message: Ask[object], game_id: str = GAME) -> object:
        return opened(await self.directory.table(game_id).ask(message, timeout=TIMEOUT))

    async def seen(self, listener: Listener, message: Ask[object]) -> object:
        """As `ask`, with the answer written down by the listener in its order among the pushes."""
        answered = trio.Event()
        answers: list[object] = []

        def on_answer(answer: object) -> None:
            answers.append(opened(answer))
            listener.answered(answers[0])
            answered.set()

        self.directory.table(GAME).post(message, on_answer)
        with trio.fail_after(TIMEOUT):
            await answered.wait()
        return answers[0]

    async def joined(self, user: str) -> Listener:
        listener = Listener()
        assert isinstance(await self.ask(Join(user, listener)), View)
        return listener

    async def joins(self, user: str, last_event_id: int | None = None) -> View:
        answer = await self.ask(Join(user, Listener(), last_event_id=last_event_id))
        assert isinstance(answer, View), answer
        return answer

    async def act(self, user: str, action: JsonObject = MISS, message_id: str | None = None) -> object:
        return await self.ask(Act(user, Listener(), action, message_id))

    async def take_turns(self, turns: int, *, start: int = 0) -> None:
        """Two players miss, in turn, each with a message id of their own: m1, m2, …"""
        for n in range(start, start + turns):
            answer = await self.act("ab"[n % 2], MISS, f"m{n + 1}")
            assert not isinstance(answer, Failure), answer

    async def leaves_memory(self, game_id: str = GAME) -> None:
        """Stops the tables of this game in order. What is waiting for them fails."""
        for child in [child.name for child in self.tables.node().children if child.name.split(":")[1] == game_id]:
            await self.tables.stop_child(child)


def opened(answer: object) -> object:
    """What was answered, without its JSON."""
    return answer.body if isinstance(answer, Sealed) else answer


def code(outcome: object) -> Code:
    assert isinstance(outcome, Failure), outcome
    return outcome.code


def described(description: object) -> tuple[str, int, object]:
    assert isinstance(description, Description)
    return description.status, description.event_count, description.end_reason


def views(listener: Listener) -> list[View]:
    return [item for item in listener.log if isinstance(item, View)]
