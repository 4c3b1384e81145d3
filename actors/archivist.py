"""Moves the games that have ended into the archive, and only then out of the store.

Each step may be interrupted, and each may be done again: reading changes nothing, archived twice is the same as once,
and what has left the store is read from the archive.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, evolve

from actors.apart.patience import patiently
from actors.events import Created, DrawMoved, Resigned, TimedOut
from actors.faults import report
from actors.game import DRAW_AGREED, RESIGNATION, TIMEOUT, Game, ReplayDiverged, RulesFault
from actors.messages import ResignAnswer
from actors.ports import ArchiveUnavailable, NoCrashPoints, StoreLostData, StoreUnavailable
from actors.recovery import ended_by, replay
from actors.rules.registry import RulesVersionMissing, UnknownRules
from actors.standing import Status, described

if TYPE_CHECKING:
    from actors.events import Event
    from actors.game import Ended as Ending
    from actors.game import Position
    from actors.messages import Description
    from actors.ports import Archive, Clock, CrashPoints, Ended, Entropy, Journal
    from actors.rules.registry import Registry

log = logging.getLogger("croupier.archivist")

PAGE: Final = 100
"""Games that are looked up at once."""

LONGEST_PAUSE: Final = 3600.0
"""Seconds after which a game that cannot be archived is tried again, at most."""


UNKNOWN: Final = "unknown"
"""How a game ended whose rules are gone, and which says nothing of it itself."""


class NotOver(StoreLostData):
    """A game that is said to have ended goes on: it must not leave the store."""


@define
class _Broken:
    """A game that could not be archived: after how many seconds it is tried again, and when (in Trio's time)."""

    pause: float
    due: float


class Archivist:
    """Archives each game that ended `after` seconds ago or longer (wall time); it looks every `every` seconds.

    A game that cannot be archived is reported, left where it is, and tried again at growing intervals; the others do
    not wait for it.
    """

    def __init__(
        self,
        ended: Ended,
        journal: Journal,
        archive: Archive,
        registry: Registry,
        clock: Clock,
        entropy: Entropy,
        crash_points: CrashPoints | None = None,
        *,
        after: float,
        every: float,
    ) -> None:
        self._ended = ended
        self._journal = journal
        self._archive = archive
        self._registry = registry
        self._clock = clock
        self._entropy = entropy
        self._crash_points = NoCrashPoints() if crash_points is None else crash_points
        self._after = after
        self._every = every
        self._broken: dict[str, _Broken] = {}
        self._away = False

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: archives what has ended, for ever. While the store or the archive is away it waits. Cancelled: the
        game in hand stands in the store, in the archive or in both, and is seen to next time."""
        task_status.started()
        while True:
            try:
                await self.archive_all()
            except StoreUnavailable as away:
                self._say_that_it_waits(away)
            else:
                self._away = False
            await trio.sleep(self._every)

    async def archive_all(self) -> None:
        """Archives every game whose time has come. Raises StoreUnavailable, ArchiveUnavailable: the rest is left for
        the next time."""
        while True:
            # Those that cannot be archived stand first in the queue: they must not hide the others.
            asked = PAGE + len(self._broken)
            waiting = await self._ended.waiting(self._clock.now() - self._after, asked)
            now = trio.current_time()
            ready = [game_id for game_id in waiting if not self._is_resting(game_id, now)]
            for game_id in ready:
                await self._try_to_archive(game_id)
            if len(waiting) < asked:
                self._forget_all_but(waiting)
                return
            if not ready:
                return

    def _is_resting(self, game_id: str, now: float) -> bool:
        broken = self._broken.get(game_id)
        return broken is not None and now < broken.due

    def _forget_all_but(self, waiting: tuple[str, ...]) -> None:
        for game_id in self._broken.keys() - set(waiting):  # somebody else has seen to it
            del self._broken[game_id]

    async def _try_to_archive(self, game_id: str) -> None:
        try:
            await self._archive_one(game_id)
        except StoreUnavailable:
            raise
        except Exception as error:
            self._rest(game_id, error)
        else:
            self._broken.pop(game_id, None)

    def _rest(self, game_id: str, error: Exception) -> None:
        broken = self._broken.get(game_id)
        if broken is None:
            report(self._entropy, f"game {game_id} cannot be archived; it stays in the store", error)
        pause = self._every if broken is None else min(2 * broken.pause, LONGEST_PAUSE)
        self._broken[game_id] = _Broken(pause, trio.current_time() + pause)

    async def _archive_one(self, game_id: str) -> None:
        events = await self._journal.history(game_id)
        self._crash_points.reach("archive.read")
        await self._archive.put(events, await describe_ended(events, self._registry))
        self._crash_points.reach("archive.put")
        await self._ended.remove(game_id, events[-1].event_id)
        self._crash_points.reach("archive.removed")

    def _say_that_it_waits(self, away: StoreUnavailable) -> None:
        if not self._away:
            what = "archive" if isinstance(away, ArchiveUnavailable) else "store"
            log.warning("the %s is away; games that have ended stay where they are until it is back", what)
        self._away = True


async def describe_ended(events: tuple[Event, ...], registry: Registry) -> Description:
    """What is publicly known of a game that has ended, from its events.

    A game that was called off, or whose last answer tells of the end, needs no rules for that; any other is replayed.
    When its rules are not there, or do not lead to its end any more, it is described as far as the last event tells:
    `results` are empty then, and `end_reason` may be UNKNOWN. Lets other tasks run. Raises NotOver when the rules say
    that the game goes on, StoreLostData when the events do not begin with a creation.
    """
    created, *rest = events
    if not isinstance(created, Created):
        raise StoreLostData("a history that does not begin with the creation of the game")
    last = events[-1]
    ended = ended_by(created, last)
    if ended is None:
        ended = await _ended_by_the_rules(created, rest, registry)
    description = described(created, Status.ENDED, last.event_id, ended, last.at)
    return description if ended is not None else _as_far_as_it_tells(description, last)


def _as_far_as_it_tells(description: Description, last: Event) -> Description:
    match last:
        case Resigned(answer=ResignAnswer(winner_id=str() as winner)):
            return evolve(description, winner_id=winner, results={}, end_reason=RESIGNATION)
        case Resigned():
            return evolve(description, winner_id=None, results={}, end_reason=RESIGNATION)
        case DrawMoved():
            return evolve(description, winner_id=None, results={}, end_reason=DRAW_AGREED)
        case TimedOut():
            return evolve(description, winner_id=None, results={}, end_reason=TIMEOUT)
        case _:
            return evolve(description, winner_id=None, results={}, end_reason=UNKNOWN)


async def _ended_by_the_rules(created: Created, events: list[Event], registry: Registry) -> Ending | None:
    reached: deque[Position] = deque(maxlen=1)
    try:
        game = Game.of(created, registry.find(created.rules, created.rules_version))
        reached.append(await patiently(game.begin))
        await replay(game, reached[0], events, reached.append)
    except (UnknownRules, RulesVersionMissing, RulesFault, ReplayDiverged) as error:
        log.warning("game %s is archived without its outcome (%s)", created.game_id, type(error).__name__)
        return None
    if reached[0].ended is None:
        raise NotOver(f"game {created.game_id} goes on after event {reached[0].event_id}")
    return reached[0].ended
