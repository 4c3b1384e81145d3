"""Whom a reverse proxy speaks for: `X-Forwarded-For`, and `Forwarded` (RFC 7239), of proxies that are trusted. Pure.

Each proxy appends the address that it was called from, so what counts is the right-most address that is no trusted
proxy's: everything to the left of it is what a client said of itself, and is not even read. A header that does not
lead to such an address says nothing, and neither do two headers that disagree: a proxy hands on the one that it does
not write as the client sent it. Then the peer counts, which is known.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from net.http import Headers

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
_Reader: TypeAlias = "Callable[[str], Address | None]"

UNIX_PEER: Final = "a Unix socket"
"""What the peer of a Unix socket is called."""

_SITE_BITS: Final = 64
"""A provider gives each customer a network of this length or shorter (RFC 6177), so addresses in it cost nothing."""

_NODE = re.compile(r"\[(?P<six>[^\[\]]+)\](?::[0-9]{1,5})?|(?P<four>[0-9.]+)(?::[0-9]{1,5})?|(?P<bare>[0-9A-Fa-f:.]+)")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'[ \t]*(?P<name>{_TOKEN})=(?:"(?P<quoted>[^"\\]*)"|(?P<plain>{_TOKEN}))[ \t]*')


def is_proxy(text: str) -> bool:
    """Whether this is what `TrustedProxies.parse` takes: an address or a network."""
    try:
        TrustedProxies.parse([text])
    except ValueError:
        return False
    return True


def network_of(peer: str) -> str:
    """Whom a limit by address is for: the peer's address without its port, or of IPv6 its network of 64 bits. A peer
    that has no address is its name."""
    address = _node(peer)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _SITE_BITS), strict=False))
    return peer if address is None else str(address)


@frozen
class TrustedProxies:
    """Who is believed about where a request comes from."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> TrustedProxies:
        """From addresses and networks. Raises ValueError."""
        return cls(tuple(ip_network(text) for text in texts))

    def trusts(self, peer: str) -> bool:
        """Whether this peer, `HOST:PORT`, is such a proxy."""
        address = _node(peer)
        return address is not None and self._has(address)

    def client_of(self, peer: str, headers: Headers) -> str:
        """Whom this trusted peer speaks for: an address; the peer itself when its headers do not tell."""
        found = {
            self._rightmost(nodes)
            for nodes in (_nodes(headers, "x-forwarded-for", _plain), _nodes(headers, "forwarded", _for))
            if nodes is not None
        }
        address = found.pop() if len(found) == 1 else None
        return peer if address is None else str(address)

    def _rightmost(self, nodes: Iterator[Address | None]) -> Address | None:
        """The first address, from the right, that is no proxy's, or the last when all are; None when one before it
        cannot be read."""
        address = None
        for address in nodes:
            if address is None or not self._has(address):
                break
        return address

    def _has(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _nodes(headers: Headers, name: str, read: _Reader) -> Iterator[Address | None] | None:
    """What the header lists, the last first; None when there is no such header."""
    values = [value for key, value in headers if key == name]
    if not values:
        return None
    # RFC 9110, section 5.6.1: empty elements count for nothing.
    return (read(element) for value in reversed(values) for element in reversed(value.split(",")) if element.strip())


def _plain(element: str) -> Address | None:
    return _node(element.strip(" \t"))


def _for(element: str) -> Address | None:
    """The `for` of an element. A comma in a quoted string, which no address has, makes two elements that are none."""
    found = []
    for text in element.split(";"):
        pair = _PAIR.fullmatch(text)
        if pair is None:
            return None
        if pair["name"].lower() == "for":
            found.append(pair["plain"] if pair["quoted"] is None else pair["quoted"])
    return _node(found[0]) if len(found) == 1 else None


def _node(text: str) -> Address | None:
    """An address, with or without a port, with or without the brackets of IPv6; None for everything else: `unknown`,
    and the obfuscated names of RFC 7239, section 6.3, tell nobody apart."""
    node = _NODE.fullmatch(text)
    return None if node is None else _parsed(node["six"] or node["four"] or node["bare"])


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
