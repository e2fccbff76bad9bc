"""Which pool a request is for, by its host and the beginning of its path.

Theory of operation. A route has a host (``api.example.com``, ``*.example.com`` for all below it, or
``*`` for any), a path prefix, and the name of a pool. Of all routes that take a request the most
specific wins, whatever the order in which they were written: an exact host before a wildcard, the
longer wildcard before the shorter, any wildcard before ``*``; then the longer prefix.

Hosts are compared without port, without regard to case, without the dot that may end a whole name,
and IPv6 addresses as numbers. An empty host (HTTP/1.0 without Host) is that of ``*`` only.

Prefixes are compared octet by octet with the target as it came, at the borders of segments:
``/api`` takes ``/api``, ``/api/x`` and ``/api?x``, but not ``/apix``. A slash at the end of a
prefix means nothing. Nothing is decoded, no dot segment and no empty one is removed: ``/%61pi``,
``//api`` and ``/x/../api`` are not below ``/api``, and ``/api/../x`` is. An application may see the
same path in these, another may not; a router that decided for it would have to change the target or
be wrong for one of them. So a prefix is a way to divide work and not to keep anybody out.
``OPTIONS *`` has no path and is taken by ``/`` alone.

What a look-up costs is bounded by the routes, not by the request: no key longer than the longest
in the table is looked for.

Rejected: regular expressions (which wins depends on order, and what they cost on the request);
a tree by segments (more steps for the usual few routes than a look-up for each border).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address
from typing import Final, NamedTuple

ANY: Final = "*"

_NAME: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_PREFIX: Final = re.compile(r"/[!-\"$->@-~]*")


class RouteError(ValueError):
    """A route cannot be read; the text names the part that is wrong."""


class Route(NamedTuple):
    """What is asked of ``host`` (as in the module's text) below ``prefix`` is for ``pool``.

    ``prefix`` is empty for all paths, and else begins with a slash and does not end with one.
    """

    host: str
    prefix: str
    pool: str


def parse_route(pattern: str, pool: str) -> Route:
    """A route from ``HOST/PREFIX``; without a slash, all paths. Raises RouteError."""
    host, slash, rest = pattern.partition("/")
    return Route(_parse_host(host, pattern), _parse_prefix(slash + rest, pattern), pool)


def _parse_host(text: str, pattern: str) -> str:
    if text == ANY:
        return text
    if text.startswith("["):
        try:
            return f"[{IPv6Address(text[1:-1] if text.endswith(']') else '')}]"
        except ValueError:
            raise RouteError(f"the host {text!r} of {pattern!r} is not [IPv6 address]") from None
    name = text.lower().removesuffix(".")
    if not _NAME.fullmatch(name.removeprefix("*.")):
        raise RouteError(
            f"the host {text!r} of {pattern!r} is not a name without port, *.name or *"
        )
    return name


def _parse_prefix(text: str, pattern: str) -> str:
    prefix = text.removesuffix("/")
    segments = prefix.split("/")[1:]
    if prefix and not _PREFIX.fullmatch(prefix):
        raise RouteError(f"the prefix {text!r} of {pattern!r} has what no path may have")
    if not {"", ".", ".."}.isdisjoint(segments):
        raise RouteError(f"the prefix {text!r} of {pattern!r} has an empty or a dot segment")
    return prefix


def plain_host(host: bytes) -> bytes:
    """The value of Host as it is compared; it is well-formed, or empty."""
    if host.startswith(b"["):
        end = host.find(b"]")
        try:
            return b"[%b]" % str(IPv6Address(host[1:end].decode("ascii"))).encode()
        except ValueError:
            return host
    name = host.partition(b":")[0].lower()
    return name[:-1] if name.endswith(b".") else name


class Prefixes:
    """The pools of one host by prefix."""

    def __init__(self, pools: Iterable[tuple[bytes, str]]) -> None:
        self._pools = dict(pools)
        self._longest = max(map(len, self._pools), default=0)

    def find(self, path: bytes) -> str | None:
        """The pool of the longest prefix that takes this path, if any does."""
        end = len(path)
        if end > self._longest:
            end = path.rfind(b"/", 0, self._longest + 1)
        while end >= 0:
            pool = self._pools.get(path[:end])
            if pool is not None:
                return pool
            end = path.rfind(b"/", 0, end)
        return None


class RouteTable:
    """All routes; two of them with the same host and prefix are an error of the caller's."""

    def __init__(self, routes: Sequence[Route]) -> None:
        by_host: dict[str, list[tuple[bytes, str]]] = {}
        for route in routes:
            by_host.setdefault(route.host, []).append((route.prefix.encode(), route.pool))
        self._any = Prefixes(by_host.pop(ANY, ()))
        self._exact: dict[bytes, Prefixes] = {}
        self._below: dict[bytes, Prefixes] = {}
        for host, pools in by_host.items():
            if host.startswith("*."):
                self._below[host[1:].encode()] = Prefixes(pools)
            else:
                self._exact[host.encode()] = Prefixes(pools)
        self._longest_below = max(map(len, self._below), default=0)

    def find(self, host: bytes, target: bytes) -> str | None:
        """The pool for what is asked of ``host`` (the value of Host) by ``target`` (a path with
        its query, or ``*``); None if no route takes it.
        """
        path = b"" if target == b"*" else target.partition(b"?")[0]
        name = plain_host(host)
        prefixes = self._exact.get(name)
        pool = None if prefixes is None else prefixes.find(path)
        if pool is None and self._below:
            pool = self._find_below(name, path)
        return self._any.find(path) if pool is None else pool

    def _find_below(self, name: bytes, path: bytes) -> str | None:
        """By the routes with a wildcard, the longest first. There must be something for it."""
        dot = name.find(b".", max(1, len(name) - self._longest_below))
        while dot >= 0:
            prefixes = self._below.get(name[dot:])
            pool = None if prefixes is None else prefixes.find(path)
            if pool is not None:
                return pool
            dot = name.find(b".", dot + 1)
        return None
