"""What keeps a command from starting, and what whoever typed it can mend."""

from __future__ import annotations


class StartError(Exception):
    """A foreseeable reason not to start: a wrong configuration, a taken port, a locked data directory.

    `str()` of it is one line that says what is wrong, where, and what to do about it, and holds no secret.
    The command line prints that line on standard error and exits with status 2; anything else that escapes is
    a fault of ours, and shows its traceback.
    """


class ConfigError(StartError):
    """A wrong key or value; the line begins with where it was set: `config.toml:12`, a variable, a flag."""


class SecretRefused(StartError):
    """The signing secret in the data directory cannot be made, read, or trusted."""
