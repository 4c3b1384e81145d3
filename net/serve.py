"""`croupier serve`: the server on the real world, from its first signal to its last."""

from __future__ import annotations

import logging
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import trio
from attrs import evolve

from actors.game import ask_rules
from actors.kit.supervisor import ChildSpec
from actors.kit.watchdog import StallWatch
from actors.kit.watchdog_stop import LastResort
from actors.time_limit import TimeLimit
from net.admin.door import open_door
from net.app import App
from net.archive import archive_url, open_when_needed
from net.auth import secret_for
from net.certificates import Certificate
from net.collector import spare_what_is_there
from net.data_directory import DataDirectory
from net.durability import check_external
from net.listener import bind
from net.metrics import measure_lag
from net.npc.processes import Processes
from net.outside import SystemClock, SystemEntropy
from net.ports import Outside
from net.reach import check_reach
from net.redis_url import RedisUrl
from net.rules_path import rules_on_offer
from net.rules_workers import RulesWorkers
from net.systemd import Notifier
from net.valkey import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.ports import Archive, Clock, CrashPoints, Entropy
    from actors.rules.interface import AnyRules
    from actors.rules.registry import Registry
    from net.config import Config
    from net.config_load import Loaded
    from net.listener import Acceptor
    from net.redis import Redis

log = logging.getLogger("croupier.app")


async def serve_forever(
    config: Config,
    *,
    announce: Callable[[str], None],
    crash_points: CrashPoints | None = None,
    besides: Iterable[AnyRules] = (),
    loaded: Loaded | None = None,
    until_eof: bool = False,
) -> None:
    """Serves on the real world until SIGTERM or SIGINT; a second signal ends it at once. `announce` is given the URL
    when clients can connect; at `crash_points` a drill may end it; `besides` are rules to be played besides those that
    are installed; `loaded` says where each value of `config` came from; with `until_eof` the end of the standard input
    is a SIGTERM, too. Raises StartError, alone or in a group, when it cannot start."""
    clock, entropy = SystemClock(), SystemEntropy()
    with DataDirectory(config.server.data_dir).lock() as data:
        secrets = secret_for(config, data.path, entropy)
        check_reach(config)
        certificate = Certificate.configured(config.server)
        acceptor = await bind(config.server.host, config.server.port)
        door = await open_door(config.admin.listen, data.path)
        async with open_when_needed(archive_url(config.archive.url, data.path)) as archive:
            outside = evolve(
                _the_world(config, data, clock, entropy, acceptor, archive),
                admin=door,
                certificate=certificate,
                thinker=partial(_processes, config),
            )
            workers = RulesWorkers(most=config.games.native_processes, limit=config.games.rules_time_limit)
            keeper = ChildSpec(id="rules workers", run=workers.run)
            outside = evolve(outside, rules_workers=workers, services=(*outside.services, keeper))
            outside = evolve(outside, terminate=partial(os.kill, os.getpid(), signal.SIGTERM), loaded=loaded)
            if crash_points is not None:
                outside = evolve(outside, crash_points=crash_points)
            await _serve(
                App(
                    config,
                    outside,
                    secrets,
                    rules_on_offer(config.games.rules_path, besides, openspiel=config.games.openspiel),
                ),
                announce,
                certificate,
                until_eof=until_eof,
            )


async def _serve(
    app: App, announce: Callable[[str], None], certificate: Certificate | None, *, until_eof: bool
) -> None:
    notifier = Notifier.of(os.environ)
    last_resort = LastResort(app.config.server.stop_within, app.root.node)
    try:
        async with trio.open_nursery() as signals:
            await signals.start(StallWatch(app.config.limits.stall_after).run)
            await signals.start(measure_lag, app.meter.lag)
            await signals.start(notifier.keep_alive)
            hangs_up = certificate is None and _has_a_terminal()
            await signals.start(_stop_on_signal, app, signals.cancel_scope, last_resort, notifier, hangs_up)
            if not hangs_up:
                await signals.start(_reload_on_signal, certificate)
            if until_eof:
                signals.start_soon(_stop_at_eof, app)
            with TimeLimit(app.config.games.rules_time_limit, ask_rules.__code__):
                async with trio.open_nursery() as serving:
                    address = await serving.start(app.run)
                    spare_what_is_there()
                    notifier.ready()
                    announce(f"{'http' if certificate is None else 'https'}://{address}")
            signals.cancel_scope.cancel()
    finally:
        last_resort.disarm()


def _the_world(
    config: Config, data: DataDirectory, clock: Clock, entropy: Entropy, acceptor: Acceptor, archive: Archive
) -> Outside:
    if config.store.redis_url:
        url = RedisUrl.parse(config.store.redis_url)
        return Outside(
            clock,
            entropy,
            url.connect,
            acceptor,
            archive,
            store_name=url.shown,
            setup=url.setup,
            inspect_store=_check_durability,
        )
    valkey = EmbeddedValkey(data, entropy=entropy, durability=config.store.durability)
    # A store with much to load takes its time, and one with much to write out at the end, too.
    keeper = ChildSpec(id="valkey", run=valkey.run, start_timeout=600.0, shutdown=30.0)
    return Outside(clock, entropy, valkey.connect, acceptor, archive, services=(keeper,))


def _processes(config: Config, registry: Registry) -> Processes:
    npc = config.npc
    return Processes(registry, tuple(config.games.rules_path), processes=npc.processes, seconds=npc.think_time)


async def _check_durability(store: Redis) -> None:
    durability = await check_external(store)
    log.info("the store keeps what it acknowledges: appendfsync is %s", durability)


async def _stop_on_signal(
    app: App,
    everything: trio.CancelScope,
    last_resort: LastResort,
    notifier: Notifier,
    hangs_up: bool,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """The first signal asks for an orderly end, the second takes what is left down at once; from the first on the end
    is bounded in time. `hangs_up`: the end of the terminal is such a signal, too."""
    ends = (signal.SIGTERM, signal.SIGINT, *((signal.SIGHUP,) if hangs_up else ()))
    if hangs_up:  # so it is again when the last has been received: the kernel may tell once more while we exit
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with trio.open_signal_receiver(*ends) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGHUP and app.stopping:
                continue  # told twice: by the shell, and by the kernel when the shell ends
            last_resort.arm()
            notifier.stopping()
            if app.stopping or not app.up:
                log.warning("%s: ending at once", signal.Signals(number).name)
                everything.cancel()
                return
            log.info("%s: stopping; once more ends at once", signal.Signals(number).name)
            app.stop()


async def _stop_at_eof(app: App) -> None:
    """Whoever holds the other end of the standard input has started this server for itself, and has gone."""
    async with trio.lowlevel.FdStream(os.dup(0)) as stdin:
        while await stdin.receive_some():
            pass
    log.warning("whoever started this server has gone")
    if not app.stopping:  # else this would be the second signal, which ends it at once
        os.kill(os.getpid(), signal.SIGTERM)


async def _reload_on_signal(
    certificate: Certificate | None, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """SIGHUP says that the certificate was renewed. To a service without TLS it says nothing."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            if certificate is None:
                log.info("SIGHUP: no certificate is configured that could be read again")
            else:
                certificate.reload()


def _has_a_terminal() -> bool:
    """Whether one may hang up. Under nohup it may not matter, as whoever started us has seen to."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
