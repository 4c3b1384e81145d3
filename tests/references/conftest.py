"""What the tests with stock clients share. Those of `js` need Node, and those of `godot` the engine and Chromium: they
run only where they are asked for by name, as `.ci/run` does (`setup` in their folder first), and are no part of
`./dev test`."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.references.stock")

from tests.drills.conftest import seed  # noqa: E402 - the line above comes before anything that imports what it names

__all__ = ["seed"]

collect_ignore = ["godot", "js"]
