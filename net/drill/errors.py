"""Why there is no drill."""

from __future__ import annotations

from net.errors import StartError


class CannotDrill(StartError):
    """The drill cannot begin: the text says why, and what to do about it."""
