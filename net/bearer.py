"""Who sends an HTTP request: the token in its `Authorization: Bearer` (RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from net.auth import Unauthorized
from net.http import Refused, error_response

if TYPE_CHECKING:
    from net.auth import Claims, Scope, Tokens
    from net.http import Request

_CHALLENGE: Final = (("WWW-Authenticate", "Bearer"),)


def authorized(request: Request, tokens: Tokens, scope: Scope | None) -> Claims:
    """What the request's token says; `scope` is the one that it must have, None when any will do. Raises Refused, with
    a 401."""
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            kind = "token" if scope is None else f"{scope} token"
            raise Unauthorized(f"this needs a {kind}: Authorization: Bearer …")
        return tokens.verify(token.strip(), scope=scope)
    except Unauthorized as refusal:
        raise Refused(error_response(401, refusal.code, str(refusal), headers=_CHALLENGE)) from None
