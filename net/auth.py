"""Who a client is: tokens (JWT, RFC 7519) signed with a secret that the server holds.

The algorithm is pinned to HS256 and a token is held to one audience and one scope, as RFC 8725 asks (sections
3.1, 3.9, 3.12); what a refusal says is safe to send to whoever sent the token.
"""

from __future__ import annotations

import enum
import math
import re
from typing import TYPE_CHECKING, Any, ClassVar

import jwt
from attrs import frozen

from net.config_bounds import MIN_SECRET_BYTES
from net.errors import ConfigError
from net.secret_file import kept_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from actors.ports import Clock, Entropy
    from net.config import Config

MAX_TOKEN_CHARS = 8192
"""Ours have some 200. A longer one is refused before anything is computed from it."""

_ALGORITHM = "HS256"
_LATEST = 2.0**53  # the last second that a float still counts; a claim beyond it means nothing
_USER_ID = re.compile(r"[A-Za-z0-9:_.@-]{1,64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Scope(enum.StrEnum):
    """What a token is for; neither is usable as the other."""

    PLAYER = "player"
    SERVICE = "service"


class Unauthorized(Exception):
    """The token does not say who this is. The text goes to the client; so does `code`."""

    code: ClassVar[str] = "unauthorized"


class TokenExpired(Unauthorized):
    """The token was good once: a fresh one will do."""

    code: ClassVar[str] = "token_expired"


@frozen
class Claims:
    """What a valid token says. `expires_at` is in seconds since the Unix epoch."""

    user_id: str
    scope: Scope
    expires_at: float


def is_user_id(text: object) -> bool:
    """Whether this can be a user's id: 1 to 64 characters of `A-Z a-z 0-9 : _ . @ -`."""
    return isinstance(text, str) and _USER_ID.fullmatch(text) is not None


def is_person(user_id: str) -> bool:
    """Whether this user is a person: their id is a UUID (`npc:…` and all others are not)."""
    return _UUID.fullmatch(user_id) is not None


def secret_for(
    config: Config, data_dir: Path, entropy: Entropy, *, on_made: Callable[[Path], None] | None = None
) -> tuple[str, ...]:
    """The secrets that tokens are signed (the first) and verified with.

    Those of the configuration; where it has none, the one in the data directory, made now if it is not there;
    `on_made` is then told its path. Raises ConfigError, SecretRefused.
    """
    configured = config.auth.secrets or ((config.auth.secret,) if config.auth.secret else ())
    if not configured:
        return (kept_secret(data_dir, entropy, on_made=on_made),)
    for secret in configured:
        try:  # PyJWT signs with nothing that looks like a public key (CVE-2022-29217): say so at the start
            jwt.get_algorithm_by_name(_ALGORITHM).prepare_key(secret)
        except jwt.InvalidKeyError:
            raise ConfigError("[auth] a secret is a PEM or SSH key, not a secret text; HS256 takes no keys") from None
    return configured


class Tokens:
    """Issues and verifies tokens. The first secret signs, all verify, so that a secret can be changed."""

    __slots__ = ("_audience", "_clock", "_secrets")

    def __init__(self, secrets: Sequence[str], audience: str, clock: Clock) -> None:
        """Raises ValueError when there is no secret, or one shorter than HS256 allows."""
        if not secrets or any(len(secret.encode()) < MIN_SECRET_BYTES for secret in secrets):
            raise ValueError(f"tokens need a secret of {MIN_SECRET_BYTES} bytes or more")
        self._secrets = tuple(secrets)
        self._audience = audience
        self._clock = clock

    def issue(self, user_id: str, scope: Scope, ttl: float) -> str:
        """A token of this user, good for `ttl` seconds, rounded up to a whole second.

        Raises ValueError when the user id is not of the form, or `ttl` is not positive.
        """
        if not is_user_id(user_id):
            raise ValueError("a user id has 1 to 64 letters, digits or :_.@-")
        if not 0 < ttl <= _LATEST:
            raise ValueError("a token is good for a positive number of seconds")
        now = self._clock.now()
        claims = {
            "aud": self._audience,
            "exp": math.ceil(now + ttl),
            "iat": math.floor(now),
            "scope": scope.value,
            "sub": user_id,
        }
        return jwt.encode(claims, self._secrets[0], algorithm=_ALGORITHM)

    def verify(self, token: object, *, scope: Scope | None = None) -> Claims:
        """What this token says, if it is ours, in time, and of this scope (None: of either).

        Takes whatever a client sent in the place of a token. Raises TokenExpired when nothing but the time is
        wrong, else Unauthorized.
        """
        payload = self._payload(token)
        user_id, expires_at = payload["sub"], payload["exp"]
        if not is_user_id(user_id):
            raise Unauthorized("The token names no valid user.")
        if payload.get("scope") not in tuple(Scope):
            raise Unauthorized("The token has no valid scope.")
        granted = Scope(payload["scope"])
        if scope not in {None, granted}:
            raise Unauthorized(f"This needs a token of scope {scope}.")
        if not _is_time(expires_at) or not _is_time(payload.get("nbf", 0)):
            raise Unauthorized("The token is not valid.")
        now = self._clock.now()
        if expires_at <= now:  # RFC 7519, section 4.1.4: not on or after it
            raise TokenExpired("The token has expired.")
        if payload.get("nbf", 0) > now:
            raise Unauthorized("The token is not valid yet.")
        return Claims(user_id, granted, float(expires_at))

    def _payload(self, token: object) -> dict[str, Any]:
        """The claims of a token that one of our secrets signed for our audience; the times are yet
        unchecked."""
        if token is None or token == "":
            raise Unauthorized("A token is needed.")
        if not isinstance(token, str) or len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise Unauthorized("The token is not valid.")
        for secret in self._secrets:
            try:
                return jwt.decode(
                    token,
                    secret,
                    algorithms=[_ALGORITHM],
                    audience=self._audience,
                    options={
                        "require": ["exp", "aud", "sub"],
                        "verify_aud": True,
                        "verify_exp": False,  # PyJWT reads the machine's clock; ours comes through a port
                        "verify_nbf": False,
                        "verify_iat": False,
                        "verify_iss": False,
                        "verify_jti": False,
                    },
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidTokenError:
                break
        raise Unauthorized("The token is not valid.")


def _is_time(claim: object) -> bool:
    """Whether this is a NumericDate (RFC 7519, section 2) that can be compared: no boolean, no NaN, no
    1e999."""
    return isinstance(claim, int | float) and not isinstance(claim, bool) and 0 <= claim <= _LATEST
