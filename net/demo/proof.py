"""What the demo claims, and how it is found out: from the journal and the players' views, not from what was meant."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson
from attrs import frozen

from actors.events import Acted
from net.protocol import JsonEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actors.events import Event
    from actors.rules.interface import JsonObject


@frozen
class Audit:
    """Of the actions that the players saw acknowledged, how many stand in the journal: once, under the same event,
    with the same answer."""

    acknowledged: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether nothing is missing, and nothing there twice."""
        return self.acknowledged == self.found


@frozen
class Proof:
    """How the server's death went: after which event it died, how many seconds later the last player was back in the
    game, and what was found then."""

    event_id: int
    seconds: float
    same_hands: bool
    audit: Audit

    @property
    def holds(self) -> bool:
        """Whether everything is as it was."""
        return self.same_hands and self.audit.holds


def audit(acknowledged: Mapping[tuple[str, str], JsonObject], events: Sequence[Event]) -> Audit:
    """Holds the answers that players got, by player and message id, against the journal."""
    acted = [event for event in events if isinstance(event, Acted)]
    times = Counter((event.player_id, event.message_id) for event in acted)
    answers = {
        (event.player_id, event.message_id): orjson.loads(JsonEncoder().answer(event.answer))
        for event in acted
        if event.answer is not None and event.answer.event_id == event.event_id
    }
    found = [key for key, answer in acknowledged.items() if times[key] == 1 and answers.get(key) == answer]
    return Audit(len(acknowledged), len(found))


def same_hands(before: Mapping[str, JsonObject], after: Mapping[str, JsonObject]) -> bool:
    """Whether each player is shown the very state that they were shown before. Where the game has gone on meanwhile
    (an action was on its way), that it has not gone back."""
    return all(_goes_on(view, after[player]) for player, view in before.items())


def _goes_on(before: JsonObject, after: JsonObject) -> bool:
    if after["event_id"] != before["event_id"]:
        return bool(after["event_id"] > before["event_id"])
    return bool(after["state"] == before["state"])
