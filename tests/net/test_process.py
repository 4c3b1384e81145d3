"""A server as a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio

import net
from actors.events import Created
from net import process as module
from net.auth import Scope
from net.client import Api, ConnectionLost, CroupierClient
from net.crash_points import Fuse
from net.errors import StartError
from net.process import ServerFailed, ServerProcess, own_command, own_environment, typed
from tests.samples.receiving import receive_exactly


def shell(script: str) -> list[str]:
    """A program that does this in place of `croupier`; what it is started with, it does not look at."""
    return ["sh", "-c", script]


def living_in(folder: Path) -> list[int]:
    """The processes that work in this folder or below it (known on Linux alone)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            cwd = os.readlink(process / "cwd")
        except OSError:
            continue  # it has ended, or is somebody else's
        if Path(cwd.removesuffix(" (deleted)")).is_relative_to(folder):
            found.append(int(process.name))
    return found


def test_we_are_run_again_as_a_module_or_as_the_one_binary(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_command("serve") == [sys.executable, "-m", "net", "serve"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert own_command("serve") == [sys.executable, "serve"]
    assert "PYTHONPATH" not in own_environment() or "PYTHONPATH" in os.environ


def test_the_server_finds_this_package_and_nobody_elses_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROUPIER_STORE_REDIS_URL", "redis://somebody.example")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    environ = own_environment()
    assert not [name for name in environ if name.startswith("CROUPIER")]
    assert environ["PYTHONPATH"].split(os.pathsep) == [str(Path(net.__file__).parents[1]), "elsewhere"]


def test_a_folder_is_the_same_to_us_and_to_the_server_that_works_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each makes a secret of its own, and the server takes no token of ours."""
    monkeypatch.chdir(tmp_path)
    assert ServerProcess(Path("here")).data == tmp_path / "here" / "d"


async def test_a_killed_server_comes_back_at_its_address_with_its_games_and_tokens(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server, trio.open_nursery() as nursery:
        await server.start()
        nursery.start_soon(server.watch)
        first = (server.pid, server.address)
        service, anna = server.token("demo", Scope.SERVICE), server.token("npc:anna", Scope.PLAYER)
        game_id = await Api(server.connect, service).create_game("crazy_eights", ["npc:anna", "npc:ben"])
        await server.kill()
        with pytest.raises(OSError, match=r"127\.0\.0\.1"):
            await server.connect()
        await server.start()
        assert server.pid != first[0]
        assert server.address == first[1]
        client = await CroupierClient.connect_ws(nursery, server.connect, anna)
        assert (await client.join(game_id))["event_id"] == 1
        client.drop()
        [created] = await server.journal(game_id)
        assert isinstance(created, Created)
        assert created.game_id == game_id
        nursery.cancel_scope.cancel()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", ["stopped", "left running", "killed", "cancelled"])
async def test_at_the_end_of_the_context_the_server_and_its_store_are_dead(how: str, tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with ServerProcess(tmp_path) as server:
            await server.start()
            assert len(living_in(tmp_path)) == 2
            match how:
                case "stopped":
                    await server.stop()
                    assert living_in(tmp_path) == []
                case "killed":
                    await server.kill()
                    assert len(living_in(tmp_path)) == 1
                case "cancelled":
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
    assert living_in(tmp_path) == []


STARTS_ONE = """
import sys, trio
from pathlib import Path
from net.process import ServerProcess

async def main():
    async with ServerProcess(Path(sys.argv[1])) as server:
        await server.start()
        print("started", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_server_ends_in_order_when_whoever_started_it_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS_ONE, str(tmp_path)]
    starter = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, env=own_environment())
    assert starter.stdout is not None
    async with starter.stdout as said:
        started = b"started\n"
        assert await receive_exactly(said, len(started)) == started
        assert len(living_in(tmp_path)) == 2
        starter.kill()
        await starter.wait()
    with trio.fail_after(30):
        while living_in(tmp_path):  # noqa: ASYNC110 - nothing tells of it
            await trio.sleep(0.02)
    log = ServerProcess(tmp_path).log.read_text()
    assert "whoever started this server has gone" in log
    assert "SIGTERM: stopping" in log
    assert "ending at once" not in log


async def test_a_server_that_does_not_start_is_one_clear_line(tmp_path: Path) -> None:
    program = shell("echo noise >&2; echo 'croupier: the disk is full' >&2; exit 2")
    async with ServerProcess(tmp_path, "the demo's server", program) as server:
        with pytest.raises(ServerFailed) as failed:
            await server.start()
    assert str(failed.value) == "the demo's server does not start: the disk is full"
    assert isinstance(failed.value, StartError)


async def test_a_server_that_says_nothing_is_one_clear_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_TIMEOUT", 0.05)
    async with ServerProcess(tmp_path, program=shell("exec sleep 60")) as server:
        with pytest.raises(ServerFailed) as failed:
            await server.start()
        pid = server.pid
    assert str(failed.value) == "the server has not started within 0.05 s: it says nothing"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_watch_raises_when_the_server_ends_by_itself_and_not_when_it_is_killed(tmp_path: Path) -> None:
    listening = "echo croupier listening on http://127.0.0.1:9;"
    program = shell(f"{listening} exec sleep 60")
    async with ServerProcess(tmp_path, program=program) as server:
        with pytest.RaisesGroup(
            pytest.RaisesExc(ServerFailed, match="^the server has ended, with status 3: out of memory$")
        ):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.watch)
                await server.start()
                await server.kill()
                program[-1] = f"{listening} echo out of memory >&2; exit 3"
                await server.start()


async def test_a_server_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.05)
    program = shell("trap '' TERM; echo croupier listening on http://127.0.0.1:9; while :; do sleep 0.05; done")
    async with ServerProcess(tmp_path, program=program) as server:
        await server.start()
        pid = server.pid
        assert await server.stop() == -signal.SIGKILL
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_an_orderly_end_has_its_exit_status_and_a_second_signal_comes_when_it_is_asked_for(
    tmp_path: Path,
) -> None:
    listening = "echo croupier listening on http://127.0.0.1:9;"
    program = shell(f"trap 'exit 7' TERM; {listening} while :; do sleep 0.01; done")
    async with ServerProcess(tmp_path, program=program) as server:
        assert await server.stop() is None
        await server.start()
        assert await server.stop() == 7
        program[-1] = f"trap 'trap \"exit 8\" TERM' TERM; {listening} while :; do sleep 0.01; done"
        await server.start()
        assert await server.stop(again_after=0.5) == 8


async def test_a_server_that_was_brought_to_its_end_is_waited_for_and_else_killed(tmp_path: Path) -> None:
    listening = "echo croupier listening on http://127.0.0.1:9;"
    program = shell(f"{listening} exit 3")
    async with ServerProcess(tmp_path, program=program) as server:
        await server.start()
        assert await server.ends_by_itself(within=60)
        program[-1] = f"{listening} exec sleep 60"
        await server.start()
        pid = server.pid
        assert not await server.ends_by_itself(within=0.05)
        assert not server.runs
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_paused_server_stands_still_until_it_is_resumed(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server:
        await server.start()
        server.pause()
        assert state_of(server.pid) == "T"
        server.resume()
        assert await server.api.healthz()


def state_of(pid: int) -> str:
    """R, S, T (stopped), …: proc(5)."""
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]


async def test_the_store_that_is_signalled_is_this_server_s_and_none_when_there_is_none(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server:
        with pytest.raises(ProcessLookupError):
            server.signal_store(signal.SIGKILL)
        await server.start()
        killed = server.signal_store(signal.SIGKILL)
        assert killed != server.pid
        await server.kill()
        await server.clear_store()
        with pytest.raises(ProcessLookupError):
            server.signal_store(signal.SIGKILL)


async def test_a_server_ends_at_the_crash_point_that_was_lit_and_at_no_other(tmp_path: Path) -> None:
    fuse = Fuse()
    async with ServerProcess(tmp_path, fuse=fuse) as server:
        await server.start()
        fuse.light("table.told", 1)
        assert await server.api.create_game("crazy_eights", ["npc:anna", "npc:ben"])
        fuse.light("store.writing", 1)
        with suppress(ConnectionLost, OSError):
            await server.api.create_game("crazy_eights", ["npc:anna", "npc:ben"])
        assert await server.ends_by_itself(within=60)
        assert fuse.hit() == "store.writing"
    fuse.cut()


def test_people_are_told_the_command_that_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [typed("sim --seeds 7"), typed("demo")] == ["./dev sim --seeds 7", "./dev run demo"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)  # in the binary
    assert [typed("sim --seeds 7"), typed("demo")] == ["croupier sim --seeds 7", "croupier demo"]
