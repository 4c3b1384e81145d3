"""Fair clocks (contract, section 4): service time goes as wall time does while the server serves, stands still while it
cannot, and every turn clock runs out in it: not early, not late, once."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from attrs import frozen

from actors.events import Acted, Extended, Resumed, TimedOut
from net.checks.records import Promise, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from net.checks.replay import Replayed

SLACK: Final = 1.0
"""Seconds of a fair clock: a gap of up to a second may count as service or not."""

ROUNDING: Final = 1e-6
"""Seconds by which a sum of floats may miss what it is compared with."""

BLUR: Final = 0.1
"""Seconds between the reading of the two clocks, at most."""

BACK: Final = 0.5
"""Seconds by which the ends of servers may take service time back: what it was ahead of the last writing down of it."""

LATE: Final = 5.0
"""Seconds of service after its time within which a timeout must have come, on a machine with much else to do."""


@frozen(order=True)
class Reading:
    """Service time as it stood at a moment of wall time."""

    at: float
    clock: float


@frozen
class Outage:
    """From `begin` to `end` of wall time the server could not serve. With `certain` false it is not known whether it
    did: a second server ran, say."""

    begin: float
    end: float
    certain: bool = True

    @property
    def least(self) -> float:
        """Seconds for which service time must have stood still."""
        return max(0.0, self.end - self.begin - SLACK) if self.certain else 0.0

    @property
    def most(self) -> float:
        """Seconds for which it may have."""
        return self.end - self.begin + SLACK


def fair_clocks(readings: Iterable[Reading], outages: Sequence[Outage]) -> Iterator[Violation]:
    """Service time is as fast as wall time, and over the known outages that without them, within a second: from each
    start of the service on, across each outage, and over all. Readings from inside an outage are not looked at."""
    kept = [one for one in sorted(readings) if not any(outage.begin <= one.at <= outage.end for outage in outages)]
    stretches = _stretches(kept, outages)
    for stretch in stretches:
        found = (_compare(stretch[0], reading, ()) for reading in stretch[1:])
        if (first := next((one for one in found if one is not None), None)) is not None:
            yield first  # what follows from it is as unfair, and says no more
    for before, after in pairwise(stretches):
        if (violation := _compare(before[-1], after[0], outages)) is not None:
            yield violation
    if len(stretches) > 1 and (violation := _compare(stretches[0][0], stretches[-1][-1], outages)) is not None:
        yield violation


def _stretches(readings: Sequence[Reading], outages: Sequence[Outage]) -> list[list[Reading]]:
    """The readings between one outage and the next."""
    ends = sorted(outage.end for outage in outages)
    stretches: dict[int, list[Reading]] = {}
    for reading in readings:
        stretches.setdefault(bisect_right(ends, reading.at), []).append(reading)
    return [stretches[number] for number in sorted(stretches)]


def _compare(before: Reading, after: Reading, outages: Sequence[Outage]) -> Violation | None:
    wall, service = after.at - before.at, after.clock - before.clock
    between = [one for one in outages if before.at <= one.begin and one.end <= after.at]
    # The store may be slow without an outage: service time then stands, and catches up within a second.
    most = wall - sum(one.least for one in between) + SLACK + BLUR
    # However long it stood: what was written down never goes back, and it is never further ahead of that.
    least = max(wall - sum(one.most for one in between) - SLACK, -BACK) - BLUR
    if least <= service <= most:
        return None
    stood = f" with {len(between)} outages" if between else ""
    text = f"in {wall:.2f} s of wall time{stood}, {service:.2f} s of service: fair is {least:.2f} to {most:.2f}"
    return Violation(Promise.CLOCK, "-", f"at {after.at:.2f}: {text}")


def fair_timeouts(truth: Replayed, *, until: float | None = None, late: float = LATE) -> Iterator[Violation]:
    """Every timeout comes when its turn clock has run out, for all who were to act; and none is left out, up to the
    service time `until` if the game still runs."""
    created = truth.game.created
    timeout = created.turn_timeout_seconds
    rules = truth.game.rules
    began, extended = created.clock, 0.0
    for before, event, after in zip(truth.positions, truth.events[1:], truth.positions[1:], strict=False):
        if timeout is None:
            if isinstance(event, TimedOut):
                yield _unfair(truth, f"event {event.event_id} is a timeout, and the game has no turn clock")
            continue
        ran = event.clock - began - extended
        if isinstance(event, Extended | Resumed):
            extended += event.seconds
        if isinstance(event, TimedOut):
            if ran < timeout - ROUNDING:
                yield _unfair(truth, f"event {event.event_id} came after {ran:.2f} s of {timeout:g} s")
            to_act = tuple(created.players[seat] for seat in rules.to_act(before.state))
            if event.players != to_act:
                yield _unfair(truth, f"event {event.event_id} is the timeout of others than were to act")
        elif isinstance(event, Acted) and ran > timeout + late:
            yield _unfair(truth, f"event {event.event_id} came after {ran:.2f} s, and no timeout after {timeout:g} s")
        new_here = not set(rules.to_act(after.state)) <= set(rules.to_act(before.state))
        if isinstance(event, TimedOut) or new_here or rules.turn(before.state) != rules.turn(after.state):
            began, extended = event.clock, 0.0
    if timeout is not None and until is not None and truth.last.ended is None:
        ran = until - began - extended
        if ran > timeout + late:
            yield _unfair(truth, f"its turn clock of {timeout:g} s has run for {ran:.2f} s, and no timeout came")


def _unfair(truth: Replayed, text: str) -> Violation:
    return Violation(Promise.TIMEOUT, truth.game.created.game_id, text)
