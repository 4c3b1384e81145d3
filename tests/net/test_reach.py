"""A server that made its secret itself does not listen beyond its machine, unless it is told to."""

from __future__ import annotations

import pytest

from net.config import Auth, Config, Server
from net.errors import ConfigError
from net.reach import check_reach, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_needs_no_secret_of_ones_own(host: str) -> None:
    assert is_loopback(host)
    check_reach(Config(server=Server(host=host)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "play.example.org"])
def test_the_network_does(host: str) -> None:
    with pytest.raises(ConfigError, match=r"is open to the network.*CROUPIER_AUTH_SECRET") as refused:
        check_reach(Config(server=Server(host=host)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "auth", [Auth(secret="x" * 32), Auth(secrets=("x" * 32, "y" * 32)), Auth(generated_secret="anywhere")]
)
def test_with_a_secret_or_when_told_so_it_listens_anywhere(auth: Auth) -> None:
    check_reach(Config(server=Server(host="0.0.0.0"), auth=auth))
