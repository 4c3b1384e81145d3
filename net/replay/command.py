"""From the command line to what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from net.archive import archive_url
from net.auth import Scope, Tokens, secret_for
from net.errors import StartError
from net.outside import SystemClock, SystemEntropy
from net.replay.reel import CannotReplay, reel_of
from net.replay.run import show
from net.replay.source import from_archive, from_file, from_server
from net.rules_path import rules_on_offer
from net.secret_file import FILE_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from actors.events import Event
    from net.config import Config

_TOKEN_GOOD_FOR = 60.0


def run_replay(
    config: Config,
    game_id: str | None,
    *,
    viewer: str,
    url: str | None,
    token: str | None,
    file: Path | None,
    speed: float,
    step: bool,
    plain: bool,
) -> None:
    """Shows a game that is over. It comes from `file`, from the server at `url`, or from the archive of the
    configuration, in this order. Raises StartError."""
    if file is not None and url is not None:
        raise StartError("--file and --url: a game comes from one of them")
    if token is not None and url is None:
        raise StartError("--token: is for a server, which --url names")
    events = _events(config, game_id, url=url, token=token, file=file)
    reel = reel_of(events, rules_on_offer(config.games.rules_path))
    show(reel, reel.viewer(viewer), speed=speed, step=step, plain=plain)


def _events(
    config: Config, game_id: str | None, *, url: str | None, token: str | None, file: Path | None
) -> tuple[Event, ...]:
    if file is not None:
        return from_file(file, game_id)
    if game_id is None:
        raise CannotReplay("the ID of a game is needed, or a --file")
    if url is not None:
        return trio.run(from_server, url, _service_token(config) if token is None else token, game_id)
    return from_archive(archive_url(config.archive.url, config.server.data_dir), game_id)


def _service_token(config: Config) -> str:
    """A token of the configured secret, or of the one in the data directory; none is made here, for no server would
    know it."""
    data_dir = config.server.data_dir
    if not (config.auth.secrets or config.auth.secret or (data_dir / FILE_NAME).exists()):
        raise StartError(f"--token: is needed, as there is no secret in {data_dir}; `croupier token` prints one")
    secrets = secret_for(config, data_dir, SystemEntropy())
    return Tokens(secrets, config.auth.audience, SystemClock()).issue("croupier:replay", Scope.SERVICE, _TOKEN_GOOD_FOR)
