"""The configuration in force: the defaults, the file, the environment and the flags, laid over each other.

Wrong keys and values are named with where they were set, in one line, whatever the source. A value that
another source overrides is checked too, so that taking the override away cannot break the next start.
"""

from __future__ import annotations

import difflib
import enum
import json
import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cattrs
from attrs import frozen

from net import config_file
from net.config import KEYS, SECTIONS, Config
from net.config_key import Key
from net.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEFAULT_FILE = Path("config.toml")

FLAGS: Mapping[str, Key] = {
    "--host": KEYS["server"]["host"],
    "--port": KEYS["server"]["port"],
    "--data-dir": KEYS["server"]["data_dir"],
    "--rules-path": KEYS["games"]["rules_path"],
    "--ttl": KEYS["auth"]["token_ttl"],
}
"""The flags of the command line that set a key."""

_VARIABLES: Mapping[str, Key] = {key.variable: key for keys in KEYS.values() for key in keys.values()}

# Kubernetes sets these in every pod beside a service that is called croupier, or croupier-something.
_SERVICE_LINK = re.compile(
    r"CROUPIER_(\w+_)?(SERVICE_HOST=|SERVICE_PORT(_\w+)?=|PORT_\d+_(TCP|UDP|SCTP)|PORT=(tcp|udp|sctp)://)"
)


class Source(enum.StrEnum):
    """Where a value can come from, the weakest first."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@frozen
class Origin:
    """Where a value came from; `place` is what errors begin with: `config.toml:12`, a variable, a flag."""

    source: Source
    place: str = ""

    def __str__(self) -> str:
        """`default`, `file config.toml:12`, `environment CROUPIER_SERVER_PORT`, `flag --port`."""
        return f"{self.source} {self.place}".rstrip()


@frozen
class Loaded:
    """The configuration in force, where each value came from (by section and name), and the file read."""

    config: Config
    origins: Mapping[str, Mapping[str, Origin]]
    file: Path | None = None


@frozen
class _Setting:
    """A value that a source gives to a key, not yet checked."""

    key: Key
    raw: object
    origin: Origin


def find_file(chosen: Path | None, folder: Path) -> Path | None:
    """The file to read: the chosen one, else `config.toml` if the folder has it, else none.

    Found in the folder it is named without it, as the person who works there would.
    """
    if chosen is not None:
        return chosen
    return DEFAULT_FILE if (folder / DEFAULT_FILE).exists() else None


def load(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, str | None]) -> Loaded:
    """Reads the file, if any, and lays the environment and the flags over it.

    `flags` are those of FLAGS, as they were typed; None is one that was not. Raises ConfigError for the first
    thing that is wrong.
    """
    values = {section: {name: key.default for name, key in keys.items()} for section, keys in KEYS.items()}
    origins = {section: dict.fromkeys(keys, Origin(Source.DEFAULT)) for section, keys in KEYS.items()}
    for setting in chain(_from_file(file), _from_environment(environ), _from_flags(flags)):
        key = setting.key
        values[key.section][key.name] = _admitted(setting)
        origins[key.section][key.name] = setting.origin
    config = Config(**{section: cls(**values[section]) for section, cls in SECTIONS.items()})
    if config.auth.secret and config.auth.secrets:
        places = f"{origins['auth']['secret'].place} and {origins['auth']['secrets'].place}"
        raise ConfigError(f"{places}: [auth] secret and [auth] secrets are both set; set one of them")
    server = config.server
    if bool(server.tls_certificate) != bool(server.tls_key):
        given, missing = ("certificate", "key") if server.tls_certificate else ("key", "certificate")
        place = origins["server"][f"tls_{given}"].place
        raise ConfigError(f"{place}: [server] tls_{given} is set, but tls_{missing} is not; set both, or none")
    return Loaded(config, origins, file)


# ---- the sources


def _from_file(file: Path | None) -> Iterator[_Setting]:
    if file is None:
        return
    document = config_file.read(file)
    for section, table in document.values.items():
        if section not in KEYS:
            raise ConfigError(f"{document.place(section)}: {_unknown_section(section, table)}")
        if not isinstance(table, dict):
            raise ConfigError(f"{document.place(section)}: [{section}] must be a section, not {_shown(table)}")
        for name, raw in table.items():
            place = document.place(section, name)
            if name not in KEYS[section]:
                raise ConfigError(f"{place}: {_unknown_key(section, name)}")
            yield _Setting(KEYS[section][name], raw, Origin(Source.FILE, place))


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Setting]:
    for variable in sorted(environ):
        key = _VARIABLES.get(variable)
        if key is not None:
            yield _Setting(key, _from_text(environ[variable], key), Origin(Source.ENVIRONMENT, variable))
        elif variable.startswith("CROUPIER_") and not _SERVICE_LINK.match(f"{variable}={environ[variable]}"):
            _refuse_misspelt(variable)


def _from_flags(flags: Mapping[str, str | None]) -> Iterator[_Setting]:
    for flag, text in flags.items():
        if text is not None:
            key = FLAGS[flag]
            yield _Setting(key, _from_text(text, key), Origin(Source.FLAG, flag))


# ---- what a value must be


class _WrongType(Exception):
    pass


def _strict() -> cattrs.Converter:
    """A converter that takes a value for what it is: no number from a string, no 1 from true."""
    converter = cattrs.Converter(detailed_validation=False)

    def whole(raw: object, _: object) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise _WrongType
        return raw

    def number(raw: object, _: object) -> float:
        if not isinstance(raw, int | float) or isinstance(raw, bool):
            raise _WrongType
        return float(raw)

    def text(raw: object, _: object) -> str:
        if not isinstance(raw, str):
            raise _WrongType
        raw.encode()  # a variable may hold bytes that are no text; they arrive as lone surrogates
        return raw

    def folder(raw: object, _: object) -> Path:
        if not (path := text(raw, str)):
            raise _WrongType
        return Path(path).expanduser()

    def texts(raw: object, _: object) -> tuple[str, ...]:
        if not isinstance(raw, list):
            raise _WrongType
        return tuple(text(item, str) for item in raw)

    converter.register_structure_hook(int, whole)
    converter.register_structure_hook(float, number)
    converter.register_structure_hook(str, text)
    converter.register_structure_hook(Path, folder)
    converter.register_structure_hook_func(lambda wanted: wanted == tuple[str, ...], texts)
    return converter


_CONVERTER = _strict()


def _admitted(setting: _Setting) -> Any:  # noqa: ANN401 (each key has a type of its own)
    key = setting.key
    try:
        value = _CONVERTER.structure(setting.raw, key.type)
        if key.bound.admits(value):
            return value
    except (
        _WrongType,
        UnicodeEncodeError,
        OverflowError,
        RuntimeError,
    ):  # the last two: 1e999 in digits; `~nobody`
        pass
    got = "" if key.mask else f", not {_shown(setting.raw)}"
    raise ConfigError(f"{setting.origin.place}: {key} must be {key.bound.expected}{got}")


def _from_text(text: str, key: Key) -> object:
    """What this text of a variable or a flag means for the key; the text itself when it means nothing."""
    try:
        if key.type is int:
            return int(text)
        if key.type is float:
            return float(text)
    except ValueError:
        return text
    if key.type == tuple[str, ...]:
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _shown(raw: object) -> str:
    """A wrong value as whoever wrote it would know it again, in one short line."""
    match raw:
        case bool():
            return "true" if raw else "false"
        case [str(), *_]:
            return f"[{', '.join(map(_shown, raw[:3]))}{', …' if len(raw) > 3 else ''}]"
        case str():
            shown = json.dumps(raw, ensure_ascii=False)
            return shown if len(shown) <= 60 else f'{shown[:56]}…"'
        case int() if abs(raw) >= 10**20:
            return "a number of that size"
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(raw)


# ---- what a wrong name may have meant


def _nearest(name: str, known: Iterable[str]) -> str | None:
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _unknown_section(section: str, table: object) -> str:
    if not isinstance(table, dict):
        return f'"{section}" stands outside every section{_belongs(section)}'
    nearest = _nearest(section, KEYS)
    return f"unknown section [{section}]" + (f"; did you mean [{nearest}]?" if nearest else "")


def _unknown_key(section: str, name: str) -> str:
    nearest = _nearest(name, KEYS[section])
    hint = _belongs(name) or (f'; did you mean "{nearest}"?' if nearest else "")
    return f'unknown key "{name}" in [{section}]{hint}'


def _belongs(name: str) -> str:
    owner = next((section for section, keys in KEYS.items() if name in keys), None)
    return f"; it belongs in [{owner}]" if owner else ""


def _refuse_misspelt(variable: str) -> None:
    """Raises ConfigError if this unknown variable was meant for us: it names a section, or nearly a key."""
    nearest = difflib.get_close_matches(variable, list(_VARIABLES), n=1, cutoff=0.78)
    if nearest or any(variable.startswith(f"CROUPIER_{section}_".upper()) for section in KEYS):
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ConfigError(f"{variable}: no key of the configuration has this variable{hint}")
