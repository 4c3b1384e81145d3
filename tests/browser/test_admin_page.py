"""The admin pages in a real browser, on a real server that is busy. `apt install chromium` first, and then pytest with
the name of this folder, which is left out otherwise. CROUPIER_PICTURES keeps what was seen."""

from __future__ import annotations

import os
import random  # noqa: TID251 - for drills with real processes
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from net.auth import Scope
from net.process import quiet_port
from tests.browser.chromium import chromium
from tests.drills.conftest import seed
from tests.drills.player import enter, person
from tests.drills.server import RealServer

if TYPE_CHECKING:
    from tests.browser.chromium import Page

__all__ = ["seed"]

GAMES = 100
PATIENCE = 100.0


async def a_hundred_games(server: RealServer, nursery: trio.Nursery, rng: random.Random) -> None:
    """Each with two players, who have joined it, and a few actions."""
    for number in range(GAMES):
        players = [person(rng), person(rng)]
        rules = ("crazy_eights", "duel")[number % 2]
        game_id = await server.api.create_game(rules, players)
        clients = [await enter(nursery, server, user_id) for user_id in players]
        views = [await client.join(game_id) for client in clients]
        for _ in range(number % 4):
            mover = next((seat for seat, view in enumerate(views) if view.get("legal_actions")), None)
            if mover is None:
                break
            await clients[mover].act(game_id, views[mover]["legal_actions"][0], None)
            views = [await client.join(game_id) for client in clients]


async def see(page: Page, name: str, folder: Path) -> None:
    """Keeps a picture, and sees to it that the page is not wider than the window."""
    await page.picture(folder / f"{name}.png")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), name


async def test_an_operator_looks_around_on_a_busy_server_and_drains_it(tmp_path: Path, seed: int) -> None:
    pictures = Path(os.environ.get("CROUPIER_PICTURES", tmp_path))
    admin = f"127.0.0.1:{quiet_port()}"
    with trio.fail_after(PATIENCE):
        async with (
            RealServer(tmp_path / "data", {"CROUPIER_ADMIN_LISTEN": admin}) as server,
            trio.open_nursery() as nursery,
        ):
            await a_hundred_games(server, nursery, random.Random(seed))
            async with chromium(tmp_path) as page:
                await page.go(f"http://{admin}/admin")
                await page.evaluate(
                    f"document.querySelector('[name=token]').value = {server.token('operator', Scope.SERVICE)!r};"
                    "document.querySelector('button').click()"
                )
                await page.until("document.querySelector('.ok')?.textContent === 'ready'")
                assert await page.evaluate("document.cookie") == ""  # no script can read it
                await see(page, "overview", pictures)
                await page.go(f"http://{admin}/admin/games")
                assert await page.evaluate("document.querySelectorAll('tbody tr').length") == GAMES
                await see(page, "games", pictures)
                await page.evaluate("document.querySelector('tbody a').click()")
                await page.until("document.querySelector('main pre') !== null")
                await see(page, "game", pictures)
                for name in ("sessions", "tree", "config"):
                    await page.go(f"http://{admin}/admin/{name}")
                    await see(page, name, pictures)
                await page.go(f"http://{admin}/admin")
                await page.evaluate("document.querySelector('button.hot').click()")
                process = server.process
                assert process is not None
                assert await process.wait() == 0
            nursery.cancel_scope.cancel()
