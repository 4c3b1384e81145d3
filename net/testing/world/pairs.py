"""The leak checker of the worlds: the same world twice, with other cards in one player's hand. Everything that anybody
else is sent must be the same, byte for byte and at the same moment: states, changes, errors, what was missed, what a
session is recovered with, through every fault."""

from __future__ import annotations

from collections import defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from net.checks import Promise, Violation
from net.testing.trace import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from net.testing.trace import Moment

OTHER_CARDS: Final = 37
"""By how much the cards of the player in seat 0 are others in the second run."""

_AROUND: Final = 40


def leaks(one: Iterable[Moment], other: Iterable[Moment], owners: Collection[str]) -> list[Violation]:
    """Whom the two runs tell apart who must not know. `owners` are the users whose own cards differ."""
    first, second = _received(one, owners), _received(other, owners)
    found = []
    for user_id in sorted(first.keys() | second.keys()):
        difference = _difference(first.get(user_id, ()), second.get(user_id, ()))
        if difference is not None:
            found.append(Violation(Promise.LEAKED, "-", difference, user_id))
    return found


def _received(moments: Iterable[Moment], owners: Collection[str]) -> Mapping[str, Sequence[Moment]]:
    """What each person was sent by the server."""
    found: dict[str, list[Moment]] = defaultdict(list)
    for moment in moments:
        if moment.kind is Kind.SENT and moment.who == "croupier" and moment.whom not in owners:
            found[moment.whom].append(moment)
    return found


def _difference(one: Sequence[Moment], other: Sequence[Moment]) -> str | None:
    for number, (here, there) in enumerate(zip_longest(one, other), 1):
        if here is None or there is None:
            return f"message {number} is sent with one hand of another player, and not with another"
        if here.at != there.at:
            return f"message {number} comes at {here.at:.4f} s or {there.at:.4f} s, as another player's cards are"
        if here.data != there.data:
            return f"message {number} is another when another player's cards are: {_what(here.data, there.data)}"
    return None


def _what(one: bytes, other: bytes) -> str:
    """The place at which they differ. The cards are made up, so they may be shown."""
    if len(one) != len(other):
        return f"it has {len(one)} bytes, or {len(other)}"
    at = next(_differ(one, other))
    return f"{one[max(0, at - _AROUND) : at + _AROUND]!r} or {other[max(0, at - _AROUND) : at + _AROUND]!r}"


def _differ(one: bytes, other: bytes) -> Iterator[int]:
    return (at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
