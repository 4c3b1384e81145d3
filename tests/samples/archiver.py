"""A process that does nothing but put games into an archive, to be killed while it does:
`python -m tests.samples.archiver URL FIRST`. It says the number of each game that stands."""

from __future__ import annotations

import itertools
import sys

import trio

from net.archive import open_archive
from tests.samples.archive import a_game


async def main(url: str, first: int) -> None:
    async with open_archive(url) as archive:
        for number in itertools.count(first):
            await archive.put(*a_game(f"game-{number}", acts=40, ended_at=2000.0 + number))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]))
