"""A write to the store whose reply may never come: it is sent again until it is known what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from actors.ports import ServerReplaced, StoreUnavailable
from net.backoff import Backoff
from net.redis import ResultUnknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors.ports import Entropy
    from net.redis import Redis

FIRST_RETRY: Final = 0.02
LONGEST_RETRY: Final = 1.0


async def until_known(
    redis: Redis,
    entropy: Entropy,
    attempt: Callable[[], Awaitable[None]],
    *,
    stands: Callable[[], Awaitable[bool]],
    first: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Attempts a write that may be repeated, again and again until its result is known; `stands` reads whether it was
    executed. `first` stands for an attempt that was made before.

    Raises what the attempt raises; StoreUnavailable only if no attempt can have written anything, and none will.
    """
    backoff = Backoff(entropy, first=FIRST_RETRY, longest=LONGEST_RETRY)
    unknown = False
    while True:
        try:
            await (attempt if first is None else first)()
        except ResultUnknown:
            unknown = True
        except ServerReplaced as replaced:
            if not unknown:
                raise
            final = replaced
            break
        except StoreUnavailable:
            # That this attempt wrote nothing says nothing of an earlier one, which may stand or may yet land.
            if not unknown:
                raise
        else:
            return
        first = None
        await trio.sleep(backoff.next())
        await redis.wait_available()
    # From here on nothing of ours is executed any more: an earlier attempt was by now, or never will be.
    if not await _answered(redis, backoff, stands):
        raise final


async def _answered(redis: Redis, backoff: Backoff, read: Callable[[], Awaitable[bool]]) -> bool:
    """What this read says, as soon as the store is there to say it."""
    while True:
        try:
            return await read()
        except StoreUnavailable:
            await trio.sleep(backoff.next())
            await redis.wait_available()
