"""The options that many commands have. Those that set keys of the configuration are checked like its other sources, not
by click."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from net.errors import StartError

if TYPE_CHECKING:
    from net.config_load import Loaded

F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration file. [default: config.toml in the working directory, if there is one]",
)
host_option = click.option("--host", metavar="HOST", help="The address to listen on.")
port_option = click.option("--port", metavar="N", help="The TCP port; 0 takes a free one.")
data_dir_option = click.option(
    "--data-dir", metavar="FOLDER", help="The folder for the store and the generated secret."
)
rules_path_option = click.option(
    "--rules-path", metavar="FOLDERS", help="Folders with packages of rules, separated by commas."
)
crash_points_option = click.option("--crash-points-fd", type=click.IntRange(3), hidden=True)
until_eof_option = click.option("--until-eof", is_flag=True, hidden=True)
"""For a server that another program starts (`net.process`): it ends in order when its standard input does, as it does
when that program is gone, however it went."""


class AllOptions(TypedDict):
    """What a command that has `all_options` is given of them, for `load`."""

    config_file: Path | None
    host: str | None
    port: str | None
    data_dir: str | None
    rules_path: str | None


def all_options(command: F) -> F:
    """Those of a command that serves, or shows what would be served by (`AllOptions`)."""
    return config_option(host_option(port_option(data_dir_option(rules_path_option(command)))))


def load(config_file: Path | None, **flags: str | None) -> Loaded:
    """The configuration in force; a flag is named as its parameter. Raises ConfigError."""
    from net.config_load import find_file, load

    typed = {f"--{name.replace('_', '-')}": text for name, text in flags.items()}
    return load(find_file(config_file, Path()), os.environ, typed)


def folders(rules_path: str | None) -> tuple[str, ...]:
    """Those of --rules-path, for a command that takes no configuration but this."""
    from net.config_load import load

    return load(None, {}, {"--rules-path": rules_path}).config.games.rules_path


def json_object(text: str | None, flag: str) -> dict[str, Any]:
    """What was given with this flag; nothing is the empty object. Raises StartError."""
    import json

    try:
        value = {} if text is None else json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StartError(f"{flag}: must be a JSON object")
    return value
