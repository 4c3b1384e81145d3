"""What everybody is shown is as long as a hidden card is high."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net.testing.world.veil import Veil

if TYPE_CHECKING:
    import pytest

    from actors.rules.interface import JsonObject
    from net.testing.world.veil import VeilState


def mutate(patch: pytest.MonkeyPatch) -> None:
    view = Veil.view

    def padded(self: Veil, state: VeilState, seat: int | None) -> JsonObject:
        return {**view(self, state, seat), "room": " " * (state.hands[0][0] % 10)}

    patch.setattr(Veil, "view", padded)
