"""What can be done in a position: legal actions are legal, others are refused, and whoever resigns, dawdles or agrees
on a draw gets what the protocol of rules says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import evolve

from actors.rules.interface import Change, IllegalAction, MalformedAction, Step
from net.testing.rules.case import CHANCE, Case, Found
from net.testing.rules.games import in_json
from net.testing.rules.images import image
from net.testing.rules.questions import is_json_object, who_acts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject

MOST_TRIED: Final = 6
"""Of the actions that are legal, and of those that are not, so many are tried in a position."""

RUBBISH: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 7, 2**63 - 1, 1.5, 1e308, "", "x", "é" * 200, "\0", [], [[]], {}, {"a": [1]}, ["x"],
)  # fmt: skip
"""What a client that is broken, or hostile, may send in place of a field."""


def legal_ones(case: Case) -> dict[int, list[JsonObject] | None]:
    """The legal actions of each seat that is to act, as JSON; None for a seat that has too many to list."""
    state, found = case.state, dict[int, Any]()
    to_act = case.ask("to_act", state)
    due = {one.seat: one.action_type for one in case.ask("forced", state)}
    for seat in case.seats:
        legal = case.ask("legal", state, seat)
        if seat not in to_act:
            if legal:
                raise Found(
                    "only who is to act has legal actions",
                    f"seat {seat} is not in to_act(state) = {to_act!r}, and legal(state, {seat}) lists {len(legal)}",
                    "give () for a seat that is not to act",
                )
            continue
        found[seat] = None if legal is None else [_dumped(case, action) for action in legal]
        _fit(seat, found[seat], due.get(seat))
    case.untouched("legal, dump or parse")
    return found


def _dumped(case: Case, action: Any) -> JsonObject:  # noqa: ANN401 - the rules' own
    dumped = is_json_object(f"dump({action!r})", case.ask("dump", action))
    if not isinstance(dumped.get("type"), str):
        raise Found("an action has a type", f"dump({action!r}) is {in_json(dumped)}", "give it a field `type`, a text")
    try:
        back = case.submit("parse", orjson.loads(orjson.dumps(dumped)))
    except (MalformedAction, IllegalAction) as error:
        raise Found(
            "parse(dump(action)) == action",
            f"parse refuses what dump gave for a legal action, {in_json(dumped)}: {error}",
            "parse must take what dump gives",
        ) from None
    if not back == action:
        raise Found(
            "parse(dump(action)) == action",
            f"parse(dump({action!r})) is {back!r}",
            "dump must give all of the action, and actions must compare by value, as attrs classes do",
        )
    return dumped


def _fit(seat: int, legal: Sequence[JsonObject] | None, due: str | None) -> None:
    if legal is None:
        return
    if not legal:
        raise Found(
            "whoever is to act has something to do",
            f"seat {seat} is in to_act(state), and legal(state, {seat}) is empty: the game waits for ever",
            "list what the seat may do (a pass, if nothing else), or do not name it in to_act",
        )
    if len({key(action) for action in legal}) != len(legal):
        raise Found("legal lists each action once", f"legal(state, {seat}) lists one twice", "list each once")
    wrong = next((action for action in legal if due is not None and action["type"] != due), None)
    if wrong is not None:
        raise Found(
            "while an action is forced, only such actions are legal",
            f"{due!r} is forced on seat {seat}, and legal(state, {seat}) lists {in_json(wrong)}",
            "a table refuses everything else then: list only what is forced",
        )


def key(action: JsonObject) -> bytes:
    """The action in a form that can be looked up: the order of its fields is of no account."""
    return orjson.dumps(action, option=orjson.OPT_SORT_KEYS)


def legal_is_taken(case: Case, legal: dict[int, list[JsonObject] | None], pick: Chance) -> None:
    """What is listed can be done, and does what a step may do."""
    for seat, listed in legal.items():
        for action in _some(listed or [], pick):
            parsed = case.rules.parse(action)
            try:
                step = case.submit("apply", case.state, seat, parsed, CHANCE)
            except (IllegalAction, MalformedAction) as error:
                raise Found(
                    "what legal lists can be done",
                    f"legal(state, {seat}) lists {in_json(action)}, and apply refuses it: {error}",
                    "leave it out of legal, or let apply take it",
                ) from None
            case.untouched("apply")
            _well_made(case, f"apply(state, {seat}, {in_json(action)})", step)


def others_are_refused(
    case: Case, legal: dict[int, list[JsonObject] | None], known: Iterable[JsonObject], pick: Chance
) -> None:
    """Of the actions that were seen elsewhere, those that are not legal here are refused, and with IllegalAction."""
    known = list(known)
    due = {one.seat: one.action_type for one in case.ask("forced", case.state)}
    for seat, listed in legal.items():
        here = {key(action) for action in listed or ()}
        others = [a for a in known if key(a) not in here and due.get(seat, a["type"]) == a["type"]]
        for action in _some(others, pick):
            _is_refused(case, seat, case.rules.parse(action), action, listed=listed is not None)


def _is_refused(case: Case, seat: int, parsed: Any, action: JsonObject, *, listed: bool) -> None:  # noqa: ANN401
    try:
        case.submit("apply", case.state, seat, parsed, CHANCE)
    except (IllegalAction, MalformedAction):
        case.untouched("apply")
        return
    case.untouched("apply")
    if listed:
        raise Found(
            "legal lists every action that apply takes",
            f"apply takes {in_json(action)} of seat {seat}, and legal(state, {seat}) does not list it",
            "list it (or give None, if there are too many to list), or let apply raise IllegalAction",
        )


def rubbish_is_refused(case: Case, legal: dict[int, list[JsonObject] | None], shapes: set[tuple[str, ...]]) -> None:
    """What a broken client may send is refused with MalformedAction, or is an action like any other. `shapes` are those
    of actions that were tried before, and are added to."""
    for seat, listed in legal.items():
        here = {key(action) for action in listed or ()}
        for action in listed or ():
            shape = (action["type"], *sorted(action))
            if shape in shapes:
                continue
            shapes.add(shape)
            for spoilt in spoiled(action):
                _is_refused_or_ordinary(case, seat, spoilt, here, listed=listed is not None)
    case.untouched("parse")


def spoiled(action: JsonObject) -> Iterator[JsonObject]:
    """The action with each field wrong in many ways, or not there, or one too many."""
    yield {"type": "no such type"}
    yield {**action, "a field too many": 1}
    for name in action:
        if name != "type":
            yield {one: value for one, value in action.items() if one != name}
            yield from ({**action, name: rubbish} for rubbish in RUBBISH)


def _is_refused_or_ordinary(case: Case, seat: int, spoilt: JsonObject, here: set[bytes], *, listed: bool) -> None:
    try:
        parsed = case.submit("parse", spoilt)
    except (MalformedAction, IllegalAction):
        return
    dumped = _dumped(case, parsed)
    if key(dumped) in here:
        return
    due = {one.seat: one.action_type for one in case.ask("forced", case.state)}
    if due.get(seat, dumped["type"]) == dumped["type"]:
        _is_refused(case, seat, parsed, spoilt, listed=listed)


def resigning(case: Case) -> None:
    """Every player may give up at any time; the others play on, and the last one left wins."""
    gone = {seat for seat in case.seats if case.rules.has_resigned(case.state, seat)}
    for seat in case.seats:
        if seat in gone:
            continue
        step = case.ask("resign", case.state, seat, CHANCE)
        case.untouched("resign")
        after = _well_made(case, f"resign(state, {seat})", step)
        if not after.rules.has_resigned(after.state, seat):
            raise Found(
                "who resigns has resigned",
                f"after resign(state, {seat}) has_resigned(state, {seat}) is false",
                "keep in the state who has resigned",
            )
        left = set(case.seats) - gone - {seat}
        outcome = after.rules.outcome(after.state)
        if outcome is None and len(left) < 2:
            raise Found(
                "the last one left ends the game",
                f"seat {seat} resigned, {len(left)} player{'' if left else 's'} left, and outcome(state) is None",
                "give the game an outcome when fewer than two are left",
            )
        if len(left) == 1 and outcome is not None and outcome.winner not in left:
            raise Found(
                "the last one left wins",
                f"seat {seat} resigned, seat {min(left)} alone is left, and the winner is {outcome.winner}",
                "let the last one left win",
            )


def dawdling(case: Case) -> None:
    """When the time of all who are to act is up, something comes of it."""
    step = case.ask("time_out", case.state, case.ask("to_act", case.state), CHANCE)
    case.untouched("time_out")
    after = _well_made(case, "time_out(state, …)", step)
    if image(after.state) == image(case.state):
        raise Found(
            "time that is up brings the game on",
            "time_out(state, …) left everything as it was: who dawdles holds the game up for ever",
            "end the turn, take a default action, or let them lose",
        )


def agreeing(case: Case) -> None:
    """A draw that all have agreed on ends the game without a winner."""
    if getattr(case.rules, "end_in_draw", None) is None:
        return
    step = case.ask("end_in_draw", case.state, CHANCE)
    case.untouched("end_in_draw")
    after = _well_made(case, "end_in_draw(state)", step)
    outcome = after.rules.outcome(after.state)
    if outcome is None or outcome.winner is not None:
        raise Found(
            "a draw that all agree on is one", f"after end_in_draw(state) outcome(state) is {outcome!r}",
            "give the game an outcome without a winner",
        )  # fmt: skip


def _well_made(case: Case, what: str, step: Any) -> Case:  # noqa: ANN401 - whatever the rules gave
    """The case of the position that the step leads to, which is a sound one."""
    if not isinstance(step, Step):
        raise Found("a step is a Step", f"{what} gave {step!r:.100}", "return Step(state, changes, message)")
    if not isinstance(step.message, str):
        raise Found("a message is a text", f"{what} has the message {step.message!r:.100}", "give a text")
    for n, change in enumerate(step.changes):
        if not isinstance(change, Change):
            raise Found("changes are Changes", f"{what}: change {n} is {change!r:.100}", "make them of Change")
        is_json_object(f"{what}: change {n}, as all see it", change.public)
        for seat, private in change.private.items():
            if type(seat) is not int or seat not in case.seats:
                raise Found(
                    "what is private belongs to a seat",
                    f"{what}: change {n} has a private form for {seat!r}",
                    "its keys are seats, numbered from 0",
                )
            is_json_object(f"{what}: change {n}, as seat {seat} sees it", private)
    after = Case.of(case.game, evolve(case.at, state=step.state))
    who_acts(after)
    same_turn = after.rules.turn(after.state) == case.rules.turn(case.state)
    before, now = case.rules.current(case.state), after.rules.current(after.state)
    if same_turn and before != now and after.rules.outcome(after.state) is None:
        raise Found(
            "turn changes with each turn",
            f"after {what} it is another's turn ({before} before, {now} now), and turn(state) is still "
            f"{case.rules.turn(case.state)}: their clock would go on with what the other has left",
            "count the turns in the state, and let turn return the count",
        )
    return after


def _some(actions: Sequence[JsonObject], pick: Chance) -> Sequence[JsonObject]:
    return actions if len(actions) <= MOST_TRIED else pick.shuffled(actions)[:MOST_TRIED]
