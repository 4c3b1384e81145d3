"""Podman for the tests: its images, containers and volumes in a folder of their own, and an image that stands in for
Debian's, because no registry is asked. Run as a program, it says whether containers can be run on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from tests.binary.libraries import c_library, libraries_of
from tests.drills.server import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN: Final = "docker.io/library/debian:stable-slim"
PACKAGES: Final = {"podman": "podman", "runc": "runc", "iptables": "iptables"}
"""The programs that it takes, and Debian's packages of them; netavark, which none depends on, besides."""

TOOLS: Final = (
    *("cat", "chmod", "gzip", "id", "install", "mkdir", "mv", "rm", "sh", "sync", "tail", "tar", "touch"),
    *("true", "useradd"),
)

# Files and processes that a root without all of its capabilities may allow; a runtime for control groups of either
# version; no systemd.
_CONFIGURATION = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""

_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


@frozen
class Podman:
    """Podman as the tests use it."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which `podman` is this one."""
        named = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        return environment(**{name: str(self.folder / file) for name, file in named.items()})

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs it to its end."""
        return subprocess.run(
            ["podman", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def says(self, *arguments: str) -> str:
        """What it prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def podman() -> Iterator[Podman]:
    """It has the image, and nothing else; at the end all is gone."""
    # Not pytest's: what is in it is mounted, and large.
    with tempfile.TemporaryDirectory(prefix="croupier-podman-") as name:
        folder = Path(name)
        (folder / "containers.conf").write_text(_CONFIGURATION.format(folder=folder))
        (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
        here = Podman(folder)
        try:
            make_root(folder / "debian")
            shutil.make_archive(str(folder / "debian"), "tar", folder / "debian")
            here.says("import", str(folder / "debian.tar"), DEBIAN)
            yield here
        finally:
            here.run("system", "reset", "--force")


def make_root(root: Path) -> None:
    """A root directory with a shell, the programs that the Containerfile needs, and the C library, of this machine."""
    for name in ("dev", "etc", "proc", "root", "sys", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    shutil.copy("/etc/login.defs", root / "etc")
    for tool in TOOLS:
        found = shutil.which(tool, path="/usr/bin:/usr/sbin:/bin:/sbin")
        assert found is not None, tool
        for file in (Path(found), *libraries_of(Path(found))):
            put(file, root)
    for file in c_library():
        put(file, root)


def put(file: Path, root: Path) -> None:
    """A copy of what a path names, at the same path."""
    inside = root / file.relative_to("/")
    inside.parent.mkdir(parents=True, exist_ok=True)
    if not inside.exists():
        shutil.copy(file, inside)


def why_not() -> str | None:
    """Why containers, with ports that can be reached, cannot be run on this machine; None: they can."""
    if os.geteuid() != 0:
        return "only root may"
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if missing:
        return f"no {' '.join(missing)}"
    try:
        with podman() as here:
            here.says("run", "--rm", "-p", "127.0.0.1::8765", DEBIAN, "true")
    except AssertionError as failed:
        return re.sub(r"\s+", " ", str(failed)).strip()
    return None


if __name__ == "__main__":
    reason = why_not()
    if reason is not None:
        print(f"NOT DONE: no container can be run on this machine: {reason}")  # noqa: T201 - for whoever reads CI's log
        sys.exit(os.EX_TEMPFAIL)  # and no other status: a fault of ours must not pass for one of the machine's
