"""The side on which the real rules are: it answers questions about saved positions, and keeps the latest at hand."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import orjson

from actors.apart.known import changes_json, known_of
from actors.apart.questions import Failed, Kind, Refused, Told, to_json
from actors.kit.reports import trace, type_name
from actors.rules.chance import Chance
from actors.rules.interface import IllegalAction, MalformedAction
from actors.rules.validation import BadOptions

if TYPE_CHECKING:
    from actors.apart.questions import Question
    from actors.rules.interface import AnyRules, JsonObject, Step

KEPT: Final = 256
"""Positions that are kept as the rules have them, the last used; any other is restored from its JSON."""


class Desk:
    """Answers for one game's rules. One question at a time."""

    def __init__(self, rules: AnyRules, keep: int = KEPT) -> None:
        self._rules = rules
        self._keep = keep
        self._states: OrderedDict[bytes, Any] = OrderedDict()

    def answer(self, question: Question) -> Told | Refused | Failed:
        """The rules' answer. Raises nothing but KeyboardInterrupt: what they raise becomes a reply."""
        try:
            told = self._answer(question.call, question.state, orjson.loads(question.arguments))
            to_json(told.body)  # what has no JSON is a fault of the rules
            return told
        except MalformedAction as refused:
            return Refused(Kind.MALFORMED, str(refused))
        except IllegalAction as refused:
            return Refused(Kind.ILLEGAL, str(refused))
        except BadOptions as refused:
            return Refused(Kind.OPTIONS, refused.reason, refused.field)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Failed(type_name(error), trace(error, confidential=True))

    def _answer(self, call: str, state: bytes, arguments: JsonObject) -> Told:
        rules = self._rules
        if call == "parse":
            return Told({"action": rules.dump(rules.parse(arguments["action"]))})
        if call == "restore":
            # Not by way of what is kept: the question is whether it can be restored.
            return self._told(rules.restore(orjson.loads(state)), arguments["players"])
        chance = Chance(bytes.fromhex(arguments["key"]), arguments["position"])
        players: int = arguments["players"]
        if call == "set_up":
            told = self._told(rules.set_up(players, arguments["options"], chance), players)
        else:
            step = self._step(call, self._state(state), arguments, chance)
            told = self._told(step.state, players)
            told.body.update(changes=changes_json(tuple(step.changes)), message=step.message)
        told.body["position"] = chance.position
        return told

    def _step(self, call: str, state: Any, arguments: JsonObject, chance: Chance) -> Step[Any]:  # noqa: ANN401
        rules = self._rules
        match call:
            case "apply":
                return rules.apply(state, arguments["seat"], rules.parse(arguments["action"]), chance)
            case "resign":
                return rules.resign(state, arguments["seat"], chance)
            case "time_out":
                return rules.time_out(state, tuple(arguments["seats"]), chance)
            case "end_in_draw" if rules.end_in_draw is not None:
                return rules.end_in_draw(state, chance)
        raise LookupError(f"no question is called {call}")

    def _state(self, saved: bytes) -> Any:  # noqa: ANN401 - the rules' own type
        if saved in self._states:
            self._states.move_to_end(saved)
            return self._states[saved]
        return self._rules.restore(orjson.loads(saved))

    def _told(self, state: Any, players: int) -> Told:  # noqa: ANN401 - as above
        saved = to_json(self._rules.save(state))
        known = known_of(self._rules, state, players)
        self._states[saved] = state
        self._states.move_to_end(saved)
        if len(self._states) > self._keep:
            self._states.popitem(last=False)
        return Told({"known": known}, saved)
