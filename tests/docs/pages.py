"""The pages of the documentation and the code blocks in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?^(?P<indent> *)```(?P<language>[a-z]*)\n(?P<text>.*?)^ *```$", re.M | re.S
)


@frozen
class Block:
    """A fenced block. `why`: it says why it is not run."""

    page: Path
    line: int
    language: str
    text: str
    why: str

    def __str__(self) -> str:
        """Where it is."""
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Every block of a page."""
    whole = page.read_text()
    for found in _BLOCK.finditer(whole):
        line = whole.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], found["text"], found["why"] or "")


def of(name: str, language: str) -> list[Block]:
    """The blocks of that language on that page of docs/."""
    return [block for block in blocks(ROOT / "docs" / name) if block.language == language]
