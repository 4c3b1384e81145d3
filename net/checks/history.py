"""A game's journal by itself: no hole, one writer at a time, and no game that is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.events import Created
from net.checks.records import Promise, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from net.checks.records import Standing, Written

ENDED: Final = "ended"
RUNNING: Final = "running"


def whole(game_id: str, journal: Sequence[Written]) -> Iterator[Violation]:
    """The events are numbered from 1, without a hole, each says its own number, and the first alone is a creation."""
    if not journal:
        yield Violation(Promise.LOST, game_id, "its journal is gone")
    for number, entry in enumerate(journal, 1):
        if entry.event_id != number:
            yield Violation(Promise.HOLE, game_id, f"in the place of event {number} stands {entry.event_id}")
            return
        if entry.event.event_id != number:
            yield Violation(Promise.HOLE, game_id, f"event {number} says that it is {entry.event.event_id}")
        if isinstance(entry.event, Created) != (number == 1):
            yield Violation(Promise.HOLE, game_id, f"event {number} is of kind {entry.event.kind}")


def one_writer(game_id: str, journal: Sequence[Written]) -> Iterator[Violation]:
    """A writer whom another has followed never writes again: its nonce does not come back."""
    last: str | None = None
    followed: set[str] = set()
    for entry in journal:
        if entry.nonce is None or entry.nonce == last:
            continue
        if entry.nonce in followed:
            yield Violation(Promise.WRITERS, game_id, f"event {entry.event_id} is by a writer that was followed before")
        if last is not None:
            followed.add(last)
        last = entry.nonce


def can_end(found: Iterable[Standing]) -> Iterator[Violation]:
    """Every game has ended, or somebody can act in it."""
    for one in found:
        if one.status != ENDED and not (one.status == RUNNING and one.playable):
            how = one.status if one.status != RUNNING else "running, and nobody can act"
            yield Violation(Promise.STUCK, one.game_id, f"it is {how}")
