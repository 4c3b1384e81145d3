"""The command line. What a command needs is imported when it runs: `croupier token` waits for no server."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from net import __version__
from net.bench.commands import bench
from net.binary.command import version
from net.collector import calm_down
from net.drill.command import drill
from net.errors import StartError
from net.new_game.command import new_game
from net.testing.world.command import sim

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.ports import CrashPoints
    from actors.rules.interface import AnyRules
    from net.config_load import Loaded

F = TypeVar("F", bound=Callable[..., Any])


class _Refusal(click.ClickException):
    """A foreseeable error: one line, and status 2 as for a wrong command line."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        line = " ".join(self.message.splitlines())
        click.echo(f"croupier: {line}", file=file, err=file is None)


class _Croupier(click.Group):
    """The commands; each of their foreseeable errors becomes one line."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (click's)
        """Runs the chosen command. What is no StartError, or more than one, escapes as it is."""
        try:
            return super().invoke(ctx)
        except StartError as error:
            raise _Refusal(str(error)) from error
        except BaseExceptionGroup as group:  # a nursery hands on even a lone error in a group
            lone = _the_start_error(group)
            if lone is None:
                raise
            raise _Refusal(str(lone)) from group


def _the_start_error(group: BaseExceptionGroup[BaseException]) -> StartError | None:
    """The first StartError of a group that holds nothing else."""
    wanted, rest = group.split(StartError)
    if wanted is None or rest is not None:
        return None
    error: BaseException = wanted
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, StartError) else None


# ---- options that set keys of the configuration; they are checked like its other sources, not by click

_config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration file. [default: config.toml in the working directory, if there is one]",
)
_host_option = click.option("--host", metavar="HOST", help="The address to listen on.")
_port_option = click.option("--port", metavar="N", help="The TCP port; 0 takes a free one.")
_data_dir_option = click.option(
    "--data-dir", metavar="FOLDER", help="The folder for the store and the generated secret."
)
_rules_path_option = click.option(
    "--rules-path", metavar="FOLDERS", help="Folders with packages of rules, separated by commas."
)


_crash_points_option = click.option("--crash-points-fd", type=click.IntRange(3), hidden=True)


def _all_options(command: F) -> F:
    return _config_option(_host_option(_port_option(_data_dir_option(_rules_path_option(command)))))


def _load(config_file: Path | None, **flags: str | None) -> Loaded:
    """The configuration in force; a flag is named as its parameter. Raises ConfigError."""
    from net.config_load import find_file, load

    typed = {f"--{name.replace('_', '-')}": text for name, text in flags.items()}
    return load(find_file(config_file, Path()), os.environ, typed)


def _folders(rules_path: str | None) -> tuple[str, ...]:
    """Those of --rules-path, for a command that takes no configuration but this."""
    from net.config_load import load

    return load(None, {}, {"--rules-path": rules_path}).config.games.rules_path


# ---- the commands


@click.group(cls=_Croupier, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="croupier", message="%(prog)s %(version)s")
def main() -> None:
    """An authoritative server for turn-based games with hidden information."""


@main.command()
@_all_options
@_crash_points_option
def serve(
    config_file: Path | None,
    host: str | None,
    port: str | None,
    data_dir: str | None,
    rules_path: str | None,
    crash_points_fd: int | None,
) -> None:
    """Serve games, until SIGTERM or Ctrl-C.

    Prints one line, `croupier listening on http://HOST:PORT` (https with a certificate), when it is ready; the log
    goes to standard error.
    """
    calm_down()
    loaded = _load(config_file, host=host, port=port, data_dir=data_dir, rules_path=rules_path)
    _serve(loaded, crash_points=_crash_points(crash_points_fd))


def _serve(loaded: Loaded, *, crash_points: CrashPoints | None = None, besides: Iterable[AnyRules] = ()) -> None:
    from net.logs import configure

    configure(loaded.config.log)
    import trio

    from net.serve import serve_forever

    trio.run(
        partial(
            serve_forever, loaded.config, announce=_announce, crash_points=crash_points, besides=besides, loaded=loaded
        )
    )


def _crash_points(descriptor: int | None) -> CrashPoints:
    """Those that a drill may arm, if it is a drill that started us."""
    from actors.ports import NoCrashPoints
    from net.crash_points import InheritedCrashPoints

    return NoCrashPoints() if descriptor is None else InheritedCrashPoints.inherited(descriptor)


def _announce(url: str) -> None:
    click.echo(f"croupier listening on {url}")  # echo flushes: whoever waits for the line gets it at once


@main.command()
@click.argument("user_id")
@click.option("--service", is_flag=True, help="A service token, which makes and aborts games, in place of a player's.")
@click.option("--ttl", metavar="SECONDS", help="How long it is good for. [default: token_ttl of the configuration]")
@_config_option
@_data_dir_option
def token(user_id: str, *, service: bool, ttl: str | None, config_file: Path | None, data_dir: str | None) -> None:
    """Print a token for USER_ID.

    A person's id is a UUID; any other (npc:anna) is a non-player character. The token is good with servers
    that have the same secret: that of the configuration, or the one in the same data directory. Where there is
    none, it is made, and standard error says so.
    """
    config = _load(config_file, ttl=ttl, data_dir=data_dir).config
    from net.auth import Scope, Tokens, is_user_id, secret_for
    from net.outside import SystemClock, SystemEntropy

    if not is_user_id(user_id):
        raise StartError("USER_ID must have 1 to 64 characters, each a letter, a digit or one of :_.@-")
    secrets = secret_for(config, config.server.data_dir, SystemEntropy(), on_made=_announce_secret)
    tokens = Tokens(secrets, config.auth.audience, SystemClock())
    click.echo(tokens.issue(user_id, Scope.SERVICE if service else Scope.PLAYER, config.auth.token_ttl))


def _announce_secret(path: Path) -> None:
    where = path.absolute()
    text = f"made a new secret, {where}; a running server with another data directory does not accept this token"
    click.echo(f"croupier: {text}", err=True)


@main.command()
@_all_options
@click.option("--defaults", is_flag=True, help="Print a configuration file of all defaults, with comments, instead.")
def config(
    config_file: Path | None,
    host: str | None,
    port: str | None,
    data_dir: str | None,
    rules_path: str | None,
    *,
    defaults: bool,
) -> None:
    """Print the configuration in force, and where each value came from.

    Secrets are masked.
    """
    from net.config_text import default_file, in_force

    if defaults:
        click.echo(default_file(), nl=False)
    else:
        click.echo(
            in_force(_load(config_file, host=host, port=port, data_dir=data_dir, rules_path=rules_path)), nl=False
        )


@main.command()
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON instead.")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="How many levels below the root. [default: all]")
@_config_option
@_data_dir_option
def tree(*, watch: bool, as_json: bool, depth: int | None, config_file: Path | None, data_dir: str | None) -> None:
    """Show what runs in the server now: every supervisor, actor and service.

    Asks the server over its admin listener, as the configuration names it: by default a socket in its data directory,
    which only the user that runs the server can use.
    """
    if watch and as_json:
        raise click.UsageError("--watch shows a table: it does not go with --json")
    config = _load(config_file, data_dir=data_dir).config
    from net.admin.show import show_tree

    show_tree(config, watch=watch, as_text=not as_json, depth=depth)


@main.command()
@click.argument("game_id", metavar="[ID]", required=False)
@_config_option
@_data_dir_option
def resume(game_id: str | None, *, config_file: Path | None, data_dir: str | None) -> None:
    """Have the suspended game ID tried again; without ID, list the games that are suspended, and why.

    A game is suspended when its rules fail or take too long, and when the store lost some of it. Asks the server over
    its admin listener, as `croupier tree` does.
    """
    config = _load(config_file, data_dir=data_dir).config
    from net.admin.resume import list_suspended, resume_game

    if game_id is None:
        list_suspended(config)
    else:
        resume_game(config, game_id)


@main.command()
@click.option("--players", type=click.IntRange(2, 5), default=2, show_default=True, help="How many play.")
@click.option("--rules", default="crazy_eights", show_default=True, metavar="NAME", help="What they play.")
@click.option(
    "--pace",
    type=click.FloatRange(0, 60),
    default=0.25,
    show_default=True,
    metavar="SECONDS",
    help="How long a player thinks.",
)
@click.option("--seed", metavar="TEXT", help="The seed of the game and the players; the same one, the same game.")
@click.option(
    "--kill/--no-kill",
    default=True,
    show_default=True,
    help="Whether the server is killed (kill -9) and started again in the middle of the game.",
)
@_rules_path_option
def demo(*, players: int, rules: str, pace: float, seed: str | None, kill: bool, rules_path: str | None) -> None:
    """Watch a game: a server of its own, random players on real sockets, and a kill in the middle."""
    from net.demo import run_demo

    run_demo(players=players, rules=rules, pace=pace, seed=seed, kill=kill, rules_path=_folders(rules_path))


@main.command()
@click.argument("rules")
@click.option(
    "--against",
    "against",
    metavar="BOT",
    multiple=True,
    default=("mcts",),
    show_default="mcts",
    help="Who to play against: mcts, greedy or random. Several times for several.",
)
@click.option("--seed", metavar="TEXT", help="The seed of the game: the same one deals the same.")
@click.option("--options", metavar="JSON", help="Options of the rules, as POST /api/games takes them.")
@click.option("--new", is_flag=True, help="Begin a new game, though one against the same waits.")
@click.option("--url", metavar="URL", help="Play on this running server, http://127.0.0.1:8765 say.")
@click.option(
    "--folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where your games are kept. [default: croupier/play in $XDG_STATE_HOME or ~/.local/state]",
)
@_config_option
@_data_dir_option
def play(
    rules: str,
    *,
    against: tuple[str, ...],
    seed: str | None,
    options: str | None,
    new: bool,
    url: str | None,
    folder: Path | None,
    config_file: Path | None,
    data_dir: str | None,
) -> None:
    """Play RULES (duel, say) in the terminal, against one of the house's players.

    A server of its own is started, and ended with the command; the game that you leave waits, and the same command goes
    on with it. With --url the game is on a running server, whose secret the configuration or --data-dir must lead to.
    """
    from net.terminal.command import Wanted, own_folder, run_play

    config = _load(config_file, data_dir=data_dir).config
    wanted = Wanted(rules, against, seed, _json_object(options, "--options"), new)
    run_play(wanted, config, folder=folder or own_folder(), url=url, rules_path=config.games.rules_path)


@main.command()
@click.option("--rules", default="duel", show_default=True, metavar="NAME", help="What they play.")
@click.option("--bots", default="mcts,greedy,random", show_default=True, metavar="A,B,...", help="Who plays.")
@click.option(
    "--games", type=click.IntRange(2, 100_000), default=40, show_default=True, help="Games of each pair: two of a deal."
)
@click.option("--seed", default="arena", show_default=True, metavar="TEXT", help="The seed of all the deals.")
@click.option("--options", metavar="JSON", help="Options of the rules, as POST /api/games takes them.")
@click.option(
    "--iterations",
    type=click.IntRange(1),
    default=150,
    show_default=True,
    help="Positions that mcts imagines for each action; so the same seed plays the same games everywhere.",
)
@click.option("--seconds", type=click.FloatRange(0.001), help="Seconds for which mcts thinks, in place of iterations.")
@click.option("--processes", type=click.IntRange(1, 256), help="Games at once. [default: one for each core]")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@_rules_path_option
def arena(
    *,
    rules: str,
    bots: str,
    games: int,
    seed: str,
    options: str | None,
    iterations: int,
    seconds: float | None,
    processes: int | None,
    as_json: bool,
    rules_path: str | None,
) -> None:
    """Have the house's players play each other, and print how strong they are.

    Every deal is played twice, with the sides changed. Shares have Wilson's 95% interval; Elo is by Bradley and Terry's
    model, 1500 in the mean.
    """
    from net.arena.command import run_arena, tournament_of

    given = _json_object(options, "--options")
    tournament = tournament_of(rules, bots, games, seed, given, iterations, seconds, _folders(rules_path))
    run_arena(tournament, processes=processes, as_text=not as_json)


def _json_object(text: str | None, flag: str) -> dict[str, Any]:
    import json

    try:
        value = {} if text is None else json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StartError(f"{flag}: must be a JSON object")
    return value


main.add_command(bench)


@bench.command(name="serve")
@_all_options
@click.option(
    "--stages",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write there at the end where the time went, by stage of an action's way, as JSON.",
)
def bench_serve(
    config_file: Path | None,
    host: str | None,
    port: str | None,
    data_dir: str | None,
    rules_path: str | None,
    stages: Path | None,
) -> None:
    """Serve as `croupier serve` does, with the benchmarks' own game besides.

    For a load from other machines (`croupier bench load --url`), or from another program.
    """
    calm_down()
    from net.bench.stages import watch_stages
    from net.bench.workload import BenchDuel

    if stages is not None:
        watch_stages(stages)
    _serve(_load(config_file, host=host, port=port, data_dir=data_dir, rules_path=rules_path), besides=(BenchDuel(),))


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_config_option
@_data_dir_option
def backup(file: Path, *, config_file: Path | None, data_dir: str | None) -> None:
    """Copy the data directory into FILE, a tar file, while a server runs on it or not.

    It has the games, the archive and the secret: whoever can read it sees every hidden card. A Redis or a PostgreSQL of
    yours is not in it; they have backups of their own.
    """
    config = _load(config_file, data_dir=data_dir).config
    from net.backup import back_up
    from net.outside import SystemClock

    saved = back_up(config, file, at=SystemClock().now())
    where = "a server runs on it" if saved.running else "no server runs on it"
    click.echo(f"{file}: {len(saved.files)} files of {config.server.data_dir.absolute()} ({where})")
    for key, url in (("[store] redis_url", config.store.redis_url), ("[archive] url", config.archive.url)):
        if url:
            click.echo(f"croupier: {key} is set: what stands there is not in the backup", err=True)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_config_option
@_data_dir_option
def restore(file: Path, *, config_file: Path | None, data_dir: str | None) -> None:
    """Make a data directory of FILE, which `croupier backup` made. There must be none yet."""
    config = _load(config_file, data_dir=data_dir).config
    from net.backup import restore as put_back

    names = put_back(file, config.server.data_dir)
    click.echo(f"{config.server.data_dir.absolute()}: {len(names)} files of {file}")


main.add_command(drill)
main.add_command(sim)
main.add_command(new_game)
main.add_command(version)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON instead.")
@click.option("--write", is_flag=True, hidden=True, help="Write the catalogue and the page of this checkout anew.")
@click.option("--trials", is_flag=True, hidden=True)
def openspiel(*, as_json: bool, write: bool, trials: bool) -> None:
    """List which of OpenSpiel's games can be played, and why not the others.

    Every game is tried, which takes a minute. Needs croupier[openspiel].
    """
    from net.openspiel import run_openspiel, run_trials

    if trials:
        run_trials()
    else:
        run_openspiel(write=write, json=as_json)


@main.command("rules-worker", hidden=True)
def rules_worker() -> None:
    """What rules in native code run in; the server starts it."""
    from net.rules_worker import run_worker

    run_worker()


@drill.command(name="serve", hidden=True)
@_all_options
@_crash_points_option
def drill_serve(
    config_file: Path | None,
    host: str | None,
    port: str | None,
    data_dir: str | None,
    rules_path: str | None,
    crash_points_fd: int | None,
) -> None:
    """Serve as `croupier serve` does, with the drill's own game besides."""
    calm_down()
    from net.drill.rules import PeacefulEights

    loaded = _load(config_file, host=host, port=port, data_dir=data_dir, rules_path=rules_path)
    _serve(loaded, crash_points=_crash_points(crash_points_fd), besides=(PeacefulEights(),))


@main.command()
@click.argument("game_id", metavar="[ID]", required=False)
@click.option(
    "--as", "viewer", metavar="WHO", default="spectator", show_default=True, help="A player, spectator or all."
)
@click.option("--url", metavar="URL", help="Ask this running server, http://127.0.0.1:8765 say.")
@click.option(
    "--token", metavar="T", help="The token to ask it with. [default: one of the secret in the data directory]"
)
@click.option(
    "--file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the answer of GET /api/games/ID/replay, kept in a file.",
)
@click.option(
    "--speed", type=click.FloatRange(0.1, 100), default=1.0, show_default=True, metavar="S", help="Events a second."
)
@click.option("--step", is_flag=True, help="Wait for a key before each event.")
@click.option("--plain", is_flag=True, help="Print all events as text, as is done anyway where there is no terminal.")
@_config_option
@_data_dir_option
@_rules_path_option
def replay(
    game_id: str | None,
    *,
    viewer: str,
    url: str | None,
    token: str | None,
    file: Path | None,
    speed: float,
    step: bool,
    plain: bool,
    config_file: Path | None,
    data_dir: str | None,
    rules_path: str | None,
) -> None:
    """Step through the game ID, which is over, as one of its viewers saw it.

    It is read from the archive, which a server may be using meanwhile; or from a running server (--url), which also
    has the games that have only just ended; or from a file. Keys: space plays and pauses, arrows step, g jumps, v
    changes the viewer, q quits.
    """
    config = _load(config_file, data_dir=data_dir, rules_path=rules_path).config
    from net.replay.command import run_replay

    run_replay(config, game_id, viewer=viewer, url=url, token=token, file=file, speed=speed, step=step, plain=plain)
