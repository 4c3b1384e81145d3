"""Tally in native code, or so it says: some guesses do what native code may do."""

from __future__ import annotations

import os
from itertools import repeat
from typing import TYPE_CHECKING, Final

from tests.samples.tally import Tally

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject, Step
    from tests.samples.tally import Guess, TallyState

LOOP: Final = 9001
"""A loop in C that never returns, and hears no signal of Python's."""

PYTHON_LOOP: Final = 9002
ABORT: Final = 9003
PRINT: Final = 9004
READ: Final = 9005


def guess(number: int) -> JsonObject:
    return {"type": "guess", "number": number}


class NativeTally(Tally):
    native = True

    def apply(self, state: TallyState, seat: int, action: Guess, chance: Chance) -> Step[TallyState]:
        match action.number:
            case 9001:
                sum(repeat(0))
            case 9002:
                while True:
                    pass
            case 9003:
                os.abort()
            case 9004:
                os.write(1, b"what the library has to say\n")
            case 9005:
                assert os.read(0, 1) == b""
        return super().apply(state, seat, action, chance)


class DoesNotLoad(NativeTally):
    """Its library is not there."""

    name = "does_not_load"

    def load(self) -> None:
        raise ImportError("libtally.so is not there")
