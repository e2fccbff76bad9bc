"""Kinds of values: from text, or from a value of a TOML file, to a checked value.

Every ``read`` takes a string (flags and environment variables) or any value TOML has, and raises
ValueError for what is not allowed; the words for the error are in ``allowed``. Where a value has
parts it raises RefusedPart, whose text names the one that is wrong.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from lambdadispatch.core.routes import Route, RouteError, parse_route
from lambdadispatch.core.schedule import ScheduleError, Window, parse_window

_WHOLE = re.compile(r"[0-9]{1,18}")
_SECONDS = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(ms|s|m)?")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

_NAME = r"[A-Za-z0-9_-]{1,64}"
_FUNCTION = re.compile(
    r"(?:(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:)?[0-9]{12}:function:)?"
    + _NAME
    + r"(?::(?:\$LATEST(?:\.PUBLISHED)?|[A-Za-z0-9_-]{1,128}))?"
)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_OWN_FIELD = re.compile(r"[A-Za-z0-9-]{1,64}")
_FIELDS_IN_USE = frozenset(
    (
        *("authorization", "connection", "content-encoding", "content-length", "content-type"),
        *("cookie", "date", "expect", "forwarded", "host", "keep-alive", "location"),
        *("proxy-connection", "server", "set-cookie", "te", "trailer", "traceparent", "tracestate"),
        *("transfer-encoding", "upgrade", "via", "x-amzn-trace-id", "x-forwarded-for"),
        *("x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"),
    )
)
_PROTOCOL = re.compile(rf"({_FIELD.pattern})(?:/{_FIELD.pattern})?")
_NEVER_PROTOCOLS = frozenset(["h2", "h2c", "http", "tls", "ptth", "lambdadispatch-session"])
_PATH = re.compile(r"/[!-\"$->@-~]*")


class RefusedPart(ValueError):
    """A value is refused for a part of it, which the text names."""


@dataclass(frozen=True)
class Kind:
    """How one setting is read.

    ``type`` is what ``read`` returns, ``allowed`` says in words what it takes, and a ``flag`` is
    given on the command line without a value.
    """

    type: object
    allowed: str
    read: Callable[[object], object]
    flag: bool = False


def whole(least: int, most: int, *, off: bool = False) -> Kind:
    """Give the kind for an int from ``least`` to ``most``; with ``off`` also the word, as None."""

    def read(value: object) -> int | None:
        if off and isinstance(value, str) and value.lower() == "off":
            return None
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise ValueError
        return value

    allowed = f"a whole number from {least} to {most}"
    return Kind(int | None, f"{allowed}, or off", read) if off else Kind(int, allowed, read)


def seconds(least: float, most: float) -> Kind:
    """Give the kind for a time in seconds, as a float, written 2, 0.5, 250ms, 2s or 1m."""

    def read(value: object) -> float:
        if isinstance(value, str):
            value = _seconds(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        if not least <= value <= most:  # false for nan and the infinities too
            raise ValueError
        return float(value)

    allowed = f"{least:g} to {most:g} seconds; a suffix ms, s or m may name the unit"
    return Kind(float, allowed, read)


def _seconds(text: str) -> float:
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise ValueError
    number, unit = float(match[1]), match[2]
    if unit == "ms":
        return number / 1000
    return number * 60 if unit == "m" else number


def truth() -> Kind:
    """Give the kind for a bool: true, yes, 1, false, no or 0, in any case."""

    def read(value: object) -> bool:
        found = _TRUTH.get(str(value).lower()) if isinstance(value, str | int) else None
        if found is None:
            raise ValueError
        return found

    return Kind(bool, "true, yes, 1, false, no or 0", read, flag=True)


def text(allowed: str, fits: Callable[[str], object]) -> Kind:
    """Give the kind for a str of printable characters for which ``fits`` is true."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value.isprintable() or not fits(value):
            raise ValueError
        return value

    return Kind(str, allowed, read)


def word(*words: str) -> Kind:
    """Give the kind for one of ``words``."""
    return text(" or ".join(words), lambda value: value in words)


def function() -> Kind:
    """Give the kind for the FunctionName of AWS Lambda's Invoke, a qualifier included."""
    return text(
        "the name of an AWS Lambda function, name:qualifier, or an ARN",
        lambda value: len(value) <= 256 and _FUNCTION.fullmatch(value),
    )


def routes() -> Kind:
    """Give the kind for a tuple of routes: in text between commas, or a table of a TOML file.

    Each is ``HOST/PREFIX=NAME``; in a table HOST/PREFIX is the key.
    """

    def read(value: object) -> tuple[Route, ...]:
        if isinstance(value, str):
            texts = [part.strip() for part in value.split(",")] if value else []
            value = [(pattern, name) for pattern, _, name in (t.rpartition("=") for t in texts)]
        elif isinstance(value, Mapping):
            value = list(value.items())
        if not isinstance(value, list | tuple):
            raise ValueError
        found = tuple(_route(each) for each in value)
        _refuse_twice(found)
        return found

    return Kind(
        tuple[Route, ...],
        "HOST/PREFIX=FUNCTION between commas, with a name, *.name or * for HOST, or empty; in the "
        "file also a table",
        read,
    )


def _route(pair: object) -> Route:
    if isinstance(pair, Route):
        return pair
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise ValueError
    pattern, name = pair
    if not pattern:
        raise RefusedPart(f"{name!r} has not the form HOST/PREFIX=FUNCTION")
    try:
        return parse_route(pattern, cast(str, function().read(name)))
    except RouteError as error:
        raise RefusedPart(str(error)) from None
    except ValueError:
        raise RefusedPart(
            f"{name!r} at {pattern!r} is not {function().allowed}; a key with dots stands in quotes"
        ) from None


def _refuse_twice(found: Iterable[Route]) -> None:
    seen: set[tuple[str, str]] = set()
    for host, prefix, _ in found:
        if (host, prefix) in seen:
            raise RefusedPart(f"{host + (prefix or '/')!r} is there twice")
        seen.add((host, prefix))


def command() -> Kind:
    """Give the kind for a command line in the quoting of a shell."""
    return text("a command line, its quotes closed", shlex.split)


def file_name() -> Kind:
    """Give the kind for the name of a file, which need not exist."""
    return text("the name of a TOML file", bool)


def pem_file() -> Kind:
    """Give the kind for the name of a file, which is read when the router starts."""
    return text("the name of a PEM file", bool)


def interface() -> Kind:
    """Give the kind for an address to listen on."""
    return text(
        "an IP address, or empty for all interfaces", lambda value: value == "" or ip_address(value)
    )


def networks() -> Kind:
    """Give the kind for a tuple of networks: in text between commas, or a list of texts."""

    def read(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")] if value else []
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise ValueError
        return tuple(ip_network(each) for each in value)

    return Kind(
        tuple[IPv4Network | IPv6Network, ...],
        "IP addresses and networks in CIDR form between commas, as in 10.0.0.0/8, fd00::/8, or "
        "empty",
        read,
    )


def protocols() -> Kind:
    """Give the kind for a tuple of protocols of Upgrade: in text between commas, or a list."""

    def read(value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")] if value else []
        if not isinstance(value, list | tuple):
            raise ValueError
        return tuple(_protocol(each) for each in value)

    return Kind(
        tuple[str, ...],
        "protocols as in websocket, between commas, or empty for none; never HTTP (h2c), TLS or "
        "those of the control port",
        read,
    )


def _protocol(value: object) -> str:
    match = _PROTOCOL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    if match[1].lower() in _NEVER_PROTOCOLS:
        raise RefusedPart(f"{value!r} is never passed on")
    return match[0]


def own_field_name() -> Kind:
    """Give the kind for the name of a field that the router may write, or off, as None."""

    def read(value: object) -> str | None:
        if isinstance(value, str) and value.lower() == "off":
            return None
        if not isinstance(value, str) or not _OWN_FIELD.fullmatch(value):
            raise ValueError
        if value.lower() in _FIELDS_IN_USE:
            raise ValueError
        return value

    return Kind(str | None, "the name of a field that has no other meaning, or off", read)


def host() -> Kind:
    """Give the kind for a host without its port; an IPv6 address stands without brackets."""
    return text(
        "a host name or IP address, without a port",
        lambda value: _HOST.fullmatch(value) or ip_address(value),
    )


def variable() -> Kind:
    """Give the kind for the name of an environment variable."""
    return text("the name of an environment variable", _VARIABLE.fullmatch)


def url() -> Kind:
    """Give the kind for the URL of a service: http or https, no user, query or fragment."""
    return text("an http or https URL without user, query or fragment", _is_url)


def _is_url(value: str) -> bool:
    parts = urlsplit(value)
    known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    return known and not any(mark in value for mark in "@?# \\")


def path() -> Kind:
    """Give the kind for the path of a request: RFC 3986 section 3.3, without a query."""
    return text('a path that begins with "/", without query or fragment', _PATH.fullmatch)


def schedule() -> Kind:
    """Give the kind for a tuple of windows, written one after another with ";" between.

    In a TOML file they may also be an array of strings.
    """

    def read(value: object) -> tuple[Window, ...]:
        texts = value.split(";") if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not texts:
            raise ValueError
        return tuple(_window(text) for text in texts)

    allowed = 'windows as in "5 for 10h from 0 8 * * 1-5", with ";" between them'
    return Kind(tuple[Window, ...], allowed, read)


def _window(text: object) -> Window:
    if isinstance(text, Window):
        return text
    if not isinstance(text, str):
        raise ValueError
    try:
        return parse_window(text)
    except ScheduleError as error:
        raise RefusedPart(str(error)) from None


def time_zone() -> Kind:
    """Give the kind for the name of a time zone of the IANA database."""
    return text("the name of an IANA time zone, as in Europe/Berlin", _is_zone)


def _is_zone(value: str) -> bool:
    try:
        return bool(value) and ZoneInfo(value).key == value
    except (LookupError, OSError):
        return False


def field_name() -> Kind:
    """Give the kind for the name of a header field: RFC 9110 section 5.1."""
    return text("the name of a header field", _FIELD.fullmatch)


def classes() -> Kind:
    """Give the kind for a list of classes, a str to be read with ``classes_of``."""
    return text(
        "2 to 16 different names with commas between, of what a header field's name may have",
        lambda value: _are_classes(classes_of(value)),
    )


def classes_of(value: str) -> tuple[str, ...]:
    """The names in such a list."""
    return tuple(name.strip() for name in value.split(","))


def _are_classes(names: tuple[str, ...]) -> bool:
    fit = all(_FIELD.fullmatch(name) for name in names)
    return fit and 2 <= len(names) <= 16 and len(set(names)) == len(names)
