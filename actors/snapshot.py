"""What is kept of a running game so that its recovery need not replay it from the beginning. A snapshot only shortens
recovery: the events remain the truth, and a running game's stream is never trimmed."""

from __future__ import annotations

from attrs import field, frozen

from actors.events import Created, Event
from actors.rules.interface import JsonObject


@frozen
class Snapshot:
    """A running game after event `event_id`: all that its fold carries on. `at` is that event's wall time: where
    another stands in its place the snapshot is of no use. `deadline` is in service time, None when no clock runs;
    `extended` and, of draws, `agreed`, `declined` and `offered_at` are as in `actors.game.Position`. `answered` names
    every request whose answer is journalled: user, message id, event."""

    game_id: str
    event_id: int
    at: float
    rules: str
    rules_version: str
    chance_position: int
    state: JsonObject = field(repr=False)
    deadline: float | None = None
    extended: tuple[float, ...] = ()
    agreed: tuple[int, ...] = ()
    declined: tuple[int, ...] = ()
    offered_at: int = 0
    answered: tuple[tuple[str, str, int], ...] = field(default=(), repr=False)


@frozen
class Loaded:
    """What stands of a game: its creation, the latest snapshot if there is one, and the events after that (after the
    creation, without a snapshot), in order, without a hole."""

    created: Created
    snapshot: Snapshot | None
    events: tuple[Event, ...]

    @property
    def last_event_id(self) -> int:
        """The last event that stands."""
        if self.events:
            return self.events[-1].event_id
        return self.created.event_id if self.snapshot is None else self.snapshot.event_id

    @property
    def last_at(self) -> float:
        """The wall time of the last event that stands."""
        if self.events:
            return self.events[-1].at
        return self.created.at if self.snapshot is None else self.snapshot.at
