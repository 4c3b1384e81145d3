"""High Card, a game for Croupier. `RULES` is what the entry point in pyproject.toml names."""

from net.new_game.template.high_card.rules import HighCard

RULES = [HighCard()]
"""Every version of the game that may still be played: a game goes on with the version that it began with."""
