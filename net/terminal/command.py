"""From the command line to the table and back: a server of its own, or one that runs, the person's id, and the game
that is begun or gone on with."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from attrs import field, frozen
from rich.console import Console

from actors.bots.players import KINDS, kind_of
from actors.rules.interface import JsonObject
from net.auth import Scope, Tokens, is_person, secret_for
from net.client import Api, ApiFailed, ConnectionLost, CroupierClient, RequestFailed
from net.client.errors import leaves
from net.config import KEYS, Config
from net.demo.words import Glyphs
from net.errors import StartError
from net.interrupt import interruptible
from net.outside import SystemClock, SystemEntropy, new_id
from net.process import ServerProcess, without_rates
from net.replay.source import connector
from net.rules_path import absolute
from net.secret_file import FILE_NAME
from net.terminal.picture import Picture
from net.terminal.sitting import Left, Sitting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rich.text import Text

    from net.client.streams import Connector
    from net.terminal.sitting import Ask

_PERSON: Final = "player"
"""The file in which the person's id is kept, so that they find their games again."""

_TOKEN_TTL: Final = 30 * 86400.0
_NO_LINE: Final = ""


def _kinds(bots: Sequence[str]) -> tuple[str, ...]:
    """The kinds of these players, who may be named as the users that they are: `mcts`, `npc:mcts`."""
    kinds = []
    for bot in bots:
        kind = bot if bot in KINDS else kind_of(bot)
        if kind is None:
            raise StartError(f"--against: there is no {bot}; there are {', '.join(KINDS)}")
        kinds.append(kind)
    return tuple(kinds)


@frozen
class Wanted:
    """What was asked for on the command line. Raises StartError when one of those to play against is none of ours."""

    rules: str
    against: tuple[str, ...] = field(converter=_kinds)
    seed: str | None = None
    options: JsonObject = field(factory=dict)
    new: bool = False


def own_folder() -> Path:
    """Where games that are played in the terminal are kept, if nothing else is said (XDG Base Directory
    Specification: state that is to persist)."""
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "croupier" / "play"


def run_play(
    wanted: Wanted, config: Config, *, folder: Path, url: str | None = None, rules_path: Sequence[str] = ()
) -> None:
    """Plays a game on standard input and output. Raises StartError for what cannot be begun; SystemExit when it was
    interrupted."""
    console = Console(highlight=False, soft_wrap=True)
    status = trio.run(_Evening(wanted, config, folder, url, absolute(rules_path), console).run)
    if status:
        raise SystemExit(status)


@frozen(eq=False)
class _Evening:
    """One run of the command."""

    wanted: Wanted
    config: Config
    folder: Path
    url: str | None
    rules_path: Sequence[str]
    console: Console

    async def run(self) -> int:
        """Returns the exit status."""
        try:
            async with interruptible() as interrupt, self._server() as (connect, token):
                await self._play(connect, token)
        except* (OSError, ConnectionLost) as lost:
            raise StartError(f"the server is gone: {_said(lost)}") from None
        except* ApiFailed as failed:
            raise StartError(f"the server does not make this game: {_said(failed)}") from None
        except* RequestFailed as failed:
            raise StartError(f"the server refuses: {_said(failed)}") from None
        if interrupt.status:
            self.console.print()
            self._say_how_to_come_back()
        return interrupt.status

    @asynccontextmanager
    async def _server(self) -> AsyncIterator[tuple[Connector, Callable[[str, Scope], str]]]:
        if self.url is not None:
            tokens = _tokens_of(self.config)
            yield connector(self.url), lambda user_id, scope: tokens.issue(user_id, scope, _TOKEN_TTL)
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        environ = without_rates()
        if self.rules_path:
            environ[KEYS["games"]["rules_path"].variable] = ",".join(self.rules_path)
        async with ServerProcess(self.folder, "the server", environ=environ) as server:
            with self.console.status("the server starts"):
                await server.start()
            yield server.connect, server.token
            with trio.CancelScope(shield=True):
                await server.stop()

    async def _play(self, connect: Connector, token: Callable[[str, Scope], str]) -> None:
        person = _person(self.folder)
        api = Api(connect, token(person, Scope.SERVICE))
        game_id, again = await self._game(api, person)
        words = "going on with" if again else "game"
        self.console.print(f"{words} {game_id}: {self.wanted.rules}, you against {', '.join(self.wanted.against)}")
        glyphs = Glyphs(ascii=self.console.options.ascii_only)
        async with trio.open_nursery() as nursery:
            ask = await nursery.start(_keep_reading, self.console)
            reconnect = partial(CroupierClient.connect_ws, nursery, connect, token(person, Scope.PLAYER))
            try:
                await Sitting(game_id, Picture(person, glyphs), reconnect, self._show, ask).play()
            except* Left:
                self._say_how_to_come_back()
            nursery.cancel_scope.cancel()

    async def _game(self, api: Api, person: str) -> tuple[str, bool]:
        """The game to play, and whether it is one that was left."""
        wanted = self.wanted
        players = (person, *_seats(wanted.against))
        if not wanted.new:
            for game in (await api.games_of(person, limit=50))["games"]:
                if (
                    game["status"] == "running"
                    and game["rules"] == wanted.rules
                    and set(game["players"]) == set(players)
                ):
                    return game["game_id"], True
        made = await api.create_game(wanted.rules, players, options=wanted.options or None, seed=wanted.seed)
        return made, False

    def _show(self, lines: list[Text]) -> None:
        for line in lines:
            self.console.print(line)

    def _say_how_to_come_back(self) -> None:
        against = "".join(f" --against {bot}" for bot in self.wanted.against)
        where = f" --url {self.url}" if self.url else ""
        self.console.print(
            f"The game waits for you: croupier play {self.wanted.rules}{against}{where} goes on with it.", style="dim"
        )


def _seats(against: Sequence[str]) -> list[str]:
    """The users of these bots; a second of one kind is told apart by a number."""
    seats: list[str] = []
    for bot in against:
        number = sum(seat.split(":")[1] == bot for seat in seats)
        seats.append(f"npc:{bot}:{number + 1}" if number else f"npc:{bot}")
    return seats


def _tokens_of(config: Config) -> Tokens:
    data_dir = config.server.data_dir
    if not (config.auth.secrets or config.auth.secret or (data_dir / FILE_NAME).exists()):
        raise StartError(
            f"--url: needs the server's secret, and there is none in {data_dir}: --data-dir names its folder"
        )
    return Tokens(secret_for(config, data_dir, SystemEntropy()), config.auth.audience, SystemClock())


def _person(folder: Path) -> str:
    """The id of whoever plays here, made once."""
    path = folder / _PERSON
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and is_person(kept := path.read_text("utf-8").strip()):
            return kept
        made = new_id(SystemEntropy())
        path.write_text(f"{made}\n", "utf-8")
    except OSError as error:
        raise StartError(f"{path}: cannot keep who plays here: {error.strerror}") from None
    return made


async def _keep_reading(console: Console, task_status: trio.TaskStatus[Ask]) -> None:
    """Reads standard input, a line at a time, ahead of who asks: a question that is withdrawn loses no line."""
    send, receive = trio.open_memory_channel[str](16)

    async def ask(prompt: str) -> str | None:
        console.print(prompt, end="", style="bold")
        try:
            line = await receive.receive()
        except trio.EndOfChannel:
            console.print()
            return None
        if not sys.stdin.isatty():
            console.print(line)
        return line

    task_status.started(ask)
    async with send:
        while (line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)) != _NO_LINE:
            await send.send(line.rstrip("\n"))


def _said(group: BaseExceptionGroup[BaseException]) -> str:
    error = leaves(group)[0]
    return " ".join(str(getattr(error, "message", "") or error).split())
