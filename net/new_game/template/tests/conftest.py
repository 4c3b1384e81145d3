"""What the tests share: a house that knows this game, whether or not it is installed."""

import pytest

from actors.rules.registry import Registry
from net.new_game.template.high_card import RULES


@pytest.fixture
def house_rules() -> Registry:
    """The rules that the server of the fixture `house` knows."""
    return Registry(RULES)
