"""What the rules say of a position: who is to act, whose turn it is, what is forced, how it ended, what each may see;
and that these do not contradict each other."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from actors.rules.interface import ForcedAction, Outcome
from net.testing.rules.case import Found
from net.testing.rules.games import in_json
from net.testing.rules.images import json_fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.interface import JsonObject
    from net.testing.rules.case import Case


def who_acts(case: Case) -> None:
    """to_act, current, turn, forced, has_resigned and outcome agree with each other."""
    state = case.state
    to_act, current = case.ask("to_act", state), case.ask("current", state)
    outcome, turn = case.ask("outcome", state), case.ask("turn", state)
    gone = {seat for seat in case.seats if _truth(case, "has_resigned", seat)}
    _seats(case, "to_act", to_act)
    if len(set(to_act)) != len(to_act):
        raise Found("to_act names each seat once", f"to_act(state) is {to_act!r}", "name each seat once")
    if current is not None:
        _seats(case, "current", [current])
    if type(turn) is not int:
        raise Found("turn counts", f"turn(state) is {turn!r}", "return a whole number that changes with each turn")
    if outcome is not None:
        _is_outcome(case, outcome, gone)
        if to_act:
            _contradiction(
                f"outcome(state) is {outcome!r}, and to_act(state) is still {to_act!r}", "() once it is over"
            )
    elif not to_act:
        _contradiction("to_act(state) is empty, and outcome(state) is None", "name who may act, or give the outcome")
    if here := gone & set(to_act):
        _contradiction(f"seat {min(here)} has resigned, and is in to_act(state)", "leave out who has resigned")
    if outcome is None and current in gone:
        _contradiction(f"seat {current} has resigned, and current(state) names it", "pass the turn on when they resign")
    forced(case, to_act)
    case.untouched("to_act, current, outcome, turn, forced or has_resigned")


def forced(case: Case, to_act: Iterable[int]) -> tuple[ForcedAction, ...]:
    """The forced actions, which are well-formed, and whose seats are exactly those that are to act."""
    due: tuple[ForcedAction, ...] = tuple(case.ask("forced", case.state))
    for one in due:
        if not isinstance(one, ForcedAction):
            raise Found("forced gives ForcedActions", f"forced(state) has {one!r}", "make them of ForcedAction")
        if not _are_texts(one.action_type, one.reason):
            raise Found("a forced action has a type and a reason", f"forced(state) has {one!r}", "both are texts")
        _is_json("the params of a forced action", one.params)
    if due and sorted(one.seat for one in due) != sorted(to_act):
        _contradiction(
            f"forced(state) is for the seats {sorted(one.seat for one in due)}, to_act(state) is {tuple(to_act)!r}",
            "while anything is forced, its seats alone are to act, each of them once",
        )
    return due


def what_is_seen(case: Case) -> None:
    """Every seat and the spectators can be shown the position, in JSON."""
    for viewer in (*case.seats, None):
        seen = case.ask("view", case.state, viewer)
        _is_json(f"view(state, {viewer})", seen)
    case.untouched("view")


def what_is_saved(case: Case) -> None:
    """What is saved is JSON, and restores to an equal state that shows everybody the same."""
    import orjson

    saved = case.ask("save", case.state)
    _is_json("save(state)", saved)
    text = orjson.dumps(saved)
    restored = case.ask("restore", orjson.loads(text))
    if not restored == case.state:
        raise Found(
            "restore(save(state)) == state",
            f"restore(save(state)) is {str(restored)[:200]}, which is not equal to the state {str(case.state)[:200]}",
            "save the whole state (StateCodec does), in a class that compares by value, as attrs classes do",
        )
    again = orjson.dumps(case.rules.save(restored))
    if again != text:
        raise Found(
            "equal states are saved to equal JSON",
            f"saved, restored and saved again, {text[:150]!r} became {again[:150]!r}",
            "sort sets when they are saved (StateCodec does)",
        )
    for viewer in (*case.seats, None):
        if in_json(case.rules.view(restored, viewer), most=10**9) != in_json(
            case.rules.view(case.state, viewer), most=10**9
        ):
            raise Found(
                "a restored state is seen as the one that was saved",
                f"view(restore(save(state)), {viewer}) is another than view(state, {viewer})",
                "save all that a view depends on, the order of things too",
            )
    case.untouched("save or restore")


def _truth(case: Case, name: str, seat: int) -> bool:
    value = case.ask(name, case.state, seat)
    if type(value) is not bool:
        raise Found(f"{name} is true or false", f"{name}(state, {seat}) is {value!r}", "return a bool")
    return value


def _seats(case: Case, name: str, seats: Any) -> None:  # noqa: ANN401 - whatever the rules gave
    for seat in seats:
        if type(seat) is not int or seat not in case.seats:
            raise Found(
                f"{name} names seats of the game",
                f"{name}(state) names {seat!r}; the seats are 0 to {len(case.seats) - 1}",
                "seats are numbered from 0",
            )


def _is_outcome(case: Case, outcome: object, gone: set[int]) -> None:
    if not isinstance(outcome, Outcome):
        raise Found("outcome gives an Outcome", f"outcome(state) is {outcome!r}", "make it of Outcome")
    scores = outcome.scores
    numbers = all(type(one) in (int, float) and isfinite(one) and abs(one) < 2**63 for one in scores)
    if len(scores) != len(case.seats) or not numbers:
        raise Found(
            "an outcome has a score for each seat",
            f"outcome(state) has the scores {scores!r} for {len(case.seats)} seats",
            "give one finite number for each seat, in the order of the seats",
        )
    if outcome.winner is not None:
        _seats(case, "the winner of outcome", [outcome.winner])
    if outcome.winner in gone:
        _contradiction(f"seat {outcome.winner} has resigned, and has won", "who has resigned cannot win")
    if not (_are_texts(outcome.reason) and outcome.reason):
        raise Found("an outcome has a reason", f"outcome(state) has {outcome.reason!r}", "say in a word why it ended")


def _is_json(what: str, value: object) -> None:
    fault = "it is no object" if not isinstance(value, dict) else json_fault(value)
    if fault is not None:
        raise Found("what goes out is JSON", f"{what}: {fault}", "give dicts with texts as keys, lists, texts, numbers")


def is_json_object(what: str, value: object) -> JsonObject:
    """The value, which is a JSON object. Raises Found."""
    _is_json(what, value)
    return value  # type: ignore[return-value]


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _contradiction(seen: str, advice: str) -> None:
    raise Found("to_act, current, forced, has_resigned and outcome do not contradict each other", seen, advice)
