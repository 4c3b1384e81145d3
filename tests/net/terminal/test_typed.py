"""What a person types means one thing."""

from __future__ import annotations

import pytest

from net.terminal.typed import About, Board, Help, Misread, Number, Quit, Resign, read


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("1", Number(1)),
        (" 7 ", Number(7)),
        ("", Board()),
        ("help", Help()),
        ("?", Help()),
        ("about Healing Salve", About("healing salve")),
        ("resign", Resign()),
        ("QUIT", Quit()),
    ],
)
def test_what_is_typed_is_understood(line: str, meant: object) -> None:
    assert read(line, 7) == meant


@pytest.mark.parametrize("line", ["0", "8", "-1", "99999999999999999999", "attack", "about", "٣", "1 2"])
def test_what_is_not_understood_is_said_and_nothing_is_done(line: str) -> None:
    assert isinstance(read(line, 7), Misread)
