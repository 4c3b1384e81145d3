"""The games of OpenSpiel (`pip install croupier[openspiel]`), as `openspiel:NAME`.

They are native code, so they run in processes of their own. Nothing in here imports OpenSpiel before `load`: what the
server must know of a game to offer it stands in `games.json`, which `croupier openspiel --write` makes.
"""

from actors.rules.openspiel.family import OpenSpielFamily
from actors.rules.openspiel.rules import OpenSpiel

__all__ = ["OpenSpiel", "OpenSpielFamily"]
