from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from rich.console import Console

from net.demo.facts import Killed, Saw, Serving, Tick
from net.demo.scene import Scene
from net.demo.show import DemoConsole, Lines, Screen, show_on
from tests.net.demo.played import Played, plan

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(file: io.StringIO, *, term: str = "xterm-256color", width: int = 80, height: int = 24) -> Console:
    return Console(file=file, width=width, height=height, highlight=False, _environ={"TERM": term})


def test_a_terminal_gets_a_screen_and_all_else_gets_lines() -> None:
    assert isinstance(show_on(console(Terminal())), Screen)
    assert isinstance(show_on(console(io.StringIO())), Lines)
    assert isinstance(show_on(console(Terminal(), term="dumb")), Lines)
    assert isinstance(show_on(console(Terminal(), width=79)), Lines)
    assert isinstance(show_on(console(Terminal(), height=23)), Lines)


def test_lines_come_once_each_in_order_after_the_introduction_and_without_control_codes() -> None:
    file = io.StringIO()
    played = Played.of(plan())
    scene = Scene(plan())
    with Lines(console(file)) as lines:
        for _ in range(3):
            lines.show(scene)
        for event in range(1, len(played.positions) + 1):
            scene = scene.after(Saw(played.view(event)), 0.0)
            if event % 2:  # a picture may skip scenes; a line may not be skipped
                lines.show(scene)
        lines.show(scene)
    written = file.getvalue()
    assert written.count("Croupier serves games with hidden hands") == 1
    assert written.splitlines()[4:] == [f"{line.mark:>6}  {line.text}" for line in scene.log]
    assert all(character.isprintable() or character == "\n" for character in written)


def test_a_screen_is_drawn_over_the_one_before_and_gives_the_cursor_back() -> None:
    file = Terminal()
    with Screen(console(file)) as shown:
        shown.show(Scene(plan()))
        shown.show(Scene(plan()).after(Serving(4711, "127.0.0.1:40404", 0.5), 0.0))
    written = file.getvalue()
    assert "is starting" in written
    assert "pid 4711" in written
    hidden, given_back = "\x1b[?25l", "\x1b[?25h"
    assert written.rindex(given_back) > written.rindex(hidden)


def test_a_scene_that_looks_like_the_one_before_is_not_drawn_again() -> None:
    file = Terminal()
    with Screen(console(file)) as shown:
        shown.show(Scene(plan()))
        before = len(file.getvalue())
        shown.show(Scene(plan()).after(Tick(), 0.5))
        assert len(file.getvalue()) == before
        dead = Scene(plan()).after(Killed(4711, 2), 0.5)
        for at in (0.6, 0.7):  # the time that it is down for is shown
            before = len(file.getvalue())
            shown.show(dead.after(Tick(), at))
            assert len(file.getvalue()) > before


def test_when_the_reader_has_gone_it_is_told_once_and_nothing_more_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told: list[str] = []
    with open(writing, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        gone = DemoConsole(file=pipe)
        gone.hung_up = lambda: told.append("gone")
        gone.print("one")
        gone.print("two")
    assert told == ["gone"]
