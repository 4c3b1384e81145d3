"""The figures of a run, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from attrs import asdict, frozen
from rich.table import Table

from net.bench.machine import Machine
from net.bench.ratios import quotient, ratio
from net.bench.transport import CONNECTIONS, Figures, Plan

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.bench.transport import Memory, Work

_KIB: Final = 1024
_MS: Final = 1000


@frozen
class Report:
    """A whole run. The figures begin with the transport that the others are compared with."""

    machine: Machine
    plan: Plan
    figures: Sequence[Figures]
    tick: float
    """In what unit the CPU was counted: seconds."""

    def table(self) -> Table:
        """Raw figures, and beside each its ratio to the first row's: within one run only that can be compared."""
        table = Table()
        table.add_column("the server's cost", no_wrap=True)
        for heading in ("memory of an\nidle session", "CPU of a\nheartbeat", "CPU of a\nstate"):
            table.add_column(heading, justify="right", no_wrap=True)
        base = self.figures[0]
        for figures in self.figures:
            memory, heartbeat, state = figures.memory, figures.heartbeat, figures.state
            table.add_row(
                figures.transport.name,
                f"{memory.per_session / _KIB:.1f} KiB {ratio(memory.per_session, base.memory.per_session)}",
                f"{heartbeat.each * _MS:.3f} ms {ratio(heartbeat.each, base.heartbeat.each)}",
                f"{state.each * _MS:.3f} ms {ratio(state.each, base.state.each)}",
            )
        return table

    def notes(self) -> list[str]:
        """What the table has no room for, a line each."""
        plan, asked = self.plan, f"{CONNECTIONS} connections"
        return [
            "Beside each figure stands its ratio to the first row's.",
            f"{plan.sessions} idle sessions; {plan.messages} heartbeats and {plan.states} states, {asked}.",
            f"CPU comes in ticks of {self.tick * _MS:g} ms, which is {self._blur():.1%} of what was least.",
            *(_comes_again(figures) for figures in self.figures),
            str(self.machine),
        ]

    def _blur(self) -> float:
        """A tick as a part of the least CPU time that stands behind a figure."""
        return self.tick / max(self.tick, min(min(each.heartbeat.cpu, each.state.cpu) for each in self.figures))

    def json(self) -> JsonObject:
        """Everything that was measured: bytes, and seconds."""
        return {
            "benchmark": "transport",
            "machine": asdict(self.machine),
            "sessions": self.plan.sessions,
            "messages": self.plan.messages,
            "connections": CONNECTIONS,
            "cpu_tick": self.tick,
            "transports": [self._figures(figures) for figures in self.figures],
        }

    def _figures(self, figures: Figures) -> JsonObject:
        base = self.figures[0]
        return {
            "transport": figures.transport.key,
            "memory": _memory(figures.memory, base.memory),
            "heartbeat": _work(figures.heartbeat, base.heartbeat),
            "state": _work(figures.state, base.state),
        }


def _comes_again(figures: Figures) -> str:
    memory = figures.memory
    verdict = "settled" if memory.settled else "STILL GROWING"
    more = f"{memory.kept_per_session / _KIB:+.1f} KiB each"
    return f"{figures.transport.name}: all gone and come again takes {more}, {verdict} in round {len(memory.rounds)}."


def _memory(memory: Memory, base: Memory) -> JsonObject:
    return {
        **asdict(memory),
        "per_session": memory.per_session,
        "kept_per_session": memory.kept_per_session,
        "settled": memory.settled,
        "ratio": quotient(memory.per_session, base.per_session),
    }


def _work(work: Work, base: Work) -> JsonObject:
    return {**asdict(work), "each": work.each, "ratio": quotient(work.each, base.each)}
