"""Real stores for the tests of `net`: one that all tests share and that forgets, and the embedded one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import partial
from typing import TYPE_CHECKING

import pytest
import redis as redis_py
import trio

from net.data_directory import DataDirectory
from net.ownership import Ownership
from net.redis import Redis
from net.valkey import EmbeddedValkey
from net.valkey_process import valkey_binary
from tests.samples.journal import open_scene
from tests.samples.memory import CountingEntropy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from actors.ports import Entropy
    from net.journal import RedisJournalWriter
    from tests.samples.journal import Scene


@pytest.fixture(scope="session")
def valkey_socket() -> Iterator[str]:
    """The socket of a Valkey that keeps nothing on the disk, for the whole run. Take `oracle` or `redis` too:
    they empty it."""
    folder = tempfile.mkdtemp(prefix="croupier-test-")
    path = f"{folder}/s"
    options = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""]
    process = subprocess.Popen([valkey_binary(), *options], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        if b"Ready to accept connections" in line:
            break
    yield path
    process.terminate()
    process.communicate()
    shutil.rmtree(folder)


@pytest.fixture
def oracle(valkey_socket: str) -> Iterator[redis_py.Redis]:
    """redis-py on the shared server, emptied."""
    client = redis_py.Redis(unix_socket_path=valkey_socket, protocol=2)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def entropy() -> Entropy:
    """Bytes that differ each time, and are the same in each run."""
    return CountingEntropy()


@pytest.fixture
async def redis(nursery: trio.Nursery, oracle: redis_py.Redis, valkey_socket: str, entropy: Entropy) -> Redis:
    """Our client on the shared server, emptied."""
    client = Redis(partial(trio.open_unix_socket, valkey_socket), entropy=entropy)
    await nursery.start(client.run)
    return client


@pytest.fixture
async def ownership(redis: Redis, entropy: Entropy) -> Ownership:
    """Of the shared server, claimed."""
    ownership = Ownership(entropy=entropy)
    await ownership.claim(redis)
    return ownership


@pytest.fixture
async def scene(oracle: redis_py.Redis, valkey_socket: str, entropy: Entropy) -> AsyncIterator[Scene]:
    """A journal on the shared server, behind a line that can be tampered with."""
    async with open_scene(oracle, valkey_socket, entropy) as opened:
        yield opened


@pytest.fixture
async def writer(scene: Scene) -> RedisJournalWriter:
    """A writer of the scene's game, which has three events, after the third."""
    return await scene.play()


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    """A data directory, locked."""
    with DataDirectory(tmp_path / "data").lock() as directory:
        yield directory


@pytest.fixture
async def valkey(nursery: trio.Nursery, data: DataDirectory, entropy: Entropy) -> EmbeddedValkey:
    """The embedded Valkey, running in `data`."""
    embedded = EmbeddedValkey(data, entropy=entropy)
    await nursery.start(embedded.run)
    return embedded
