"""Shorter ways to the same failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

M = TypeVar("M")

_MOST_TRIES = 200


def shortest(moves: Sequence[M], fails: Callable[[Sequence[M]], bool]) -> tuple[M, ...]:
    """Of these moves, as few as still fail, found by leaving out ever smaller stretches (delta debugging: Zeller and
    Hildebrandt, 2002). `fails` is asked so many times at most; it gets every list once."""
    best, tries = tuple(moves), 0
    size = max(1, len(best) // 2)
    while size and best and tries < _MOST_TRIES:
        shorter = False
        for start in range(len(best) - size, -1, -size):  # from the end: what comes late needs least of what is before
            without = best[:start] + best[start + size :]
            tries += 1
            if tries > _MOST_TRIES:
                break
            if fails(without):
                best, shorter = without, True
                break
        if not shorter:
            size //= 2
        size = min(size, len(best))
    return best
