"""Asking a running server over its admin listener."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import trio
from attrs import frozen

from actors.kit.tree import from_json
from net.admin.address import AdminAddress, UnixAddress, admin_address
from net.auth import Scope, Tokens, secret_for
from net.client import ConnectionLost, http_request
from net.config import Config
from net.errors import StartError
from net.outside import SystemClock, SystemEntropy
from net.secret_file import FILE_NAME
from net.unix_socket import short_path

if TYPE_CHECKING:
    from pathlib import Path

    from actors.kit.tree import Node
    from actors.rules.interface import JsonObject
    from net.client import HttpAnswer


ANSWER_WITHIN: Final = 5.0
"""Seconds that a server has to answer: it needs milliseconds."""

_TOKEN_TTL: Final = 60.0
_NOBODY: Final = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR})
_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM})


class NoAnswer(StartError):
    """The server cannot be asked: it does not run, is somebody else's, or does not answer."""


@frozen
class AdminClient:
    """Asks the server that this configuration is of. Made by `client_for`."""

    config: Config
    address: AdminAddress

    async def tree(self) -> Node:
        """Everything that runs in the server now. Raises NoAnswer."""
        try:
            return from_json(await self._get("/tree"))
        except ValueError:
            raise NoAnswer(f"what answers at {self.address} is no Croupier") from None

    async def suspended(self) -> list[JsonObject]:
        """The games that are suspended, the latest first. Raises NoAnswer."""
        games: list[JsonObject] = (await self._get("/suspended"))["games"]
        return games

    async def resume(self, game_id: str) -> JsonObject:
        """Has a suspended game tried again: `resumed` is false when it ran already. Raises NoAnswer when it still
        cannot go on; the text says why."""
        answer = await self._request("POST", f"/games/{quote(game_id, safe='')}/resume")
        if answer.status != 200:
            raise NoAnswer(f"game {game_id} does not go on: {_reason(answer)}")
        found: JsonObject = answer.json
        return found

    async def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        answer = await self._request("GET", path)
        if answer.status != 200:
            raise NoAnswer(f"the server answered with status {answer.status}; its log says why")
        return answer.json

    async def _request(self, method: str, path: str) -> HttpAnswer:
        token = self._token()
        with trio.move_on_after(ANSWER_WITHIN):
            try:
                answer = await http_request(await self._connect(), method, path, token=token)
            except OSError as error:
                raise self._unreachable(error) from None
            except ConnectionLost:
                raise NoAnswer("the server hung up: it is about to end, or serves too many who ask") from None
            if answer.status == 401:
                raise NoAnswer("the server does not accept our token: it has another secret ([auth]) than we have")
            return answer
        why = "its event loop may be held, and its log says where"
        raise NoAnswer(f"the server has not answered within {ANSWER_WITHIN:g} s: {why}")

    async def _connect(self) -> trio.abc.Stream:
        if isinstance(self.address, UnixAddress):
            with short_path(self.address.path) as path:
                return await trio.open_unix_socket(path)
        return await trio.open_tcp_stream(self.address.host, self.address.port)

    def _token(self) -> str | None:
        """A service token, where one is needed. Never makes a secret: a server that runs has one."""
        if isinstance(self.address, UnixAddress):
            return None
        auth = self.config.auth
        if not (auth.secret or auth.secrets or (self._data_dir / FILE_NAME).exists()):
            raise NoAnswer(f"there is no secret in {self._data_dir} to make a token with: name the server's --data-dir")
        secrets = secret_for(self.config, self._data_dir, SystemEntropy())
        return Tokens(secrets, auth.audience, SystemClock()).issue("croupier", Scope.SERVICE, _TOKEN_TTL)

    @property
    def _data_dir(self) -> Path:
        return self.config.server.data_dir.absolute()

    def _unreachable(self, error: OSError) -> NoAnswer:
        if not isinstance(self.address, UnixAddress):
            return NoAnswer(f"no server's admin listener can be reached at {self.address}: {error.strerror or error}")
        if error.errno in _NOBODY:
            advice = "start one with `croupier serve`, or name its folder with --data-dir"
            return NoAnswer(f"no server runs on {self._data_dir}; {advice}")
        if error.errno in _NOT_OURS:
            return NoAnswer(f"{self.address} is another user's: only who runs the server may ask it")
        return NoAnswer(f"cannot ask at {self.address}: {error.strerror or error}")


def _reason(answer: HttpAnswer) -> str:
    """What the server says of what it refuses, and the id of the report that its log has."""
    try:
        error = answer.json["error"]
        report = error.get("details", {}).get("id")
        return str(error["message"]) + ("" if report is None else f"; its log says why, in report {report}")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the server answered with status {answer.status}"


def client_for(config: Config) -> AdminClient:
    """A client of the server that runs with this configuration. Raises NoAnswer when it has no admin listener."""
    address = admin_address(config.admin.listen, config.server.data_dir)
    if address is None:
        raise NoAnswer("[admin] listen is off, so a server of this configuration cannot be asked")
    return AdminClient(config, address)
