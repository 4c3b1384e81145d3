"""The command line. What a command needs is imported when it runs: `croupier token` waits for no server."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Unpack

import click

from net import __version__
from net.bench.commands import bench
from net.binary.command import version
from net.cli_games import arena, demo, openspiel, play, replay
from net.cli_options import all_options, config_option, data_dir_option, load
from net.cli_serve import bench_serve, drill_serve, rules_worker, serve
from net.drill.command import drill
from net.errors import StartError
from net.new_game.command import new_game
from net.testing.world.command import sim

if TYPE_CHECKING:
    from net.cli_options import AllOptions


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


# ---- the commands


@click.group(cls=_Croupier, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="croupier", message="%(prog)s %(version)s")
def main() -> None:
    """An authoritative server for turn-based games with hidden information."""


@main.command()
@click.argument("user_id")
@click.option("--service", is_flag=True, help="A service token, which makes and aborts games, in place of a player's.")
@click.option("--ttl", metavar="SECONDS", help="How long it is good for. [default: token_ttl of the configuration]")
@config_option
@data_dir_option
def token(user_id: str, *, service: bool, ttl: str | None, config_file: Path | None, data_dir: str | None) -> None:
    """Print a token for USER_ID.

    A person's id is a UUID; any other (npc:anna) is a non-player character. The token is good with servers
    that have the same secret: that of the configuration, or the one in the same data directory. Where there is
    none, it is made, and standard error says so.
    """
    config = load(config_file, ttl=ttl, data_dir=data_dir).config
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
@all_options
@click.option("--defaults", is_flag=True, help="Print a configuration file of all defaults, with comments, instead.")
def config(*, defaults: bool, **options: Unpack[AllOptions]) -> None:
    """Print the configuration in force, and where each value came from.

    Secrets are masked.
    """
    from net.config_text import default_file, in_force

    if defaults:
        click.echo(default_file(), nl=False)
    else:
        click.echo(in_force(load(**options)), nl=False)


@main.command()
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON instead.")
@click.option("--depth", type=click.IntRange(0), metavar="N", help="How many levels below the root. [default: all]")
@config_option
@data_dir_option
def tree(*, watch: bool, as_json: bool, depth: int | None, config_file: Path | None, data_dir: str | None) -> None:
    """Show what runs in the server now: every supervisor, actor and service.

    Asks the server over its admin listener, as the configuration names it: by default a socket in its data directory,
    which only the user that runs the server can use.
    """
    if watch and as_json:
        raise click.UsageError("--watch shows a table: it does not go with --json")
    config = load(config_file, data_dir=data_dir).config
    from net.admin.show import show_tree

    show_tree(config, watch=watch, as_text=not as_json, depth=depth)


@main.command()
@click.argument("game_id", metavar="[ID]", required=False)
@config_option
@data_dir_option
def resume(game_id: str | None, *, config_file: Path | None, data_dir: str | None) -> None:
    """Have the suspended game ID tried again; without ID, list the games that are suspended, and why.

    A game is suspended when its rules fail or take too long, and when the store lost some of it. Asks the server over
    its admin listener, as `croupier tree` does.
    """
    config = load(config_file, data_dir=data_dir).config
    from net.admin.resume import list_suspended, resume_game

    if game_id is None:
        list_suspended(config)
    else:
        resume_game(config, game_id)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@data_dir_option
def backup(file: Path, *, config_file: Path | None, data_dir: str | None) -> None:
    """Copy the data directory into FILE, a tar file, while a server runs on it or not.

    It has the games, the archive and the secret: whoever can read it sees every hidden card. A Redis or a PostgreSQL of
    yours is not in it; they have backups of their own.
    """
    config = load(config_file, data_dir=data_dir).config
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
@config_option
@data_dir_option
def restore(file: Path, *, config_file: Path | None, data_dir: str | None) -> None:
    """Make a data directory of FILE, which `croupier backup` made. There must be none yet."""
    config = load(config_file, data_dir=data_dir).config
    from net.backup import restore as put_back

    names = put_back(file, config.server.data_dir)
    click.echo(f"{config.server.data_dir.absolute()}: {len(names)} files of {file}")


for command in (serve, demo, play, arena, replay, openspiel, bench, drill, sim, new_game, version, rules_worker):
    main.add_command(command)
bench.add_command(bench_serve)
drill.add_command(drill_serve)
