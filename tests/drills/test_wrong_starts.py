"""What keeps a server from starting: one clear line, and exit status 2."""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from net.valkey_process import valkey_binary
from tests.drills.server import PATIENCE, croupier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def refusal(tmp_path: Path, *arguments: str | Path, **environ: str) -> str:
    """What a server that does not start says: the one line and nothing else."""
    with trio.fail_after(PATIENCE):
        done = await croupier("serve", "--data-dir", tmp_path / "data", *arguments, cwd=tmp_path, **environ)
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.startswith("croupier: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


async def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = await refusal(tmp_path, "--port", str(port))
    assert f"127.0.0.1:{port}" in line
    assert "stop what listens there, or choose another port" in line


async def test_a_redis_without_an_append_only_file(tmp_path: Path) -> None:
    with a_valkey(tmp_path, "--appendonly", "no") as url:
        line = await refusal(tmp_path, "--port", "0", CROUPIER_STORE_REDIS_URL=url)
    assert "set `appendonly yes` in it" in line


async def test_a_redis_that_evicts(tmp_path: Path) -> None:
    with a_valkey(tmp_path, "--appendonly", "yes", "--maxmemory-policy", "allkeys-lru") as url:
        line = await refusal(tmp_path, "--port", "0", CROUPIER_STORE_REDIS_URL=url)
    assert "set `maxmemory-policy noeviction` in it" in line


async def test_a_redis_that_is_not_there(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/nobody.sock"
    with trio.fail_after(PATIENCE):
        done = await croupier(
            "serve", "--data-dir", tmp_path, "--port", "0", cwd=tmp_path, CROUPIER_STORE_REDIS_URL=url
        )
    assert (done.status, done.stdout) == (2, "")
    trying, refused = done.stderr.splitlines()  # it tries for some seconds, and does so not in silence
    assert f"cannot reach {url}: " in trying
    assert refused.startswith(f"croupier: cannot use {url}: ")


async def test_a_key_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[server]\nport = 0\nhots = '127.0.0.1'\n")
    line = await refusal(tmp_path, "--config", file)
    assert f"{file}:3" in line
    assert "hots" in line


@contextmanager
def a_valkey(folder: Path, *options: str) -> Iterator[str]:
    """A Valkey of the test's own; its URL."""
    command = [
        valkey_binary(),
        "--port",
        "0",
        "--unixsocket",
        "redis.sock",
        "--dir",
        str(folder),
        "--save",
        "",
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder)
    try:
        assert process.stdout is not None
        assert any(b"Ready to accept connections" in line for line in process.stdout)
        yield f"unix://{folder}/redis.sock"
    finally:
        process.kill()
        process.communicate()
