"""What this process knows of a game beyond one incarnation of its table, and what others may read without asking it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from attrs import define, field, frozen

from actors.audience import Audience
from actors.messages import ABSENT, Description
from actors.presence import Crowd
from actors.views import results

if TYPE_CHECKING:
    from actors.events import Created
    from actors.game import Ended


class Status(enum.StrEnum):
    """What a game is doing, as the API names it."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    ENDED = "ended"


@frozen
class Suspension:
    """Why a game stands still: the id of the report, what it says in a line (nothing of the state), and since when, in
    wall time, and in service time as `clock`."""

    report_id: str
    why: str
    since: float
    clock: float


class Stands(NamedTuple):
    """What follows from the last event: what is told of a game is made of it when somebody asks."""

    created: Created
    status: Status
    event_count: int
    ended: Ended | None
    last_at: float


@define(eq=False)
class Standing:
    """Kept by the directory as long as anybody follows the game or may come back to it, or anything is wrong with it.

    `known` is the last event that this process saw acknowledged: a journal that ends before it has lost data. It is the
    table's to write, and so are `suspended`, the report under which the game stands still, and how it `stands`, which
    anybody may read without waiting for the table. `crowd` and `empty_since`, the service time at which the last player
    went, are kept by the attendance.
    """

    audience: Audience = field(factory=Audience)
    crowd: Crowd = field(factory=Crowd)
    empty_since: float | None = None
    known: int = 0
    suspended: Suspension | None = None
    stands: Stands | None = None

    @property
    def description(self) -> Description | None:
        """What is publicly known of the game; None while this process does not know."""
        return None if self.stands is None else described(*self.stands)

    @property
    def worth_keeping(self) -> bool:
        """Whether the next table of this game must know of this one."""
        return bool(len(self.audience)) or self.suspended is not None or (self.waits and not self.is_over)

    @property
    def waits(self) -> bool:
        """Whether a player is away who may come back."""
        return self.audience.presence is not None and self.audience.presence.waits

    @property
    def is_over(self) -> bool:
        """Whether the game is known to have ended."""
        return self.stands is not None and self.stands.status is Status.ENDED

    def is_stranger(self, user_id: str) -> bool:
        """Whether this user is known to have no seat here."""
        return self.stands is not None and user_id not in self.stands.created.players


def described(created: Created, status: Status, event_count: int, ended: Ended | None, last_at: float) -> Description:
    """What is publicly known of a game whose last event came at this wall time. With the status ENDED and without
    `ended`, how it ended is not known."""
    return Description(
        game_id=created.game_id,
        rules=created.rules,
        rules_version=created.rules_version,
        players=created.players,
        status=status,
        event_count=event_count,
        created_at=created.at,
        winner_id=ABSENT if ended is None else None if ended.winner is None else created.players[ended.winner],
        results=ABSENT if ended is None else results(created, ended),
        end_reason=ABSENT if ended is None else ended.reason,
        ended_at=last_at if status is Status.ENDED else ABSENT,
    )
