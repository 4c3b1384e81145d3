from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from net.replay.keys import Keyboard

TYPED = b"n\x1b[C\x1bOD\x1b[5~g17\r \x7f\x1b[Zq\x03\t"
NAMES = [
    *("n", "right", "left", "page-up", "g", "1", "7", "enter"),
    *("space", "backspace", "shift-tab", "q", "ctrl-c", "tab"),
]


def test_keys_are_named() -> None:
    assert Keyboard().feed(TYPED) == NAMES


@given(st.lists(st.integers(1, len(TYPED) - 1), max_size=6))
def test_sequences_that_come_in_pieces_are_put_together(cuts: list[int]) -> None:
    """But for a cut right behind the escape: then it is the key."""
    after_escape = {index + 1 for index, byte in enumerate(TYPED) if byte == 0x1B}
    places = [0, *sorted(set(cuts) - after_escape), len(TYPED)]
    keyboard = Keyboard()
    assert [key for a, b in pairwise(places) for key in keyboard.feed(TYPED[a:b])] == NAMES


def test_an_escape_alone_is_a_key() -> None:
    keyboard = Keyboard()
    assert keyboard.feed(b"\x1b") == ["escape"]
    assert keyboard.feed(b"q") == ["q"]
    assert keyboard.feed(b"\x1bq") == ["escape", "q"]


def test_what_is_not_known_is_passed_over() -> None:
    assert Keyboard().feed(b"\x1b[15~\x1b[1;5C\xc3\xa9\x01q") == ["q"]


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_no_bytes_upset_it_or_pile_up(chunks: list[bytes]) -> None:
    keyboard = Keyboard()
    for chunk in chunks:
        keyboard.feed(chunk)
        assert len(keyboard._rest) <= 32
    keyboard.feed(b"x" * 32)
    assert keyboard.feed(b"q")[-1:] == ["q"]
