"""Whom the server can be reached by, and whether that goes with the secret that it has.

A secret that the server made itself is as good as another, but nobody else knows it: whoever opens such a server to the
network has most likely forgotten to set one, and with it to think of who may make tokens.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from net.errors import ConfigError

if TYPE_CHECKING:
    from net.config import Config

ANYWHERE: Final = "anywhere"


def check_reach(config: Config) -> None:
    """Raises ConfigError for a server that would listen to more than its own machine with a secret that it made."""
    auth, host = config.auth, config.server.host
    if auth.secret or auth.secrets or auth.generated_secret == ANYWHERE or is_loopback(host):
        return
    raise ConfigError(
        f"[server] host {host} is open to the network, and no secret is set, so one would be made that nobody else"
        " knows: set CROUPIER_AUTH_SECRET or [auth] secret; or [auth] generated_secret to anywhere, if that is what you"
        " want"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to that address. Of a name but localhost, nobody knows."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
