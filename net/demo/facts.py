"""What is seen of a demo, one thing at a time: by the players, of the server, of its death."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from actors.rules.interface import JsonObject
from net.client import Ending
from net.demo.proof import Audit, Proof


@frozen
class Serving:
    """The server listens, `seconds` after it was started."""

    pid: int
    address: str
    seconds: float


@frozen
class Came:
    """This player is in the game, for the first time or again."""

    player: str


@frozen
class Dropped:
    """This player's connection is gone."""

    player: str


@frozen
class Saw:
    """The player in the first seat was shown this view."""

    view: JsonObject


@frozen
class Answered:
    """A player's action was acknowledged, `seconds` after it was sent."""

    player: str
    message_id: str
    seconds: float
    answer: JsonObject


@frozen
class Killed:
    """The server is killed, after every player has been shown this event."""

    pid: int
    event_id: int


@frozen
class Proved:
    """Everybody is back, and what there was before was held against what there is now."""

    proof: Proof


@frozen
class Finished:
    """The game is over, and the journal was looked through."""

    ending: Ending
    audit: Audit


@frozen
class Tick:
    """Time went by."""


Fact: TypeAlias = Serving | Came | Dropped | Saw | Answered | Killed | Proved | Finished | Tick
