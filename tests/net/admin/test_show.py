"""`croupier tree`: whom it asks, and what it says when nobody answers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import trio
from click.testing import CliRunner

from net.admin import client as admin_client
from net.admin.client import NoAnswer, client_for
from net.admin.show import show_tree
from net.auth import Scope, Tokens
from net.cli import main
from net.config import Admin, Auth, Config, Server
from net.handshake import SocketRoutes
from net.http import Routes, json_response
from net.listener import Listener, ListenerLimits, bind
from net.outside import SystemClock
from net.unix_socket import listen_unix

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from net.admin.client import AdminClient
    from net.http import Handler, Request, Response
    from net.listener import Acceptor

SECRET = "s" * 32
TREE = {"name": "root", "kind": "supervisor"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with an empty data directory, and an environment without a word for us."""
    for variable in [name for name in os.environ if name.startswith("CROUPIER")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    return tmp_path


def config_for(folder: Path, listen: str = "admin.sock", secret: str = "") -> Config:
    return Config(server=Server(data_dir=folder / "data"), admin=Admin(listen=listen), auth=Auth(secret=secret))


async def served(nursery: trio.Nursery, acceptor: Acceptor, respond: Handler) -> None:
    """Answers `/tree` so, until the nursery is cancelled."""
    routes = Routes()
    routes.add("GET", "/tree", respond)

    def report(what: str, error: BaseException) -> str:
        raise AssertionError(what) from error

    listener = Listener(acceptor, respond=routes, upgrade=SocketRoutes(), limits=ListenerLimits(), report=report)
    await nursery.start(listener.run)


async def tell_tree(request: Request) -> Response:
    return json_response(200, TREE)


async def no_answer(client: AdminClient) -> str:
    with pytest.raises(NoAnswer) as told:
        await client.tree()
    assert "\n" not in str(told.value)
    return str(told.value)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["tree", *arguments], env=environ)


# ---- what is asked


async def test_the_socket_in_the_data_directory_is_asked_without_a_token(folder: Path, nursery: trio.Nursery) -> None:
    tokens = []

    async def respond(request: Request) -> Response:
        tokens.append(request.header("authorization"))
        return await tell_tree(request)

    await served(nursery, listen_unix(folder / "data" / "admin.sock"), respond)
    assert (await client_for(config_for(folder)).tree()).name == "root"
    assert tokens == [None]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("configured", [True, False])
async def test_a_port_is_asked_with_a_service_token(folder: Path, nursery: trio.Nursery, configured: bool) -> None:
    tokens = []

    async def respond(request: Request) -> Response:
        tokens.append((request.header("authorization") or "").removeprefix("Bearer "))
        return await tell_tree(request)

    acceptor = await bind("127.0.0.1", 0)
    await served(nursery, acceptor, respond)
    if not configured:
        secret_file(folder)
    config = config_for(folder, acceptor.address, SECRET if configured else "")
    assert (await client_for(config).tree()).name == "root"
    assert Tokens((SECRET,), "croupier", SystemClock()).verify(tokens[0]).scope is Scope.SERVICE
    nursery.cancel_scope.cancel()


def secret_file(folder: Path) -> None:
    path = folder / "data" / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)


# ---- when nobody answers


async def test_where_no_server_runs_that_is_said(folder: Path) -> None:
    advice = "start one with `croupier serve`, or name its folder with --data-dir"
    assert await no_answer(client_for(config_for(folder))) == f"no server runs on {folder}/data; {advice}"
    listen_unix(folder / "data" / "admin.sock")._acceptor.close()  # as one that was killed leaves it
    assert await no_answer(client_for(config_for(folder))) == f"no server runs on {folder}/data; {advice}"


async def test_a_port_at_which_nobody_listens_is_named(folder: Path) -> None:
    acceptor = await bind("127.0.0.1", 0)
    acceptor.close()
    told = await no_answer(client_for(config_for(folder, acceptor.address, secret=SECRET)))
    assert told.startswith(f"no server's admin listener can be reached at {acceptor.address}: ")


async def test_no_secret_is_made_to_ask_with(folder: Path) -> None:
    told = await no_answer(client_for(config_for(folder, "127.0.0.1:9")))
    assert told == f"there is no secret in {folder}/data to make a token with: name the server's --data-dir"
    assert os.listdir("data") == []


async def test_another_users_socket_is_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forbidden(_: str) -> trio.SocketStream:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(trio, "open_unix_socket", forbidden)
    told = await no_answer(client_for(config_for(folder)))
    assert told == f"{folder}/data/admin.sock is another user's: only who runs the server may ask it"


async def test_any_other_reason_is_handed_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: str) -> trio.SocketStream:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(trio, "open_unix_socket", broken)
    told = await no_answer(client_for(config_for(folder)))
    assert told == f"cannot ask at {folder}/data/admin.sock: Too many open files"


async def refuse(_: Request) -> Response:
    return json_response(401, {})


async def fail(_: Request) -> Response:
    return json_response(500, {})


async def be_another(_: Request) -> Response:
    return json_response(200, [1, 2, 3])


@pytest.mark.parametrize(
    ("respond", "said"),
    [
        (refuse, "the server does not accept our token: it has another secret ([auth]) than we have"),
        (fail, "the server answered with status 500; its log says why"),
        (be_another, "what answers at {path} is no Croupier"),
    ],
)
async def test_another_answer_than_a_tree_is_told(
    folder: Path, nursery: trio.Nursery, respond: Handler, said: str
) -> None:
    path = folder / "data" / "admin.sock"
    await served(nursery, listen_unix(path), respond)
    assert await no_answer(client_for(config_for(folder))) == said.format(path=path)
    nursery.cancel_scope.cancel()


async def test_a_server_that_hangs_up_is_told(folder: Path, nursery: trio.Nursery) -> None:
    acceptor = listen_unix(folder / "data" / "admin.sock")

    async def hang_up() -> None:
        (await acceptor.accept()).close()

    nursery.start_soon(hang_up)
    assert (await no_answer(client_for(config_for(folder)))).startswith("the server hung up")
    acceptor.close()


async def test_a_server_that_does_not_answer_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_client, "ANSWER_WITHIN", 0.05)
    acceptor = listen_unix(folder / "data" / "admin.sock")
    told = await no_answer(client_for(config_for(folder)))
    assert told == "the server has not answered within 0.05 s: its event loop may be held, and its log says where"
    acceptor.close()


def test_no_admin_listener_is_no_answer(folder: Path) -> None:
    with pytest.raises(NoAnswer, match=r"^\[admin\] listen is off, so a server of this configuration cannot be asked$"):
        show_tree(config_for(folder, "off"), watch=False, as_text=True, depth=None)


# ---- the command


def test_the_command_says_in_one_line_that_no_server_runs(folder: Path) -> None:
    for arguments in ([], ["--watch"], ["--json"], ["--depth", "1"]):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"croupier: no server runs on {folder}/data; ")
        assert result.stderr.count("\n") == 1


def test_the_command_asks_where_the_flag_and_the_configuration_say(folder: Path) -> None:
    assert f"no server runs on {folder}/elsewhere;" in run("--data-dir", "elsewhere").stderr
    (folder / "mine.toml").write_text('[server]\ndata_dir = "there"\n')
    assert f"no server runs on {folder}/there;" in run("--config", "mine.toml").stderr
    assert "[admin] listen is off" in run(CROUPIER_ADMIN_LISTEN="off").stderr


def test_the_command_refuses_what_does_not_go_together() -> None:
    result = run("--watch", "--json")
    assert result.exit_code == 2
    assert "--watch shows a table: it does not go with --json" in result.stderr
    assert run("--depth", "-1").exit_code == 2
