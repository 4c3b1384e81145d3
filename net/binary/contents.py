"""What Croupier is made of: its libraries with their licences, and the versions of all that is inside."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from net import __version__
from net.valkey_process import CannotStartStore, valkey_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRAS: Final = frozenset({"postgres", "sim"})
"""The optional parts of Croupier that count as inside where what they need is installed."""

PYTHON_LICENCE: Final = "LICENSE.txt"
"""The name of Python's licence, in its own library and in the binary."""

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^\]]*)\])?")
_EXTRA_MARKER = re.compile(r"extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"]")
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)
_NO_TEXT: Final = "(The package does not carry the text.)"


@frozen
class Part:
    """Something that is inside."""

    name: str
    version: str
    licence: str


def distributions() -> list[metadata.Distribution]:
    """Croupier and every library that it needs, directly or not, by name; those of the optional parts if installed."""
    found: dict[str, metadata.Distribution] = {}
    wanted, seen = [("croupier", EXTRAS)], set()
    while wanted:
        name, extras = requirement = wanted.pop()
        if requirement in seen:
            continue
        seen.add(requirement)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # not for this platform or Python, or an optional part that is not there
        if is_vendored(distribution):
            continue
        found[_key(distribution.name)] = distribution
        wanted += _required(distribution, extras)
    return [found[key] for key in sorted(found)]


def is_vendored(distribution: metadata.Distribution) -> bool:
    """Whether it is one that setuptools brings for itself, and may have put on the path."""
    return "_vendor" in Path(str(distribution.locate_file(""))).parts


def parts() -> Iterator[Part]:
    """Everything inside, Croupier first."""
    yield Part("croupier", __version__, "MIT")
    yield Part(platform.python_implementation(), platform.python_version(), "PSF-2.0")
    if (valkey := _valkey_version()) is not None:
        yield Part("Valkey", valkey, "BSD-3-Clause")
    import sqlite3
    import ssl

    yield Part("SQLite", sqlite3.sqlite_version, "public domain")
    yield Part("OpenSSL", ssl.OPENSSL_VERSION.split()[1], "Apache-2.0")
    for distribution in distributions():
        if distribution.name != "croupier":
            yield Part(distribution.name, distribution.version, licence_of(distribution))


def licence_of(distribution: metadata.Distribution) -> str:
    """The name of its licence, as its metadata tell it: an SPDX expression, if they are new enough."""
    about = distribution.metadata
    if expressions := about.get_all("License-Expression"):
        return str(expressions[0])
    classifiers = [line for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    if classifiers:
        return ", ".join(line.rpartition(" :: ")[2] for line in classifiers)
    said = [line for text in about.get_all("License") or () for line in str(text).split("\n") if line.strip()]
    return said[0].strip() if said else "unknown"


def texts() -> Iterator[tuple[str, str]]:
    """Each part that comes with a licence text, and the text."""
    for distribution in distributions():
        files = [file for file in distribution.files or () if _is_licence(file)]
        text = "\n\n".join(file.read_text(encoding="utf-8").strip() for file in sorted(files, key=str))
        yield f"{distribution.name} {distribution.version} ({licence_of(distribution)})", text or _NO_TEXT
    yield (
        "Valkey (BSD-3-Clause)",
        (Path(__file__).parent / "licences" / "valkey.txt").read_text(encoding="utf-8").strip(),
    )
    python = python_licence()
    if python is not None:
        yield f"Python {platform.python_version()} (PSF-2.0)", python.read_text(encoding="utf-8").strip()


def python_licence() -> Path | None:
    """The file with the licence of Python itself; None where the system has put it elsewhere."""
    places = [Path(sysconfig.get_path("stdlib")), Path(getattr(sys, "_MEIPASS", sys.prefix))]
    return next((place / PYTHON_LICENCE for place in places if (place / PYTHON_LICENCE).is_file()), None)


def _is_licence(file: metadata.PackagePath) -> bool:
    return ".dist-info" in str(file) and _LICENCE_FILE.search(file.name) is not None


def _required(distribution: metadata.Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """The names that it requires with these extras, with the extras that it requires of them. Other markers are not
    looked at: what they exclude is not installed."""
    for line in distribution.requires or ():
        of_extra, requirement = _EXTRA_MARKER.search(line), _REQUIREMENT.match(line)
        if requirement is not None and (of_extra is None or of_extra["extra"] in extras):
            wanted = frozenset(extra.strip() for extra in (requirement["extras"] or "").split(",") if extra.strip())
            yield requirement["name"], wanted


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _valkey_version() -> str | None:
    try:
        done = subprocess.run([valkey_binary(), "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (CannotStartStore, OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bv=(\S+)", done.stdout)
    return found[1] if found else None
