"""States as JSON and back, for `Rules.save` and `Rules.restore`, out of nothing but a state's annotations.

    _CODEC = StateCodec(State)

    def save(self, state: State) -> JsonObject:
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> State:
        return _CODEC.restore(saved)

`State` is an attrs class. Its fields may be `int`, `float`, `str`, `bool`, `None`, enums of whole numbers or texts,
`Literal`s, NewTypes of these, other attrs classes, `X | None`, unions of attrs classes, and `tuple`, `list`, `set`,
`frozenset`, `dict` of all these. Anything else is refused when the codec is made, with the class and the field named:
a game must not find out at its first snapshot that its state cannot be kept.

Equal states save to equal JSON, byte for byte: fields stand in their order, sets and mappings are sorted. A mapping
therefore comes back in the order of its keys, so rules must not depend on the order in which they were put in. A
mapping whose keys are not texts is saved as a list of pairs, JSON having no other keys.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from math import isfinite
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NewType, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import BaseValidationError, Converter, transform_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.rules.interface import JsonObject

S = TypeVar("S")

_SCALARS: Final = (bool, int, float, str, NoneType)
_SETS: Final = (set, frozenset)
_MAPPINGS: Final = (dict, Mapping)
_GREATEST: Final = 2**63
_PATH: Final = re.compile(r"\$(\.\w+|\[\d+\])*")


class UnfitState(TypeError):
    """This class cannot be saved and restored from its annotations; the text names the field and says why."""


class NotASave(ValueError):
    """This JSON was not saved from a state of this class. The text says where, and quotes nothing of the state."""


class StateCodec(Generic[S]):
    """Saves and restores states of one attrs class; it holds no state itself, and belongs in a module's constant."""

    def __init__(self, state_class: type[S]) -> None:
        """Raises UnfitState when the annotations of the class do not say how to save it."""
        self._class = state_class
        self._converter = _converter()
        _Survey(self._converter).look_at(state_class, state_class.__name__)

    def save(self, state: S) -> JsonObject:
        """The state as JSON: dicts with texts as keys, lists, texts, numbers, booleans and None, all of them new.

        Raises ValueError for a number that JSON cannot hold: one that is not finite, or has more than 64 bits.
        """
        saved: JsonObject = self._converter.unstructure(state, unstructure_as=self._class)
        return saved

    def restore(self, saved: JsonObject) -> S:
        """The state that this JSON was saved from. Raises NotASave."""
        try:
            return self._converter.structure(saved, self._class)
        except BaseValidationError as error:
            # Not `from error`: its text, and that of its causes, quote what is in the hands.
            raise NotASave(_where(error)) from None
        except (AttributeError, KeyError, TypeError, ValueError):  # it is no object at all
            raise NotASave(f"not a {self._class.__name__}") from None


class _Survey:
    """Walks the annotations of a state, and teaches the converter the unions that it meets."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._seen: set[type] = set()

    def look_at(self, annotation: Any, where: str) -> None:  # noqa: ANN401 - an annotation may be any object
        if isinstance(annotation, NewType):
            return self.look_at(annotation.__supertype__, where)
        origin = get_origin(annotation)
        if annotation in _SCALARS:
            return None
        if origin is Literal:
            return _literal(annotation, where)
        if origin is UnionType or origin is Union:
            return self._union(annotation, where)
        if origin is tuple or origin is list:
            for argument in get_args(annotation):
                if argument is not Ellipsis:
                    self.look_at(argument, where)
            return None
        if origin in _SETS:
            return self._set(annotation, where)
        if origin in _MAPPINGS:
            return self._mapping(annotation, where)
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return self._enum(annotation, where)
        if isinstance(annotation, type) and attrs.has(annotation):
            return self._attrs_class(annotation)
        raise UnfitState(f"{where}: {_name(annotation)} says too little of how to save it, or has no place in a state")

    def _attrs_class(self, seen: type) -> None:
        if seen in self._seen:
            return
        self._seen.add(seen)
        try:
            attrs.resolve_types(seen)
        except NameError as error:
            raise UnfitState(
                f"{seen.__name__}: {error.name} is not known at run time; import it outside of TYPE_CHECKING"
            ) from error
        for one in attrs.fields(seen):
            where = f"{seen.__name__}.{one.name}"
            if one.type is None:
                raise UnfitState(f"{where}: has no annotation")
            if one.init:
                self.look_at(one.type, where)
            elif one.eq:
                raise UnfitState(f"{where}: is not an argument of the class, and yet a part of what makes it equal")

    def _enum(self, annotation: type[enum.Enum], where: str) -> None:
        members = {member.value: member for member in annotation}
        if not all(type(value) in (int, str) for value in members):
            raise UnfitState(f"{where}: the values of {annotation.__name__} must be texts or whole numbers")

        def restore_member(value: object, _: object) -> enum.Enum:
            if type(value) not in (int, str) or value not in members:
                raise ValueError("not a value of the enum")
            return members[value]

        # Said outright, because an enum whose members are texts or numbers would be taken for those.
        self._converter.register_unstructure_hook(annotation, lambda member: member.value)
        self._converter.register_structure_hook(annotation, restore_member)

    def _set(self, annotation: Any, where: str) -> None:  # noqa: ANN401
        (member,) = get_args(annotation)
        self.look_at(member, where)
        convert = self._converter.unstructure
        self._converter.register_unstructure_hook_func(
            _exactly(annotation), lambda members: sorted((convert(one, member) for one in members), key=_order)
        )

    def _mapping(self, annotation: Any, where: str) -> None:  # noqa: ANN401
        key, value = get_args(annotation)
        self.look_at(key, where)
        self.look_at(value, where)
        convert, restore = self._converter.unstructure, self._converter.structure

        def save_pairs(mapping: Mapping[Any, Any]) -> list[list[Any]]:
            return sorted(([convert(k, key), convert(v, value)] for k, v in mapping.items()), key=_order)

        def restore_pairs(pairs: Any, _: Any) -> dict[Any, Any]:  # noqa: ANN401
            return {restore(k, key): restore(v, value) for k, v in pairs}

        if _is_text(key):
            self._converter.register_unstructure_hook_func(
                _exactly(annotation), lambda mapping: dict(save_pairs(mapping))
            )
        else:
            self._converter.register_unstructure_hook_func(_exactly(annotation), save_pairs)
            self._converter.register_structure_hook_func(_exactly(annotation), restore_pairs)

    def _union(self, annotation: Any, where: str) -> None:  # noqa: ANN401
        members = [one for one in get_args(annotation) if one is not NoneType]
        for member in members:
            self.look_at(member, where)
        if len(members) == 1:
            return
        classes = {one.__name__: one for one in members if isinstance(one, type) and attrs.has(one)}
        if len(classes) != len(members):
            raise UnfitState(f"{where}: a union must be of attrs classes with different names, or of one type and None")
        convert, restore = self._converter.unstructure, self._converter.structure

        def save_one(one: Any) -> Any:  # noqa: ANN401
            return None if one is None else [type(one).__name__, convert(one)]

        def restore_one(saved: Any, _: Any) -> Any:  # noqa: ANN401
            if saved is None and NoneType in get_args(annotation):
                return None
            name, fields = saved
            return restore(fields, classes[name])

        self._converter.register_unstructure_hook_func(_exactly(annotation), save_one)
        self._converter.register_structure_hook_func(_exactly(annotation), restore_one)


def _converter() -> Converter:
    # Detailed validation gives the path of what is wrong; restoring is rare enough to afford it.
    converter = Converter(forbid_extra_keys=True, unstruct_collection_overrides={tuple: list})
    converter.register_unstructure_hook(int, _int)
    converter.register_unstructure_hook(float, _finite)
    for scalar in (bool, int, str):
        converter.register_structure_hook(scalar, _only(scalar))
    converter.register_structure_hook(float, _float)
    return converter


def _exactly(annotation: Any) -> Callable[[Any], bool]:  # noqa: ANN401
    return lambda one: bool(one == annotation)


def _order(saved: Any) -> tuple[int, float, str]:  # noqa: ANN401 - any JSON value
    """An order of any JSON values: numbers by size, then all else by its text; lists (pairs) by what is first."""
    if isinstance(saved, list) and saved:
        before, size, text = _order(saved[0])
        return before, size, f"{text} {json.dumps(saved, sort_keys=True)}"
    if isinstance(saved, int | float):
        return 0, saved, ""
    return 1, 0, json.dumps(saved, sort_keys=True)


def _is_text(key: Any) -> bool:  # noqa: ANN401
    while isinstance(key, NewType):
        key = key.__supertype__
    if isinstance(key, type) and issubclass(key, enum.Enum):
        return all(isinstance(member.value, str) for member in key)
    return key is str


def _literal(annotation: Any, where: str) -> None:  # noqa: ANN401
    if not all(isinstance(value, _SCALARS) and not isinstance(value, enum.Enum) for value in get_args(annotation)):
        raise UnfitState(f"{where}: a Literal must be of texts, whole numbers, booleans or None")


def _int(number: int) -> int:
    if not -_GREATEST <= number < _GREATEST:
        raise ValueError("a whole number of more than 64 bits has no place in JSON")
    return number


def _finite(number: float) -> float:
    if not isfinite(number):
        raise ValueError("a number that is not finite has no place in JSON")
    return number


def _float(value: object, _: type[float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    return float(value)


def _only(scalar: type) -> Callable[[object, Any], object]:
    def check(value: object, _: Any) -> object:  # noqa: ANN401
        if type(value) is not scalar:
            raise TypeError(f"not of type {scalar.__name__}")
        return value

    return check


def _where(error: BaseValidationError) -> str:
    # A path may go through the key of a mapping, which is a part of the state: it is cut short there.
    paths = {_PATH.match(text.rpartition(" @ ")[2]) for text in transform_error(error)}
    found = sorted({path[0] for path in paths if path is not None})
    return f"what is saved is no such state, at {', '.join(found[:3])}"


def _name(annotation: Any) -> str:  # noqa: ANN401
    return str(getattr(annotation, "__name__", annotation))
