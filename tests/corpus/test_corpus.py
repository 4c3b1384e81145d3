"""The games that past versions wrote are replayed by this one to the very views that were shown then."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from net.event_codec import SCHEMA_VERSION, decode_event
from tests.corpus.shown import digest, shown

HERE = Path(__file__).parent
GAMES = sorted(HERE.glob("v*/*.jsonl"))


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("game", GAMES, ids=named)
def test_a_game_of_the_corpus_is_shown_as_it_was(game: Path) -> None:
    expected = orjson.loads(game.with_suffix(".json").read_bytes())
    views = shown(game.read_bytes().splitlines())
    then = dict(enumerate(expected["digests"], 1))
    now = {event_id: digest(each) for event_id, each in enumerate(views, 1)}
    assert [event_id for event_id in then.keys() | now.keys() if then.get(event_id) != now.get(event_id)] == []
    assert views[-1] == expected["final"]


@pytest.mark.parametrize("game", GAMES, ids=named)
def test_a_game_is_in_the_folder_of_the_version_that_wrote_it(game: Path) -> None:
    versions = {orjson.loads(line)["v"] for line in game.read_bytes().splitlines()}
    assert versions == {int(game.parent.name.removeprefix("v"))}


def test_every_version_has_written_every_kind_that_it_had() -> None:
    kinds = {
        version: {decode_event(line).kind for game in GAMES for line in lines_of(game, version)}
        for version in range(1, SCHEMA_VERSION + 1)
    }
    assert kinds[1] == {"created", "acted", "resigned", "aborted"}
    assert all(kinds[version] > kinds[1] for version in range(2, SCHEMA_VERSION + 1))


def lines_of(game: Path, version: int) -> list[bytes]:
    return game.read_bytes().splitlines() if game.parent.name == f"v{version}" else []
