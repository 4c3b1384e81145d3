"""From the command line to the report and back: what is started here is ended here, whatever happens."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

import orjson
import trio
from attrs import evolve, frozen
from rich.console import Console

from actors.ports import ArchiveUnavailable, GameNotFound
from net.archive import archive_url
from net.archive.archive import open_to_read
from net.archive.errors import ArchiveNotUsable
from net.config import KEYS, Config
from net.config_load import load
from net.crash_points import Fuse
from net.drill.drill import Drill
from net.drill.errors import CannotDrill
from net.drill.evidence import Evidence
from net.drill.plan import NEEDS_OWN_STORE, Fault, Plan
from net.drill.report import Report
from net.drill.rules import PeacefulEights
from net.drill.score import Score
from net.drill.show import Screen
from net.interrupt import interruptible
from net.outside import SystemClock, SystemEntropy
from net.process import ServerProcess, own_command, without_rates
from net.rules_path import absolute, rules_on_offer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from actors.events import Event
    from net.redis import Redis

BROKEN: Final = 1
"""The exit status of a drill that has found something."""

_SETTINGS: Final = {
    # Games leave the memory and come back, and go to the archive, all the time.
    ("games", "passivate_after"): "2",
    ("games", "archive_after"): "1",
    ("games", "snapshot_every"): "10",
    ("sessions", "ping_interval"): "5",
}
"""How the server is configured besides, so that much happens in a short time."""


@frozen
class Options:
    """What was asked for. `faults` None are all that there can be; `keep` is a folder to leave everything in."""

    plan: Plan
    faults: tuple[Fault, ...] | None = None
    report: Path | None = None
    keep: Path | None = None
    config: Path | None = None
    program: tuple[str, ...] = ()
    """What is run in place of this very program."""


def run_drill(options: Options, console: Console | None = None) -> Report:
    """Drills, prints the table, and returns the report; its progress goes to standard output.

    Leaves no server behind, and no file unless a promise was broken or `keep` names a folder. Raises StartError, alone
    or in a group, for what cannot be drilled; SystemExit when it was interrupted.
    """
    console = console if console is not None else Console(highlight=False)
    config = _config(options.config)
    plan = evolve(options.plan, faults=_faults(options.faults, config))
    if options.report is not None and not os.access(
        options.report if options.report.exists() else options.report.absolute().parent, os.W_OK
    ):
        raise CannotDrill(f"--report: {options.report} cannot be written")
    folder = _folder(options.keep)
    stays = options.keep is not None
    own_log = logging.FileHandler(folder / "drill.log", delay=True)
    logging.getLogger("net").addHandler(own_log)  # how our own connection to the store comes and goes, say
    try:
        report, status = trio.run(partial(_drill, options, plan, config, folder, console))
        stays = stays or not report.holds
        console.print(report.table())
        for note in report.notes():
            console.print(note, soft_wrap=True)
        if options.report is not None:
            _write(options.report, report)
        if stays:
            _write(folder / "report.json", report)
            console.print(
                f"What proves it is in {folder}: the journals and records of the games (they may hold hidden cards), "
                "the store's files, the server's log.",
                soft_wrap=True,
            )
        if not report.holds:
            console.print(f"Again: croupier drill --seed {plan.seed}", soft_wrap=True)
    finally:
        logging.getLogger("net").removeHandler(own_log)
        own_log.close()
        if not stays:
            shutil.rmtree(folder, ignore_errors=True)
    if status:
        console.print("Interrupted; the drill's servers are gone.")
        raise SystemExit(status)
    return report


# ---- what is asked for


def new_seed() -> str:
    """A seed for who gave none."""
    return SystemEntropy().bytes(4).hex()


def _config(file: Path | None) -> Config:
    """The configuration that is drilled, under a prefix of its own in a store that others may use."""
    config = Config() if file is None else load(file.absolute(), {}, {}).config
    if config.store.redis_url:
        prefix = f"{config.store.prefix}drill-{SystemEntropy().bytes(4).hex()}:"
        config = evolve(config, store=evolve(config.store, prefix=prefix))
    return config


def _faults(asked: tuple[Fault, ...] | None, config: Config) -> tuple[Fault, ...]:
    if not config.store.redis_url:
        return asked or tuple(Fault)
    if asked is None:
        return tuple(fault for fault in Fault if fault not in NEEDS_OWN_STORE)
    if refused := [fault for fault in asked if fault in NEEDS_OWN_STORE]:
        raise CannotDrill(
            f"--faults: {', '.join(refused)}: the configuration names a Redis of yours (store.redis_url), and a drill"
            " ends or stops no process but its own; leave them out, or drill the embedded store"
        )
    return asked


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(mkdtemp(prefix="croupier-drill-"))
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise CannotDrill(f"--keep: {keep} is not empty")
    except OSError as error:
        raise CannotDrill(f"--keep: cannot use {keep}: {error.strerror}") from None
    return keep.absolute()


def _environ(config: Config) -> Mapping[str, str]:
    settings = {KEYS[section][name].variable: value for (section, name), value in _SETTINGS.items()}
    settings |= without_rates()
    if config.store.redis_url:
        settings["CROUPIER_STORE_PREFIX"] = config.store.prefix
    if config.games.rules_path:
        settings["CROUPIER_GAMES_RULES_PATH"] = ",".join(absolute(config.games.rules_path))
    settings["CROUPIER_ARCHIVE_URL"] = ""  # the drill's games are not for the archive of yours
    return settings


# ---- the run


async def _drill(options: Options, plan: Plan, config: Config, folder: Path, console: Console) -> tuple[Report, int]:
    began = trio.current_time()
    score = Score()
    async with interruptible() as interrupt:
        with Screen(console, plan, score) as screen:
            evidence = Evidence(folder, score, screen.violation)
            async with _server(options, config, folder) as (server, fuse):
                await Drill(
                    plan,
                    server,
                    fuse,
                    folder,
                    rules_on_offer(config.games.rules_path, (PeacefulEights(),)),
                    SystemClock(),
                    score,
                    evidence,
                    screen,
                    _Archived(archive_url("", server.data)),
                ).run()
                if config.store.redis_url and not score.violations:
                    await server.stop()
                    async with server.open_store() as redis:
                        await _remove(redis, config.store.prefix)
    name = "your Redis" if config.store.redis_url else f"the embedded store, appendfsync {config.store.durability}"
    interrupted = bool(interrupt.status)
    return Report(plan, score, trio.current_time() - began, name, interrupted), interrupt.status


@asynccontextmanager
async def _server(options: Options, config: Config, folder: Path) -> AsyncIterator[tuple[ServerProcess, Fuse]]:
    fuse = Fuse()
    arguments = ["--config", str(options.config.absolute())] if options.config is not None else []
    try:
        async with ServerProcess(
            folder,
            "the drill's server",
            options.program or own_command("drill"),
            config,
            arguments,
            _environ(config),
            fuse,
        ) as server:
            yield server, fuse
    finally:
        fuse.cut()


@frozen
class _Archived:
    """The games in the archive at this URL."""

    url: str

    def __call__(self, game_id: str) -> tuple[Event, ...] | None:
        try:
            with open_to_read(self.url) as games:
                return games.events(game_id)
        except (GameNotFound, ArchiveUnavailable, ArchiveNotUsable):  # the last: nothing was archived yet
            return None


async def _remove(redis: Redis, prefix: str) -> None:
    """Takes every key of the drill out of a store that others use too."""
    cursor = b"0"
    while True:
        match await redis.call("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", 500):
            case [bytes(cursor), list(found)]:
                if keys := [key for key in found if isinstance(key, bytes)]:
                    await redis.call("UNLINK", *keys)
            case _:
                return
        if cursor == b"0":
            return


def _write(path: Path, report: Report) -> None:
    try:
        path.write_bytes(orjson.dumps(report.json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise CannotDrill(f"{path} cannot be written: {error.strerror}") from None
