"""The configuration as text: what `croupier config` prints, and the file that is checked in."""

from __future__ import annotations

import json
import textwrap
from pathlib import PurePath
from typing import TYPE_CHECKING

from net.config import KEYS, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from net.config_load import Loaded

_PREAMBLE = """\
Croupier's configuration: every key, at its default. A key that is left out keeps its default.

The command line reads the file that --config names, else config.toml in the working directory. A variable
CROUPIER_SECTION_KEY (CROUPIER_SERVER_PORT, say) overrides the file, and a flag overrides both.
`croupier config` prints what is in force, and where each value came from."""


def in_force(loaded: Loaded) -> str:
    """Every value in force as TOML, each with its origin in a comment. Secrets are masked."""
    lines = [f"# configuration file: {loaded.file or 'none'}"]
    for section, keys in KEYS.items():
        lines += ["", f"[{section}]"]
        values = getattr(loaded.config, section)
        written = {
            name: f"{name} = {_toml(key.mask(getattr(values, name)) if key.mask else getattr(values, name))}"
            for name, key in keys.items()
        }
        width = max(map(len, written.values()))
        lines += [f"{line:<{width}}  # {loaded.origins[section][name]}" for name, line in written.items()]
    return "\n".join(lines) + "\n"


def default_file() -> str:
    """A configuration file that sets every key to its default, with a comment on each."""
    lines = [f"# {line}".rstrip() for line in _PREAMBLE.splitlines()]
    for section, keys in KEYS.items():
        lines += ["", f"[{section}]", *_comment(SECTIONS[section].__doc__ or "")]
        for key in keys.values():
            lines += ["", *_comment(key.doc), f"{key.name} = {_toml(key.default)}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in textwrap.wrap(text, width=106))


def _toml(value: object) -> str:
    match value:
        case str() | PurePath():  # a JSON string is a TOML basic string, but for DEL
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)
