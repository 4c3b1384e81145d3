"""Chance: uniform, unpredictable without its key, and the same in every process and every year."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.chance import Chance, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = key_of("a seed")


class Exhausted(Exception):
    """More bytes were asked for than were given."""


class Fed(Chance):
    """Chance on given bytes instead of its stream, so that every case can be counted."""

    def __init__(self, fed: Iterable[int]) -> None:
        super().__init__(KEY)
        self._fed = iter(fed)

    def _byte(self) -> int:
        self.position += 1
        for byte in self._fed:
            return byte
        raise Exhausted


def outcomes(n: int, size: int) -> Counter[int | None]:
    """What below(n) makes of every string of `size` bytes; None: it rejects them and reads on."""
    counted: Counter[int | None] = Counter()
    for fed in itertools.product(range(256), repeat=size):
        try:
            counted[Fed(fed).below(n)] += 1
        except Exhausted:
            counted[None] += 1
    return counted


@pytest.mark.parametrize("n", [2, 3, 5, 13, 52, 64, 65, 127, 128, 129, 255, 256])
def test_of_all_bytes_equally_many_lead_to_each_number(n: int) -> None:
    counted = outcomes(n, 1)
    rejected = counted.pop(None, 0)
    assert sorted(number for number in counted if number is not None) == list(range(n))
    assert len(set(counted.values())) == 1
    assert rejected < 128  # at least every second byte is accepted


def test_of_all_pairs_of_bytes_equally_many_lead_to_each_number() -> None:
    n = 257  # the first that takes two bytes, and the one for which most of them are rejected
    counted = outcomes(n, 2)
    assert counted.pop(None, 0) < 32768
    assert len(counted) == n
    assert len(set(counted.values())) == 1


def test_every_order_of_three_cards_is_equally_likely() -> None:
    orders: Counter[tuple[str, ...]] = Counter()
    for fed in itertools.product(range(256), repeat=2):
        try:
            orders[Fed(fed).shuffled("abc")] += 1
        except Exhausted:  # a byte was rejected, and a third one wanted
            continue
    assert set(orders) == set(itertools.permutations("abc"))
    assert len(set(orders.values())) == 1


def test_a_coin_is_fair() -> None:
    assert Counter(Fed([byte]).flip() for byte in range(256)) == {True: 128, False: 128}


def test_a_choice_is_uniform_over_the_options() -> None:
    assert Counter(Fed([byte]).choice("abcd") for byte in range(256)) == dict.fromkeys("abcd", 64)


def test_a_rejected_draw_is_drawn_again_from_the_bytes_that_follow() -> None:
    chance = Fed([0b11_000000, 0b01_000000])  # of the two bits that below(3) takes, 3 is too large
    assert chance.below(3) == 1
    assert chance.position == 2


def test_the_only_number_below_one_costs_no_chance() -> None:
    chance = Chance(KEY)
    assert chance.below(1) == 0
    assert chance.shuffled(["alone"]) == ("alone",)
    assert chance.position == 0


@pytest.mark.parametrize("n", [0, -1])
def test_there_is_no_number_below_zero(n: int) -> None:
    with pytest.raises(ValueError, match="positive bound"):
        Chance(KEY).below(n)


def test_there_is_no_choice_of_nothing() -> None:
    with pytest.raises(ValueError, match="positive bound"):
        Chance(KEY).choice([])


@given(items=st.lists(st.integers()), seed=st.text())
def test_a_shuffle_loses_and_invents_nothing_and_leaves_its_argument_alone(items: list[int], seed: str) -> None:
    before = list(items)
    assert sorted(Chance(key_of(seed)).shuffled(items)) == sorted(before)
    assert items == before


@given(seed=st.text(), bounds=st.lists(st.integers(1, 100_000), max_size=60), cut=st.integers(0, 60))
def test_a_stream_resumed_at_a_position_goes_on_as_if_it_had_not_stopped(
    seed: str, bounds: list[int], cut: int
) -> None:
    key = key_of(seed)
    whole = Chance(key)
    drawn = [whole.below(n) for n in bounds]
    first = Chance(key)
    head = [first.below(n) for n in bounds[:cut]]
    second = Chance(key, first.position)
    assert head + [second.below(n) for n in bounds[cut:]] == drawn
    assert second.position == whole.position


@given(positions=st.lists(st.integers(0, 1000), max_size=20))
def test_a_stream_can_be_entered_anywhere_in_any_order(positions: list[int]) -> None:
    stream = b"".join(hashlib.blake2b(i.to_bytes(8, "big"), key=KEY).digest() for i in range(16))
    assert [Chance(KEY, at).below(256) for at in positions] == [stream[at] for at in positions]


def test_the_stream_is_the_one_that_saved_games_were_played_with() -> None:
    # Pinned: another stream would replay every saved game to something else.
    chance = Chance(key_of("croupier"))
    assert key_of("croupier").hex() == "f002f86d2849c7e8e245c8d438d1791e4cad6684b3c064ce7a579b75b77ff6fa"
    assert [chance.below(52) for _ in range(12)] == [5, 22, 6, 27, 19, 35, 1, 29, 20, 6, 32, 8]
    assert chance.shuffled("abcdefgh") == tuple("gchfeabd")
    assert chance.position == 24


@given(st.text(), st.text())
def test_two_seeds_have_two_keys(one: str, other: str) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)
    assert len(key_of(one)) == 32
