"""A PostgreSQL of our own, on a socket in a folder of its own, as long as somebody needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

import psycopg
from attrs import define, field

VARIABLE = "CROUPIER_TEST_POSTGRES"
"""Names the folder of PostgreSQL's programs where they are in none of the usual places."""

_NOBODY = "nobody"


def programs() -> Path:
    """The folder with `initdb` and `postgres`. Raises LookupError when there is none."""
    named = os.environ.get(VARIABLE)
    on_the_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = [Path(named)] if named else [Path(on_the_path).resolve().parent] if on_the_path else debian[-1:]
    if not found or not (found[0] / "initdb").exists():
        raise LookupError(f"there is no PostgreSQL: install it, or name the folder of its programs in {VARIABLE}")
    return found[0]


@define(eq=False)
class Cluster:
    """A server with archives that are made when they are asked for: each is a schema of its own in one database, which
    costs next to nothing. Nothing is forced to the disk: processes are killed here, and the power stays on."""

    folder: Path = field(factory=lambda: Path(tempfile.mkdtemp(prefix="croupier-pg-")))
    _programs: Path = field(factory=programs)
    _server: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _archives: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        self.folder.chmod(0o755)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.folder, _NOBODY)
        options = ["--auth=trust", "--username=croupier", "--encoding=UTF8", "--no-sync"]
        made = self._run([self._programs / "initdb", *options, "-D", self.folder / "data"]).wait()
        assert made == 0, "initdb has failed"
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Returns when it can be connected to."""
        settings = ("listen_addresses=", "log_min_messages=panic", "fsync=off", "shared_buffers=16MB")
        options: list[str | Path] = ["-k", self.folder, *(part for one in settings for part in ("-c", one))]
        self._server = self._run([self._programs / "postgres", "-D", self.folder / "data", *options])
        while True:
            try:
                psycopg.connect(self._url("postgres")).close()
            except psycopg.OperationalError:
                assert self._server.poll() is None, "PostgreSQL has ended"
            else:
                return

    def kill(self) -> None:
        """Ends it, and its connections, at once."""
        if self._server is not None:
            self._server.send_signal(3)  # SIGQUIT: "immediate shutdown" (PostgreSQL documentation, 19.5)
            self._server.wait()
            self._server = None

    def archive(self, **settings: str) -> str:
        """The URL of an archive that is empty; with these settings."""
        self._archives += 1
        name = f"archive_{self._archives}"
        self.execute(f"CREATE SCHEMA {name}")
        given = {"search_path": name, **settings}
        options = " ".join(f"-c{key}={value}" for key, value in given.items())
        return f"{self._url('postgres')}&{urlencode({'options': options}, quote_via=quote)}"

    def execute(self, *statements: str, at: str = "") -> None:
        """Executes these statements, each by itself; `at` an archive's URL, there."""
        with psycopg.connect(at or self._url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _url(self, database: str) -> str:
        return f"postgresql://croupier@/{database}?host={self.folder}"

    def _run(self, command: list[str | Path]) -> subprocess.Popen[bytes]:
        nobody = _NOBODY if os.geteuid() == 0 else None
        groups: list[str] | None = None if nobody is None else []
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.folder, user=nobody, extra_groups=groups)
