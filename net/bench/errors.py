"""Why a benchmark gives no figures."""

from __future__ import annotations

from net.errors import StartError


class BenchFailed(StartError):
    """The benchmark cannot begin, or cannot go on: the text says why, and what to do about it."""
