"""The garbage collector's settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

_PROGRAM = """
import gc
from net import collector
class Node: pass
collector.calm_down()
print(gc.get_threshold())
old = Node()
collector.spare_what_is_there()
new = Node()
looked_at = {id(thing) for thing in gc.get_objects()}
print(id(old) in looked_at, id(new) in looked_at, gc.isenabled())
"""


def test_it_looks_less_often_and_not_at_what_was_there_before() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["(10000, 20, 100)", "False True True"]
