"""What systemd is told of a service with `Type=notify`: ready, stopping, and that the event loop turns (sd_notify(3)).

One datagram to a socket whose path is in the environment; without that nothing is told to anybody.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG: Final = "WATCHDOG_USEC"
WATCHDOG_PID: Final = "WATCHDOG_PID"


@frozen
class Notifier:
    """Tells the service manager. `address` is empty where there is none; `watchdog`: seconds after which it takes us
    for hung unless it hears of us, 0 for never."""

    address: str = ""
    watchdog: float = 0.0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Notifier:
        """That of this process's environment."""
        address = environ.get(SOCKET, "")
        ours = environ.get(WATCHDOG_PID, str(os.getpid())) == str(os.getpid())
        microseconds = environ.get(WATCHDOG, "")
        return cls(address, int(microseconds) / 1e6 if ours and microseconds.isdecimal() else 0.0)

    def ready(self) -> None:
        """Games can be served."""
        self._tell("READY=1\nSTATUS=serving games")

    def stopping(self) -> None:
        """An orderly end has begun."""
        self._tell("STOPPING=1\nSTATUS=draining")

    async def keep_alive(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Says again and again that the event loop turns, for ever; returns where nobody wants to know."""
        task_status.started()
        while self.address and self.watchdog:
            self._tell("WATCHDOG=1")
            await trio.sleep(self.watchdog / 3)

    def _tell(self, what: str) -> None:
        if not self.address:
            return
        # A name that begins with @ is in Linux's abstract namespace.
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto(what.encode(), address)
        except OSError:  # a manager that does not listen is no reason not to serve
            pass
