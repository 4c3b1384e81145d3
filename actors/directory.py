"""Game id → live table. Tables are woken by the first message and leave memory when nothing goes on: a restart wakes
no game that nobody talks to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from actors.abandonment import earlier
from actors.apart.patience import patiently
from actors.events import Created
from actors.game import Game, RulesFault
from actors.kit.actor import ActorError, Ref, actor_child
from actors.kit.supervisor import Restart, SupervisorStopped
from actors.ports import GameNotFound, StoreUnavailable
from actors.rules.validation import BadOptions, checked_options
from actors.standing import Standing
from actors.table import Table
from actors.table_messages import Expire, Passivate, TableMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.house import House
    from actors.kit.supervisor import DynamicSupervisor
    from actors.ports import Outlet
    from actors.rules.interface import JsonObject

log = logging.getLogger("croupier.directory")

_LOAD_TIMEOUT = 30.0
"""Seconds that a table may take to load: longer than a store takes to be found mute."""

_GAME_ID = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")


def may_be_game_id(text: str) -> bool:
    """Whether a game could have this id; any other text is answered without asking the journal."""
    return 0 < len(text) <= 64 and _GAME_ID.issuperset(text)


@define(eq=False)
class _Seated:
    """A game that this process knows of: its table while that is in memory, and its standing, which stays when a table
    is given up as long as it is worth keeping, so that the next one knows whom to tell."""

    standing: Standing = field(factory=Standing)
    table: Ref[TableMessage] | None = None
    last_used: float = 0.0


class Directory:
    """Finds, wakes and puts to rest the tables of this process. Routing by game id is here and nowhere else."""

    def __init__(self, tables: DynamicSupervisor, house: House, *, mailbox: int, passivate_after: float) -> None:
        self._tables = tables
        self._house = house
        self._mailbox = mailbox
        self._passivate_after = passivate_after
        self._games: dict[str, _Seated] = {}
        self._wakings = 0

    def __len__(self) -> int:
        return sum(seated.table is not None for seated in self._games.values())

    def table(self, game_id: str) -> Ref[TableMessage]:
        """The table of this game; it is loaded in the background if it is not in memory. When there is no such game,
        or the store is away, what is sent to it fails with ActorStopped and that reason. Raises GameNotFound at once
        for what can be no game's id."""
        seated = self._games.get(game_id)
        if seated is None:
            if not may_be_game_id(game_id):
                raise GameNotFound
            seated = self._games[game_id] = _Seated()
        seated.last_used = trio.current_time()
        if seated.table is None or seated.table.stopped:
            seated.table = self._wake(game_id, seated)
        return seated.table

    def _wake(self, game_id: str, seated: _Seated) -> Ref[TableMessage]:
        # A table that is on its way out keeps its child id until it is gone: each waking has an id of its own.
        self._wakings += 1
        ref: Ref[TableMessage] = Ref(f"table:{game_id}:{self._wakings}", capacity=self._mailbox)

        def make() -> Table:
            return Table(game_id, self._house, seated.standing)

        def forget(reason: BaseException | None) -> None:
            if isinstance(reason, GameNotFound):
                self._house.timers.set(game_id, None)
            if seated.table is ref:
                seated.table = None
                if not seated.standing.worth_keeping:
                    self._forget(game_id)

        self._tables.spawn(actor_child(ref, make, restart=Restart.TRANSIENT, ended=forget, start_timeout=_LOAD_TIMEOUT))
        return ref

    def __iter__(self) -> Iterator[tuple[str, Standing, Ref[TableMessage]]]:
        """Every game whose table is in memory now, with its standing and its table."""
        seated_games = list(self._games.items())
        return ((name, one.standing, one.table) for name, one in seated_games if one.table is not None)

    def standing(self, game_id: str) -> Standing | None:
        """What this process knows of the game without asking its table; None when that is not in memory."""
        seated = self._games.get(game_id)
        return None if seated is None or seated.table is None else seated.standing

    def suspended(self) -> list[tuple[str, Standing]]:
        """The games that are suspended in this process, by id."""
        games = self._games.items()
        return [(game_id, seated.standing) for game_id, seated in games if seated.standing.suspended is not None]

    def leave(self, game_id: str, outlet: Outlet) -> None:
        """The user of this outlet leaves the game, as a player (which is announced as `disconnected` at once; it is no
        resignation) or as a spectator: the outlet is told nothing more. No matter whether it followed the game. Raises
        nothing, and needs no table."""
        if (seated := self._games.get(game_id)) is not None:
            self._see_off(game_id, seated, self._house.attendance.left(game_id, seated.standing, outlet))

    def drop(self, game_id: str, outlet: Outlet) -> None:
        """The connection of this outlet is gone, or was taken over by another of the same user: a player is awaited for
        the grace period. To be called after `outlet.gone` is true, or when the outlet is to be told nothing more; else
        as `leave`."""
        if (seated := self._games.get(game_id)) is not None:
            self._see_off(game_id, seated, self._house.attendance.dropped(game_id, seated.standing, outlet))

    def _see_off(self, game_id: str, seated: _Seated, emptied: bool) -> None:
        if seated.standing.is_over:
            if not seated.standing.worth_keeping:
                self._ask_to_leave(game_id, seated)
        elif emptied and seated.table is not None:
            self._tell(game_id, seated, Expire())  # from now on the game may be abandoned; else the timers see to it

    def expire(self, game_id: str) -> None:
        """Has the table of this game look at its clocks; the table is woken for that. Raises nothing: a table that
        cannot be told now is told again by the timers."""
        try:
            self.table(game_id).tell(Expire())
        except (ActorError, SupervisorStopped):
            log.debug("game %s cannot be told of its clock now", game_id)
        except GameNotFound:
            self._house.timers.set(game_id, None)

    async def create(
        self,
        game_id: str,
        rules_name: str,
        players: tuple[str, ...],
        *,
        seed: str,
        options: JsonObject,
        spectators: str,
        turn_timeout_seconds: float | None = None,
    ) -> None:
        """Makes a game durable; nobody is woken, but its clocks run. Raises UnknownRules, BadOptions,
        RulesFault (they cannot set it up), StoreUnavailable (there is then no such game)."""
        rules = self._house.registry.latest(rules_name)
        created = Created(
            event_id=1,
            at=self._house.clock.now(),
            game_id=game_id,
            rules=rules.name,
            rules_version=rules.version,
            players=players,
            seed=seed,
            options=checked_options(rules, options),
            spectators=spectators,
            turn_timeout_seconds=turn_timeout_seconds,
            clock=self._house.service.now(),
        )
        turn = await self._first_deadline(Game.of(created, rules))  # a game that cannot begin is not made
        abandoned = created.clock + self._house.abandon_after
        deadline = earlier(turn, abandoned)
        # An unknown result is sent again until it is known; a game whose id nobody was told is no harm.
        with trio.move_on_after(self._house.settle_within) as patience:
            await self._house.journal.create(created, deadline=deadline)
        # Also of a game that may stand: nobody will come to it, and it is to be abandoned in time.
        self._house.timers.set(game_id, deadline, abandoned=abandoned)
        if patience.cancelled_caught:
            raise StoreUnavailable("the store does not say whether the game stands")
        self._house.attendance.not_awaited(game_id)

    async def _first_deadline(self, game: Game) -> float | None:
        try:
            return (await patiently(game.begin)).deadline
        except RulesFault as fault:
            if isinstance(fault.__cause__, BadOptions):  # the rules' own word on what their schema cannot say
                raise fault.__cause__ from None
            raise

    async def passivate_idle(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: asks tables that nobody has used for `passivate_after` seconds to leave memory; those of games
        that are over, which few come back to, after a quarter of that."""
        task_status.started()
        while True:
            await trio.sleep(self._passivate_after / 4)
            self._ask_idle_to_leave(trio.current_time())

    def _ask_idle_to_leave(self, now: float) -> None:
        for game_id, seated in list(self._games.items()):
            patience = self._passivate_after / (4 if seated.standing.is_over else 1)
            if now < seated.last_used + patience or seated.standing.worth_keeping:
                continue
            if seated.table is None:
                self._forget(game_id)
            else:
                self._ask_to_leave(game_id, seated)

    def _forget(self, game_id: str) -> None:
        """Nobody follows this game, and nobody is awaited."""
        seated = self._games.pop(game_id, None)
        if seated is not None and seated.standing.audience.presence is not None:
            self._house.attendance.not_awaited(game_id)

    def _ask_to_leave(self, game_id: str, seated: _Seated) -> None:
        self._tell(game_id, seated, Passivate())

    @staticmethod
    def _tell(game_id: str, seated: _Seated, message: Passivate | Expire) -> None:
        try:
            if seated.table is not None:
                seated.table.tell(message)
        except ActorError:
            log.debug("table of game %s is busy or ending; it stays for now", game_id)
