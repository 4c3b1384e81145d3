"""Where the house's players think. The decision itself is `actors.bots`; this says where, and what becomes of one that
does not come."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

import trio
from attrs import define, field, frozen

from actors.bots.budget import Budget
from actors.bots.draws import takes_draw
from actors.bots.players import CannotChoose, Decision, decide
from actors.rules.registry import Registry, RulesVersionMissing, UnknownRules

if TYPE_CHECKING:
    from actors.bots.sight import Sight

log = logging.getLogger("croupier.npc")

ITERATIONS: Final = 40
"""How many positions a player who thinks in simulation imagines: seconds would depend on the machine."""


class Thinker(Protocol):
    """Somebody to decide for the house's players."""

    def imagines(self, rules: str, version: str) -> bool:
        """Whether these rules imagine positions by themselves, so that no player needs to remember what it saw."""

    async def decide(self, kind: str, sight: Sight, seed: bytes) -> Decision:
        """What a player of this kind does. Raises CannotChoose when there is nothing to choose from. Cancelled: nobody
        is the wiser."""

    async def takes_draw(self, kind: str, sight: Sight, seed: bytes) -> bool:
        """Whether a player of this kind accepts the draw that it is offered. Raises nothing."""

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: what thinking needs, until it is cancelled."""


@define(eq=False)
class Complaints:
    """Says once of each game's rules why a player of a kind does not decide as it does otherwise."""

    _said: set[tuple[str, str, str]] = field(factory=set, init=False)

    def hear(self, kind: str, sight: Sight, why: str | None) -> None:
        """Logs it, the first time."""
        about = (kind, sight.rules, sight.rules_version)
        if why is not None and about not in self._said:
            self._said.add(about)
            log.warning("npc:%s plays %s %s more simply than it could: %s", *about, why)


@frozen
class Inline:
    """Thinks on the event loop, by iterations alone: in simulation, where there are no threads and no processes."""

    registry: Registry
    budget: Budget = field(factory=lambda: Budget(iterations=ITERATIONS))
    complaints: Complaints = field(factory=Complaints)

    def imagines(self, rules: str, version: str) -> bool:
        """See `Thinker`."""
        return imagines(self.registry, rules, version)

    async def decide(self, kind: str, sight: Sight, seed: bytes) -> Decision:
        """See `Thinker`."""
        await trio.lowlevel.checkpoint()
        decision = decide_with(self.registry, kind, sight, seed, self.budget)
        self.complaints.hear(kind, sight, decision.instead)
        return decision

    async def takes_draw(self, kind: str, sight: Sight, seed: bytes) -> bool:
        """See `Thinker`."""
        await trio.lowlevel.checkpoint()
        return takes_draw_with(self.registry, kind, sight, seed)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """See `Thinker`."""
        task_status.started()
        await trio.sleep_forever()


def imagines(registry: Registry, rules: str, version: str) -> bool:
    """Whether these rules are here, and imagine positions by themselves."""
    try:
        return getattr(registry.find(rules, version), "imagine", None) is not None
    except (UnknownRules, RulesVersionMissing):
        return False


def decide_with(registry: Registry, kind: str, sight: Sight, seed: bytes, budget: Budget) -> Decision:
    """What a player of this kind does, by these rules. Raises CannotChoose."""
    try:
        rules = registry.find(sight.rules, sight.rules_version)
    except (UnknownRules, RulesVersionMissing) as error:
        return blindly(sight, seed, str(error))
    return decide(kind, rules, sight, seed, budget)


def takes_draw_with(registry: Registry, kind: str, sight: Sight, seed: bytes) -> bool:
    """Whether a player of this kind accepts a draw, by these rules; without them it plays on."""
    try:
        rules = registry.find(sight.rules, sight.rules_version)
    except (UnknownRules, RulesVersionMissing):
        return False
    return takes_draw(kind, rules, sight, seed)


def blindly(sight: Sight, seed: bytes, why: str) -> Decision:
    """Any of the legal actions, without asking the rules. Raises CannotChoose."""
    if not sight.legal_actions:
        raise CannotChoose(f"{sight.rules} does not list the legal actions")
    return Decision(sight.legal_actions[int.from_bytes(seed, "big") % len(sight.legal_actions)], why)
