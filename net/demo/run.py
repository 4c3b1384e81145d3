"""From the command line to the stage and back: what is started here is ended here, whatever happens."""

from __future__ import annotations

import math
import shlex
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trio
from attrs import define, field

import net
from actors.rules.registry import Registry
from net.demo.plan import CannotPlay, Plan, make_plan
from net.demo.scene import Scene
from net.demo.screen import epilogue
from net.demo.server import DemoServer
from net.demo.show import DemoConsole, show_on
from net.demo.stage import Stage
from net.demo.words import Glyphs
from net.outside import SystemEntropy

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOT_PROVED: Final = 1
_HUNG_UP: Final = 1
_BY_SIGNAL: Final = 128
"""What a shell adds to the number of the signal that ended a command."""


def run_demo(*, players: int, rules: str, pace: float, seed: str | None, kill: bool) -> None:
    """Shows a game on standard output, with a server of its own that is gone when this returns or raises.

    `pace` is how many seconds a player thinks. Raises StartError, alone or in a group, for what cannot be played and
    for a server that does not start; SystemExit when it was interrupted, when whoever read the output has gone, and
    when what was to be proved did not hold.
    """
    if not math.isfinite(pace) or pace < 0:
        raise CannotPlay("--pace: must be a number of seconds, 0 or more")
    plan = make_plan(Registry.discover(), SystemEntropy(), rules=rules, players=players, seed=seed, kill=kill)
    status = trio.run(_Performance(plan, pace, DemoConsole(highlight=False)).run)
    if status:
        raise SystemExit(status)


@define(eq=False)
class _Performance:
    """One run of the demo."""

    plan: Plan
    pace: float
    console: DemoConsole
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _cut_short: int = field(default=0, init=False)
    """The exit status of a run that did not come to its end; 0 while it may."""

    async def run(self) -> int:
        """Returns the exit status."""
        self.console.hung_up = lambda: self._cut(_HUNG_UP)
        async with trio.open_nursery() as nursery:
            await nursery.start(self._end_on_signal)
            last = await self._perform()
            nursery.cancel_scope.cancel()
        if self._cut_short or last is None:
            if self._cut_short > _BY_SIGNAL:
                self.console.print("Interrupted; the demo's server and its files are gone.", style="dim")
            return self._cut_short
        self.console.print(epilogue(last, _again(self.plan), _next_steps()), crop=False)
        proved = (last.proof is None or last.proof.holds) and last.finished is not None and last.finished.audit.holds
        return 0 if proved else _NOT_PROVED

    async def _perform(self) -> Scene | None:
        """The last scene; None when it was cut short."""
        glyphs = Glyphs(ascii=self.console.options.ascii_only)
        with TemporaryDirectory(prefix="croupier-demo-", ignore_cleanup_errors=True) as folder, self._scope:
            async with DemoServer(Path(folder)) as server:
                with show_on(self.console) as output:
                    stage = Stage(self.plan, server, Scene(self.plan, glyphs), output.show, self.pace)
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(server.watch)
                        await stage.play()
                        nursery.cancel_scope.cancel()
                await server.stop()
                return stage.scene
        return None

    async def _end_on_signal(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.open_signal_receiver(*_SIGNALS) as signals:
            task_status.started()
            async for number in signals:  # more than one: to end everything takes a moment, and is not cut short
                self._cut(_BY_SIGNAL + number)

    def _cut(self, status: int) -> None:
        self._cut_short = self._cut_short or status
        self._scope.cancel()


def _again(plan: Plan) -> str:
    """The command that shows this game once more."""
    players = f" --players {len(plan.players)}" if len(plan.players) != 2 else ""
    rules = f" --rules {plan.rules}" if plan.rules != "crazy_eights" else ""
    return f"{_program('run ')}demo{players}{rules} --seed {shlex.quote(plan.seed)}"


def _next_steps() -> list[tuple[str, str]]:
    readme = [("five minutes by hand", "README.md")] if _in_a_checkout() else []
    return [*readme, ("a server of your own", f"{_program()}serve")]


def _program(through: str = "") -> str:
    """How the commands of the program begin, for who reads this."""
    return f"./dev {through}" if _in_a_checkout() else "croupier "


def _in_a_checkout() -> bool:
    return not getattr(sys, "frozen", False) and (Path(net.__file__).parents[1] / "dev").is_file()
