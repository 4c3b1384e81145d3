"""Faults of ours, and of the rules: logged under an id that the client is told, and nothing else of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actors.kit.reports import trace

if TYPE_CHECKING:
    from actors.ports import Entropy

log = logging.getLogger("croupier.faults")


def report(entropy: Entropy, what: str, error: BaseException) -> str:
    """Logs what went wrong and returns the id of the report. Exceptions' texts are left out: they may hold cards."""
    report_id = entropy.bytes(6).hex()
    log.error("%s (report %s)\n%s", what, report_id, trace(error, confidential=True), extra={"report": report_id})
    return report_id
