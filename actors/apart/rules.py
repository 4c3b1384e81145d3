"""Rules that stand for others, which run apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from attrs import field, frozen

from actors.apart.known import Known, parse_changes, parse_known
from actors.apart.questions import Died, Failed, Kind, Late, Question, Refused, Told, Unanswered, to_json
from actors.rules.interface import IllegalAction, MalformedAction, Step
from actors.rules.validation import BadOptions
from actors.time_limit import TimeIsUp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actors.apart.questions import Reply, Workers
    from actors.rules.chance import Chance
    from actors.rules.interface import AnyRules, ForcedAction, JsonObject, Outcome


class FailedApart(Exception):
    """The rules failed in the process that they run in; the text is the type of what they raised, or how it ended."""


@frozen
class ApartState:
    """A position, as the process of the event loop has it: what the rules saved of it (JSON), and all that they say of
    it, which follows from that."""

    players: int
    saved: bytes = field(repr=False)
    known: Known = field(eq=False, repr=False)


class Apart:
    """Rules[ApartState, JsonObject]: asks `workers` for what only `original` knows, by raising `Unanswered`."""

    def __init__(self, original: AnyRules, workers: Workers) -> None:
        self.original = original
        self.workers = workers
        self.answers: dict[Question, Reply] = {}
        self.name = original.name
        self.version = original.version
        self.title = original.title
        self.min_players = original.min_players
        self.max_players = original.max_players
        self._draws = original.end_in_draw is not None

    @property
    def options_schema(self) -> JsonObject:
        """See `Rules`."""
        return self.original.options_schema

    def _ask(self, question: Question) -> Told:
        match self.answers.get(question):
            case None:
                raise Unanswered(self, question)
            case Told() as told:
                return told
            case Refused() as refused:
                raise _refusal(refused)
            case Failed(error=what) | Died(how=what):
                raise FailedApart(what)
            case Late():
                raise TimeIsUp

    # ---- what only the original knows

    def parse(self, action: JsonObject) -> JsonObject:
        """See `Rules`."""
        parsed: JsonObject = self._ask(Question.of("parse", action=action)).body["action"]
        return parsed

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> ApartState:
        """See `Rules`."""
        told = self._ask(Question.of("set_up", players=players, options=options, **_stream(chance)))
        chance.position = told.body["position"]
        return _state(players, told)

    def restore(self, saved: JsonObject) -> ApartState:
        """See `Rules`."""
        players: int = saved["players"]
        return _state(players, self._ask(Question.of("restore", to_json(saved["state"]), players=players)))

    def apply(self, state: ApartState, seat: int, action: JsonObject, chance: Chance) -> Step[ApartState]:
        """See `Rules`."""
        return self._step("apply", state, chance, seat=seat, action=action)

    def resign(self, state: ApartState, seat: int, chance: Chance) -> Step[ApartState]:
        """See `Rules`."""
        return self._step("resign", state, chance, seat=seat)

    def time_out(self, state: ApartState, seats: tuple[int, ...], chance: Chance) -> Step[ApartState]:
        """See `Rules`."""
        return self._step("time_out", state, chance, seats=seats)

    @property
    def end_in_draw(self) -> Callable[[ApartState, Chance], Step[ApartState]] | None:
        """See `Rules`."""
        return self._end_in_draw if self._draws else None

    def _end_in_draw(self, state: ApartState, chance: Chance) -> Step[ApartState]:
        return self._step("end_in_draw", state, chance)

    def _step(self, call: str, state: ApartState, chance: Chance, **arguments: Any) -> Step[ApartState]:  # noqa: ANN401
        told = self._ask(Question.of(call, state.saved, players=state.players, **arguments, **_stream(chance)))
        chance.position = told.body["position"]
        return Step(_state(state.players, told), parse_changes(told.body["changes"]), told.body["message"])

    # ---- what came along with the position

    def dump(self, action: JsonObject) -> JsonObject:
        """See `Rules`."""
        return action

    def legal(self, state: ApartState, seat: int) -> Sequence[JsonObject] | None:
        """See `Rules`."""
        return state.known.legal.get(seat, ())

    def view(self, state: ApartState, seat: int | None) -> JsonObject:
        """See `Rules`."""
        return state.known.views[-1 if seat is None else seat]

    def current(self, state: ApartState) -> int | None:
        """See `Rules`."""
        return state.known.current

    def to_act(self, state: ApartState) -> tuple[int, ...]:
        """See `Rules`."""
        return state.known.to_act

    def forced(self, state: ApartState) -> tuple[ForcedAction, ...]:
        """See `Rules`."""
        return state.known.forced

    def turn(self, state: ApartState) -> int:
        """See `Rules`."""
        return state.known.turn

    def has_resigned(self, state: ApartState, seat: int) -> bool:
        """See `Rules`."""
        return state.known.resigned[seat]

    def outcome(self, state: ApartState) -> Outcome | None:
        """See `Rules`."""
        return state.known.outcome

    def save(self, state: ApartState) -> JsonObject:
        """See `Rules`."""
        return {"players": state.players, "state": orjson.loads(state.saved)}


def _refusal(refused: Refused) -> Exception:
    match refused.kind:
        case Kind.MALFORMED:
            return MalformedAction(refused.text)
        case Kind.ILLEGAL:
            return IllegalAction(refused.text)
        case Kind.OPTIONS:
            return BadOptions(refused.field, refused.text)


def _state(players: int, told: Told) -> ApartState:
    return ApartState(players, told.state, parse_known(told.body["known"]))


def _stream(chance: Chance) -> dict[str, Any]:
    return {"key": chance.key.hex(), "position": chance.position}
