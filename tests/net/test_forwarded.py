"""Whom a proxy speaks for, whatever the client says of itself."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.forwarded import UNIX_PEER, TrustedProxies, is_proxy, network_of

PROXIES = TrustedProxies.parse(["10.0.0.0/8", "::1", "2001:db8:aaaa::/48"])
PEER = "10.0.0.9:4711"
XFF, FWD = "x-forwarded-for", "forwarded"


def client(*headers: tuple[str, str], peer: str = PEER) -> str:
    return PROXIES.client_of(peer, headers)


# ---- who is trusted


@pytest.mark.parametrize(
    "peer",
    ["10.0.0.9:4711", "10.255.255.255:1", "[::1]:80", "[2001:db8:aaaa:1::2]:1", "[::ffff:10.1.2.3]:5"],
)
def test_a_peer_in_the_list_is_trusted(peer: str) -> None:
    assert PROXIES.trusts(peer)


@pytest.mark.parametrize(
    "peer", ["11.0.0.9:4711", "[::2]:80", "[2001:db8:aaab::1]:1", "10.example:1", "somebody", "", UNIX_PEER]
)
def test_everybody_else_is_not(peer: str) -> None:
    assert not PROXIES.trusts(peer)


def test_by_default_nobody_is_trusted() -> None:
    assert not any(TrustedProxies().trusts(peer) for peer in (PEER, "[::1]:1", "127.0.0.1:1", UNIX_PEER))


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"])
def test_an_address_and_a_network_are_proxies(text: str) -> None:
    assert is_proxy(text)


@pytest.mark.parametrize("text", ["", "short", "10.0.0.1/8", "10.0.0.0/33", "localhost", "*", "10.0.0.1:80", "unix"])
def test_what_is_no_proxy(text: str) -> None:
    assert not is_proxy(text)


# ---- whom they speak for


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51000", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:51000", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.0.0.3,10.0.0.2", "203.0.113.7"),
        ("203.0.113.7, , ", "203.0.113.7"),
        ('"><script>, 203.0.113.7', "203.0.113.7"),
        ("10.0.0.5, 10.0.0.6", "10.0.0.5"),  # inside the house, all are proxies
        ("unknown", PEER),
        ("203.0.113.7, unknown", PEER),
        ("203.0.113.7, nonsense, 10.0.0.2", PEER),
        ("256.1.1.1", PEER),
        ("203.0.113.7 198.51.100.1", PEER),
        ("[2001:db8::7", PEER),
        ("", PEER),
        (",,", PEER),
    ],
)
def test_x_forwarded_for(value: str, expected: str) -> None:
    assert client((XFF, value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=203.0.113.7", "203.0.113.7"),
        ('For="203.0.113.7:4711"', "203.0.113.7"),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("proto=https; for=192.0.2.60 ;host=a", "192.0.2.60"),
        ("for=192.0.2.43, for=198.51.100.17;by=10.0.0.1", "198.51.100.17"),
        ('for="x, for=198.51.100.17', "198.51.100.17"),
        ('for=192.0.2.43, for=198.51.100.17;host="a", for=10.0.0.1', "198.51.100.17"),
        ("for=unknown", PEER),
        ("for=_hidden", PEER),
        ("for=192.0.2.43;for=192.0.2.44", PEER),
        ("by=203.0.113.43", PEER),
        ("for=2001:db8:cafe::17", PEER),  # a colon must be quoted: RFC 7239, section 6
        ('for="192.0.2.43', PEER),
        ("192.0.2.43", PEER),
        ("for=192.0.2.43;", PEER),
        ("", PEER),
    ],
)
def test_forwarded(value: str, expected: str) -> None:
    assert client((FWD, value)) == expected


def test_several_headers_are_one_list() -> None:
    assert client((XFF, "203.0.113.7"), ("host", "h"), (XFF, "10.0.0.3")) == "203.0.113.7"
    assert client((FWD, "for=1.2.3.4"), (FWD, "for=203.0.113.7")) == "203.0.113.7"


def test_two_headers_that_agree_are_believed_and_two_that_do_not_are_not() -> None:
    assert client((XFF, "203.0.113.7"), (FWD, 'for="203.0.113.7:1"')) == "203.0.113.7"
    assert client((XFF, "203.0.113.7"), (FWD, "for=198.51.100.1")) == PEER
    assert client((XFF, "203.0.113.7"), (FWD, "for=unknown")) == PEER


def test_without_headers_the_peer_counts() -> None:
    assert client(("x-real-ip", "203.0.113.7")) == PEER
    assert client(peer=UNIX_PEER) == UNIX_PEER


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
STRANGERS = ADDRESSES.filter(
    lambda address: not PROXIES.trusts(f"[{address}]" if address.version == 6 else f"{address}")
)
INSIDE = st.integers(0, 2**24 - 1).map(lambda number: IPv4Address((10 << 24) + number))
SAID = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)


def as_node(address: IPv4Address | IPv6Address) -> str:
    return f'"[{address}]"' if isinstance(address, IPv6Address) else str(address)


@given(STRANGERS, st.lists(INSIDE, max_size=3), SAID)
def test_what_a_client_says_of_itself_never_counts(
    stranger: IPv4Address | IPv6Address, hops: list[IPv4Address], said: str
) -> None:
    mapped = stranger.ipv4_mapped if isinstance(stranger, IPv6Address) else None
    expected = str(stranger if mapped is None else mapped)
    assert client((XFF, ", ".join([said, str(stranger), *map(str, hops)]))) == expected
    assert client((FWD, ", ".join([said, *(f"for={as_node(hop)}" for hop in (stranger, *hops))]))) == expected


@given(st.lists(st.tuples(st.sampled_from([XFF, FWD, "host"]), SAID), max_size=4))
def test_no_header_can_break_it(headers: list[tuple[str, str]]) -> None:
    found = client(*headers)
    assert found == PEER or str(network_of(found))


# ---- whom a limit is for


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("203.0.113.7", "203.0.113.7"),
        ("[2001:db8:1:2:3::4]:80", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("npc:anna", "npc:anna"),
        (UNIX_PEER, UNIX_PEER),
    ],
)
def test_a_limit_is_for_an_address_or_a_network_of_64_bits(peer: str, network: str) -> None:
    assert network_of(peer) == network
