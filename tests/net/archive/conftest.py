"""`test_archive_postgres.py` needs PostgreSQL on the machine: it runs only where it is asked for by name, as `.ci/run`
does, and is no part of `./dev test`. What it shares with the tests on SQLite stands in `tests/samples`."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.samples.archive", "tests.samples.archive_faults")

collect_ignore = ["test_archive_postgres.py"]
