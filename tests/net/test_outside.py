from __future__ import annotations

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.outside import SystemClock, SystemEntropy, new_id, new_token


class FixedEntropy:
    """Hands out the bytes it was made with, and no more."""

    def __init__(self, supply: bytes) -> None:
        self.supply = supply

    def bytes(self, n: int) -> bytes:
        drawn, self.supply = self.supply[:n], self.supply[n:]
        assert len(drawn) == n, "more was drawn than was there"
        return drawn


@given(st.binary(min_size=16, max_size=16))
def test_an_id_is_a_version_4_uuid_that_keeps_122_bits_of_its_bytes(drawn: bytes) -> None:
    made = new_id(FixedEntropy(drawn))
    parsed = uuid.UUID(made)
    assert made == str(parsed)
    assert parsed.version == 4
    assert parsed.variant == uuid.RFC_4122
    fixed = (0xF << 76) | (0x3 << 62)
    assert parsed.int & ~fixed == int.from_bytes(drawn, "big") & ~fixed
    assert bin(fixed).count("1") == 128 - 122


@given(st.integers(min_value=1, max_value=600), st.binary(min_size=75, max_size=75))
def test_a_token_is_url_safe_and_holds_at_least_the_bits_asked_for(bits: int, drawn: bytes) -> None:
    made = new_token(FixedEntropy(drawn), bits)
    assert set(made) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    held = base64.urlsafe_b64decode(made + "=" * (-len(made) % 4))
    assert held == drawn[: len(held)]
    assert bits <= len(held) * 8 < bits + 8


def test_a_token_has_128_bits_unless_said_otherwise() -> None:
    assert len(new_token(FixedEntropy(bytes(16)))) == 22


@pytest.mark.parametrize("bits", [0, -1])
def test_a_token_of_no_bits_is_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="positive number of bits"):
        new_token(FixedEntropy(b""), bits)


def test_the_systems_entropy_gives_as_many_bytes_as_asked_and_never_the_same() -> None:
    entropy = SystemEntropy()
    assert [len(entropy.bytes(n)) for n in (0, 1, 16, 100)] == [0, 1, 16, 100]
    assert entropy.bytes(16) != entropy.bytes(16)


def test_the_systems_clock_counts_seconds_since_1970() -> None:
    year_2025, year_2100 = 1_735_689_600, 4_102_444_800
    assert year_2025 < SystemClock().now() < year_2100
