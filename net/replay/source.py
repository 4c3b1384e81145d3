"""Where the events of a game that is over come from: a running server, the archive, a file."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import orjson
import trio

from actors.ports import ArchiveUnavailable, GameNotFound, StoreLostData
from net.archive.archive import open_to_read
from net.client.errors import ApiFailed, ConnectionLost
from net.client.http import Api
from net.config_key import mask_password
from net.errors import StartError
from net.replay.document import BadReplay, parse_replay
from net.replay.reel import CannotReplay

if TYPE_CHECKING:
    from pathlib import Path

    from actors.events import Event
    from net.client.streams import Connector

ANSWER_WITHIN: Final = 30.0
"""Seconds that a server has to give a replay out."""


def from_file(path: Path, game_id: str | None) -> tuple[Event, ...]:
    """The game of a file that holds what `GET /api/games/{id}/replay` answered. Raises CannotReplay."""
    try:
        events = parse_replay(orjson.loads(path.read_bytes()))
    except OSError as error:
        raise CannotReplay(f"--file: cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # BadReplay, or no JSON
        why = str(error) if isinstance(error, BadReplay) else "it is no JSON"
        raise CannotReplay(f"--file: {path} holds no replay: {why}") from None
    return _the_one(events, game_id, f"{path} holds")


def from_archive(url: str, game_id: str) -> tuple[Event, ...]:
    """The game in the archive at this URL, which a server may be using. Raises CannotReplay, ArchiveNotUsable,
    ArchiveTooNew, ArchiveTooOld."""
    try:
        with open_to_read(url) as games:
            return games.events(game_id)
    except GameNotFound:
        raise CannotReplay(
            f"game {game_id} is not in the archive {mask_password(url)}; ask a running server for one that has only"
            " just ended: --url"
        ) from None
    except (ArchiveUnavailable, StoreLostData) as error:
        raise CannotReplay(f"game {game_id} cannot be read: {error}") from None


async def from_server(url: str, token: str, game_id: str) -> tuple[Event, ...]:
    """The game as a running server gives it out. Raises CannotReplay, and StartError for a wrong URL."""
    connect = connector(url)
    try:
        with trio.fail_after(ANSWER_WITHIN):
            document = await Api(connect, token).replay(game_id)
        return _the_one(parse_replay(document), game_id, "the server gave out")
    except ApiFailed as failed:
        raise CannotReplay(f"the server does not give game {game_id} out: {failed.message or failed}") from None
    except trio.TooSlowError:
        raise CannotReplay(f"no answer from {url} within {ANSWER_WITHIN:g} s") from None
    except (OSError, ConnectionLost, trio.BrokenResourceError) as error:
        raise CannotReplay(f"cannot reach {url}: {' '.join(str(error).split())}") from None
    except BadReplay as bad:
        raise CannotReplay(f"{url} gave out what is no replay: {bad}") from None


def connector(url: str) -> Connector:
    """How to connect to the server of this URL. Raises StartError."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/"):
        raise StartError("--url: must be the address of a server, such as http://127.0.0.1:8765")
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return partial(trio.open_ssl_over_tcp_stream, host, port or 443, https_compatible=True, ssl_context=context)
    return partial(trio.open_tcp_stream, host, port or 80)


def _the_one(events: tuple[Event, ...], game_id: str | None, who: str) -> tuple[Event, ...]:
    found = getattr(events[0], "game_id", None)
    if game_id is not None and found != game_id:
        raise CannotReplay(f"{who} game {found}, not {game_id}")
    return events
