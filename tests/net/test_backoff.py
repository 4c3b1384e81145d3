from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net.backoff import Backoff


class Bytes:
    """The same bytes each time."""

    def __init__(self, byte: int) -> None:
        self._byte = byte

    def bytes(self, n: int) -> bytes:
        return bytes([self._byte]) * n


@given(st.integers(0, 255), st.integers(0, 1200))
def test_a_wait_is_at_least_half_of_the_doubled_and_at_most_all_of_it(byte: int, tries: int) -> None:
    backoff = Backoff(Bytes(byte), first=0.5, longest=8.0)
    for _ in range(tries):
        backoff.next()
    full = min(8.0, 0.5 * 2.0 ** min(tries, 10))
    assert full / 2 <= backoff.next() < full


def test_after_a_success_the_waits_begin_anew() -> None:
    backoff = Backoff(Bytes(7), first=0.5, longest=8.0)
    first = backoff.next()
    assert backoff.next() > first
    backoff.reset()
    assert backoff.next() == first
