"""Rules that do not return, in Python and in C, in a real server: their games are suspended, the others go on, and an
operator has them tried again.

The one test in which the timer signal, Trio's own handling of signals, and the processes of native rules come together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import trio

from net.client import RequestFailed
from tests.drills.player import enter
from tests.drills.server import PATIENCE, RealServer, croupier
from tests.samples.native import LOOP, PYTHON_LOOP, guess
from tests.samples.room import MISS

if TYPE_CHECKING:
    from pathlib import Path

HANGING = """
from tests.samples.native import NativeTally

class InC(NativeTally):
    name = "in_c"

class InPython(NativeTally):
    name = "in_python"
    native = False

RULES = (InC(), InPython())
"""


def install_rules(folder: Path) -> None:
    """As `pip install --target folder` would."""
    about = folder / "hanging-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[croupier.rules]\nhanging = hanging:RULES\n")
    (folder / "hanging.py").write_text(HANGING)


async def test_a_game_whose_rules_hang_is_suspended_others_go_on_and_it_is_tried_again(tmp_path: Path) -> None:
    install_rules(tmp_path / "rules")
    environ = {
        "CROUPIER_GAMES_RULES_PATH": str(tmp_path / "rules"),
        "CROUPIER_GAMES_RULES_TIME_LIMIT": "0.5",
    }
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data", environ) as server, trio.open_nursery() as nursery:
            for rules, number in (("in_python", PYTHON_LOOP), ("in_c", LOOP)):
                stuck, other = [await server.api.create_game(rules, [f"{rules}-a", "b"]) for _ in range(2)]
                a = await enter(nursery, server, f"{rules}-a")
                await a.join(stuck)
                with pytest.raises(RequestFailed, match="suspended where it was") as failed:
                    await a.act(stuck, guess(number), "m1")
                await a.join(other)
                assert (await a.act(other, MISS))["event_id"] == 2

                report = failed.value.details["id"]
                assert re.search(rf"ran past its time limit \(report {report}\)", server.stderr)

                if rules == "in_python":
                    listed = await croupier("resume", "--data-dir", server.data, cwd=tmp_path)
                    assert "apply of the rules ran past its time limit" in listed.stdout
                    assert (stuck in listed.stdout, other in listed.stdout) == (True, False)
                    done = await croupier("resume", stuck, "--data-dir", server.data, cwd=tmp_path)
                    assert (done.status, done.stdout) == (0, f"game {stuck} goes on after event 1\n")
                else:
                    assert (await server.api.resume_game(stuck))["resumed"]
                await a.join(stuck)
                assert (await a.act(stuck, MISS, "m2"))["event_id"] == 2
                a.drop()
            assert "native.py" in server.stderr
            assert await server.terminate() == 0
