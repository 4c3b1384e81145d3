"""Which server the keys in the store belong to.

An external Redis can be given to two servers by mistake; the embedded one cannot, its data directory is locked. Waiting
for the other to go would cost every successor of a killed server that wait. So the newer one wins: it writes its nonce
into `owner`, and from that moment on no write of the older one is executed (`net.scripts`). The older one is told so by
its next write, of whatever kind; its clock writes four times a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.ports import StoreUnavailable
from net.errors import StartError
from net.redis import CommandRefused, ResultUnknown
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ports import Entropy
    from net.redis import Redis

_NONCE_BYTES: Final = 16


class Replaced(StartError):
    """Another server was started on the same Redis and prefix, and this one has stopped for it."""


class Ownership:
    """In whose name one server writes."""

    def __init__(
        self, *, entropy: Entropy, prefix: str = "croupier:", replaced: Callable[[], None] = lambda: None
    ) -> None:
        """`replaced` is called, at each write, when another server has taken these keys over; it must not raise."""
        self.key: Final = StoreKeys(prefix).owner
        self.nonce: Final = entropy.bytes(_NONCE_BYTES).hex().encode()
        self._replaced = replaced

    async def claim(self, redis: Redis) -> None:
        """Makes this server the owner of its keys, whoever was before. To be called once in a server's life, before
        anything is read: a second time would take the keys back from a successor. Raises StoreUnavailable; again is no
        harm then."""
        try:
            await redis.call("SET", self.key, self.nonce)
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None

    def lost(self) -> None:
        """The store says that the keys are another server's."""
        self._replaced()
