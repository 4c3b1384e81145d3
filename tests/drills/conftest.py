"""What all drills share."""

from __future__ import annotations

import os
import random
import sys

import pytest


@pytest.fixture
def seed() -> int:
    """The seed of a drill's random choices, shown when it fails; DRILL_SEED sets it. The choices are the same
    again, the timing of real processes is not."""
    chosen = int(os.environ.get("DRILL_SEED") or random.SystemRandom().getrandbits(32))
    sys.stderr.write(f"DRILL_SEED={chosen}\n")
    return chosen
