"""States as JSON and back: what a state may be made of, and what is refused."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Any, Literal, NewType

import attrs
import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.saving import NotASave, StateCodec, UnfitState

Token = NewType("Token", str)


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 10


class Side(enum.Enum):
    LEFT = "left"
    RIGHT = "right"


class Shade(enum.Enum):
    DARK = (0, 0, 0)


@frozen
class Piece:
    token: Token
    colour: Colour
    on: Piece | None = None


@frozen
class Rolled:
    pips: int


@frozen
class Named:
    text: str


@frozen
class Board:
    """One field of each kind that a state may have."""

    pieces: tuple[Piece, ...]
    at: tuple[int, str, bool]
    level: Level
    side: Side
    mode: Literal["fast", "slow", 3]
    gone: frozenset[int]
    colours: set[Colour]
    marks: list[float]
    by_name: dict[str, Piece]
    by_colour: Mapping[Colour, int]
    by_seat: dict[int, tuple[Token, ...]]
    by_place: dict[tuple[int, int], Side]
    pending: Rolled | Named | None
    last: Rolled | None = None
    winner: int | None = None


numbers = st.integers(-(2**63), 2**63 - 1)
tokens = st.text(max_size=5).map(Token)
pieces: st.SearchStrategy[Piece] = st.recursive(
    st.builds(Piece, tokens, st.sampled_from(Colour)),
    lambda below: st.builds(Piece, tokens, st.sampled_from(Colour), below),
    max_leaves=4,
)
boards = st.builds(
    Board,
    pieces=st.lists(pieces, max_size=3).map(tuple),
    at=st.tuples(numbers, st.text(max_size=5), st.booleans()),
    level=st.sampled_from(Level),
    side=st.sampled_from(Side),
    mode=st.sampled_from(("fast", "slow", 3)),
    gone=st.frozensets(numbers, max_size=4),
    colours=st.sets(st.sampled_from(Colour)),
    marks=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    by_name=st.dictionaries(st.text(max_size=3), pieces, max_size=3),
    by_colour=st.dictionaries(st.sampled_from(Colour), numbers),
    by_seat=st.dictionaries(numbers, st.lists(tokens, max_size=2).map(tuple), max_size=3),
    by_place=st.dictionaries(st.tuples(numbers, numbers), st.sampled_from(Side), max_size=3),
    pending=st.none() | st.builds(Rolled, numbers) | st.builds(Named, st.text(max_size=3)),
    last=st.none() | st.builds(Rolled, numbers),
    winner=st.none() | numbers,
)
CODEC = StateCodec(Board)


def kinds_in(saved: object) -> set[type]:
    """The types of all that this is made of."""
    match saved:
        case dict():
            return {dict}.union(map(type, saved), *map(kinds_in, saved.values()))
        case list():
            return {list}.union(*map(kinds_in, saved))
        case _:
            return {type(saved)}


@given(boards)
def test_what_is_restored_equals_what_was_saved_through_json_too(board: Board) -> None:
    saved = CODEC.save(board)
    assert CODEC.restore(saved) == board
    assert CODEC.restore(json.loads(json.dumps(saved))) == board


@given(boards)
def test_what_is_restored_is_of_the_types_that_the_annotations_name(board: Board) -> None:
    back = CODEC.restore(json.loads(json.dumps(CODEC.save(board))))
    assert repr(attrs.astuple(back, recurse=False)[:5]) == repr(attrs.astuple(board, recurse=False)[:5])
    assert type(back.colours) is set
    assert type(back.gone) is frozenset
    assert {type(colour) for colour in back.by_colour} <= {Colour}


@given(boards)
def test_what_is_saved_is_plain_json(board: Board) -> None:
    assert kinds_in(CODEC.save(board)) <= {dict, list, str, int, float, bool, type(None)}


@given(boards, st.randoms(use_true_random=False))
def test_equal_states_save_to_the_same_bytes_however_their_sets_and_mappings_were_filled(
    board: Board,
    order: Any,  # noqa: ANN401
) -> None:
    def shuffled(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
        items = list(mapping.items())
        order.shuffle(items)
        return dict(items)

    other = attrs.evolve(
        board,
        by_name=shuffled(board.by_name),
        by_colour=shuffled(board.by_colour),
        by_seat=shuffled(board.by_seat),
        by_place=shuffled(board.by_place),
        gone=frozenset(sorted(board.gone, reverse=True)),
    )
    assert json.dumps(CODEC.save(other)) == json.dumps(CODEC.save(board))
    assert json.dumps(CODEC.save(CODEC.restore(CODEC.save(board)))) == json.dumps(CODEC.save(board))


def test_whole_numbers_are_sorted_by_size() -> None:
    @frozen
    class Gone:
        seats: frozenset[int]
        scores: dict[int, int]

    saved = StateCodec(Gone).save(Gone(frozenset({10, 9, -1}), {10: 1, 9: 2}))
    assert saved == {"seats": [-1, 9, 10], "scores": [[9, 2], [10, 1]]}


def test_what_is_saved_shares_nothing_with_the_state() -> None:
    @frozen
    class Held:
        cards: list[str]

    held = Held(["a"])
    StateCodec(Held).save(held)["cards"].append("b")
    assert held == Held(["a"])


# ---- states that cannot be saved are refused when the codec is made


def a_class(annotation: object) -> type:
    """An attrs class `State` with a field `hands` of this type."""
    return attrs.make_class("State", {"hands": field(type=annotation)})  # type: ignore[call-overload]


class Plain:
    """Not an attrs class."""


@frozen
class Other:
    plain: Plain


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (None, r"State\.hands: has no annotation"),
        (Any, r"State\.hands: Any says too little"),
        (object, r"State\.hands: object says too little"),
        (tuple, r"State\.hands: tuple says too little"),
        (dict, r"State\.hands: dict says too little"),
        (Plain, r"State\.hands: Plain says too little"),
        (bytes, r"State\.hands: bytes says too little"),
        (tuple[Other, ...], r"Other\.plain: Plain says too little"),
        (dict[str, Any], r"State\.hands: Any says too little"),
        (int | str, r"State\.hands: a union must be of attrs classes"),
        (Rolled | int, r"State\.hands: a union must be of attrs classes"),
        (Shade, r"State\.hands: the values of Shade must be texts or whole numbers"),
        (Literal[Colour.RED], r"State\.hands: a Literal must be of texts"),
    ],
)
def test_a_field_that_cannot_be_saved_is_named(annotation: object, text: str) -> None:
    with pytest.raises(UnfitState, match=text):
        StateCodec(a_class(annotation))


def test_a_class_that_is_no_attrs_class_is_refused() -> None:
    with pytest.raises(UnfitState, match="Plain: Plain says too little"):
        StateCodec(Plain)


def test_a_type_that_is_imported_for_type_checking_alone_is_refused_with_its_name() -> None:
    with pytest.raises(UnfitState, match="State: Absent is not known at run time"):
        StateCodec(a_class("Absent"))


def test_a_field_that_is_no_argument_may_only_be_a_cache() -> None:
    @frozen
    class Cached:
        size: int
        cache: int = field(init=False, eq=False, default=0)

    @frozen
    class Counted:
        size: int
        count: int = field(init=False, default=0)

    assert StateCodec(Cached).restore(StateCodec(Cached).save(Cached(3))) == Cached(3)
    with pytest.raises(UnfitState, match=r"Counted\.count: is not an argument"):
        StateCodec(Counted)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_that_json_cannot_hold_is_refused(number: int) -> None:
    @frozen
    class Big:
        number: int

    with pytest.raises(ValueError, match="more than 64 bits"):
        StateCodec(Big).save(Big(number))


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    @frozen
    class Far:
        number: float

    with pytest.raises(ValueError, match="not finite"):
        StateCodec(Far).save(Far(number))


# ---- what is no save is refused, and not quoted

SECRET = "QS"


@frozen
class Hand:
    seat: int
    cards: tuple[str, ...] = ()
    open: bool = False
    odds: float = 0.5
    colour: Colour = Colour.RED
    then: Rolled | Named | None = None
    odds_of: dict[str, float] = field(factory=dict)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({}, r"\$\.seat"),
        ({"seat": SECRET}, r"\$\.seat"),
        ({"seat": True}, r"\$\.seat"),
        ({"seat": 1.0}, r"\$\.seat"),
        ({"seat": 1, "cards": [SECRET, 3]}, r"\$\.cards\[1\]"),
        ({"seat": 1, "open": 1}, r"\$\.open"),
        ({"seat": 1, "odds": SECRET}, r"\$\.odds"),
        ({"seat": 1, "odds": True}, r"\$\.odds"),
        ({"seat": 1, "colour": SECRET}, r"\$\.colour"),
        ({"seat": 1, "then": ["Hand", {}]}, r"\$\.then"),
        ({"seat": 1, "then": SECRET}, r"\$\.then"),
        ({"seat": 1, SECRET: 3}, r"\$"),
        ({"seat": 1, "odds_of": {SECRET: None}}, r"\$\.odds_of$"),
        ([], "no such state|not a Hand"),
        (SECRET, "no such state|not a Hand"),
    ],
)
def test_what_was_not_saved_from_such_a_state_is_refused_without_quoting_it(wrong: Any, where: str) -> None:  # noqa: ANN401
    with pytest.raises(NotASave, match=where) as caught:
        StateCodec(Hand).restore(wrong)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_whole_number_is_taken_for_a_number_with_a_point() -> None:
    back = StateCodec(Hand).restore({"seat": 1, "odds": 2})
    assert back == Hand(1, odds=2.0)
    assert type(back.odds) is float
