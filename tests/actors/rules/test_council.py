"""The sample in which several act at once keeps the protocol of rules itself."""

from __future__ import annotations

from net.testing.rules import check_rules
from tests.samples.council import Council


def test_it_keeps_the_protocol_of_rules() -> None:
    check_rules(Council(), games=16, positions=60, other_process=False)
