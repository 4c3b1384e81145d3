"""The journals, read past the server: from the store's streams, with their writers' nonces, and from the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

from actors.events import Event
from actors.ports import GameNotFound, StoreUnavailable
from net.checks import Written
from net.event_codec import decode_event, encode_event
from net.game_stream import GameStream
from net.outside import SystemEntropy
from net.ownership import Ownership
from net.redis import Redis
from net.scripts import Scripts
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from collections.abc import Sequence


_PAGE: Final = 500
_RETRY: Final = 0.1


@frozen
class Ledger:
    """Every game of one store and one archive. `archived` gives a game's events out of the archive; None: it has no
    such game."""

    redis: Redis
    prefix: str
    archived: Callable[[str], tuple[Event, ...] | None]

    async def read(self, game_id: str) -> tuple[tuple[Written, ...], bool]:
        """What stands of the game, whole, and whether it is out of the archive. Waits while the store is away."""
        while True:
            try:
                entries = await self._stream(game_id)
            except StoreUnavailable:
                await trio.sleep(_RETRY)
                continue
            if entries:
                return entries, False
            # Not there, or no more: it is archived before it leaves the store.
            events = await trio.to_thread.run_sync(self.archived, game_id)
            return tuple(Written(event.event_id, event) for event in events or ()), events is not None

    async def _stream(self, game_id: str) -> tuple[Written, ...]:
        scripts = Scripts(self.redis, Ownership(entropy=SystemEntropy(), prefix=self.prefix))
        stream = GameStream(self.redis, scripts, StoreKeys(self.prefix), game_id)
        found: list[Written] = []
        while True:
            try:
                page = await stream.page(found[-1].event_id if found else 0, _PAGE)
            except GameNotFound:
                return ()
            found += [Written(entry.event_id, decode_event(entry.event), entry.nonce.decode()) for entry in page]
            if len(page) < _PAGE:
                return tuple(found)


def digest(entries: Sequence[Written]) -> bytes:
    """The same for the same events, wherever they stand."""
    together = hashlib.blake2b(digest_size=16)
    for entry in entries:
        together.update(encode_event(entry.event))
    return together.digest()
