from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
import trio
from attrs import frozen
from click.testing import CliRunner

from actors.ports import NoCrashPoints
from net import __version__
from net.auth import Scope, Tokens
from net.cli import main
from net.config_text import default_file
from net.errors import StartError
from net.outside import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.testing import Result

    from actors.ports import CrashPoints
    from net.auth import Claims
    from net.config import Config

ROOT = Path(__file__).parents[2]
SECRET = "s" * 32


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment without a word for us."""
    for variable in [name for name in os.environ if name.startswith("CROUPIER")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ)


def refusal(*arguments: str, **environ: str) -> str:
    """What a command says when it does not start: one line, and nothing on standard output."""
    result = run(*arguments, **environ)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removesuffix("\n")


def printed(*arguments: str, **environ: str) -> str:
    result = run(*arguments, **environ)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CROUPIER")}


def croupier(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "net", *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# ---- croupier


def test_the_version_is_printed() -> None:
    assert printed("--version") == f"croupier {__version__}\n"


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_names_every_command(flag: str) -> None:
    for command in ("serve", "token", "config", "tree", "demo"):
        assert f"\n  {command} " in printed(flag)


def test_a_wrong_command_line_has_status_2_too() -> None:
    for arguments in (["bogus"], ["serve", "--bogus"], ["token"], ["demo", "--players", "9"], []):
        assert run(*arguments).exit_code == 2


def test_the_module_can_be_run_and_prints_a_token_without_loading_the_server(folder: Path) -> None:
    """What a command does not need it does not wait for; trio and the server are the slow part."""
    code = (
        "import runpy, sys\n"
        "sys.argv = ['net', 'token', 'npc:anna']\n"
        "try:\n    runpy.run_module('net', run_name='__main__')\n"
        "finally:\n    print(sorted({'trio', 'net.serve', 'actors.ports', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, new_secret(folder / "data"))
    token, loaded = done.stdout.splitlines()
    secret = (folder / "data" / "secret").read_text().strip()
    assert Tokens([secret], "croupier", SystemClock()).verify(token).user_id == "npc:anna"
    assert loaded == "[]"


# ---- croupier token


def claims_of(token: str, secret: str = SECRET, audience: str = "croupier") -> Claims:
    return Tokens([secret], audience, SystemClock()).verify(token.removesuffix("\n"))


def new_secret(data_dir: Path) -> str:
    """What `croupier token` says when it made a secret."""
    return (
        f"croupier: made a new secret, {data_dir / 'secret'};"
        " a running server with another data directory does not accept this token\n"
    )


def test_a_token_is_a_players_unless_it_is_to_be_a_services() -> None:
    assert claims_of(printed("token", "npc:anna", CROUPIER_AUTH_SECRET=SECRET)).scope is Scope.PLAYER
    assert claims_of(printed("token", "npc:anna", "--service", CROUPIER_AUTH_SECRET=SECRET)).scope is Scope.SERVICE


def test_a_token_is_good_for_as_long_as_was_said(folder: Path) -> None:
    (folder / "config.toml").write_text(f"[auth]\ntoken_ttl = 1000\nsecret = '{SECRET}'\n")
    configured, asked = (claims_of(printed("token", "a", *ttl)).expires_at for ttl in ([], ["--ttl", "5000"]))
    assert 3900 < asked - configured < 4100


def test_the_secret_of_a_token_is_the_data_directorys_when_none_is_configured(folder: Path) -> None:
    first = run("token", "npc:anna", "--data-dir", "elsewhere")
    assert (first.exit_code, first.stderr) == (0, new_secret(folder / "elsewhere"))
    secret = (folder / "elsewhere" / "secret").read_text().strip()
    assert claims_of(first.stdout, secret).user_id == "npc:anna"
    assert claims_of(printed("token", "npc:anna", "--data-dir", "elsewhere"), secret).user_id == "npc:anna"
    assert [path.name for path in folder.iterdir()] == ["elsewhere"]


def test_a_token_names_the_configured_audience(folder: Path) -> None:
    (folder / "c.toml").write_text(f"[auth]\naudience = 'club'\nsecret = '{SECRET}'\n")
    assert claims_of(printed("token", "a", "--config", "c.toml"), audience="club").user_id == "a"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["token", "a b"],
            "croupier: USER_ID must have 1 to 64 characters, each a letter, a digit or one of :_.@-",
        ),
        (
            ["token", "a", "--ttl", "0"],
            "croupier: --ttl: [auth] token_ttl must be a whole number from 1 to 315360000, not 0",
        ),
        (
            ["token", "a", "--ttl", "1h"],
            'croupier: --ttl: [auth] token_ttl must be a whole number from 1 to 315360000, not "1h"',
        ),
        (
            ["token", "a", "--data-dir", "file"],
            "croupier: file/secret: cannot keep the signing secret: File exists",
        ),
    ],
)
def test_a_token_that_cannot_be_made_is_refused_in_one_line(arguments: list[str], line: str, folder: Path) -> None:
    (folder / "file").touch()
    assert refusal(*arguments) == line


# ---- croupier config


def test_the_configuration_in_force_is_printed_with_its_origins(folder: Path) -> None:
    (folder / "config.toml").write_text("[server]\nhost = '::1'\n")
    text = printed("config", "--port", "1", CROUPIER_AUTH_SECRET=SECRET, CROUPIER_LOG_LEVEL="debug")
    assert text.startswith("# configuration file: config.toml\n")
    assert 'host = "::1"             # file config.toml:2\nport = 1                 # flag --port\n' in text
    assert 'secret = "***"                 # environment CROUPIER_AUTH_SECRET\n' in " ".join(text.split(" "))
    assert 'level = "debug"  # environment CROUPIER_LOG_LEVEL\n' in text
    assert SECRET not in text


def test_another_file_takes_the_place_of_the_folders_own(folder: Path) -> None:
    (folder / "config.toml").write_text("[server]\nport = 1\n")
    (folder / "other.toml").write_text("[server]\nhost = 'h'\n")
    text = printed("config", "--config", "other.toml")
    assert "port = 8765              # default\n" in text
    assert 'host = "h"               # file other.toml:2\n' in text


def test_a_file_of_defaults_is_printed_even_where_the_present_one_is_wrong(folder: Path) -> None:
    (folder / "config.toml").write_text("nonsense")
    assert printed("config", "--defaults") == default_file()


@pytest.mark.parametrize("command", [["config"], ["serve"], ["token", "a"]])
def test_every_command_names_what_is_wrong_with_the_configuration(command: list[str], folder: Path) -> None:
    (folder / "config.toml").write_text("\n[server]\nprot = 1\n")
    assert refusal(*command) == 'croupier: config.toml:3: unknown key "prot" in [server]; did you mean "port"?'
    assert refusal(*command, "--config", "none.toml") == (
        "croupier: none.toml: cannot read the configuration: No such file or directory"
    )
    (folder / "config.toml").unlink()
    assert refusal(*command, CROUPIER_LIMITS_MAILBOX="0") == (
        "croupier: CROUPIER_LIMITS_MAILBOX: [limits] mailbox must be a whole number from 1 to 100000, not 0"
    )


# ---- croupier serve


class Taken(StartError):
    """As the rooms of the server raise them."""


def serve_with(monkeypatch: pytest.MonkeyPatch, serve_forever: Callable[..., Any]) -> None:
    """Puts this in the place of the server, so that the command line is tested alone."""
    app = types.ModuleType("net.serve")
    app.serve_forever = serve_forever  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "net.serve", app)


def test_the_server_runs_in_trio_with_its_configuration_and_says_when_it_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Config] = []

    async def serve_forever(
        config: Config, *, announce: Callable[[str], None], crash_points: CrashPoints, until_eof: bool, **_: object
    ) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(config)
        assert isinstance(crash_points, NoCrashPoints)
        assert not until_eof
        announce("http://127.0.0.1:4711")

    serve_with(monkeypatch, serve_forever)
    assert printed("serve", "--port", "0", "--host", "h", "--data-dir", "d") == (
        "croupier listening on http://127.0.0.1:4711\n"
    )
    [config] = seen
    assert (config.server.host, config.server.port, config.server.data_dir) == ("h", 0, Path("d"))


@pytest.mark.parametrize(
    "raised",
    [
        Taken("h:1 is taken"),
        ExceptionGroup("nursery", [Taken("h:1 is taken")]),
        ExceptionGroup("nursery", [ExceptionGroup("inner", [Taken("h:1 is taken"), Taken("too")]), Taken("too")]),
        Taken("h:1\nis taken"),
    ],
)
def test_a_server_that_cannot_start_says_so_in_one_line(raised: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve_forever(_: Config, **__: object) -> None:
        await trio.lowlevel.checkpoint()
        raise raised

    serve_with(monkeypatch, serve_forever)
    assert refusal("serve") == "croupier: h:1 is taken"


@pytest.mark.parametrize(
    "raised",
    [
        ZeroDivisionError("a fault of ours"),
        ExceptionGroup("nursery", [Taken("h:1 is taken"), ZeroDivisionError("a fault of ours")]),
        ExceptionGroup("nursery", [ZeroDivisionError("a fault of ours")]),
    ],
)
def test_a_fault_of_ours_keeps_its_traceback(raised: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve_forever(_: Config, **__: object) -> None:
        await trio.lowlevel.checkpoint()
        raise raised

    serve_with(monkeypatch, serve_forever)
    assert run("serve").exception is raised


@frozen
class Served:
    """`croupier serve` in a process of its own, once it has said its line."""

    process: subprocess.Popen[str]
    line: str
    rest: IO[str]
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    """A real server on a free port, with its data in the folder; ended by SIGTERM, so that its store ends too."""
    command = [sys.executable, "-m", "net", "serve", "--port", "0"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield Served(process, process.stdout.readline(), process.stdout, folder)
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            finally:
                process.kill()


def test_a_real_server_says_one_line_and_ends_well_on_sigterm(served: Served) -> None:
    assert re.fullmatch(r"croupier listening on http://127\.0\.0\.1:[1-9][0-9]+\n", served.line), served.log
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=60) == 0, served.log
    assert served.rest.read() == ""
    assert "Traceback" not in served.log


def test_a_real_server_refuses_a_taken_port_and_a_taken_data_directory_in_one_line(served: Served) -> None:
    port = served.line.strip().rpartition(":")[2]
    assert port.isdigit(), served.log
    for arguments, named in ((["--port", port, "--data-dir", "other"], port), (["--port", "0"], "data")):
        done = croupier(served.folder, "serve", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(rf"croupier: .*{named}.*\n", done.stderr), done.stderr


# ---- croupier demo


def test_the_demo_is_given_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    demo = types.ModuleType("net.demo")
    demo.run_demo = lambda **options: asked.append(options)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "net.demo", demo)
    printed("demo", "--players", "3", "--rules", "r", "--pace", "0", "--seed", "s", "--no-kill", "--rules-path", "a,b")
    printed("demo")
    assert asked == [
        {"players": 3, "rules": "r", "pace": 0, "seed": "s", "kill": False, "rules_path": ("a", "b")},
        {"players": 2, "rules": "crazy_eights", "pace": 0.25, "seed": None, "kill": True, "rules_path": ()},
    ]
