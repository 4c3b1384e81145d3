"""What waits for a client that has no way open for it: its next GET, or the end of an upgrade, takes it
along."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from net.engineio_packets import Packet
from net.outbox import Drops

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen
class _Waiting:
    packet: Packet
    key: Hashable | None


@define(eq=False)
class Backlog:
    """Packets in the order in which they were sent, and the bytes that they take. `drops` counts what gave way."""

    # A list, not a deque: an empty deque takes 600 bytes, and most sessions are idle.
    _waiting: list[_Waiting] = field(factory=list, init=False)
    drops: Drops = field(factory=Drops, kw_only=True)
    size: int = field(default=0, init=False)
    """Bytes of all packets that wait; 0: none does."""

    def __len__(self) -> int:
        """How many packets wait."""
        return len(self._waiting)

    def add(self, packets: Sequence[Packet], key: Hashable | None, *, drop_older: bool) -> None:
        """Puts packets at the end. With `drop_older`, those of the same key that wait are dropped: they are out
        of date. The new ones do not take their place, or they would overtake what was sent between."""
        if drop_older and key is not None:
            self._drop(key)
        for packet in packets:
            self._waiting.append(_Waiting(packet, key))
            self.size += len(packet.data)

    def take(self) -> list[Packet]:
        """Everything that waits; nothing waits then."""
        packets = [waiting.packet for waiting in self._waiting]
        self._waiting = []
        self.size = 0
        return packets

    def _drop(self, key: Hashable) -> None:
        kept = [waiting for waiting in self._waiting if waiting.key != key]
        if len(kept) < len(self._waiting):
            self.drops.states += len(self._waiting) - len(kept)
            self._waiting = kept
            self.size = sum(len(waiting.packet.data) for waiting in kept)
