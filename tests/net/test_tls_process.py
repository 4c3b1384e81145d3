"""`croupier serve` with a certificate, as a real process, and the clients that people have."""

from __future__ import annotations

import os
import pty
import signal
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copy, which
from typing import TYPE_CHECKING

import pytest
import trio

from net.client import Api, CroupierClient, tcp
from net.process import own_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILES = Path(__file__).parent / "tls"
COMMAND = [sys.executable, "-m", "net"]


def environ(folder: Path) -> dict[str, str]:
    tls = {
        "CROUPIER_SERVER_TLS_CERTIFICATE": str(folder / "a.crt"),
        "CROUPIER_SERVER_TLS_KEY": str(folder / "a.key"),
    }
    return own_environment() | tls


def install(name: str, folder: Path) -> None:
    for suffix in ("crt", "key"):
        copy(FILES / f"{name}.{suffix}", folder / f"a.{suffix}")


async def connect(port: int, name: str = "localhost") -> trio.abc.Stream:
    context = ssl.create_default_context(cafile=str(FILES / f"{name}.crt"))
    return await trio.open_ssl_over_tcp_stream("localhost", port, ssl_context=context, https_compatible=True)


@asynccontextmanager
async def serving(folder: Path, scheme: str = "https") -> AsyncIterator[tuple[trio.Process, int]]:
    """The process, which has no terminal, and its port; it stops in order at the end."""
    log = (folder / "log").open("wb")
    command = [*COMMAND, "serve", "--port", "0", "--data-dir", "data"]
    with log, trio.CancelScope(shield=True):
        process = await trio.lowlevel.open_process(
            command,
            cwd=folder,
            env=environ(folder) if scheme == "https" else own_environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = b""
        with trio.fail_after(60):
            while not line.endswith(b"\n"):
                part = await process.stdout.receive_some()
                assert part, (folder / "log").read_text()
                line += part
        assert line.startswith(f"croupier listening on {scheme}://127.0.0.1:".encode())
        yield process, int(line.rpartition(b":")[2])
    finally:
        process.terminate()
        with trio.CancelScope(shield=True):
            with trio.move_on_after(30):
                await process.wait()
            process.kill()
            await process.wait()
            await process.stdout.aclose()


def token(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, "token", *arguments, "--data-dir", "data"],
        cwd=folder,
        env=environ(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


async def test_a_game_is_made_and_joined_over_tls_and_the_certificate_renewed(tmp_path: Path) -> None:
    install("localhost", tmp_path)
    async with serving(tmp_path) as (process, port), trio.open_nursery() as nursery:
        service = token(tmp_path, "service", "--service")
        api = Api(lambda: connect(port), service)
        game_id = await api.create_game("crazy_eights", ["a", "b"])
        client = await CroupierClient.connect_ws(nursery, await connect(port), token(tmp_path, "a"))
        view = await client.join(game_id)
        assert view["game_id"] == game_id
        if which("curl") is not None:
            url = f"https://localhost:{port}/readyz"
            command = ["curl", "-sSf", "--noproxy", "*", "--cacert", str(FILES / "localhost.crt"), url]
            done = await trio.run_process(command, capture_stdout=True)
            assert b'"ready"' in done.stdout

        install("renewed", tmp_path)
        process.send_signal(signal.SIGHUP)
        await logged("the certificate was read again", tmp_path)
        assert await Api(lambda: connect(port, "renewed")).healthz()
        assert await client.heartbeat() > 0
        client.drop()
    assert process.returncode == 0, (tmp_path / "log").read_text()


async def test_a_service_without_tls_outlives_a_reload(tmp_path: Path) -> None:
    async with serving(tmp_path, "http") as (process, port):
        process.send_signal(signal.SIGHUP)
        await logged("SIGHUP: no certificate is configured", tmp_path)
        assert await Api(tcp("127.0.0.1", port)).healthz()
    assert process.returncode == 0, (tmp_path / "log").read_text()


ON_A_TERMINAL = """
import os, sys
log = os.dup(2)
os.login_tty(int(sys.argv[1]))
os.dup2(log, 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


async def test_a_terminal_that_hangs_up_ends_a_server_without_tls_in_order(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL, str(theirs)]
    command += [*COMMAND, "serve", "--port", "0", "--data-dir", "data"]
    with (tmp_path / "log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            command, cwd=tmp_path, env=own_environment(), pass_fds=(theirs,), stderr=log
        )
    os.close(theirs)
    shown = b""
    try:
        while b"croupier listening on http://" not in shown:
            shown += os.read(ours, 4096)
    finally:
        os.close(ours)
    await logged("SIGHUP: stopping", tmp_path)
    process.send_signal(signal.SIGHUP)  # the kernel tells of it, and often the shell as well
    status, said = await process.wait(), (tmp_path / "log").read_text()
    assert status == 0, said
    assert "ending at once" not in said
    assert not (tmp_path / "data" / "store" / "valkey.pid").exists()


async def logged(words: str, folder: Path) -> None:
    """Returns when the server has said this."""
    with trio.fail_after(30):
        while words not in (folder / "log").read_text():  # noqa: ASYNC110 - a file
            await trio.sleep(0.05)


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("missing.crt", "a.key", "[server] tls_certificate: cannot read missing.crt: No such file or directory"),
        ("a.key", "a.key", "[server] tls_certificate: a.key holds no certificate in PEM"),
        ("a.crt", "a.crt", "[server] tls_key: a.crt holds no key in PEM"),
    ],
)
def test_a_wrong_file_keeps_the_server_from_starting_in_one_line(
    tmp_path: Path, certificate: str, key: str, said: str
) -> None:
    install("localhost", tmp_path)
    done = subprocess.run(
        [*COMMAND, "serve", "--port", "0", "--data-dir", "data"],
        cwd=tmp_path,
        env=environ(tmp_path) | {"CROUPIER_SERVER_TLS_CERTIFICATE": certificate, "CROUPIER_SERVER_TLS_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"croupier: {said}\n")
