"""What nobody should send, and somebody will."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance

RAW: Final[tuple[str | bytes, ...]] = (
    "",
    "no JSON",
    "{",
    "[]",
    '{"event": 7}',
    "[[[[[[",
    '{"event":"heartbeat"}',
    b"\x00\xff",
)
"""Whole messages, to which there is no answer with an id."""


@frozen
class Rubbish:
    """A request; with `must_fail` it must not be answered with a success."""

    event: str
    data: Any = field(repr=False)
    must_fail: bool = True


def rubbish(chance: Chance, game_id: str, others: Sequence[str], used: Sequence[str]) -> Rubbish:
    """One request, for somebody in this game, who has used those ids."""
    found = [
        Rubbish("heartbeat", {}, must_fail=False),
        Rubbish("no:such_event", {"game_id": game_id}),
        Rubbish("connect", {}),
        Rubbish("game:action", {"game_id": game_id, "action": {"type": "no such thing"}}),
        Rubbish("game:action", {"game_id": game_id, "action": {"type": "bid", "amount": 9}}),
        Rubbish("game:action", {"game_id": game_id, "action": {}}),
        Rubbish("game:action", {"game_id": game_id, "action": {"type": "pass"}, "message_id": 65 * "x"}),
        Rubbish("game:action", {"game_id": "no-such-game", "action": {"type": "pass"}}),
        Rubbish("game:action", None),
        Rubbish("game:action", []),
        Rubbish("game:draw", {"game_id": game_id, "move": "perhaps"}),
        Rubbish("game:resign", {"game_id": 7}),
        Rubbish("game:join", {"game_id": "../../etc/passwd"}),
        Rubbish("game:join", {"game_id": game_id, "last_event_id": -1}),
        Rubbish("game:join", {"game_id": game_id, "state_encoding": "none that there is"}),
        Rubbish("game:leave", {"game_id": "no-such-game"}),
    ]
    found += [Rubbish("game:action", {"game_id": other, "action": {"type": "pass"}}) for other in others]
    found += [Rubbish("game:join", {"game_id": other}) for other in others]
    if used:
        taken = {"game_id": game_id, "action": {"type": "something else"}, "message_id": chance.choice(used)}
        found.append(Rubbish("game:action", taken))
    return chance.choice(found)
