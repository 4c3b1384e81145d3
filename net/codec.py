"""The one way in which our attrs classes become JSON and come back: for the wire, the journal and the
archive.

Strict: no field too many, none too few, no value of another type (`"5"` is no int, `true` neither). ABSENT
fields are left out. A JsonObject belongs to the rules: it passes as it is, and nobody looks into it.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, make_mapping_structure_fn, override
from cattrs.preconf.orjson import make_converter as make_orjson_converter

from actors.messages import ABSENT, Absent

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs.preconf.orjson import OrjsonConverter

T = TypeVar("T")

_JSON_OBJECT = dict[str, Any]
_PLAIN = (str, int, float, bool, type(None))
_MAYBE = Literal[Absent.ABSENT]


def make_converter() -> OrjsonConverter:
    """A converter of its own; hooks that are added to it concern nobody else.

    `unstructure` gives a dict in the order of the fields; `structure` raises cattrs.ClassValidationError
    (WrongType when what it gets is no dict at all), which `faults` puts into words.
    """
    converter = make_orjson_converter(forbid_extra_keys=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _strict(kind))
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _tuple_hook(converter, kind))
    converter.register_structure_hook_factory(
        _is_dict, lambda kind: _only_from_a_dict(make_mapping_structure_fn(kind, converter))
    )
    converter.register_structure_hook_func(_is_json_object, _json_object)
    converter.register_unstructure_hook_func(_goes_as_it_is, identity)
    converter.register_structure_hook_factory(_may_be_absent, lambda kind: _present_hook(converter, kind))
    converter.register_unstructure_hook_factory(
        _may_be_absent, lambda kind: converter.get_unstructure_hook(_without_absent(kind))
    )
    converter.register_structure_hook_factory(
        attrs.has, lambda cls: _only_from_a_dict(make_dict_structure_fn(cls, converter))
    )
    converter.register_unstructure_hook_factory(attrs.has, lambda cls: _unstructure_hook(converter, cls))
    return converter


class WrongType(TypeError):
    """A value of another type; the text says what was expected."""


def faults(error: cattrs.BaseValidationError | WrongType) -> list[str]:
    """What is wrong, a line for each field: `$.players[0]: expected str`. Values are never quoted: they may
    be hidden state, or somebody's secret."""
    return [_fault(line) for line in cattrs.transform_error(error, format_exception=_describe)]


def _fault(line: str) -> str:
    what, _, path = line.rpartition(" @ ")
    return f"{path}: {what}"


def _describe(error: BaseException, kind: type | None) -> str:
    match error:
        case WrongType():
            return str(error)
        case KeyError():
            return "missing"
        case cattrs.ForbiddenExtraKeysError():
            return f"unknown: {', '.join(sorted(map(str, error.extra_fields)))}"
        case _:
            return f"expected {getattr(kind, '__name__', kind)}" if kind is not None else "wrong"


# ---- hooks


def _strict(kind: type[T]) -> Callable[[Any, Any], T]:
    # JSON has one kind of number: 3 stays the int it came as, so that it goes out as the same bytes.
    accepted: tuple[type, ...] = (int, float) if kind is float else (kind,)

    def structure(value: object, _: object) -> T:
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise WrongType(f"expected {kind.__name__}")
        return cast("T", value)

    return structure


def _is_json_object(kind: object) -> bool:
    return bool(kind == _JSON_OBJECT)


def _json_object(value: object, _: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongType("expected an object")
    return value


def _goes_as_it_is(kind: object) -> bool:
    """Whether a value of this type is JSON already, tuples being lists to orjson: nobody need look into it."""
    if kind in _PLAIN or _is_json_object(kind):
        return True
    if _is_tuple(kind):
        return _goes_as_it_is(get_args(kind)[0])
    return get_origin(kind) in (Union, UnionType) and all(map(_goes_as_it_is, get_args(kind)))


def _is_tuple(kind: object) -> bool:
    return get_origin(kind) is tuple and len(get_args(kind)) == 2 and get_args(kind)[1] is Ellipsis


def _is_dict(kind: object) -> bool:
    return get_origin(kind) is dict


def _tuple_hook(converter: OrjsonConverter, kind: object) -> Callable[[Any, Any], Any]:
    as_list = converter.get_structure_hook(GenericAlias(list, get_args(kind)[:1]))

    def structure(value: object, _: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):  # a str can be iterated too
            raise WrongType("expected a list")
        return tuple(as_list(value, list))

    return structure


def _may_be_absent(kind: object) -> bool:
    return get_origin(kind) in (Union, UnionType) and _MAYBE in get_args(kind)


def _without_absent(kind: object) -> object:
    return reduce(or_, (arg for arg in get_args(kind) if arg != _MAYBE))


def _present_hook(converter: OrjsonConverter, kind: object) -> Callable[[Any, Any], Any]:
    present: Any = _without_absent(kind)
    structure = converter.get_structure_hook(present)
    # The hook of a union looks at the type it is handed, so that must be the present one too.
    return lambda value, _: structure(value, present)


def _only_from_a_dict(structure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def checked(value: object, kind: object) -> object:
        if not isinstance(value, dict):
            raise WrongType("expected an object")
        return structure(value, kind)

    return checked


def _unstructure_hook(converter: OrjsonConverter, cls: type[attrs.AttrsInstance]) -> Callable[[Any], dict[str, Any]]:
    absent: dict[str, Any] = {f.name: override(omit_if_default=True) for f in attrs.fields(cls) if f.default is ABSENT}
    return make_dict_unstructure_fn(cls, converter, **absent)
