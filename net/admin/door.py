"""The door of the admin listener: where it is, and who may come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from net.admin.address import TcpAddress, admin_address
from net.auth import Scope
from net.bearer import authorized
from net.listener import Acceptor, bind
from net.unix_socket import listen_unix

if TYPE_CHECKING:
    from pathlib import Path

    from net.auth import Tokens
    from net.http import Handler, Request, Response


@frozen(eq=False)
class Door:
    """Where admin connections come from. `needs_token`: the way here is open to others than the owner."""

    acceptor: Acceptor
    needs_token: bool


async def open_door(listen: str, data_dir: Path) -> Door | None:
    """Listens where `[admin] listen` says; None when it says nowhere. Raises CannotListen."""
    match admin_address(listen, data_dir):
        case None:
            return None
        case TcpAddress(host, port):
            return Door(await bind(host, port), needs_token=True)
        case address:
            return Door(listen_unix(address.path), needs_token=False)


def with_token(handler: Handler, tokens: Tokens) -> Handler:
    """The handler, for those who have a service token; all others are answered 401, whatever they ask for."""

    async def guarded(request: Request) -> Response:
        authorized(request, tokens, Scope.SERVICE)
        return await handler(request)

    return guarded
