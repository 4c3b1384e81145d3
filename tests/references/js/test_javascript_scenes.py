"""Every request, push and failure of the contract, with the JavaScript `socket.io-client` against a real server: with
its default options, with each transport alone, and with retries. The scenes stand in `../scenes.py`."""

from __future__ import annotations

import random  # noqa: TID251 - for drills with real processes
from typing import TYPE_CHECKING

import pytest

from tests.references.js.test_javascript_client import DEFAULT, HERE, POLLING, RETRYING, WEBSOCKET, node
from tests.references.scenes import play_all
from tests.references.stage import Kind, open_stage

if TYPE_CHECKING:
    from pathlib import Path

    from actors.rules.interface import JsonObject


@pytest.mark.parametrize(
    "options", [DEFAULT, POLLING, WEBSOCKET, RETRYING], ids=["default", "polling", "websocket", "retrying"]
)
async def test_the_javascript_client_runs_every_request_and_every_push(
    options: JsonObject, tmp_path: Path, seed: int
) -> None:
    kind = Kind("socket.io-client", (node(), HERE / "puppet.js"), options, always_asks="retries" in options)
    async with open_stage(kind, tmp_path, random.Random(seed)) as stage:
        await play_all(stage)
