"""What the server needs of the world, which is the real one or a simulated one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from attrs import field, frozen

from actors.apart.inline import Inline
from actors.apart.questions import Workers
from actors.kit.supervisor import ChildSpec
from actors.ports import Archive, Clock, CrashPoints, Entropy, NoCrashPoints
from actors.rules.registry import Registry
from net.admin.door import Door
from net.certificates import Certificate
from net.config_load import Loaded
from net.listener import Acceptor
from net.npc.thinker import Inline as NpcsInline
from net.npc.thinker import Thinker
from net.redis import Redis


@frozen
class Outside:
    """All of it."""

    clock: Clock
    entropy: Entropy
    connect_store: Callable[[], Awaitable[trio.abc.Stream]]
    acceptor: Acceptor
    archive: Archive
    """The history of ended games, open."""
    services: tuple[ChildSpec, ...] = ()
    """What must run before the store can be reached: the embedded Valkey."""
    store_name: str = "the embedded store"
    setup: tuple[tuple[str, ...], ...] = ()
    """Commands that go first on each connection to the store."""
    inspect_store: Callable[[Redis], Awaitable[None]] | None = field(default=None)
    """Looks at the store once it answers; raises StartError to refuse it."""
    admin: Door | None = None
    """Where an operator comes in; None: nowhere."""
    certificate: Certificate | None = None
    """What players are spoken TLS with; None: they are spoken to in the clear."""
    crash_points: CrashPoints = field(factory=NoCrashPoints)
    """The moments at which a drill may end the process."""
    rules_workers: Workers = field(factory=Inline)
    """Where rules in native code run."""
    thinker: Callable[[Registry], Thinker] = NpcsInline
    """Where the house's players think, by these rules."""
    terminate: Callable[[], None] | None = None
    """Asks the process to end in order, as its owner would; None: the server alone is asked."""
    loaded: Loaded | None = None
    """Where each value of the configuration came from, for whoever asks."""
