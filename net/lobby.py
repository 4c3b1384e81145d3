"""Everything about connected clients, joined: who is let in, who is here, what is written down of it, and how those who
come back are brought to where they were."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from actors.connections import Connections, Keys
from actors.kit.supervisor import ChildSpec, Supervisor
from actors.record_keeper import RecordKeeper
from actors.roll import Roll
from net.admission import Admission
from net.comeback import Comeback
from net.latest_games import LatestGames
from net.limits import Buckets, Rate
from net.outside import new_id, new_token
from net.protocol import JsonEncoder
from net.records import STALE, RedisConnectionRecords

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.directory import Directory
    from actors.messages import GameCreated
    from actors.ports import Clock, Entropy, ServiceClock
    from net.auth import Tokens
    from net.config import Config
    from net.ownership import Ownership
    from net.redis import Redis

log = logging.getLogger("croupier.games")

BEAT_EVERY: Final = 20.0
"""Seconds between two renewals of the records; at least three fit into the time after which a record is stale."""


class Lobby:
    """The sessions of one server."""

    def __init__(
        self,
        config: Config,
        store: Redis,
        ownership: Ownership,
        directory: Directory,
        tokens: Tokens,
        *,
        clock: Clock,
        service: ServiceClock,
        entropy: Entropy,
        jitter: Callable[[], float],
    ) -> None:
        sessions, prefix = config.sessions, config.store.prefix
        # Whoever is pinged as rarely as was configured must not be taken for gone between two pings.
        stale_after = max(STALE, 2 * (sessions.ping_interval + sessions.ping_timeout))
        self.roll = Roll(window=sessions.recovery_window)
        self.records = RedisConnectionRecords(
            store, ownership, service, prefix=prefix, ttl=sessions.record_ttl, stale_after=stale_after
        )
        self._keeper = RecordKeeper(
            self.roll, self.records, clock, service, beat_every=BEAT_EVERY, stale_after=stale_after
        )
        self.connections = Connections(
            self.roll,
            clock,
            service,
            partial(_new_keys, entropy),
            ping_interval=sessions.ping_interval,
            ping_timeout=sessions.ping_timeout,
            changed=self._keeper.changed,
        )
        self._comeback = Comeback(directory, LatestGames(store, prefix=prefix))
        connects = Buckets(Rate.per_minute(config.limits.connects_per_minute))
        self.admission = Admission(self.connections, tokens, self._comeback, connects)
        self.supervisor = Supervisor(
            "connections",
            [
                ChildSpec(id="records", run=self._keeper.run, start_timeout=60.0),
                ChildSpec(id="comeback", run=self._comeback.run),
                self.connections.as_child(),
            ],
            max_restarts=30,
            within=60.0,
            jitter=jitter,
        )

    def created(self, game: GameCreated) -> None:
        """A game was made: those of its players who are connected are told."""
        log.info("a game was made", extra={"game": game.game_id, "rules": game.rules})
        self.connections.notify(game.players, game.event, JsonEncoder().push(game))


def _new_keys(entropy: Entropy, with_pid: bool) -> Keys:
    return Keys(new_id(entropy), new_token(entropy) if with_pid else "")
