"""What a check says when it fails: which property, what happened, in which game, what to do, how to see it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from net.testing.rules.games import Move, Setting, numbered

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules


@frozen
class Where:
    """In which game, and after which moves. `shortened_from` is how many there were before needless ones were left
    out."""

    setting: Setting
    moves: tuple[Move, ...] = ()
    shortened_from: int | None = None

    def __str__(self) -> str:
        count = f"{len(self.moves)} move{'' if len(self.moves) == 1 else 's'}"
        if self.shortened_from is not None and self.shortened_from > len(self.moves):
            count += f", shortened from {self.shortened_from}"
        return f"  game: {self.setting}\n  after {count}:\n{numbered(self.moves)}"


@frozen
class Finding:
    """One thing that is wrong."""

    property: str
    """The property that does not hold, as a sentence."""
    seen: str
    """What happened."""
    advice: str
    where: Where | None = None
    kind: str = field(default="")
    """What stays the same about it when the game is shortened; by default the property."""

    def is_like(self, other: Finding | None) -> bool:
        """Whether this is the same thing, in another game perhaps."""
        return other is not None and (self.kind or self.property) == (other.kind or other.property)


class RulesBroken(AssertionError):
    """Rules do not keep what the protocol of rules asks for."""

    called = "check_rules"

    def __init__(self, rules: AnyRules, finding: Finding, again: str) -> None:
        self.finding = finding
        parts = [
            f"{rules.name} {rules.version}: {finding.property}",
            f"  {finding.seen}",
            *([] if finding.where is None else [str(finding.where)]),
            f"  what to do: {finding.advice}",
            f"  see it again: {self.called}(rules, {again})",
        ]
        super().__init__("\n".join(parts))


class Leak(RulesBroken):
    """A viewer is told what they may not know."""

    called = "assert_no_leak"
