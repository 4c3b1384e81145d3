"""From the command line to the stage and back: what is started here is ended here, whatever happens."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trio
from attrs import frozen

from net.config import KEYS
from net.demo.plan import CannotPlay, Plan, make_plan
from net.demo.scene import Scene
from net.demo.screen import epilogue
from net.demo.show import DemoConsole, show_on
from net.demo.stage import Stage
from net.demo.words import Glyphs
from net.interrupt import interruptible
from net.outside import SystemEntropy
from net.process import ServerProcess, in_a_checkout, typed, without_rates
from net.rules_path import absolute, rules_on_offer

_NOT_PROVED: Final = 1
_HUNG_UP: Final = 1


def run_demo(
    *, players: int, rules: str, pace: float, seed: str | None, kill: bool, rules_path: Sequence[str] = ()
) -> None:
    """Shows a game on standard output, with a server of its own that is gone when this returns or raises.

    `pace` is how many seconds a player thinks. Raises StartError, alone or in a group, for what cannot be played and
    for a server that does not start; SystemExit when it was interrupted, when whoever read the output has gone, and
    when what was to be proved did not hold.
    """
    if not math.isfinite(pace) or pace < 0:
        raise CannotPlay("--pace: must be a number of seconds, 0 or more")
    plan = make_plan(rules_on_offer(rules_path), SystemEntropy(), rules=rules, players=players, seed=seed, kill=kill)
    status = trio.run(_Performance(plan, pace, DemoConsole(highlight=False), absolute(rules_path)).run)
    if status:
        raise SystemExit(status)


@frozen(eq=False)
class _Performance:
    """One run of the demo."""

    plan: Plan
    pace: float
    console: DemoConsole
    rules_path: Sequence[str] = ()

    async def run(self) -> int:
        """Returns the exit status."""
        last: Scene | None = None
        async with interruptible() as interrupt:
            self.console.hung_up = lambda: interrupt.cut(_HUNG_UP)
            with TemporaryDirectory(prefix="croupier-demo-", ignore_cleanup_errors=True) as folder:
                last = await self._perform(Path(folder))
        if interrupt.status or last is None:
            if interrupt.by_signal:
                self.console.print("Interrupted; the demo's server and its files are gone.", style="dim")
            return interrupt.status
        self.console.print(epilogue(last, _again(self.plan), _next_steps()), crop=False)
        proved = (last.proof is None or last.proof.holds) and last.finished is not None and last.finished.audit.holds
        return 0 if proved else _NOT_PROVED

    def _environ(self) -> dict[str, str]:
        environ = without_rates()
        if self.rules_path:
            environ[KEYS["games"]["rules_path"].variable] = ",".join(self.rules_path)
        return environ

    async def _perform(self, folder: Path) -> Scene:
        """The last scene."""
        glyphs = Glyphs(ascii=self.console.options.ascii_only)
        async with ServerProcess(folder, "the demo's server", environ=self._environ()) as server:
            with show_on(self.console) as output:
                stage = Stage(self.plan, server, Scene(self.plan, glyphs), output.show, self.pace)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(server.watch)
                    await stage.play()
                    nursery.cancel_scope.cancel()
            await server.stop()
            return stage.scene


def _again(plan: Plan) -> str:
    """The command that shows this game once more."""
    players = f" --players {len(plan.players)}" if len(plan.players) != 2 else ""
    rules = f" --rules {plan.rules}" if plan.rules != "crazy_eights" else ""
    return typed(f"demo{players}{rules} --seed {shlex.quote(plan.seed)}")


def _next_steps() -> list[tuple[str, str]]:
    readme = [("five minutes by hand", "README.md")] if in_a_checkout() else []
    return [*readme, ("a server of your own", typed("serve"))]
