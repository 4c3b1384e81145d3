"""What a person types, and what it means. Pure."""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen


@frozen
class Number:
    """The action of this number, from 1."""

    number: int


@frozen
class Help:
    """What can be typed."""


@frozen
class Board:
    """The table, and what can be done, once more."""


@frozen
class About:
    """What this card, or whatever it is, says."""

    name: str


@frozen
class Resign:
    """Gives up."""


@frozen
class Quit:
    """Leaves, and comes back later."""


@frozen
class Misread:
    """Nothing of the kind; why."""

    why: str


Typed: TypeAlias = Number | Help | Board | About | Resign | Quit | Misread

HELP: Final = """\
a number         do what stands beside it
Enter            show the table again
about CARD       what a card says, such as: about lasso
resign           give the game up
quit             leave; the game waits, and the same command goes on with it
help             this"""

_WORDS: Final[dict[str, Typed]] = {
    "": Board(),
    "b": Board(),
    "board": Board(),
    "?": Help(),
    "h": Help(),
    "help": Help(),
    "resign": Resign(),
    "q": Quit(),
    "quit": Quit(),
    "exit": Quit(),
}


def read(line: str, most: int) -> Typed:
    """What this line means, where there are so many actions to choose from."""
    words = line.strip().lower()
    if words in _WORDS:
        return _WORDS[words]
    first, _, rest = words.partition(" ")
    if first in ("about", "a") and rest.strip():
        return About(rest.strip())
    if words.isascii() and words.isdecimal() and len(words) < 6:
        number = int(words)
        return Number(number) if 1 <= number <= most else Misread(f"there is no action {number}, only 1 to {most}")
    return Misread(f"{line.strip()[:40]!r} is nothing that can be done here; help says what is")
