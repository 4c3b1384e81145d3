"""`croupier replay`: a game on the terminal, stepped through by keys; or, where there is none, printed."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import click
import trio
from attrs import evolve
from rich.console import Console
from rich.live import Live

from net.demo.words import Glyphs
from net.replay.keys import Keyboard
from net.replay.picture import block, screen, title
from net.replay.projector import Projector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from net.replay.reel import Reel, Viewer

_READ: Final = 1024


def show(reel: Reel, viewer: Viewer, *, speed: float, step: bool, plain: bool) -> None:
    """Shows the game on standard output: on a terminal until somebody ends it, elsewhere (and with `plain`) at once.

    `speed` is in events a second, `step` waits for a key before the first.
    """
    console = Console(highlight=False)
    terminal = sys.stdin.isatty() and console.is_terminal and not console.is_dumb_terminal
    if plain or not terminal:
        print_all(reel, viewer)
        return
    viewers = reel.viewers
    projector = Projector(
        last=len(reel.events), viewers=len(viewers), viewer=viewers.index(viewer), speed=speed, playing=not step
    )
    trio.run(_on_the_terminal, console, reel, projector)


def print_all(reel: Reel, viewer: Viewer) -> None:
    """Prints each event as a block of lines, an empty line after each."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal of letters alone must not end the print in the middle
        sys.stdout.reconfigure(errors="backslashreplace")
    glyphs = Glyphs(ascii=not _takes_symbols(sys.stdout.encoding))
    click.echo(f"{title(reel).plain}\nas {viewer.name}\n")
    for event_id in range(1, len(reel.events) + 1):
        lines = block(reel, event_id, viewer, glyphs)
        click.echo("\n".join(line.plain.rstrip() for line in lines) + "\n")


def _takes_symbols(encoding: str | None) -> bool:
    try:
        "♠♥♦♣▮·…".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


async def _on_the_terminal(console: Console, reel: Reel, projector: Projector) -> None:
    """Until a key ends it, or a signal. The terminal is as it was before, whatever happens."""
    glyphs = Glyphs(ascii=console.options.ascii_only)
    news, hear = trio.open_memory_channel[str](100)
    with _key_by_key(sys.stdin.fileno()), Live(console=console, screen=True, auto_refresh=False) as live:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(_read_keys, sys.stdin.fileno(), news))
            await nursery.start(partial(_hear_signals, news.clone()))
            while not projector.done:
                size = console.size
                shown = screen(reel, projector, size.width, size.height, glyphs)
                live.update(shown.text, refresh=True)
                projector = await _next(evolve(projector, scroll=shown.scroll), hear)
            nursery.cancel_scope.cancel()


async def _next(projector: Projector, hear: trio.MemoryReceiveChannel[str]) -> Projector:
    with trio.move_on_after(float("inf") if projector.pause is None else projector.pause) as pause:
        key = await hear.receive()
    return projector.tick() if pause.cancelled_caught else projector.press(key)


async def _read_keys(
    descriptor: int, news: trio.MemorySendChannel[str], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    keyboard = Keyboard()
    task_status.started()
    while True:
        # Not set to non-blocking: that would outlast us, for the shell has the same terminal.
        await trio.lowlevel.wait_readable(descriptor)
        data = os.read(descriptor, _READ)
        for key in keyboard.feed(data) if data else ["ctrl-d"]:
            await news.send(key)
        if not data:
            return


async def _hear_signals(
    news: trio.MemorySendChannel[str], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            await news.send("resized" if number == signal.SIGWINCH else "q")


@contextmanager
def _key_by_key(descriptor: int) -> Iterator[None]:
    """A terminal that hands over each key at once, and shows none."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
