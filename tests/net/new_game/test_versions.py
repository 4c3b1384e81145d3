"""Two versions of a game side by side, as docs/your-game.md has an author ship them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
import trio

from actors.rules.registry import Registry
from net.client import RequestFailed, play, random_choice
from net.new_game.make import make_game
from net.testing.ports import SimEntropy
from net.testing.rules import check_rules
from tests.docs.pages import of

if TYPE_CHECKING:
    from net.testing.house import House

[VERSIONS] = (block.text for block in of("your-game.md", "python"))
TWO = ("anna", "bert")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the page has the package of a new game offer: version 1 and version 2."""
    folder = tmp_path_factory.mktemp("games")
    make_game("sea_battle", folder)
    (folder / "sea_battle" / "sea_battle" / "__init__.py").write_text(VERSIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "sea_battle")
        package = importlib.import_module("sea_battle")
    return list(package.RULES)


@pytest.fixture
def house_rules(rules: list[Any]) -> Registry:
    return Registry(rules[:1])


def test_both_versions_keep_the_protocol_of_rules(rules: list[Any]) -> None:
    assert [each.version for each in rules] == ["1", "2"]
    for each in rules:
        check_rules(each, games=3, positions=6, other_process=False)


async def test_a_game_goes_on_with_the_version_that_it_began_with(house: House, rules: list[Any]) -> None:
    old = await house.new_game("sea_battle", TWO, turn_timeout_seconds=30)
    await house.crash()
    house.registry = Registry(rules)
    await house.start()
    new = await house.new_game("sea_battle", TWO, turn_timeout_seconds=30)
    anna, bert = await house.player("anna"), await house.player("bert")
    assert (await anna.join(old))["rules_version"] == "1"
    assert (await bert.join(new))["rules_version"] == "2"
    await house.advance(40)
    assert (await house.api.game(old))["status"] == "running"  # a card was laid
    assert (await house.api.game(new))["end_reason"] == "resignation"
    await bert.leave(new)
    async with trio.open_nursery() as nursery:
        for client in (anna, bert):
            nursery.start_soon(play, client, old, random_choice(SimEntropy(1)))
    assert (await house.api.game(old))["status"] == "ended"


async def test_a_version_that_is_gone_is_named_and_its_games_go_on_when_it_is_back(
    house: House, rules: list[Any]
) -> None:
    old = await house.new_game("sea_battle", TWO)
    await house.crash()
    house.registry = Registry(rules[1:])
    await house.start()
    anna = await house.player("anna")
    with pytest.raises(RequestFailed, match=r"rules_version.+'1' of sea_battle is not installed; installed are 2"):
        await anna.join(old)
    await house.crash()
    house.registry = Registry(rules)
    await house.start()
    anna = await house.player("anna")
    assert (await anna.join(old))["rules_version"] == "1"
