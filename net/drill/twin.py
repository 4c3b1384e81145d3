"""A second server on the store of the first, as when an operator starts one too many."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field

from net.archive import archive_url
from net.process import ServerProcess
from net.valkey import STORE
from net.valkey_process import LOCK_NAME, StoreFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractContextManager

_YEAR = "31536000"


@define(eq=False)
class Twin:
    """Another server on `first`'s store. `guests` are the users who go there while it runs."""

    first: ServerProcess
    folder: Path
    guests: set[str] = field(factory=set, init=False)
    server: ServerProcess | None = field(default=None, init=False)
    """It, while it runs."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ServerProcess]:
        """It runs inside, and is killed at the end. Raises ServerFailed."""
        with self._store() as url:
            async with ServerProcess(
                self.folder, "the second server", self.first.program, environ=self._environ(url)
            ) as server:
                await server.start()
                self.server = server
                try:
                    yield server
                finally:
                    self.guests.clear()
                    self.server = None

    def _store(self) -> AbstractContextManager[str]:
        config = self.first.config
        if config.store.redis_url:
            return nullcontext(config.store.redis_url)
        return StoreFolder(self.first.data / STORE, self.first.data / LOCK_NAME).socket_path()

    def _environ(self, store: str) -> Mapping[str, str]:
        secret = (self.first.data / "secret").read_text().strip() if not self._secrets() else ",".join(self._secrets())
        return {
            **self.first.environ,
            "CROUPIER_STORE_REDIS_URL": store if "://" in store else f"unix://{store}",
            "CROUPIER_STORE_PREFIX": self.first.config.store.prefix,
            "CROUPIER_AUTH_SECRETS": secret,
            "CROUPIER_AUTH_AUDIENCE": self.first.config.auth.audience,
            # It finds there what the first one has archived, and leaves archiving to that one.
            "CROUPIER_ARCHIVE_URL": archive_url("", self.first.data),
            "CROUPIER_GAMES_ARCHIVE_AFTER": _YEAR,
        }

    def _secrets(self) -> Sequence[str]:
        auth = self.first.config.auth
        return auth.secrets or ((auth.secret,) if auth.secret else ())
