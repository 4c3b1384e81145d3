"""All that the house asks of a position, worked out where the rules run, and sent along with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from actors.rules.interface import Change, ForcedAction, JsonObject, Outcome

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules


@frozen
class Known:
    """What the rules say of one position. `views` are the seats', and the spectators' last; `legal` has the seats that
    may act, each with its actions, or None where they are too many to list."""

    views: tuple[JsonObject, ...] = field(repr=False)
    resigned: tuple[bool, ...]
    outcome: Outcome | None
    current: int | None = None
    to_act: tuple[int, ...] = ()
    forced: tuple[ForcedAction, ...] = field(default=(), repr=False)
    turn: int = 0
    legal: dict[int, tuple[JsonObject, ...] | None] = field(factory=dict, repr=False)


def known_of(rules: AnyRules, state: Any, players: int) -> JsonObject:  # noqa: ANN401 - the rules' own type
    """All that these rules say of this position, as JSON. Raises what they raise. Whose turn it is, and what they may
    do, is not asked when the game is over."""
    outcome = rules.outcome(state)
    known: JsonObject = {
        "views": [rules.view(state, seat) for seat in (*range(players), None)],
        "resigned": [bool(rules.has_resigned(state, seat)) for seat in range(players)],
        "outcome": None if outcome is None else [outcome.winner, list(outcome.scores), outcome.reason],
    }
    if outcome is None:
        to_act = list(rules.to_act(state))
        known |= {
            "current": rules.current(state),
            "to_act": to_act,
            "forced": [[one.seat, one.action_type, one.reason, one.params] for one in rules.forced(state)],
            "turn": rules.turn(state),
            "legal": [[seat, _legal(rules, state, seat)] for seat in to_act],
        }
    return known


def _legal(rules: AnyRules, state: Any, seat: int) -> list[JsonObject] | None:  # noqa: ANN401 - as above
    actions = rules.legal(state, seat)
    return None if actions is None else [rules.dump(action) for action in actions]


def parse_known(known: JsonObject) -> Known:
    """What `known_of` said."""
    outcome = known["outcome"]
    return Known(
        views=tuple(known["views"]),
        resigned=tuple(known["resigned"]),
        outcome=None if outcome is None else Outcome(outcome[0], tuple(outcome[1]), outcome[2]),
        current=known.get("current"),
        to_act=tuple(known.get("to_act", ())),
        forced=tuple(ForcedAction(*one) for one in known.get("forced", ())),
        turn=known.get("turn", 0),
        legal={seat: None if actions is None else tuple(actions) for seat, actions in known.get("legal", ())},
    )


def changes_json(changes: tuple[Change, ...]) -> list[JsonObject]:
    """What happened, as JSON."""
    return [{"public": change.public, "private": list(change.private.items())} for change in changes]


def parse_changes(changes: list[JsonObject]) -> tuple[Change, ...]:
    """What `changes_json` was given."""
    return tuple(Change(change["public"], dict(change["private"])) for change in changes)
