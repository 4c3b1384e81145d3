"""All players of the house: who of them is where, and how they come back after a restart."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from actors.bots.players import kind_of
from actors.kit.actor import Ref, actor_child
from actors.kit.child import ChildSpec
from actors.kit.supervisor import DynamicSupervisor, Restart, Strategy, Supervisor, SupervisorStopped
from actors.ports import StoreUnavailable
from net.npc.player import Ear, NpcPlayer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.directory import Directory
    from actors.failures import Failure
    from actors.kit.actor import ActorError
    from actors.kit.child import Spec
    from actors.ports import Entropy
    from net.npc.games import NpcGames
    from net.npc.player import Message
    from net.npc.thinker import Thinker

log = logging.getLogger("croupier.npc")

_AT_ONCE: Final = 20
"""Games that are looked at after a restart before other tasks have their turn."""

_BREATH: Final = 0.05
_RETRY: Final = 0.5


class Company:
    """Implements `actors.ports.Npcs`. An action of theirs comes no sooner than `pause` seconds after they could act, so
    that people can follow it."""

    def __init__(
        self,
        directory: Callable[[], Directory],
        thinker: Thinker,
        games: NpcGames,
        entropy: Entropy,
        failure_of: Callable[[ActorError], Failure],
        *,
        enabled: bool,
        pause: float,
        jitter: Callable[[], float],
    ) -> None:
        """`failure_of` says what a client is told when a table could not answer."""
        self.thinker = thinker
        self.entropy = entropy
        self.failure_of = failure_of
        self.pause = pause
        self._directory = directory
        self._games = games
        self._enabled = enabled
        self._players: dict[tuple[str, str], Ear] = {}
        self._comings = 0
        self.players = DynamicSupervisor("npc players", jitter=jitter)
        self.supervisor = Supervisor(
            "npcs",
            [
                ChildSpec(id="thinking", run=thinker.run),
                self.players.as_child(),
                ChildSpec(id="comeback", run=self._come_back, restart=Restart.TRANSIENT),
            ],
            strategy=Strategy.REST_FOR_ONE,
            max_restarts=30,
            within=60.0,
            jitter=jitter,
        )

    @property
    def directory(self) -> Directory:
        """Where the tables are found."""
        return self._directory()

    def as_child(self) -> Spec:
        """All of it, to be supervised."""
        return self.supervisor.as_child()

    def plays(self, user_id: str) -> bool:
        """Whether the house plays for this user."""
        return self._enabled and kind_of(user_id) is not None

    def summon(self, game_id: str, user_ids: Sequence[str]) -> None:
        """Has those of these users for whom the house plays look at this game, if they do not follow it. Raises
        nothing."""
        for user_id in user_ids:
            kind = kind_of(user_id) if self._enabled else None
            if kind is None:
                continue
            if (there := self._players.get((game_id, user_id))) is None:
                self._send_for(game_id, user_id, kind)
            elif there.gone:
                there.called = True  # it is on its way out, and does not look any more

    def _send_for(self, game_id: str, user_id: str, kind: str) -> None:
        self._comings += 1
        ref: Ref[Message] = Ref(f"{user_id}:{game_id}:{self._comings}", capacity=8)
        ear = Ear(ref)

        def make() -> NpcPlayer:
            return NpcPlayer(self, ear, game_id, user_id, kind)

        def gone(_: BaseException | None) -> None:
            if self._players.get((game_id, user_id)) is ear:
                del self._players[game_id, user_id]
                if ear.called:
                    self._send_for(game_id, user_id, kind)

        self._players[game_id, user_id] = ear
        try:
            self.players.spawn(actor_child(ref, make, restart=Restart.TRANSIENT, ended=gone))
        except SupervisorStopped:
            del self._players[game_id, user_id]

    async def _come_back(self, task_status: trio.TaskStatus[None]) -> None:
        """Wakes the games that were going on when the last server ended: an npc may have been about to act. A game that
        was at rest waits for somebody else, whose coming wakes it."""
        task_status.started()
        if not self._enabled:
            return
        while True:
            try:
                games = await self._games.lately()
                break
            except StoreUnavailable:
                await trio.sleep(_RETRY)
        for number, game_id in enumerate(games, 1):
            self.directory.expire(game_id)  # its table looks at its clocks, and calls whom it needs
            if number % _AT_ONCE == 0:
                await trio.sleep(_BREATH)
