from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.archive.pack import TOGETHER, Damaged, pack, unpack
from tests.samples.values import json_objects

LISTS = st.lists(json_objects.map(orjson.dumps), min_size=1, max_size=5)


@given(LISTS, st.sampled_from([1, 199, 600]))
def test_what_is_packed_comes_out_as_it_was(encoded: list[bytes], times: int) -> None:
    assert unpack(pack(encoded * times)) == encoded * times


def test_a_piece_has_a_bound() -> None:
    pieces = dict(pack([b"{}"] * (2 * TOGETHER + 1)))
    assert list(pieces) == [1, TOGETHER + 1, 2 * TOGETHER + 1]
    assert [len(unpack([(1, piece)])) for piece in pieces.values()] == [TOGETHER, TOGETHER, 1]


@given(LISTS, st.data())
def test_a_flipped_bit_is_noticed(encoded: list[bytes], data: st.DataObject) -> None:
    (first, piece), *_ = pack(encoded)
    bit = data.draw(st.integers(0, 8 * len(piece) - 1))
    flipped = bytearray(piece)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        got = unpack([(first, bytes(flipped))])
    except Damaged:
        return
    assert got == encoded  # zlib's header has a bit or two that mean nothing for what follows


def test_a_hole_is_noticed() -> None:
    with pytest.raises(Damaged, match=r"^events 1 to 500 are missing in the archive$"):
        unpack(list(pack([b"{}"] * 900))[1:])
