"""Crazy Eights for two to five players.

The rules are Bicycle's (The United States Playing Card Company, "Crazy Eights"), and where Bicycle is silent
those of John McLeod's pagat.com ("Crazy Eights") or custom. docs/crazy-eights.md says which is which.
"""

from actors.rules.crazy_eights.rules import CrazyEights, FirstCrazyEights

__all__ = ["CrazyEights", "FirstCrazyEights"]
