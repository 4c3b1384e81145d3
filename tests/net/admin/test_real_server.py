"""The admin listener, `croupier tree` and the watchdogs of a real `croupier serve`."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import stat
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import orjson
import trio

from actors.kit.tree import from_json
from actors.kit.watchdog_stop import HUNG
from net.client import http_request
from net.process import ServerProcess, own_command, own_environment, quiet_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actors.kit.tree import Node

PATIENCE = 60.0

# A server with a fault: who asks whether it lives holds its event loop.
STALLING = """
import time
from net.api import Api

async def healthz(self, request):
    card = "the ace of spades"
    time.sleep(1.0)
    return await alive(self, request)

alive, Api.healthz = Api.healthz, healthz
from net.cli import main
main()
"""


@asynccontextmanager
async def running(folder: Path, **environ: str) -> AsyncIterator[ServerProcess]:
    with trio.fail_after(PATIENCE):
        async with ServerProcess(folder, environ=environ) as server:
            await server.start()
            yield server


async def tree_of(server: ServerProcess, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """`croupier tree` at its end."""
    return await trio.run_process(
        own_command("tree", "--data-dir", str(server.data), *arguments),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        stdin=b"",
        cwd=server.folder,
        env=own_environment() | environ,
    )


async def node_of(server: ServerProcess, **environ: str) -> Node:
    done = await tree_of(server, "--json", **environ)
    assert (done.returncode, done.stderr) == (0, b"")
    return from_json(orjson.loads(done.stdout))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


async def test_the_tree_of_a_server_is_shown_to_its_owner_also_after_a_kill(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        socket = server.data / "admin.sock"
        assert mode_of(socket) == 0o600
        game = await server.api.create_game("crazy_eights", ["npc:a", "npc:b"])
        await server.api.game(game)  # which wakes it
        node = await node_of(server)
        assert (node.name, node.children[0].name, node.children[-1].name) == ("root", "admin", "listener")
        [tables] = [child for child in node.children if child.name == "tables"]
        [table] = tables.children
        assert game in table.name

        done = await tree_of(server, "--depth", "1")
        assert done.stdout.splitlines()[2].startswith(b"root ")
        assert b"    and 1 more" in done.stdout
        assert game.encode() not in done.stdout

        await server.kill()
        assert exists(socket)
        done = await tree_of(server)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(f"croupier: no server runs on {server.data}; ".encode())

        await server.start()
        assert (await node_of(server)).state == "up"
        assert await server.stop(within=PATIENCE) == 0
        assert not exists(socket)


async def test_a_port_is_for_those_with_a_service_token(tmp_path: Path) -> None:
    port = quiet_port()
    address = f"127.0.0.1:{port}"
    async with running(tmp_path, CROUPIER_ADMIN_LISTEN=address) as server:
        assert not exists(server.data / "admin.sock")
        assert (await node_of(server, CROUPIER_ADMIN_LISTEN=address)).name == "root"
        answer = await http_request(await trio.open_tcp_stream("127.0.0.1", port), "GET", "/tree")
        assert answer.status == 401


async def test_it_can_be_off(tmp_path: Path) -> None:
    async with running(tmp_path, CROUPIER_ADMIN_LISTEN="off") as server:
        assert not exists(server.data / "admin.sock")
        assert b"no server runs on" in (await tree_of(server)).stderr  # who believes it to be on


# ---- --watch


def watched(server: ServerProcess, master: int, looks: int) -> bytes:
    """What the terminal shows until the tree was drawn so often and then Ctrl-C was typed."""
    shown, typed = b"", False
    while select.select([master], [], [], PATIENCE)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:  # the other side is closed
            return shown
        if not typed and shown.count(b"what runs") >= looks:
            typed = True
            os.write(master, b"\x03")
    raise AssertionError(f"nothing more came: {shown!r}")


async def test_it_is_watched_on_a_terminal_until_ctrl_c(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        master, slave = pty.openpty()
        command = own_command("tree", "--data-dir", str(server.data), "--watch")
        # In a session of its own, whose terminal this is: so Ctrl-C is what it is for a user.
        script = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", script, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=tmp_path,
            env=own_environment() | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
        )
        os.close(slave)
        try:
            shown = await trio.to_thread.run_sync(partial(watched, server, master, 2), abandon_on_cancel=True)
            assert await process.wait() == 0
        finally:
            process.kill()
            await process.wait()
            os.close(master)
        assert b"root " in shown
        assert b"Traceback" not in shown


# ---- the watchdogs


async def test_a_handler_that_holds_the_event_loop_is_in_the_log_with_its_place_and_nothing_of_its_contents(
    tmp_path: Path,
) -> None:
    program = [sys.executable, "-c", STALLING]
    with trio.fail_after(PATIENCE):
        async with ServerProcess(tmp_path, program=program, environ={"CROUPIER_LIMITS_STALL_AFTER": "0.2"}) as server:
            await server.start()
            assert await server.api.healthz()
            assert await server.stop(within=PATIENCE) == 0
    log = read(tmp_path / "log")
    assert re.search(
        r"the event loop has been held for [\d.]+ s, by connection 127\.0\.0\.1:\d+ \[croupier\.kit\]\n(  File .*\n)*"
        r'  File "<string>", line 7, in healthz\n',
        log,
    )
    assert re.search(r"the event loop turns again, after \d\.\d\d s", log)
    assert "ace of spades" not in log


async def test_a_stop_that_hangs_is_ended_and_says_what_held_it(tmp_path: Path) -> None:
    async with running(tmp_path, CROUPIER_SERVER_STOP_WITHIN="1.5") as server:
        store = server.signal_store(signal.SIGSTOP)  # a Valkey that is mute is waited for, for ten seconds
        try:
            assert await server.stop(within=PATIENCE) == HUNG
        finally:
            os.kill(store, signal.SIGKILL)
    log = read(tmp_path / "log")
    assert "the shutdown has not ended within 1.5 s" in log
    assert "\n  valkey  service  stopping" in log
    assert "thread MainThread, in\n" in log


def read(path: Path) -> str:
    return path.read_text()
