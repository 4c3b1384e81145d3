"""The same games in another process. Run as a program, it plays what it is given and prints what came of it.

A set of texts has another order in each process, and so has everything that is made from one without sorting it: a
game whose state depends on that is another one after a restart.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from net.testing.rules.games import Act, GiveUp, SayDraw, Setting, TimeUp, game_of, play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import AnyRules
    from net.testing.rules.games import Move, Played

_PATIENCE: Final = 120.0


def digests(played: Played) -> list[str]:
    """Of each position a digest of all that can be known of it."""
    rules, seats = played.game.rules, range(len(played.game.created.players))
    found = []
    for at in played.positions:
        known: list[Any] = [rules.save(at.state), at.chance_position, at.message]
        known += [rules.view(at.state, viewer) for viewer in (*seats, None)]
        known += [[change.seen_by(viewer) for change in at.changes] for viewer in (*seats, None)]
        for seat in rules.to_act(at.state):
            legal = rules.legal(at.state, seat)
            known.append(None if legal is None else [rules.dump(action) for action in legal])
        found.append(hashlib.blake2b(orjson.dumps(known), digest_size=8).hexdigest())
    return found


def digests_elsewhere(
    rules: AnyRules, settings: Sequence[Setting], moves: Sequence[Sequence[Move]]
) -> list[list[str]] | str:
    """What another process, with another hash seed, made of these games; or why there is no asking one."""
    module = type(rules).__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    try:
        packed = pickle.dumps(rules)
    except Exception as error:
        return f"these rules cannot be sent to another process: {error}"
    errand = orjson.dumps([[_setting(one) for one in settings], [[_move(one) for one in each] for each in moves]])
    hello = pickle.dumps((sys.path, module, file, packed, errand))
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=hello,
        capture_output=True,
        env=os.environ | {"PYTHONHASHSEED": other, "PYTHONPATH": os.pathsep.join(_importable())},
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        return f"in another process they failed: {last[0]}"
    told: list[list[str]] = orjson.loads(done.stdout)
    return told


def _importable() -> list[str]:
    return [str(Path(place or ".").resolve()) for place in sys.path]


def _setting(one: Setting) -> list[Any]:
    return [one.players, one.options, one.seed]


def _move(one: Move) -> list[Any]:
    match one:
        case Act(seat=seat, action=action):
            return ["act", seat, action]
        case GiveUp(seat=seat):
            return ["give up", seat]
        case TimeUp():
            return ["time up"]
        case SayDraw(seat=seat, move=said):
            return ["draw", seat, said]


def _restored(one: list[Any]) -> Move:
    match one:
        case ["act", seat, action]:
            return Act(seat, action)
        case ["give up", seat]:
            return GiveUp(seat)
        case ["draw", seat, said]:
            return SayDraw(seat, said)
        case _:
            return TimeUp()


def _main() -> None:
    # What comes in was packed by our own parent process.
    path, module, file, packed, errand = pickle.loads(sys.stdin.buffer.read())
    sys.path[:] = path
    _load(module, file)
    rules = pickle.loads(packed)
    settings, moves = orjson.loads(errand)
    told = []
    for setting, each in zip(settings, moves, strict=True):
        played = play(game_of(rules, Setting(*setting)), [_restored(one) for one in each], lenient=True)
        told.append([] if played is None else digests(played))
    sys.stdout.buffer.write(orjson.dumps(told))


def _load(module: str, file: str | None) -> None:
    """Imports the module by its name, or, where pytest has it from a place that is on no path, from its file."""
    try:
        importlib.import_module(module)
    except ImportError:
        if file is None:
            raise
        spec = importlib.util.spec_from_file_location(module, file)
        if spec is None or spec.loader is None:
            raise
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[module] = loaded
        spec.loader.exec_module(loaded)


if __name__ == "__main__":
    _main()
