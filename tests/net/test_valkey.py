"""The embedded server, as a real process: started, found again, replaced, ended."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from net.data_directory import DataDirectory, FileLock
from net.redis import Redis
from net.redis_connection import ask
from net.unix_socket import LONGEST_PATH
from net.valkey import CannotStartStore, EmbeddedValkey
from net.valkey_process import StoreFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from actors.ports import Entropy
    from net.redis import Reply


async def tell(valkey: EmbeddedValkey, *command: str) -> Reply:
    """One command on a connection of its own."""
    async with await valkey.connect() as stream:
        return (await ask(stream, command))[0]


async def until(condition: Callable[[], bool]) -> None:
    """Real processes tell nobody when they are ready."""
    with trio.fail_after(30):
        while True:
            if condition():
                return
            await trio.sleep(0.01)


def newer(redis: Redis, epoch: int) -> bool:
    return redis.epoch > epoch


def pid_of(valkey: EmbeddedValkey) -> int:
    assert valkey.pid is not None
    return valkey.pid


def lock_of(data: DataDirectory) -> FileLock:
    return FileLock(data.path / "store.lock")


@pytest.fixture
async def left_behind(data: DataDirectory) -> AsyncIterator[trio.Process]:
    """A Valkey that nobody keeps, as a killed server leaves it; it has acknowledged `k` = `v`."""
    folder = StoreFolder(data.folder("store"), data.path / "store.lock")
    assert folder.lock.try_acquire()
    process = await folder.start("no")
    await until((data.path / "store" / "valkey.sock").exists)
    async with await trio.open_unix_socket(data.path / "store" / "valkey.sock") as stream:
        assert await ask(stream, ("SET", "k", "v")) == [b"OK"]
    yield process
    if process.poll() is None:
        process.kill()
        await process.wait()


# ---- starting


async def test_it_runs_with_the_settings_that_keep_what_it_acknowledges(valkey: EmbeddedValkey) -> None:
    wanted = {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory": "0",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "unixsocketperm": "700",
    }
    for name, value in wanted.items():
        assert await tell(valkey, "CONFIG", "GET", name) == [name.encode(), value.encode()]


@pytest.mark.parametrize("durability", ["always", "everysec", "no"])
async def test_the_durability_is_the_configured_one(
    nursery: trio.Nursery, data: DataDirectory, entropy: Entropy, durability: str
) -> None:
    valkey = EmbeddedValkey(data, entropy=entropy, durability=durability)
    await nursery.start(valkey.run)
    assert await tell(valkey, "CONFIG", "GET", "appendfsync") == [b"appendfsync", durability.encode()]


def test_a_durability_that_there_is_not_is_refused(data: DataDirectory, entropy: Entropy) -> None:
    with pytest.raises(ValueError, match="durability"):
        EmbeddedValkey(data, entropy=entropy, durability="mostly")


async def test_ctrl_c_in_the_terminal_does_not_reach_it(valkey: EmbeddedValkey) -> None:
    assert await tell(valkey, "PING") == b"PONG"
    assert os.getpgid(pid_of(valkey)) == pid_of(valkey)


async def test_it_does_not_inherit_our_environment(
    data: DataDirectory, entropy: Entropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROUPIER_AUTH_SECRET", "a secret of ours")
    monkeypatch.setattr("net.valkey_process.valkey_binary", lambda: "/usr/bin/env")
    monkeypatch.setattr("net.valkey_process._options", lambda _: [])
    with pytest.raises(CannotStartStore):
        await EmbeddedValkey(data, entropy=entropy).run()
    printed = (data.path / "store" / "valkey.log").read_text()
    assert "PATH=" in printed
    assert "a secret of ours" not in printed


async def test_nobody_else_gets_at_its_folder(valkey: EmbeddedValkey, data: DataDirectory) -> None:
    assert await tell(valkey, "PING") == b"PONG"
    assert stat.S_IMODE((data.path / "store").stat().st_mode) == 0o700


async def test_a_data_directory_with_a_long_path_works(nursery: trio.Nursery, tmp_path: Path, entropy: Entropy) -> None:
    path = tmp_path / ("long" * 30) / ("er" * 60)
    with DataDirectory(path).lock() as data:
        valkey = EmbeddedValkey(data, entropy=entropy)
        async with trio.open_nursery() as service:
            await service.start(valkey.run)
            assert await tell(valkey, "PING") == b"PONG"
            service.cancel_scope.cancel()


def test_the_short_way_to_a_long_path_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with StoreFolder(folder, tmp_path / "lock").socket_path() as path:
        assert len(os.fsencode(path)) <= LONGEST_PATH
        link = Path(path).parent
        assert os.path.samefile(link, folder)
        assert stat.S_IMODE(link.parent.stat().st_mode) == 0o700
    assert not link.parent.exists()
    assert folder.exists()


async def test_one_that_cannot_start_says_why(data: DataDirectory, entropy: Entropy) -> None:
    manifest = data.folder("store") / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir()
    manifest.write_text("this is no manifest\n")
    with pytest.raises(CannotStartStore, match="manifest") as error:
        await EmbeddedValkey(data, entropy=entropy).run()
    assert "\n" not in str(error.value)
    assert lock_of(data).try_acquire()


async def test_one_that_starts_and_never_answers_is_an_error_and_is_ended(
    data: DataDirectory, entropy: Entropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("net.valkey_process.valkey_binary", lambda: "/bin/sleep")
    monkeypatch.setattr("net.valkey_process._options", lambda _: ["1000"])
    with pytest.raises(CannotStartStore, match="does not answer"):
        await EmbeddedValkey(data, entropy=entropy, start_timeout=0.2).run()
    assert lock_of(data).try_acquire()


async def test_a_start_that_is_cancelled_leaves_no_process(
    data: DataDirectory, entropy: Entropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("net.valkey_process.valkey_binary", lambda: "/bin/sleep")
    monkeypatch.setattr("net.valkey_process._options", lambda _: ["1000"])
    with trio.move_on_after(0.3) as scope:
        await EmbeddedValkey(data, entropy=entropy).run()
    assert scope.cancelled_caught
    assert lock_of(data).try_acquire()


# ---- serving


async def test_it_holds_its_lock_exactly_as_long_as_it_lives(data: DataDirectory, left_behind: trio.Process) -> None:
    lock = lock_of(data)
    assert not lock.try_acquire()
    left_behind.kill()
    await left_behind.wait()
    assert lock.try_acquire()
    lock.release()


async def test_one_that_dies_is_started_again_and_has_what_it_acknowledged(
    nursery: trio.Nursery, valkey: EmbeddedValkey, entropy: Entropy, caplog: pytest.LogCaptureFixture
) -> None:
    redis = Redis(valkey.connect, entropy=entropy)
    await nursery.start(redis.run)
    for number in range(3):
        await redis.call("SET", "k", number)
        before, epoch = pid_of(valkey), redis.epoch
        os.kill(before, signal.SIGKILL)
        await until(partial(newer, redis, epoch))
        assert valkey.pid not in (None, before)
        assert await redis.call("GET", "k") == str(number).encode()
    assert "the embedded Valkey died, by signal 9" in caplog.text


async def test_one_that_cannot_be_started_again_is_tried_until_it_can(
    valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("net.valkey_process.valkey_binary", lambda: "/no/such/program")
        os.kill(pid_of(valkey), signal.SIGKILL)
        await until(lambda: "cannot start the embedded Valkey" in caplog.text)
        assert valkey.pid is None
    await until(lambda: "is up again" in caplog.text)
    assert await tell(valkey, "PING") == b"PONG"


# ---- found running


async def test_one_that_outlived_its_server_is_taken_over(
    nursery: trio.Nursery, data: DataDirectory, entropy: Entropy, left_behind: trio.Process
) -> None:
    valkey = EmbeddedValkey(data, entropy=entropy, durability="always")
    await nursery.start(valkey.run)
    assert valkey.pid == left_behind.pid
    assert await tell(valkey, "GET", "k") == b"v"
    assert await tell(valkey, "CONFIG", "GET", "appendfsync") == [b"appendfsync", b"always"]


async def test_one_that_was_taken_over_and_dies_is_replaced(
    nursery: trio.Nursery, data: DataDirectory, entropy: Entropy, left_behind: trio.Process
) -> None:
    valkey = EmbeddedValkey(data, entropy=entropy)
    await nursery.start(valkey.run)
    redis = Redis(valkey.connect, entropy=entropy)
    await nursery.start(redis.run)
    left_behind.kill()
    await until(partial(newer, redis, 1))
    assert valkey.pid != left_behind.pid
    assert await redis.call("GET", "k") == b"v"


async def test_one_that_was_taken_over_is_ended_with_the_server(
    data: DataDirectory, entropy: Entropy, left_behind: trio.Process
) -> None:
    async with trio.open_nursery() as service:
        await service.start(EmbeddedValkey(data, entropy=entropy).run)
        service.cancel_scope.cancel()
    with trio.fail_after(30):
        assert await left_behind.wait() == 0
    assert lock_of(data).try_acquire()


async def test_a_mute_one_is_killed_and_replaced(
    nursery: trio.Nursery, data: DataDirectory, entropy: Entropy, left_behind: trio.Process
) -> None:
    left_behind.send_signal(signal.SIGSTOP)
    valkey = EmbeddedValkey(data, entropy=entropy, mute_after=0.2)
    with trio.fail_after(30):
        await nursery.start(valkey.run)
    assert await left_behind.wait() == -signal.SIGKILL
    assert valkey.pid != left_behind.pid
    assert await tell(valkey, "GET", "k") == b"v"


async def test_where_the_system_does_not_tell_who_holds_the_lock_the_pid_file_does(
    nursery: trio.Nursery,
    data: DataDirectory,
    entropy: Entropy,
    left_behind: trio.Process,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("net.valkey_process.holders", lambda _: [])
    left_behind.send_signal(signal.SIGSTOP)
    with trio.fail_after(30):
        await nursery.start(EmbeddedValkey(data, entropy=entropy, mute_after=0.2).run)
    assert await left_behind.wait() == -signal.SIGKILL


async def test_nobody_is_killed_who_does_not_hold_the_lock(
    nursery: trio.Nursery, data: DataDirectory, entropy: Entropy, left_behind: trio.Process
) -> None:
    innocent = await trio.lowlevel.open_process(["/bin/sleep", "1000"])
    (data.path / "store" / "valkey.pid").write_text(f"{innocent.pid}\n")
    left_behind.send_signal(signal.SIGSTOP)
    with trio.fail_after(30):
        await nursery.start(EmbeddedValkey(data, entropy=entropy, mute_after=0.2).run)
    assert await left_behind.wait() == -signal.SIGKILL
    assert innocent.poll() is None
    innocent.kill()
    await innocent.wait()


async def test_a_pid_file_from_before_says_nothing_of_the_holder_of_today(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("net.valkey_process.holders", lambda _: [])
    monkeypatch.setattr("net.valkey_process.valkey_binary", lambda: "/bin/sleep")
    monkeypatch.setattr("net.valkey_process._options", lambda _: ["1000"])
    innocent = await trio.lowlevel.open_process(["/bin/sleep", "1000"])
    folder = StoreFolder(data.folder("store"), data.path / "store.lock")
    (folder.path / "valkey.pid").write_text(f"{innocent.pid}\n")
    assert folder.lock.try_acquire()
    process = await folder.start("always")  # it has not written its own yet
    killed = folder.kill_holders()
    process.kill()
    await process.wait()
    assert killed == []
    assert innocent.poll() is None
    innocent.kill()
    await innocent.wait()


async def test_one_that_is_just_ending_is_waited_for(
    nursery: trio.Nursery, data: DataDirectory, entropy: Entropy, left_behind: trio.Process
) -> None:
    left_behind.send_signal(signal.SIGSTOP)
    left_behind.terminate()
    valkey = EmbeddedValkey(data, entropy=entropy, mute_after=20)
    async with trio.open_nursery() as waker:
        waker.start_soon(wake_up, left_behind)
        with trio.fail_after(30):
            await nursery.start(valkey.run)
    assert await left_behind.wait() == 0
    assert await tell(valkey, "GET", "k") == b"v"


async def wake_up(process: trio.Process) -> None:
    await trio.sleep(0.1)
    process.send_signal(signal.SIGCONT)


async def test_a_server_of_other_data_at_our_socket_is_refused_and_left_alone(
    data: DataDirectory, entropy: Entropy, valkey_socket: str
) -> None:
    data.folder("store").joinpath("valkey.sock").symlink_to(valkey_socket)
    lock = lock_of(data)
    assert lock.try_acquire()
    with pytest.raises(CannotStartStore, match="another server answers"):
        await EmbeddedValkey(data, entropy=entropy).run()
    lock.release()
    async with await trio.open_unix_socket(valkey_socket) as stream:
        assert await ask(stream, ("PING",)) == [b"PONG"]


async def test_a_killed_server_leaves_its_valkey_to_the_next(
    nursery: trio.Nursery, tmp_path: Path, entropy: Entropy
) -> None:
    program = f"""
import trio
from net.data_directory import DataDirectory
from net.outside import SystemEntropy
from net.valkey import EmbeddedValkey

async def main():
    with DataDirectory({str(tmp_path / "data")!r}).lock() as data:
        valkey = EmbeddedValkey(data, entropy=SystemEntropy())
        async with trio.open_nursery() as nursery:
            await nursery.start(valkey.run)
            print(valkey.pid, flush=True)

trio.run(main)
"""
    server = await trio.lowlevel.open_process([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert server.stdout is not None
    async with server.stdout:
        with trio.fail_after(30):
            pid = int(await server.stdout.receive_some())
    server.kill()
    await server.wait()
    with DataDirectory(tmp_path / "data").lock() as data:
        valkey = EmbeddedValkey(data, entropy=entropy)
        async with trio.open_nursery() as service:
            await service.start(valkey.run)
            assert valkey.pid == pid
            assert await tell(valkey, "PING") == b"PONG"
            service.cancel_scope.cancel()
        assert lock_of(data).try_acquire()


# ---- ending


async def test_it_ends_in_order_with_its_file_synced(data: DataDirectory, entropy: Entropy) -> None:
    async with trio.open_nursery() as service:
        valkey = EmbeddedValkey(data, entropy=entropy, durability="no")
        await service.start(valkey.run)
        assert await tell(valkey, "SET", "k", "v") == b"OK"
        service.cancel_scope.cancel()
    log = (data.path / "store" / "valkey.log").read_text()
    assert "Calling fsync() on the AOF file" in log
    assert "bye bye" in log
    assert valkey.pid is None
    assert lock_of(data).try_acquire()


async def test_one_that_does_not_end_in_order_is_killed(
    data: DataDirectory, entropy: Entropy, caplog: pytest.LogCaptureFixture
) -> None:
    async with trio.open_nursery() as service:
        valkey = EmbeddedValkey(data, entropy=entropy, stop_timeout=0.2)
        await service.start(valkey.run)
        os.kill(pid_of(valkey), signal.SIGSTOP)
        service.cancel_scope.cancel()
    assert "did not end within 0.2 s" in caplog.text
    assert lock_of(data).try_acquire()


async def test_when_it_is_not_running_it_cannot_be_reached(data: DataDirectory, entropy: Entropy) -> None:
    with pytest.raises(OSError, match="No such file"):
        await EmbeddedValkey(data, entropy=entropy).connect()


async def test_a_log_that_has_grown_large_is_put_aside(
    nursery: trio.Nursery, data: DataDirectory, entropy: Entropy
) -> None:
    log = data.folder("store") / "valkey.log"
    log.write_bytes(b"old\n" * (2 * 1024 * 1024))
    await nursery.start(EmbeddedValkey(data, entropy=entropy).run)
    assert (data.path / "store" / "valkey.log.1").stat().st_size == 8 * 1024 * 1024
    assert b"old\n" not in log.read_bytes()
