"""Every request, push and failure of the contract, with stock clients of Python against a real server: python-socketio,
and a bare WebSocket on `/ws`. The scenes stand in `scenes.py`."""

from __future__ import annotations

import random  # noqa: TID251 - for drills with real processes
import sys
from pathlib import Path

import pytest

from tests.references.scenes import play_all
from tests.references.stage import Kind, open_stage

HERE = Path(__file__).parent
PYTHON = Kind("python-socketio", (sys.executable, HERE / "python_puppet.py"))
BARE = Kind("a bare WebSocket", (sys.executable, HERE / "bare_puppet.py"), comes_back=False, over_ws=True)


@pytest.mark.parametrize("kind", [PYTHON, BARE], ids=lambda kind: kind.name)
async def test_stock_clients_run_every_request_and_every_push(kind: Kind, tmp_path: Path, seed: int) -> None:
    async with open_stage(kind, tmp_path, random.Random(seed)) as stage:
        await play_all(stage)
