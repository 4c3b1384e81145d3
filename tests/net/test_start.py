"""What a server imports before it is ready: players wait for a server that is started again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

HEAVY = {"alembic", "jsonschema", "redis", "sqlalchemy", "valkey"}
"""What few servers need, or not at their start; each takes some hundredths of a second, or more.

asyncio and rich are not among them, though nothing of ours needs them here: they come with structlog, whatever one
imports of it, and are a tenth of what all the imports take."""


def test_a_server_starts_without_what_it_does_not_need_yet() -> None:
    program = (
        "import sys, net.cli, net.config_load, net.logs, net.serve, net.valkey_process\n"
        "net.serve.rules_on_offer(())\nnet.valkey_process.valkey_binary()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "trio" in done.stdout.split()
    assert not HEAVY & set(done.stdout.split())
