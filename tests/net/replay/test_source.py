"""Where a game to be replayed comes from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from net.archive import archive_url, open_archive
from net.archive.errors import ArchiveNotUsable
from net.errors import StartError
from net.replay.document import replay_json
from net.replay.reel import CannotReplay
from net.replay.source import connector, from_archive, from_file, from_server
from tests.samples.recorded import ANNA, BEN, a_tally
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from pathlib import Path

    from net.testing.house import House

EVENTS, DESCRIPTION = a_tally().whole


@pytest.fixture
def house_rules() -> Registry:
    return Registry([CrazyEights(), Tally()])


# ---- a file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "replay.json"
    path.write_bytes(orjson.dumps(replay_json(DESCRIPTION, EVENTS)))
    return path


def test_a_game_is_read_from_a_file(file: Path) -> None:
    assert from_file(file, None) == EVENTS
    assert from_file(file, "game-1") == EVENTS


def test_a_file_that_holds_another_game_or_none_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotReplay, match=f"^{file} holds game game-1, not game-2$"):
        from_file(file, "game-2")
    with pytest.raises(CannotReplay, match=r"^--file: cannot read .*: No such file or directory$"):
        from_file(tmp_path / "nothing", None)
    file.write_text("{'event': 1}")
    with pytest.raises(CannotReplay, match=f"^--file: {file} holds no replay: it is no JSON$"):
        from_file(file, None)
    file.write_text('{"error": {"code": "game_running"}}')
    with pytest.raises(CannotReplay, match=f"^--file: {file} holds no replay: it is no object with a list of events$"):
        from_file(file, None)


# ---- the archive


def test_a_game_is_read_from_the_archive_that_a_server_has_open(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_archive(archive_url("", tmp_path)) as archive:
            await archive.put(EVENTS, DESCRIPTION)
            assert from_archive(archive_url("", tmp_path), "game-1") == EVENTS

    trio.run(main)
    with pytest.raises(CannotReplay, match=r"^game game-2 is not in the archive sqlite:.*; ask a running server"):
        from_archive(archive_url("", tmp_path), "game-2")


def test_without_an_archive_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArchiveNotUsable, match=r"^cannot use the archive: sqlite:.*: unable to open database file$"):
        from_archive(archive_url("", tmp_path), "game-1")


# ---- a server


async def test_a_game_is_asked_of_a_server(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("net.replay.source.connector", lambda url: partial(house._connect, "visitor"))
    game_id = await house.new_game("tally", (ANNA, BEN))
    with pytest.raises(CannotReplay, match=f"^the server does not give game {game_id} out: the game is not over"):
        await from_server("http://house", house.token(ANNA), game_id)
    await house.api.request("POST", f"/api/games/{game_id}/abort", json={"reason": "enough"})
    created, aborted = await from_server("http://house", house.token(ANNA), game_id)
    assert (created.kind, aborted.kind) == ("created", "aborted")
    with pytest.raises(CannotReplay, match=r"a replay is for the players of the game$"):
        await from_server("http://house", house.token("npc:eve"), game_id)
    await house.crash()
    with pytest.raises(CannotReplay, match=r"^cannot reach http://house: "):
        await from_server("http://house", house.token(ANNA), game_id)


@pytest.mark.parametrize(
    ("url", "opens", "port"),
    [
        ("http://h", trio.open_tcp_stream, 80),
        ("http://h:8765/", trio.open_tcp_stream, 8765),
        ("https://h", trio.open_ssl_over_tcp_stream, 443),
        ("https://[::1]:8443", trio.open_ssl_over_tcp_stream, 8443),
    ],
)
def test_a_servers_url_says_how_to_connect(url: str, opens: object, port: int) -> None:
    connect = connector(url)
    assert isinstance(connect, partial)
    assert connect.func is opens
    assert connect.args[1] == port


@pytest.mark.parametrize("url", ["", "h:8765", "ftp://h", "http://", "http://h:port", "http://h/api", "http://h:99999"])
def test_what_is_no_servers_url_is_refused(url: str) -> None:
    with pytest.raises(StartError, match=r"^--url: must be the address of a server, such as http://127\.0\.0\.1:8765$"):
        connector(url)
