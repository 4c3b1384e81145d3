"""Checks of what game authors and game makers hand in: a Rules object, and the options of a game.

jsonschema is imported when a schema is first looked at: a server starts without it, a tenth sooner.
"""

from __future__ import annotations

import copy
import pickle
import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from actors.rules.interface import is_native

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.exceptions import SchemaError

    from actors.rules.interface import AnyRules, JsonObject

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}(:[a-z0-9_]{1,64})?")
_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,7}")
_CALLS: Final = (
    "set_up",
    "parse",
    "dump",
    "legal",
    "apply",
    "resign",
    "view",
    "current",
    "to_act",
    "forced",
    "turn",
    "time_out",
    "save",
    "restore",
    "has_resigned",
    "outcome",
)
_HOOKS: Final = ("end_in_draw", "imagine", "appraise", "load")
_LONGEST_REASON: Final = 200
_LONGEST_FIELD: Final = 100
_DEEPEST: Final = 20


class InvalidRules(Exception):
    """This is not a Rules object, or a faulty one; the text says in what."""


class BadOptions(Exception):
    """The options do not satisfy the rules' schema. `field` names the one that does not, `""` the whole."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


# ---- a Rules object


def validate(rules: object) -> AnyRules:
    """The same object, known to have what the Rules protocol asks for. Raises InvalidRules."""
    try:
        fault = _fault(rules)
    except Exception as error:  # an attribute that is a property runs the author's code
        raise InvalidRules(f"{_kind(rules)}: raised {type(error).__name__}: {error}") from error
    if fault is not None:
        raise InvalidRules(f"{_kind(rules)}: {fault}")
    return _known(rules)


def _known(rules: Any) -> AnyRules:  # noqa: ANN401 - checked attribute by attribute
    return rules  # type: ignore[no-any-return]


def _kind(rules: object) -> str:
    return f"class {rules.__name__}" if isinstance(rules, type) else type(rules).__name__


def _fault(rules: Any) -> str | None:  # noqa: ANN401 - it may be anything
    if isinstance(rules, type):
        return "is a class, where an object made of it is needed"
    absent = [call for call in _CALLS if not callable(getattr(rules, call, None))]
    if absent:
        return f"is no Rules object: it has no {', '.join(absent)}"
    for hook in _HOOKS:
        if getattr(rules, hook, None) is not None and not callable(getattr(rules, hook)):
            return f"{hook}: must be a method, or None"
    if not _matches(_NAME, getattr(rules, "name", None)):
        return "name: must be a lower-case identifier such as crazy_eights"
    if not _matches(_VERSION, getattr(rules, "version", None)):
        return "version: must be whole numbers with dots between, as text, such as 1 or 2.0.1"
    title = getattr(rules, "title", None)
    if not isinstance(title, str) or not title.strip():
        return "title: must be a text that people read"
    fewest, most = getattr(rules, "min_players", None), getattr(rules, "max_players", None)
    if not _whole(fewest) or not _whole(most) or not 1 <= fewest <= most:
        return "min_players, max_players: must be whole numbers, 1 or more, the first not above the second"
    if is_native(rules) and (unfit := _pickling_fault(rules)) is not None:
        return f"native: rules that are cannot go to another process: {unfit}"
    return _schema_fault(getattr(rules, "options_schema", None))


def _pickling_fault(rules: object) -> str | None:
    try:
        pickle.loads(pickle.dumps(rules))
    except Exception as error:  # pickle raises what it likes
        return f"{type(error).__name__}: {error}"
    return None


def _schema_fault(schema: object) -> str | None:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return "options_schema: must be a JSON Schema of type object"
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"options_schema: is no JSON Schema (2020-12): {_reason(error)}"
    properties: dict[str, object] = schema.get("properties", {})
    for name, property_ in properties.items():
        if not isinstance(property_, dict) or "default" not in property_:
            return f"options_schema: {name} has no default"
    try:
        _check(schema, _filled(schema, {}))
    except BadOptions as error:
        return f"options_schema: the defaults do not satisfy it: {error}"
    except Unresolvable as error:
        return f"options_schema: it refers to something outside itself: {error}"
    return None


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


# ---- the options of a game


def checked_options(rules: AnyRules, options: object) -> JsonObject:
    """These options, checked against the rules' schema, with the defaults of those that are absent.

    A new object: nothing in it is shared with `options` or the schema. JSON Schema takes 5.0 for an integer,
    so such numbers come out as 5. Raises BadOptions.
    """
    if not isinstance(options, dict):
        raise BadOptions("", "must be an object")
    schema = rules.options_schema
    given = _plain(options, _DEEPEST)
    _check(schema, given)
    filled = _filled(schema, given)
    # A default of one option may not go together with what was given for another.
    _check(schema, filled)
    return filled


def _check(schema: JsonObject, options: JsonObject) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry as Schemas

    # A registry of one's own: the default one would fetch a schema's references from the network.
    validator = Draft202012Validator(schema, registry=Schemas())
    worst = best_match(validator.iter_errors(options))
    if worst is not None:
        raise BadOptions(_field(worst), _reason(worst))


def _filled(schema: JsonObject, options: JsonObject) -> JsonObject:
    filled = dict(options)
    for name, property_ in schema.get("properties", {}).items():
        if name not in filled:
            filled[name] = copy.deepcopy(property_["default"])
    return filled


def _plain(value: Any, deepest: int) -> Any:  # noqa: ANN401 - any JSON value
    if deepest == 0:  # deeper ones could exhaust the stack of whoever walks or prints them
        raise BadOptions("", "is nested too deeply")
    match value:
        case dict():
            return {name: _plain(one, deepest - 1) for name, one in value.items()}
        case list():
            return [_plain(one, deepest - 1) for one in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _field(error: ValidationError) -> str:
    """Where in the options the error is, as `name` or `name.inner[0]`; for a key too many it is that key."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        properties = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        path += next((f".{name}" for name in sorted(error.instance) if name not in properties), "")
    return path.removeprefix(".")[:_LONGEST_FIELD]


def _reason(error: ValidationError | SchemaError) -> str:
    """The validator's words, cut short: they quote what was sent.

    Of what a list may contain they say too little to tell which of several such demands is meant; there the schema's
    own description of the demand, if it has one, says more.
    """
    text = " ".join(error.message.split())
    if error.validator in ("contains", "minContains", "maxContains") and isinstance(error.schema, dict):
        text = error.schema.get("description", text)
    elif len(quoted := repr(error.instance)) > _LONGEST_FIELD and error.message.startswith(quoted):
        text = f"it{error.message.removeprefix(quoted)}"
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} …"
