"""The commands with which one plays and watches games: demo, play, arena, replay, openspiel."""

from __future__ import annotations

from pathlib import Path

import click

from net.cli_options import config_option, data_dir_option, folders, json_object, load, rules_path_option


@click.command()
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
@rules_path_option
def demo(*, players: int, rules: str, pace: float, seed: str | None, kill: bool, rules_path: str | None) -> None:
    """Watch a game: a server of its own, random players on real sockets, and a kill in the middle."""
    from net.demo import run_demo

    run_demo(players=players, rules=rules, pace=pace, seed=seed, kill=kill, rules_path=folders(rules_path))


@click.command()
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
@config_option
@data_dir_option
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

    config = load(config_file, data_dir=data_dir).config
    wanted = Wanted(rules, against, seed, json_object(options, "--options"), new)
    run_play(wanted, config, folder=folder or own_folder(), url=url, rules_path=config.games.rules_path)


@click.command()
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
@rules_path_option
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

    given = json_object(options, "--options")
    tournament = tournament_of(rules, bots, games, seed, given, iterations, seconds, folders(rules_path))
    run_arena(tournament, processes=processes, as_text=not as_json)


@click.command()
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
@config_option
@data_dir_option
@rules_path_option
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
    config = load(config_file, data_dir=data_dir, rules_path=rules_path).config
    from net.replay.command import run_replay

    run_replay(config, game_id, viewer=viewer, url=url, token=token, file=file, speed=speed, step=step, plain=plain)


@click.command()
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
