"""What holds for all tests."""

import gc
import sys

from hypothesis import HealthCheck, settings

# A property does not become false because the machine is busy: no time is asserted in a test.
settings.register_profile("croupier", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("croupier")

# OpenSpiel has no wheels of this version for every other machine.
OPENSPIEL = [
    "actors/rules/openspiel",
    "actors/rules/test_crazy_eights_openspiel.py",
    "net/test_openspiel.py",
    "net/test_openspiel_list.py",
]
collect_ignore = [] if sys.platform == "linux" else OPENSPIEL
# The binary has to be built, Chromium and nginx installed; the documentation's programs take
# their time. All of these run where they are asked for by name (.ci/run).
collect_ignore += ["binary", "browser", "deploy", "docs/as_written"]


def pytest_collection_finish() -> None:
    """The tests themselves stay until the end: no look for garbage need go over thousands of them, as each that a test
    asks for would, for most of a second."""
    gc.collect()
    gc.freeze()
