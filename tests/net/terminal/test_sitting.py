"""A person at a table, with what they type prepared: a whole game, leaving and coming back, giving up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from net.terminal.picture import Picture
from net.terminal.sitting import Left, Sitting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from net.testing.house import House

QUICK = {"duel": {"points_to_win": 1}, "crazy_eights": {"max_plays": 20}}
ANNA = "00000000-0000-4000-8000-00000000000a"


class Terminal:
    """What is shown, and what is typed: these lines, then the first action for ever."""

    def __init__(self, *lines: str | None) -> None:
        self.shown: list[str] = []
        self._lines: Iterator[str | None] = iter(lines)

    def show(self, lines: list[Text]) -> None:
        self.shown += [line.plain for line in lines]

    async def ask(self, prompt: str) -> str | None:
        self.shown.append(prompt)
        await trio.sleep(0.05)  # nobody types faster
        return next(self._lines, "1")

    @property
    def text(self) -> str:
        return "\n".join(self.shown)


def sitting(house: House, game_id: str, terminal: Terminal) -> Sitting:
    return Sitting(game_id, Picture(ANNA), partial(house.player, ANNA), terminal.show, terminal.ask)


@pytest.mark.parametrize("rules", ["duel", "crazy_eights"])
async def test_a_person_plays_a_game_to_its_end(house: House, rules: str) -> None:
    game_id = await house.new_game(rules, [ANNA, "npc:random"], seed="1", options=QUICK[rules])
    terminal = Terminal("help", "about lasso", "nonsense", "")
    ending = await sitting(house, game_id, terminal).play()
    assert f"The game is over: {'you win' if ending.winner_id == ANNA else 'random wins'}" in terminal.text
    assert "leave; the game waits" in terminal.text
    assert "'nonsense' is nothing that can be done here" in terminal.text


async def test_who_leaves_comes_back_to_the_same_game(house: House) -> None:
    game_id = await house.new_game("duel", [ANNA, "npc:greedy"], seed="1")
    with pytest.raises(Left):
        await sitting(house, game_id, Terminal("1", "quit")).play()
    await house.restart()
    terminal = Terminal("resign", "no", "resign", "yes")
    ending = await sitting(house, game_id, terminal).play()
    assert (ending.winner_id, ending.end_reason) == ("npc:greedy", "resignation")


async def test_when_there_is_nothing_more_to_read_the_person_has_left(house: House) -> None:
    game_id = await house.new_game("duel", [ANNA, "npc:greedy"], seed="1")
    with pytest.raises(Left):
        await sitting(house, game_id, Terminal(None)).play()


async def test_a_server_that_is_killed_is_come_back_to(house: House) -> None:
    game_id = await house.new_game("duel", [ANNA, "npc:greedy"], seed="1")
    terminal = Terminal()
    table = sitting(house, game_id, terminal)

    async def kill() -> None:
        while len(terminal.shown) < 60:
            await house.advance(0.1)
        await house.crash()
        await house.start()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(kill)
        ending = await table.play()
    assert ending.end_reason in ("points", "no_creature", "empty_deck")
    assert "the connection is gone; trying again" in terminal.text
