"""Addresses of peers, and the networks that are trusted."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network


def plain_host(host: str | None) -> str | None:
    """A peer's host as it is compared and passed on; None where it has no IP address.

    Without the zone of a link-local address, which means nothing elsewhere, and as IPv4 where a
    socket for IPv6 took a connection of IPv4 (RFC 4291 section 2.5.5.2).
    """
    address = _address(host)
    return None if address is None else str(address)


def _address(host: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class Networks:
    """A set of networks. What has no IP address is in none."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, host: str | None) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)
