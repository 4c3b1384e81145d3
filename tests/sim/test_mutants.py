"""The simulation can fail: servers that are broken on purpose, each in one way, and the number of worlds within which
that is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from net.checks import Promise
from net.testing.world.many import play
from tests.sim.mutants import (
    acknowledge_before_append,
    forget_the_fence,
    leak_through_message_size,
    lose_the_outbox_on_recovery,
    restart_the_clock_from_zero,
    show_the_hand_in_an_error,
)

if TYPE_CHECKING:
    from types import ModuleType

WITHIN: Final = 40
"""Worlds within which each is found, from seed 0 on. As it is, the latest is found in world 19."""

FOUND_AS: Final = {
    acknowledge_before_append: {Promise.LOST},
    forget_the_fence: {Promise.LOST, Promise.WRITERS},
    leak_through_message_size: {Promise.LEAKED},
    lose_the_outbox_on_recovery: {Promise.STUCK},
    restart_the_clock_from_zero: {Promise.CLOCK},
    show_the_hand_in_an_error: {Promise.LEAKED},
}
"""The promises that it breaks; the first worlds may show others that follow from that."""


@pytest.mark.parametrize("mutant", FOUND_AS, ids=lambda mutant: mutant.__name__.rpartition(".")[2])
def test_a_broken_server_is_found(mutant: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.mutate(monkeypatch)
    for seed in range(WITHIN):
        if FOUND_AS[mutant] & {violation.promise for violation in play(seed).violations}:
            return
    raise AssertionError(f"it was not found in {WITHIN} worlds")
