"""The kit's figures, as tables for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from attrs import asdict, frozen
from rich.table import Table

from net.bench.kit import CAPACITY, Outcome
from net.bench.kit_actors import Crowds
from net.bench.machine import Machine

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject

MOST_BYTES: Final = 8192
"""What an idle actor is to take at most."""

_KIB: Final = 1024
_US: Final = 1e6


@frozen
class KitReport:
    """A whole run."""

    machine: Machine
    messages: int
    """Of one slice of one round."""
    outcomes: Sequence[Outcome]
    crowds: Sequence[Crowds]

    def tables(self) -> list[Table]:
        """The messages, and the actors with the collector as Python has it and as served."""
        return [self._messages(), self._actors(as_served=False), self._actors(as_served=True)]

    def _messages(self) -> Table:
        table = Table()
        table.add_column("one message", no_wrap=True)
        for heading in ("bare\nchannels", "the kit", "ratio", "least and\ngreatest", "aim"):
            table.add_column(heading, justify="right", no_wrap=True)
        for outcome in self.outcomes:
            least, greatest = outcome.spread
            table.add_row(
                outcome.duel.name,
                f"{outcome.bare * _US:.1f} µs",
                f"{outcome.kit * _US:.1f} µs",
                f"x{outcome.ratio:.2f}",
                f"x{least:.2f} x{greatest:.2f}",
                f"x{outcome.duel.most:.1f}",
            )
        return table

    def _actors(self, *, as_served: bool) -> Table:
        how = "as croupier serve has it" if as_served else "as Python has it"
        table = Table(title=f"the garbage collector {how}", title_justify="left", title_style="")
        table.add_column("idle actors", justify="right", no_wrap=True)
        for heading in ("memory\neach", "CPU of\na start", "CPU of\na stop", "start\nall", "stop\nall"):
            table.add_column(heading, justify="right", no_wrap=True)
        measured = [crowds for crowds in self.crowds if crowds.as_served is as_served]
        first = measured[0]
        for crowds in measured:
            table.add_row(
                f"{crowds.actors:,}",
                f"{crowds.memory / _KIB:.2f} KiB",
                f"{crowds.start.cpu * _US:.0f} µs x{crowds.start.cpu / first.start.cpu:.2f}",
                f"{crowds.stop.cpu * _US:.0f} µs x{crowds.stop.cpu / first.stop.cpu:.2f}",
                f"{crowds.start.elapsed * crowds.actors:.2f} s",
                f"{crowds.stop.elapsed * crowds.actors:.2f} s",
            )
        return table

    def notes(self) -> list[str]:
        """What the tables have no room for, a line each."""
        rounds, crowds = len(self.outcomes[0].rounds), len(self.crowds[0].rounds)
        return [
            f"Messages: medians of {rounds} rounds of {self.messages} each; {CAPACITY} may wait. The ratio is of "
            "times: x2.0 is half the throughput.",
            f"Actors: medians of {crowds} rounds, each crowd in a process of its own. Each is to take "
            f"{MOST_BYTES // _KIB} KiB at most. x is the ratio to the smallest crowd's: near 1, time grows with their "
            "number alone. The collector is Python's, for garbage in cycles, with its own settings and with those that "
            "`croupier serve` gives it.",
            str(self.machine),
        ]

    def json(self) -> JsonObject:
        """Everything that was measured: bytes, and seconds."""
        return {
            "benchmark": "kit",
            "machine": asdict(self.machine),
            "messages": self.messages,
            "capacity": CAPACITY,
            "duels": [_outcome(outcome) for outcome in self.outcomes],
            "actors": [_crowds(crowds) for crowds in self.crowds],
        }


def _outcome(outcome: Outcome) -> JsonObject:
    return {
        "duel": outcome.duel.key,
        "bare": outcome.bare,
        "kit": outcome.kit,
        "ratio": outcome.ratio,
        "aim": outcome.duel.most,
        "rounds": [asdict(each) for each in outcome.rounds],
    }


def _crowds(crowds: Crowds) -> JsonObject:
    return {
        "actors": crowds.actors,
        "collector": "as served" if crowds.as_served else "as Python has it",
        "memory_each": crowds.memory,
        "start_each": asdict(crowds.start),
        "stop_each": asdict(crowds.stop),
        "rounds": [asdict(each) for each in crowds.rounds],
    }
