"""docs/kit.md: its program is run as it stands, and each of its examples does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from actors.kit.actor import Ref, actor_child
from actors.kit.supervisor import Supervisor

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "kit.md").read_text()
PROGRAM, *EXAMPLES, TEST = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[PRINTED] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

_RUN_AND_LIST = """
import runpy, sys
runpy.run_path("match.py", run_name="__main__")
sys.stderr.write("\\nLOADED " + " ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


Page = Any
"""What the page defines has the types that the page says; to a checker it is not there."""


@pytest.fixture
def page() -> Page:
    """Everything that the page defines, by its name; the program is not run."""
    names: dict[str, Any] = {"__name__": "page"}
    for number, code in enumerate([PROGRAM, *EXAMPLES]):
        exec(compile(code, f"kit.md[{number}]", "exec"), names)
    return type("Page", (), {name: staticmethod(value) for name, value in names.items()})


# ---- the program


def test_the_program_prints_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "match.py").write_text(PROGRAM)
    done = python(tmp_path, "match.py")
    assert done.returncode == 0
    assert done.stdout == PRINTED
    assert "crashed on a Score" in done.stderr
    assert "KeyError" in done.stderr


def test_the_kit_needs_trio_and_attrs_and_nothing_else_of_croupier(tmp_path: Path) -> None:
    (tmp_path / "match.py").write_text(PROGRAM)
    done = python(tmp_path, "-c", _RUN_AND_LIST)
    loaded = set(done.stderr.rpartition("LOADED ")[2].split())
    assert {"trio", "attrs", "actors"} <= loaded
    assert not loaded & {"net", "orjson", "cattrs", "h11", "redis", "hiredis", "rich", "click", "jwt", "sqlalchemy"}


def test_the_test_on_the_page_passes(tmp_path: Path) -> None:
    (tmp_path / "test_match.py").write_text(TEST)
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "trio_mode=true", "test_match.py")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


# ---- the examples


async def test_each_end_of_an_ask_is_told(page: Page, nursery: trio.Nursery) -> None:
    board: Ref[Any] = Ref("board", capacity=1)
    root = Supervisor("root", [actor_child(board, page.Board)])
    assert await page.score_of(board, "red") == "no answer in time: it was dropped unhandled, or is in hand now"
    await nursery.start(root.run)
    assert await page.score_of(board, "red") == "0"
    assert await page.score_of(board, "green") == "it crashed on this very message, which is not delivered again"
    await root.stop()
    assert await page.score_of(board, "red") == "it has stopped, and never saw the message"


async def test_an_ask_that_is_cut_off_in_the_middle_is_told(page: Page, nursery: trio.Nursery) -> None:
    class Slow(page.Board):  # type: ignore[misc]
        async def handle(self, message: object) -> object:
            return await trio.sleep_forever()

    board: Ref[Any] = Ref("board")
    root = Supervisor("root", [actor_child(board, Slow, shutdown=0)])
    await nursery.start(root.run)
    told: list[str] = []

    async def ask() -> None:
        told.append(await page.score_of(board, "red"))

    nursery.start_soon(ask)
    await trio.sleep(0.1)
    await root.stop()
    await trio.sleep(0.1)
    assert told == ["it was cut off in the middle"]


async def test_a_full_mailbox_sheds_the_load(page: Page) -> None:
    board: Ref[Any] = Ref("board", capacity=1)
    assert [page.write_down(board, page.Goal("red")) for _ in range(2)] == [True, False]


async def test_a_match_ends_after_its_ticks_and_is_announced(page: Page, nursery: trio.Nursery) -> None:
    root, matches = page.league()
    await nursery.start(root.run)
    clock = page.kick_off(matches, 7)
    said: list[str] = []
    announcer: Ref[Any] = Ref("announcer")
    matches.spawn(actor_child(announcer, lambda: page.Announcer(clock, said)))
    await trio.sleep(89.5)
    assert (said, clock.stopped) == ([], False)
    await trio.sleep(1)
    assert (said, clock.stopped) == (["the match is over"], True)
    assert root.node().children[1].name == "heartbeats"
    root.request_stop()


async def test_reports_and_the_tree_are_read(page: Page, nursery: trio.Nursery) -> None:
    board: Ref[Any] = Ref("board")
    root = Supervisor("root", [actor_child(board, page.Board)])
    await nursery.start(root.run)
    await page.score_of(board, "green")
    assert page.crashes(root) == ["board: KeyError on Score"]
    board.tell(page.Goal("red"))
    assert page.busiest(root.node()).name == "board"
    root.request_stop()


def test_the_watchdogs_watch_and_let_go(page: Page) -> None:
    async def main() -> None:
        root = Supervisor("root")
        asked_to_end = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(page.serve, root, asked_to_end)
            with trio.fail_after(30):
                while root.node().state != "up":  # noqa: ASYNC110
                    await trio.sleep(0.01)
            asked_to_end.set()

    trio.run(main)
