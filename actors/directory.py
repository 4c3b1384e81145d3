"""Game id → live table. Tables are woken by the first message and leave memory when nothing goes on: a restart wakes
no game that nobody talks to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from actors.audience import Audience
from actors.events import Created
from actors.game import Game
from actors.kit.actor import ActorError, Ref, actor_child
from actors.kit.supervisor import Restart
from actors.messages import Passivate, TableMessage
from actors.ports import GameNotFound
from actors.rules.validation import checked_options
from actors.table import Table

if TYPE_CHECKING:
    from actors.kit.supervisor import DynamicSupervisor
    from actors.rules.interface import JsonObject
    from actors.table import House

log = logging.getLogger("croupier.directory")

_GAME_ID = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")


def may_be_game_id(text: str) -> bool:
    """Whether a game could have this id; any other text is answered without asking the journal."""
    return 0 < len(text) <= 64 and _GAME_ID.issuperset(text)


@define
class _Seated:
    """A game that this process knows of: its table while that is in memory, and who follows it. The audience stays
    when a table is given up, so that the next one goes on telling it."""

    audience: Audience = field(factory=Audience)
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
            return Table(game_id, self._house, seated.audience)

        def forget(reason: BaseException | None) -> None:
            if seated.table is ref:
                seated.table = None
                if not len(seated.audience):
                    self._games.pop(game_id, None)

        self._tables.spawn(actor_child(ref, make, restart=Restart.TRANSIENT, ended=forget))
        return ref

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
        await self._house.journal.create(created)

    async def passivate_idle(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: asks tables that nobody has used for `passivate_after` seconds to leave memory."""
        task_status.started()
        while True:
            await trio.sleep(self._passivate_after / 4)
            self._ask_idle_to_leave(trio.current_time() - self._passivate_after)

    def _ask_idle_to_leave(self, unused_since: float) -> None:
        for game_id, seated in list(self._games.items()):
            if seated.last_used > unused_since or len(seated.audience):
                continue
            if seated.table is None:
                del self._games[game_id]
                continue
            try:
                seated.table.tell(Passivate())
            except ActorError:
                log.debug("table of game %s is busy or ending; it stays for now", game_id)
