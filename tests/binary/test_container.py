"""The image of docs/deploy/Containerfile, built and run by the commands of docs/operating.md, but for the port, with a
real podman. `./dev binary` first, then this file by its name, as root; `python -m tests.binary.containers` says whether
this machine can run containers at all."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import frozen

from net.auth import Scope, Tokens
from net.client import Api, open_client, tcp
from net.client.errors import ConnectionLost
from net.outside import SystemClock
from net.process import quiet_port
from tests.binary.containers import Podman, podman
from tests.binary.test_binary import BUILT
from tests.docs.pages import ROOT, of
from tests.drills.server import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.rules.interface import JsonObject
    from net.client import CroupierClient

ANNA, BEN = "6f1e0a52-6a3a-4c0e-9e6c-1d2b3c4d5e6f", "0b6c2d1e-1111-4222-8333-444455556666"


@frozen
class Running:
    """The container of the page, which runs."""

    podman: Podman
    port: int
    secret: str

    def types(self, script: str) -> None:
        """What an operator types."""
        type_in(self.podman, script, self.port, CROUPIER_AUTH_SECRET=self.secret)

    def token(self, user_id: str, scope: Scope = Scope.PLAYER) -> str:
        """A token of whoever has the secret."""
        return Tokens((self.secret,), "croupier", SystemClock()).issue(user_id, scope, 3600)

    @property
    def api(self) -> Api:
        """The server's API, from outside."""
        return Api(tcp("127.0.0.1", self.port), self.token("lobby", Scope.SERVICE))

    async def serves(self) -> None:
        """Returns when it does."""
        while True:
            try:
                if (await self.api.request("GET", "/readyz")).status == 200:
                    return
            except (OSError, ConnectionLost):
                pass
            await trio.sleep(0.1)

    def last_status(self) -> int:
        """What it ended with."""
        return int(self.podman.says("inspect", "--format", "{{.State.ExitCode}}", "croupier"))


def type_in(podman: Podman, script: str, port: int, **environ: str) -> str:
    """Types these commands of the page in the checkout; the port is another, of loopback. What was printed."""
    assert "-p 8765:8765" in script
    script = "set -eu\n" + script.replace("-p 8765:8765", f"-p 127.0.0.1:{port}:8765")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=podman.environ | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """The commands of the page: those that build and run, and those that run another."""
    found = [block.text for block in of("operating.md", "sh") if "podman run" in block.text]
    assert len(found) == 2
    return found


@pytest.fixture(scope="module")
def container(pages: list[str]) -> Iterator[Running]:
    assert BUILT.exists(), "there is no binary: run ./dev binary"
    port = quiet_port()
    with podman() as here:
        printed = type_in(here, pages[0] + 'echo "$CROUPIER_AUTH_SECRET"\n', port)
        yield Running(here, port, printed.splitlines()[-1])


async def test_a_game_goes_on_in_the_next_container(container: Running, pages: list[str]) -> None:
    with trio.fail_after(PATIENCE):
        await container.serves()
        game_id = await container.api.create_game("crazy_eights", [ANNA, BEN])
        async with open_client(tcp("127.0.0.1", container.port), container.token(ANNA)) as anna:
            actor = (await anna.join(game_id))["to_act"][0]
        async with open_client(tcp("127.0.0.1", container.port), container.token(actor)) as player:
            action = (await player.join(game_id))["legal_actions"][0]
            answer = await player.act(game_id, action, "once")
        container.podman.says("stop", "croupier")
        assert container.last_status() == 0
        container.types(pages[1])
        await container.serves()
        async with open_client(tcp("127.0.0.1", container.port), container.token(actor)) as player:
            assert (await player.join(game_id))["event_id"] >= answer["event_id"]
            assert await player.act(game_id, action, "once") == answer  # not twice


async def test_a_game_survives_kill_9(container: Running) -> None:
    with trio.fail_after(PATIENCE):
        await container.serves()
        game_id = await container.api.create_game("crazy_eights", [ANNA, BEN])
        container.podman.says("kill", "--signal", "KILL", "croupier")
        container.podman.says("wait", "croupier")
        assert container.last_status() == 128 + 9
        container.podman.says("start", "croupier")
        await container.serves()
        assert (await container.api.game(game_id))["status"] == "running"


async def state_after(view: JsonObject, client: CroupierClient) -> JsonObject:
    """The next state of the game that is newer than this."""
    while True:
        state = (await client.next_push("game:state")).data
        if state["event_id"] > view["event_id"]:
            return state


async def test_the_house_plays_in_it(container: Running) -> None:
    """Its players think in processes of their own, for which the file system is read-only, too."""
    with trio.fail_after(PATIENCE):
        await container.serves()
        game_id = await container.api.create_game("crazy_eights", [ANNA, "npc:greedy"])
        async with open_client(tcp("127.0.0.1", container.port), container.token(ANNA)) as anna:
            view = await anna.join(game_id)
            while ANNA in view["to_act"]:
                await anna.act(game_id, view["legal_actions"][0], f"after {view['event_id']}")
                view = await state_after(view, anna)
            await state_after(view, anna)  # the house has acted


async def test_it_is_healthy_while_it_serves(container: Running) -> None:
    with trio.fail_after(PATIENCE):
        await container.serves()
        assert container.podman.run("healthcheck", "run", "croupier").returncode == 0
        assert "tables" in container.podman.says("exec", "croupier", "croupier", "tree")


def test_it_does_not_start_without_a_secret(container: Running) -> None:
    done = container.podman.run("run", "--rm", "croupier")
    assert done.returncode == 2
    assert "CROUPIER_AUTH_SECRET" in done.stderr
