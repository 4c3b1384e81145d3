"""What this process knows of a game beyond one incarnation of its table, and what others may read without asking it."""

from __future__ import annotations

from attrs import define, field

from actors.audience import Audience
from actors.messages import Description


@define(eq=False)
class Standing:
    """Kept by the directory as long as anybody follows the game, or anything is wrong with it.

    `known` is the last event that this process saw acknowledged: a journal that ends before it has lost data. It is the
    table's to write, and so are `suspended`, the report under which the game stands still, and `description`, which
    anybody may read without waiting for the table.
    """

    audience: Audience = field(factory=Audience)
    known: int = 0
    suspended: str | None = None
    description: Description | None = None

    @property
    def worth_keeping(self) -> bool:
        """Whether the next table of this game must know of this one."""
        return bool(len(self.audience)) or self.suspended is not None

    def is_stranger(self, user_id: str) -> bool:
        """Whether this user is known to have no seat here."""
        return self.description is not None and user_id not in self.description.players
