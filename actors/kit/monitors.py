"""Being told when an actor ends, as OTP's monitors tell of a process.

An OTP process is what is called an incarnation here, and a Ref is more like its registered name: it outlives crashes
and restarts. So a monitor tells of the end for good, once, and if so wanted of every incarnation's end before that.
https://www.erlang.org/doc/system/ref_man_processes.html#monitors

The monitored actor's mailbox holds the monitor until one of the two is gone, then they let go of each other: neither
keeps the other alive.
"""

from __future__ import annotations

import abc
import logging
from typing import TYPE_CHECKING

from attrs import field, frozen

from actors.kit.letters import Letter
from actors.kit.reports import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.kit.mailbox import Mailbox

logger = logging.getLogger("croupier.kit")


def _type_only(reason: BaseException | None) -> str:
    return "None" if reason is None else type(reason).__name__


@frozen
class Down:
    """The monitored actor `name` has ended, or an incarnation of it has.

    `reason` is what it crashed with, or could not start with; None when it ended in order, was stopped or cancelled. It
    may quote the messages of that actor: never show its text to a client.
    `gone`: for good; nothing comes after it from this monitor. Else one incarnation has ended, and the supervisor
    decides what comes next. `noproc`: it had ended before it was monitored (`reason` then tells of that end).
    """

    name: str
    reason: BaseException | None = field(default=None, repr=_type_only)
    gone: bool = True
    noproc: bool = False


class Monitor(abc.ABC):
    """Tells when the actor behind the mailbox `watched` ends. Made by `Ref.monitor` and `Actor.monitor`.

    `active`: it has still something to tell.
    """

    __slots__ = ("__weakref__", "_watched", "active", "incarnations")

    def __init__(self, watched: Mailbox, *, incarnations: bool) -> None:
        self.active = True
        self.incarnations = incarnations
        self._watched: Mailbox | None = watched

    def cancel(self) -> bool:
        """Ends the monitoring; says whether it had still something to tell. Idempotent.

        What it was about to tell, even what waits in the mailbox of the actor that monitors, is not told any more
        (OTP: `demonitor` with `flush`).
        """
        was_active, self.active = self.active, False
        self._let_go()
        return was_active

    @abc.abstractmethod
    def tell(self, down: Down) -> None:
        """For the kit, as long as it is active: something has ended."""

    def _let_go(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            watched.unwatch(self)


class Callback(Monitor):
    """A monitor that calls a function, in the task of whoever ends the actor."""

    __slots__ = ("_told",)

    def __init__(self, watched: Mailbox, told: Callable[[Down], None], *, incarnations: bool) -> None:
        super().__init__(watched, incarnations=incarnations)
        self._told: Callable[[Down], None] | None = told

    def cancel(self) -> bool:
        """As every monitor's; lets go of the function too."""
        self._told = None
        return super().cancel()

    def tell(self, down: Down) -> None:
        """Calls the function. What it raises is logged."""
        told = self._told
        assert told is not None
        if down.gone:
            self.cancel()
        try:
            told(down)
        except Exception as exc:
            logger.error("what is done at the end of %s failed\n%s", down.name, trace(exc, confidential=True))


class Watch(Monitor):
    """A monitor that puts a message before all others in the mailbox of the actor that watches. It ends with that
    actor's incarnation."""

    __slots__ = ("_make_message", "_watcher")

    def __init__(
        self, watched: Mailbox, watcher: Mailbox, make_message: Callable[[Down], object], *, incarnations: bool
    ) -> None:
        super().__init__(watched, incarnations=incarnations)
        self._watcher: Mailbox | None = watcher
        self._make_message: Callable[[Down], object] | None = make_message

    def cancel(self) -> bool:
        """As every monitor's; lets go of the actor that watches too."""
        watcher, self._watcher, self._make_message = self._watcher, None, None
        if watcher is not None:
            watcher.stop_watching(self)
        return super().cancel()

    def tell(self, down: Down) -> None:
        """Puts the notice into the mailbox, however full it is."""
        assert self._watcher is not None
        if down.gone:
            self._let_go()
        self._watcher.put_notice(Notice(down, self))

    def open(self, down: Down) -> object:
        """The message that tells of it, made in the watching actor's own task: what goes wrong there is its crash."""
        make_message = self._make_message
        assert make_message is not None
        if down.gone:
            self.cancel()
        return make_message(down)


class Notice(Letter):
    """That something has ended, on its way to the actor that watches."""

    __slots__ = ("_down", "_watch")

    def __init__(self, down: Down, watch: Watch) -> None:
        self.message = down
        self._down = down
        self._watch = watch

    def lapsed(self) -> bool:
        """Whether the monitor was cancelled meanwhile."""
        return not self._watch.active

    def open(self) -> None:
        """Its message becomes the one that the actor wants to see."""
        self.message = self._watch.open(self._down)
