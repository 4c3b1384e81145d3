"""All that can be said of one game when it has been played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.checks.clocks import fair_timeouts
from net.checks.history import one_writer, whole
from net.checks.records import Violation
from net.checks.replay import replayed
from net.checks.requests import all_answered, nothing_lost, nothing_twice
from net.checks.sight import as_replayed, growing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.registry import Registry
    from net.checks.records import Diary, Written


def check_game(
    game_id: str,
    diaries: Sequence[Diary],
    journal: Sequence[Written],
    registry: Registry,
    *,
    until: float,
    clock: float | None = None,
) -> list[Violation]:
    """What is wrong with this game, going by its players' diaries and its journal; nothing, if all is well.

    The diaries are those of all its players, and of spectators if there were any. They end at `until`, in unix seconds;
    `clock` is the service time then, if it is known.
    """
    found = [
        *whole(game_id, journal),
        *one_writer(game_id, journal),
        *nothing_lost(diaries, journal),
        *nothing_twice(diaries, journal),
    ]
    for diary in diaries:
        found += [*growing(diary), *all_answered(diary, until=until)]
    truth = replayed(journal, registry) if journal else None
    if isinstance(truth, Violation):
        found.append(truth)
    elif truth is not None:
        found += fair_timeouts(truth, until=clock)
        for diary in diaries:
            found += as_replayed(diary, truth)
    return found
