"""The Godot client that docs/clients.md shows, run as it stands there, in Godot 4: the engine's official build for the
web, in headless Chromium. `setup` fetches it; then pytest with the name of this folder, which is left out otherwise."""

from __future__ import annotations

import json
import shutil
import threading
import zipfile
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from tests.browser.chromium import chromium
from tests.docs.opponent import limits, oppose
from tests.docs.pages import of
from tests.drills.server import PATIENCE, RealServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.browser.chromium import Page

HERE = Path(__file__).parent
ENGINE = Path(__file__).parents[3] / "build" / "godot"
PLAYERS = ("player:godot", "player:two")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that plays: the engine, and the project with the client of the page in it."""
    assert ENGINE.exists(), f"there is no Godot: run {HERE / 'setup'}"
    folder = tmp_path_factory.mktemp("site")
    for file in (HERE / "page.html", *ENGINE.iterdir()):
        shutil.copy(file, folder)
    [client] = of("clients.md", "gdscript")
    with zipfile.ZipFile(folder / "project.zip", "w") as project:
        project.writestr("croupier.gd", client.text)
        for name in ("project.godot", "main.tscn", "main.gd"):
            project.write(HERE / name, name)
    with served(folder) as address:
        yield f"{address}/page.html"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which these files are served for the length of a block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def seated(page: Page, site: str, server: RealServer, game_id: str) -> AsyncIterator[None]:
    """The first player plays in the page for the length of a block; what was said there is a note on what ends it."""
    await page.go(site)
    given = [f"ws://{server.address}/ws", server.token(PLAYERS[0]), game_id]
    await page.evaluate(f"play(...{json.dumps(given)})")
    try:
        yield
    except BaseException as error:
        with trio.CancelScope(shield=True):
            error.add_note("\n".join(await page.evaluate("said")))
        raise


@pytest.mark.parametrize("rules", ["crazy_eights", "duel"])
async def test_it_plays_a_game_through_a_kill(tmp_path: Path, site: str, rules: str) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data", limits()) as server, chromium(tmp_path) as page:
            game_id = await server.api.create_game(rules, PLAYERS)
            async with seated(page, site, server, game_id):
                await oppose(server, PLAYERS[1], game_id, until_acted=3)
                await server.kill()
                await server.start()
                last = await oppose(server, PLAYERS[1], game_id)
                await page.until(f"said.includes('over at event {last}')")
