"""Whether a Redis can be trusted with games, and how soon what it acknowledges is on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from actors.ports import StoreUnavailable
from net.errors import StartError
from net.redis import CommandRefused, ResultUnknown

if TYPE_CHECKING:
    from net.redis import Redis, Reply

Durability: TypeAlias = Literal["always", "everysec", "no", "unknown"]
"""Redis' `appendfsync`; unknown where the server does not tell."""

DURABILITIES: Final = ("always", "everysec", "no")


class StoreRefused(StartError):
    """The configured Redis would lose games, or cannot hold them."""


async def check_external(redis: Redis) -> Durability:
    """Refuses a Redis that does not keep what it acknowledged; returns the durability in force.

    Raises StoreRefused, with what is to be set; StoreUnavailable when it gives no answer.
    """
    facts = info_fields(await _answer(redis, "INFO", "all"))
    if facts.get("cluster_enabled") == "1":
        raise StoreRefused("the Redis is a cluster, and Croupier needs a single primary")
    if facts.get("role") not in ("master", None):
        raise StoreRefused("the Redis is a replica, which takes no writes: point redis_url to its primary")
    if (facts.get("aof_enabled") or await _setting(redis, "appendonly")) not in ("1", "yes"):
        raise StoreRefused(
            "the Redis has no append-only file, so a restart of it would lose games: set `appendonly yes` in it"
        )
    policy = facts.get("maxmemory_policy") or await _setting(redis, "maxmemory-policy")
    if policy != "noeviction":
        raise StoreRefused(
            f"the Redis drops games when its memory is full (maxmemory-policy is {policy}):"
            " set `maxmemory-policy noeviction` in it"
        )
    durability = await _setting(redis, "appendfsync")
    return cast("Durability", durability) if durability in DURABILITIES else "unknown"


def info_fields(reply: Reply) -> dict[str, str]:
    """The fields of an INFO reply; empty when it is none."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else ""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


async def _setting(redis: Redis, name: str) -> str | None:
    """One setting of the server; None where CONFIG is forbidden, as hosted ones do."""
    match await _answer(redis, "CONFIG", "GET", name):
        case [bytes(), bytes(value)]:
            return value.decode(errors="replace")
        case _:
            return None


async def _answer(redis: Redis, *command: str) -> Reply:
    """The reply; None where the command is forbidden."""
    try:
        return await redis.call(*command)
    except CommandRefused:
        return None
    except ResultUnknown as unknown:
        raise StoreUnavailable(str(unknown)) from None
