"""docs/deploy/Caddyfile as it stands there, but for its name, its port and its certificate, in a real Caddy.
`apt install caddy` first, and then pytest with the name of this folder, which is left out otherwise."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from net.client import Over
from net.process import quiet_port
from tests.deploy.proxies import UPSTREAM, example, listening, players_play, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

AROUND = """{{
	admin off
	auto_https disable_redirects
	servers {{
		protocols h1 h2
	}}
}}

{example}
"""
"""No port but the one: none to be administered by, none for plain HTTP, none of UDP for HTTP/3."""

SITE = """https://localhost:{port} {{
	bind 127.0.0.1
	tls {folder}/fullchain.pem {folder}/privkey.pem
"""
"""A certificate that is there, instead of one that is fetched."""


@asynccontextmanager
async def caddy(folder: Path, upstream: str) -> AsyncIterator[int]:
    """See `Proxy`. Whatever it keeps, it keeps in the folder."""
    port = quiet_port()
    changes = {UPSTREAM: upstream, "play.example.org {\n": SITE.format(port=port, folder=folder)}
    configuration = folder / "Caddyfile"
    configuration.write_text(AROUND.format(example=example("Caddyfile", changes)))
    command = [program("caddy", "caddy"), "run", "--config", str(configuration), "--adapter", "caddyfile"]
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "share")}
    async with listening(command, port, folder / "caddy.log", own):
        yield port


@pytest.mark.parametrize("over", list(Over))
async def test_players_play_through_caddy_each_way(tmp_path: Path, over: Over) -> None:
    await players_play(caddy, tmp_path, over)
