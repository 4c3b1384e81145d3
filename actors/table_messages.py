"""What tables are asked and told; what they answer is in `actors.messages`."""

from __future__ import annotations

import enum
from typing import Literal, TypeAlias

from attrs import frozen

from actors.failures import Failure
from actors.kit.actor import Ask
from actors.messages import AbortAnswer, Description, Restored, ResumeAnswer, Sealed
from actors.ports import Outlet
from actors.rules.interface import JsonObject


@frozen(eq=False)
class Join(Ask[Sealed | Failure]):
    """A player wants to see, and to be told of what happens, from now on."""

    user_id: str
    outlet: Outlet
    last_event_id: int | None = None


@frozen(eq=False)
class Spectate(Ask[Sealed | Failure]):
    """Somebody who is no player wants to watch: answered and told as a joiner is, but without a hand."""

    user_id: str
    outlet: Outlet


@frozen(eq=False)
class Reconnect(Ask[Restored | Failure]):
    """A player has connected afresh, and is put into this game; the server asks that for them. The pushes are one
    `game:reconnected`, and a standing offer of a draw."""

    user_id: str
    outlet: Outlet


class Role(enum.StrEnum):
    """How a session follows a game."""

    PLAYER = "player"
    SPECTATOR = "spectator"


@frozen(eq=False)
class Recover(Ask[Restored | Failure]):
    """A client goes on where its connection was cut: after this event (see `parse_offset`), in this role.

    The pushes are the states that it missed, in order, and the game over if it missed that, as they were sent live;
    then the presence of each other player, and the number of spectators. Refused (UNAVAILABLE) when that cannot be
    served: more than 200 events or 256 KiB, or an offset that is ahead of the game; nothing has changed then.
    """

    user_id: str
    outlet: Outlet
    role: Role
    after_event_id: int


@frozen(eq=False)
class Act(Ask[Sealed | Failure]):
    """A player acts."""

    user_id: str
    outlet: Outlet
    action: JsonObject
    message_id: str | None = None


@frozen(eq=False)
class Resign(Ask[Sealed | Failure]):
    """A player gives up."""

    user_id: str
    outlet: Outlet
    message_id: str | None = None


DrawMove: TypeAlias = Literal["offer", "accept", "decline"]


@frozen(eq=False)
class Draw(Ask[Sealed | Failure]):
    """A player offers a draw, or answers to the offer that stands."""

    user_id: str
    outlet: Outlet
    move: DrawMove
    message_id: str | None = None


@frozen(eq=False)
class Describe(Ask[Description]):
    """What is publicly known of the game."""


@frozen(eq=False)
class Abort(Ask[AbortAnswer | Failure]):
    """An operator calls the game off."""

    reason: str


@frozen(eq=False)
class Resume(Ask[ResumeAnswer | Failure]):
    """An operator has a suspended game tried again, from what stands in the journal."""


@frozen(eq=False)
class Passivate:
    """Leave memory if nothing is going on; the next message wakes the game again."""


@frozen(eq=False)
class Expire:
    """The turn clock may have run out, or nobody may be left. The table looks for itself: an action that stood in its
    mailbox before this one counts, and then there is nothing to do."""


TableMessage: TypeAlias = (
    Join | Spectate | Reconnect | Recover | Act | Resign | Draw | Describe | Abort | Resume | Passivate | Expire
)
