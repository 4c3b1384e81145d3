"""Duel: a card battle for two, of this house's own making. docs/duel.md has its rules, its cards and its messages."""

from actors.rules.duel.rules import Duel

__all__ = ["Duel"]
