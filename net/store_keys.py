"""The names of the keys in the store, each said once. `docs/store.md` says what they hold and who writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.bots.players import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen
class StoreKeys:
    """Every key of one Croupier in one Redis; all begin with the prefix."""

    prefix: str = "croupier:"

    @property
    def running(self) -> str:
        """The running games, by the wall time of their latest event."""
        return f"{self.prefix}games:running"

    @property
    def ended(self) -> str:
        """The games that have ended and are not in the archive alone yet, by the wall time of their end."""
        return f"{self.prefix}games:ended"

    @property
    def deadlines(self) -> str:
        """The games whose turn clock runs, by the service time at which it runs out."""
        return f"{self.prefix}deadlines"

    @property
    def service_clock(self) -> str:
        """Service time, in seconds."""
        return f"{self.prefix}service_clock"

    @property
    def owner(self) -> str:
        """The nonce of the server that these keys belong to: the last that was started on them."""
        return f"{self.prefix}owner"

    def game(self, game_id: str) -> str:
        """A game's journal."""
        return f"{self.prefix}game:{game_id}"

    def snapshot(self, game_id: str) -> str:
        """A game's latest snapshot."""
        return f"{self.prefix}snap:{game_id}"

    @property
    def connections(self) -> str:
        """The sids of those who are connected, by the service time at which they were last seen."""
        return f"{self.prefix}conns"

    @property
    def cut_off(self) -> str:
        """The sids of those who were cut off and can be recovered, by the service time at which they were last seen."""
        return f"{self.prefix}conns:cut_off"

    def connection(self, sid: str) -> str:
        """A connection's record."""
        return f"{self.prefix}conn:{sid}"

    def user_connection(self, user_id: str) -> str:
        """The sid of a user's present connection."""
        return f"{self.prefix}user_conn:{user_id}"

    def players_connections(self, game_id: str) -> str:
        """The connections of a game's players."""
        return f"{self.prefix}game_conns:{game_id}"

    def spectators_connections(self, game_id: str) -> str:
        """The connections of a game's spectators."""
        return f"{self.prefix}spectators:{game_id}"

    def user_games(self, user_id: str) -> str:
        """A user's running games, by the wall time of their latest event."""
        return f"{self.prefix}user_games:{user_id}"

    @property
    def npc_games(self) -> str:
        """The running games with one of the house's own players in them, by the wall time of their latest event."""
        return f"{self.prefix}npc_games"

    def indexes(self, players: Sequence[str]) -> tuple[str, ...]:
        """The sorted sets in which a game of these players stands while it runs."""
        npcs = (self.npc_games,) if any(map(kind_of, players)) else ()
        return (self.running, *npcs, *map(self.user_games, players))
