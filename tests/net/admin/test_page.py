"""The admin pages: what they show, to whom, and what they never do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from net.admin.login import COOKIE, Login
from net.admin.page import AdminPage
from net.auth import Scope
from net.http import Refused, Request, split_path
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.http import Response
    from net.testing.house import House

ANNA, BEN = "6f1e0a52-6a3a-4c0e-9e6c-1d2b3c4d5e6f", "0b6c2d1e-1111-4222-8333-444455556666"
HTML = ("accept", "text/html,application/xhtml+xml")


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally(), CrazyEights()])


async def ask(
    house: House, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b"", token: bool = True
) -> Response:
    """What a page answers; a refusal is an answer too."""
    path, _, query = path.partition("?")
    sent = dict(pair.split("=", 1) for pair in query.split("&")) if query else {}
    if token:
        headers = (*headers, ("authorization", f"Bearer {house.token('operator', scope=Scope.SERVICE)}"))
    request = Request(method, path, split_path(path), sent, headers, body, "peer")
    pages = AdminPage(house.app.inside, Login(house.app.tokens), house.app._router.failure_of)
    try:
        return await pages.routes()(request)
    except Refused as refused:
        return refused.response


async def text(house: House, path: str) -> str:
    response = await ask(house, path)
    assert response.status == 200
    return response.body.decode()


async def seated(house: House, rules: str = "tally", *, spectators: str = "public") -> str:
    game_id = await house.new_game(rules, (ANNA, BEN), spectators=spectators)
    for user_id in (ANNA, BEN):
        await (await house.player(user_id)).join(game_id)
    return game_id


# ---- what they show


async def test_the_overview_tells_how_the_server_is(house: House) -> None:
    await seated(house)
    shown = await text(house, "/admin")
    assert '<span class="ok">ready</span>' in shown
    assert "Nothing has crashed." in shown
    assert "<dt>sessions</dt><dd>2</dd>" in shown


async def test_games_are_listed_in_memory_and_at_rest_and_can_be_filtered(house: House) -> None:
    here = await seated(house)
    there = await house.new_game("tally", ("npc:carl", "npc:dora"))
    shown = await text(house, "/admin/games")
    assert here in shown
    assert there in shown
    assert "at rest" in shown
    by_player = await text(house, "/admin/games?text=npc:carl&status=running")
    assert there in by_player
    assert here not in by_player
    assert "No game is like that." in await text(house, "/admin/games?text=&status=ended")


async def test_a_game_is_shown_as_a_spectator_sees_it(house: House) -> None:
    game_id = await seated(house, "crazy_eights")
    anna = await house.player(ANNA)
    hand = (await anna.join(game_id))["state"]["hand"]
    shown = await text(house, f"/admin/games/{game_id}")
    assert "crazy_eights" in shown
    assert "As a spectator sees it" in shown
    assert len([card for card in hand if f"&#34;{card}&#34;" in shown]) == 0


async def test_of_a_game_without_spectators_no_state_is_shown(house: House) -> None:
    shown = await text(house, f"/admin/games/{await seated(house, spectators='none')}")
    assert "has no spectators" in shown
    assert "<pre>" not in shown


async def test_what_is_no_game_is_not_found(house: House) -> None:
    for game_id in ("00000000-0000-4000-8000-000000000000", "a b"):
        assert (await ask(house, f"/admin/games/{game_id}")).status == 404


async def test_sessions_and_the_tree_and_the_configuration_are_shown(house: House) -> None:
    game_id = await seated(house)
    sessions = await text(house, "/admin/sessions")
    assert ANNA in sessions
    assert game_id in sessions
    assert "service clock" in await text(house, "/admin/tree")
    assert "configured in code" in await text(house, "/admin/config")


async def test_no_page_has_a_secret_a_pid_or_a_token(house: House) -> None:
    anna = await house.player(ANNA, recover=True)
    game_id = await house.new_game("tally", (ANNA, BEN), seed="the seed of this game")
    await anna.join(game_id)
    for path in ("", "/games", f"/games/{game_id}", "/sessions", "/tree", "/config"):
        shown = await text(house, f"/admin{path}")
        for secret in (anna.pid, house.token(ANNA), "the seed of this game", "the secret of the house"):
            assert secret not in shown


async def test_what_users_are_called_is_escaped(house: House) -> None:
    shown = await text(house, "/admin/games?text=%3Cscript%3E".replace("%3C", "<").replace("%3E", ">"))
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


# ---- who may see them


@pytest.mark.parametrize("path", ["", "/games", "/games/x", "/sessions", "/tree", "/config"])
async def test_without_a_token_a_browser_gets_the_form_and_a_program_401(house: House, path: str) -> None:
    form = await ask(house, f"/admin{path}", HTML, token=False)
    assert (form.status, b'<input type="password"' in form.body) == (401, True)
    refused = await ask(house, f"/admin{path}", token=False)
    assert (refused.status, b"service token" in refused.body) == (401, True)


async def test_a_players_token_is_not_enough(house: House) -> None:
    bearer = ("authorization", f"Bearer {house.token(ANNA)}")
    assert (await ask(house, "/admin", bearer, token=False)).status == 401
    entered = await ask(house, "/admin/login", method="POST", body=f"token={house.token(ANNA)}".encode(), token=False)
    assert (entered.status, entered.headers[0][0]) == (401, "Content-Type")


async def test_the_form_makes_the_token_a_cookie_that_no_script_and_no_other_site_can_use(house: House) -> None:
    token = house.token("operator", scope=Scope.SERVICE)
    entered = await ask(house, "/admin/login", method="POST", body=f"token={token}".encode(), token=False)
    headers = dict(entered.headers)
    assert (entered.status, headers["Location"]) == (303, "/admin")
    assert headers["Set-Cookie"] == f"{COOKIE}={token}; Path=/admin; HttpOnly; SameSite=Strict"
    assert (await ask(house, "/admin", ("cookie", f"{COOKIE}={token}"), token=False)).status == 200
    assert (await ask(house, "/admin", ("cookie", f"{COOKIE}=nonsense"), token=False)).status == 401


async def test_pages_run_no_script_and_stand_in_no_frame(house: House) -> None:
    headers = dict((await ask(house, "/admin")).headers)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


# ---- what they do


@pytest.mark.parametrize(
    "header", [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
)
async def test_what_another_site_sends_changes_nothing(house: House, header: tuple[str, str]) -> None:
    for path in ("/admin/drain", "/admin/login", "/admin/games/x/resume"):
        assert (await ask(house, path, header, ("host", "croupier"), method="POST")).status == 403
    assert not house.app.stopping


async def test_drain_asks_for_an_orderly_end(house: House) -> None:
    anna = await house.player(ANNA)
    answer = await ask(house, "/admin/drain", method="POST")
    assert (answer.status, house.app.stopping) == (303, True)
    await trio.sleep(1)
    assert [push.event for push in anna.pushes] == ["server:draining"]
