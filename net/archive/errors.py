"""What keeps the archive from being opened, and what whoever started the program can mend."""

from __future__ import annotations

from net.errors import StartError


class ArchiveNotUsable(StartError):
    """The archive cannot be reached or used: a wrong URL, a driver that is not installed, a database that is away."""


class ArchiveTooNew(StartError):
    """A newer program has written to the archive; this one could not read it whole, and must not write to it."""


class ArchiveTooOld(StartError):
    """The archive has yet to be brought up to date, which only a server does; this command only reads."""
