"""Hypothesis strategies for the classes that go over the wire and into the journal, made from their
annotations: so a field that comes in later is tried too."""

from __future__ import annotations

import enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from hypothesis import strategies as st

from actors.messages import View

numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(), json_values, max_size=3)

_SIMPLE: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**53), 2**53),
    float: numbers | st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    NoneType: st.none(),
    dict[str, Any]: json_objects,
}


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  # an annotation has no better type
    """Values of this annotation."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin in (Union, UnionType):
            return st.one_of(*map(values, arguments))
        case origin if origin is Literal:
            return st.sampled_from(arguments)
        case origin if origin is tuple:
            return st.lists(values(arguments[0]), max_size=3).map(tuple)
        case origin if origin is dict:
            return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return instances(kind)


def instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Instances of this attrs class. A view holds no views here: it would go on for ever."""
    hints = get_type_hints(cls)
    names = [field.name for field in attrs.fields(cls) if not (cls is View and field.name == "missed")]
    return st.builds(cls, **{name: values(hints[name]) for name in names})
