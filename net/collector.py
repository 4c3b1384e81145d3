"""Python's cyclic garbage collector, set for a server: many objects that stay, and hardly any garbage in cycles.

With the interpreter's own settings a server that starts a hundred thousand tables spends half of that time on looking
at what is there, again and again, and so does a start on the imports. docs/architecture.md has the figures.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (10_000, 20, 100)
"""New objects before the youngest are looked at (CPython: 700); how many such looks there are before the next older
ones are (10), and so again (10)."""


def calm_down() -> None:
    """Has the collector look less often. To be called before anything is imported that is large."""
    gc.set_threshold(*THRESHOLDS)


def spare_what_is_there() -> None:
    """Has the collector look at nothing that exists now, ever again. To be called when everything is up that stays."""
    gc.freeze()
