"""The single binary where there is no Python, nor anything else: in a root directory that holds the binary, a shell
(busybox), the C library, /dev/null and an empty /tmp, with an empty environment. Root makes such a place, and Debian's
busybox-static is in it; `.ci/run` sees to both."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import trio

from net import __version__
from net.auth import Scope
from net.client import open_client
from tests.binary.libraries import c_library
from tests.binary.test_binary import BUILT
from tests.drills.server import PATIENCE, RealServer

BUSYBOX = Path("/usr/bin/busybox")
NEEDED = ("cat", "chmod", "gzip", "id", "mkdir", "mv", "rm", "sh", "sync", "tail", "tar", "touch")
"""What docs/binary.md says that it uses, and no more."""

ANNA, BEN = "6f1e0a52-6a3a-4c0e-9e6c-1d2b3c4d5e6f", "0b6c2d1e-1111-4222-8333-444455556666"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root directory. Its own path leads back to it from inside, so that what stands in it has one name, seen from
    inside or from outside."""
    assert BUILT.exists(), "there is no binary: run ./dev binary"
    assert BUSYBOX.exists(), "there is no busybox: apt install busybox-static"
    assert os.geteuid() == 0, "only root can make a root directory"
    root = tmp_path / "root"
    for folder in ("bin", "dev", "tmp", "play"):
        (root / folder).mkdir(parents=True)
    shutil.copy(BUILT, root / "croupier")
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    for name in NEEDED:
        (root / "bin" / name).symlink_to("busybox")
    for library in c_library():
        inside = root / library.relative_to("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, inside)  # what a link names
    os.mknod(root / "dev" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    back = root / root.relative_to("/")
    back.parent.mkdir(parents=True)
    back.symlink_to("/")
    return root


def inside(root: Path) -> list[str]:
    """The command that runs the binary there."""
    chroot = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert chroot is not None
    return ["/usr/bin/env", "-i", chroot, str(root), "/croupier"]


def run(root: Path, *arguments: str, typed: str = "") -> str:
    """What it printed."""
    done = subprocess.run(
        [*inside(root), *arguments],
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_it_runs_where_there_is_nothing_else(root: Path) -> None:
    files = {path.name for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    assert files == {"croupier", "busybox", *(path.name for path in c_library())}
    assert run(root, "version") == f"croupier {__version__}\n"


async def test_a_game_survives_kill_9(root: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(root / "data", program=inside(root)) as server:
            game_id = await server.api.create_game("crazy_eights", [ANNA, BEN])
            async with open_client(server.connect, server.token(ANNA)) as anna:
                view = await anna.join(game_id)
                actor = view["to_act"][0]
            async with open_client(server.connect, server.token(actor, Scope.PLAYER)) as player:
                view = await player.join(game_id)
                answer = await player.act(game_id, view["legal_actions"][0], "before the kill")
            await server.kill()
            await server.start()
            async with open_client(server.connect, server.token(actor)) as player:
                again = await player.join(game_id)
                assert again["event_id"] >= answer["event_id"]
                assert await player.act(game_id, view["legal_actions"][0], "before the kill") == answer  # not twice
            assert (await server.api.game(game_id))["status"] == "running"
            assert await server.terminate() == 0


def test_a_person_plays_against_the_house(root: Path) -> None:
    (root / "play" / "config.toml").write_text("[npc]\npause = 0\n")  # nobody here follows what it does
    # Fewer turns than there are cards, then an end: how long the game would go on is chance.
    typed = "1\n" * 4 + "resign\nyes\n"
    played = run(root, "play", "crazy_eights", "--against", "random", "--folder", "/play", typed=typed)
    assert "The game is over: random wins (the others resigned)" in played
