"""What must hold of every game, whatever is done to the server: checkers that take records and give violations.

Pure, and code of their own: nothing here asks the server that it judges. The drill uses them on real processes, the
simulation on simulated ones.
"""

from net.checks.clocks import Outage, Reading, fair_clocks, fair_timeouts
from net.checks.history import can_end, one_writer, whole
from net.checks.records import (
    Answered,
    Asked,
    Connected,
    Diary,
    Dropped,
    Over,
    Promise,
    Record,
    Served,
    Shown,
    Standing,
    Violation,
    Written,
)
from net.checks.replay import Replayed, lasting, replayed, standing
from net.checks.requests import all_answered, nothing_lost, nothing_twice
from net.checks.sight import as_replayed, growing, rebuilt_is_served
from net.checks.verdict import check_game

__all__ = [
    "Answered",
    "Asked",
    "Connected",
    "Diary",
    "Dropped",
    "Outage",
    "Over",
    "Promise",
    "Reading",
    "Record",
    "Replayed",
    "Served",
    "Shown",
    "Standing",
    "Violation",
    "Written",
    "all_answered",
    "as_replayed",
    "can_end",
    "check_game",
    "fair_clocks",
    "fair_timeouts",
    "growing",
    "lasting",
    "nothing_lost",
    "nothing_twice",
    "one_writer",
    "rebuilt_is_served",
    "replayed",
    "standing",
    "whole",
]
