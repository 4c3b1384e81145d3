"""Game id → live table. Tables are woken by the first message and leave memory when nothing goes on: a restart wakes
no game that nobody talks to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from actors.events import Created
from actors.game import Game
from actors.kit.actor import ActorError, Ref, actor_child
from actors.kit.supervisor import Restart
from actors.messages import Passivate, TableMessage
from actors.ports import GameNotFound, StoreUnavailable
from actors.rules.validation import checked_options
from actors.standing import Standing
from actors.table import Table

if TYPE_CHECKING:
    from actors.kit.supervisor import DynamicSupervisor
    from actors.ports import Outlet
    from actors.rules.interface import JsonObject
    from actors.table import House

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
            if seated.table is ref:
                seated.table = None
                if not seated.standing.worth_keeping:
                    self._games.pop(game_id, None)

        self._tables.spawn(actor_child(ref, make, restart=Restart.TRANSIENT, ended=forget, start_timeout=_LOAD_TIMEOUT))
        return ref

    def standing(self, game_id: str) -> Standing | None:
        """What this process knows of the game without asking its table; None when that is not in memory."""
        seated = self._games.get(game_id)
        return None if seated is None or seated.table is None else seated.standing

    def leave(self, game_id: str, outlet: Outlet) -> None:
        """This outlet is told nothing more of the game; no matter whether it was."""
        if (seated := self._games.get(game_id)) is not None:
            seated.standing.audience.discard(outlet)

    async def create(
        self,
        game_id: str,
        rules_name: str,
        players: tuple[str, ...],
        *,
        seed: str,
        options: JsonObject,
        spectators: str,
    ) -> None:
        """Makes a game durable; nobody is woken. Raises UnknownRules, BadOptions, RulesFault (they cannot set it up),
        StoreUnavailable (there is then no such game)."""
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
        )
        Game.of(created, rules).begin()  # a game that cannot begin is not made
        # An unknown result is sent again until it is known; a game whose id nobody was told is no harm.
        with trio.move_on_after(self._house.settle_within) as patience:
            await self._house.journal.create(created)
        if patience.cancelled_caught:
            raise StoreUnavailable("the store does not say whether the game stands")

    async def passivate_idle(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: asks tables that nobody has used for `passivate_after` seconds to leave memory."""
        task_status.started()
        while True:
            await trio.sleep(self._passivate_after / 4)
            self._ask_idle_to_leave(trio.current_time() - self._passivate_after)

    def _ask_idle_to_leave(self, unused_since: float) -> None:
        for game_id, seated in list(self._games.items()):
            if seated.last_used > unused_since or seated.standing.worth_keeping:
                continue
            if seated.table is None:
                del self._games[game_id]
                continue
            try:
                seated.table.tell(Passivate())
            except ActorError:
                log.debug("table of game %s is busy or ending; it stays for now", game_id)
