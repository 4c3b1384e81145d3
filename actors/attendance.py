"""Who is at which table, kept for all games of the process and announced to those who follow them. It needs no table
and no rules: a player who drops out is missed also while nothing happens in the game."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Final

import trio

from actors.messages import OpponentStatus, Push, SpectatorCount
from actors.presence import Patience, Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.messages import PushBody
    from actors.ports import Encoder, Outlet, ServiceClock
    from actors.presence import Status
    from actors.standing import Standing

_BREATH: Final = 100
"""Games that are seen to before other tasks have their turn."""


class Attendance:
    """Tells `game:opponent_status` and `game:spectator_count`, and keeps the presence in each game's standing.

    A table says who comes (`came`); the directory, who drops out or leaves. Of one user's sessions that follow a game
    at the same moment, as when one replaces the other, the last that goes counts. All times of presence are Trio's;
    only how long a game has been empty is service time, for that makes it abandoned.
    """

    def __init__(
        self,
        service: ServiceClock,
        encoder: Encoder,
        patience: Patience | None = None,
        is_always_here: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`is_always_here` tells, by their id, those whose coming and going is nobody's business: they count as
        connected."""
        self._service = service
        self._encoder = encoder
        self._is_always_here = is_always_here
        self._patience = Patience() if patience is None else patience
        self._began: float | None = None
        self._news: dict[str, tuple[float, Standing]] = {}
        self._heap: list[tuple[float, str]] = []  # may hold entries that no game goes by any more
        self._sooner = trio.lowlevel.ParkingLot()
        # Until the grace after the start is over: the games whose players are not awaited.
        self._not_awaited: set[str] = set()

    # ---- towards the directory and the tables

    def not_awaited(self, game_id: str) -> None:
        """The players of this game have not been cut off by the end of another process: it was made by this one, or
        they have all gone since."""
        if self._is_just_up():
            if not self._not_awaited:
                self._sooner.unpark_all()
            self._not_awaited.add(game_id)

    def open(self, game_id: str, standing: Standing, players: Sequence[str], *, running: bool, begun: bool) -> None:
        """From now on the presence in this game, of these players by seat, is kept, unless it is already. `begun` says
        whether anything has happened in it: then whoever comes may have been here before."""
        if standing.audience.presence is not None:
            return
        if running and self._is_just_up() and game_id not in self._not_awaited:
            presence = Presence.after_a_restart(self._patience, len(players), self._began_at())
        else:
            presence = Presence.of_a_new_game(self._patience, len(players), were_here=begun)
        for seat, player in enumerate(players):
            if self._is_always_here(player):
                presence.stays(seat)
        standing.audience.presence = presence
        self._look_at(game_id, standing)

    def came(self, game_id: str, standing: Standing, outlet: Outlet, seat: int | None) -> None:
        """This outlet follows the game from now on, in that seat or as a spectator (None). To be called once the
        presence is open."""
        standing.audience.add(outlet, seat)
        if seat is not None:
            self._presence(standing).came(seat)
            standing.empty_since = None
        self._look_at(game_id, standing)

    def dropped(self, game_id: str, standing: Standing, outlet: Outlet) -> bool:
        """The connection of this outlet is gone; its player may come back. Says whether the last player went with it.
        No matter whether it followed the game."""
        return self._went(game_id, standing, outlet, for_good=False)

    def left(self, game_id: str, standing: Standing, outlet: Outlet) -> bool:
        """This outlet follows the game no more, by its user's own wish; else as `dropped`."""
        return self._went(game_id, standing, outlet, for_good=True)

    def _went(self, game_id: str, standing: Standing, outlet: Outlet, *, for_good: bool) -> bool:
        audience = standing.audience
        if outlet not in audience:
            return False
        seat = audience.take_back(outlet)
        if seat is not None and not audience.is_here(seat):
            presence = self._presence(standing)
            if for_good:
                presence.left(seat)
            else:
                presence.dropped(seat, trio.current_time())
        emptied = seat is not None and not audience.has_players
        if emptied:
            standing.empty_since = self._service.now()
        self._look_at(game_id, standing)
        return emptied

    @staticmethod
    def _presence(standing: Standing) -> Presence:
        assert standing.audience.presence is not None, "nobody is at a table that was never laid"
        return standing.audience.presence

    # ---- telling

    def push(self, body: PushBody) -> Push:
        """The push with its JSON."""
        return Push(body, self._encoder.push(body))

    def status(self, standing: Standing, seat: int, status: Status) -> Push:
        """The announcement of that player's presence."""
        assert standing.description is not None
        described = standing.description
        return self.push(OpponentStatus(described.game_id, described.players[seat], status.value))

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: announces what is due, for ever. Cancelled, or run again: nothing is lost."""
        self._began_at()
        task_status.started()
        while True:
            await self._tell_due()
            if not self._is_just_up():
                self._not_awaited.clear()
            with trio.move_on_at(self._next_due()):
                await self._sooner.park()

    def _next_due(self) -> float:
        first = self._first()
        due = math.inf if first is None else first[0]
        return min(due, self._began_at() + self._patience.grace) if self._not_awaited else due

    async def _tell_due(self) -> None:
        told = 0
        while (first := self._first()) is not None and first[0] <= trio.current_time():
            _, game_id = heapq.heappop(self._heap)
            self._tell(game_id, self._news.pop(game_id)[1])
            told += 1
            if told % _BREATH == 0:
                await trio.lowlevel.checkpoint()

    def _tell(self, game_id: str, standing: Standing) -> None:
        now, audience = trio.current_time(), standing.audience
        if audience.presence is not None:
            for seat, status in audience.presence.due(now):
                audience.tell_all_but(seat, self.status(standing, seat, status))
        spectators = audience.spectators
        if standing.crowd.due(spectators, now):
            audience.tell_all_but(None, self.push(SpectatorCount(game_id, spectators)))
        self._look_at(game_id, standing)

    # ---- the heap

    def _look_at(self, game_id: str, standing: Standing) -> None:
        """Something has happened in this game: when is there something to tell?"""
        due = standing.crowd.next_due(standing.audience.spectators)
        if standing.audience.presence is not None:
            due = min(due, standing.audience.presence.next_due)
        if due == math.inf:
            self._news.pop(game_id, None)
            return
        first = self._first()
        self._news[game_id] = (due, standing)
        heapq.heappush(self._heap, (due, game_id))
        if len(self._heap) > 2 * len(self._news) + _BREATH:
            self._heap = [(at, name) for name, (at, _) in self._news.items()]
            heapq.heapify(self._heap)
        if first is None or due < first[0]:
            self._sooner.unpark_all()

    def _first(self) -> tuple[float, str] | None:
        """The next game that is due, with what leads nowhere taken off before it."""
        while self._heap:
            due, game_id = self._heap[0]
            if game_id in self._news and self._news[game_id][0] == due:
                return self._heap[0]
            heapq.heappop(self._heap)
        return None

    # ---- the grace after the start

    def _began_at(self) -> float:
        if self._began is None:
            self._began = trio.current_time()
        return self._began

    def _is_just_up(self) -> bool:
        return trio.current_time() < self._began_at() + self._patience.grace
