"""What `croupier play` is asked for."""

from __future__ import annotations

import pytest

from net.errors import StartError
from net.terminal.command import Wanted


def test_whom_to_play_against_may_be_named_as_the_users_that_they_are() -> None:
    assert Wanted("duel", ("npc:mcts", "greedy", "npc:mcts:2")).against == ("mcts", "greedy", "mcts")


@pytest.mark.parametrize("bot", ["anna", "npc:anna", "npc:", ""])
def test_whom_there_is_not_is_refused_with_who_there_is(bot: str) -> None:
    with pytest.raises(StartError, match=rf"^--against: there is no {bot}; there are mcts, greedy, random$"):
        Wanted("duel", (bot,))
