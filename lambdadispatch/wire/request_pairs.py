"""Requests and responses of HTTP/2 as heads, and back: field pairs in place of bytes.

Theory of operation. A request of HTTP/2 goes on to an application as one of HTTP/1.1, so whatever
would mean something there that it did not mean here is a way to smuggle. It is therefore checked
twice: here, that each name, each value and each part of the first line is what it may be by itself,
so that none of them can hold the end of a line; then it is written as a head of HTTP/1.1 and read
by the same function as those that come as such. So there is one set of rules, and a request that
would be refused by HTTP/1.1 is refused by HTTP/2 in the same words.

Rejected: to make a ``RequestHead`` of the pairs without writing them (a second copy of the rules
on targets, hosts and lengths, that would drift away from the first); the checks of the library
alone, which end the connection for one bad request.

Sources: RFC 9113 sections 8.1 to 8.3 (messages), 8.2.1 (validity), 8.2.2 (fields of the
connection), 8.2.3 (Cookie), 8.3.1 (request pseudo-fields), 8.5 (CONNECT).
"""

from __future__ import annotations

import re
from typing import Final

from lambdadispatch.wire.errors import LocalProtocolError, RemoteProtocolError
from lambdadispatch.wire.fields import (
    TEXT,
    Fields,
    Pairs,
    parse_fields,
    render_fields,
    trailer_pairs,
)
from lambdadispatch.wire.heads import BODILESS, CHUNKED, RequestHead, ResponseHead
from lambdadispatch.wire.reader import Limits
from lambdadispatch.wire.request_reader import parse_request

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
"""A token without capitals (RFC 9113 section 8.2.1)."""
_VALUE: Final = re.compile(rb"(?![ \t])" + TEXT + rb"(?<![ \t])")
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PATH: Final = re.compile(rb"/[^\x00-\x20\x7f]*|\*")

_OF_THE_CONNECTION: Final = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"]
)
_PSEUDO: Final = frozenset([b":method", b":scheme", b":authority", b":path"])


def _malformed(reason: str, detail: str) -> RemoteProtocolError:
    return RemoteProtocolError(reason, detail)


def request_from(pairs: Pairs, *, ended: bool, limits: Limits) -> RequestHead:
    """The request that these pairs are, names as they came, pseudo-fields first. ``ended``: no
    body follows.

    RemoteProtocolError with the reason and status that HTTP/1.1 has for the same; ``bad_pseudo``
    (400) for pseudo-fields that are missing, unknown, doubled or behind others; ``bad_field`` for a
    field that HTTP/2 does not have.
    """
    pseudo, fields = _parted(pairs)
    method, target = _first_line(pseudo, limits)
    lines = render_fields(_joined(_with_host(pseudo, fields)))
    block = b"%b %b HTTP/1.1\r\n%b" % (method, target, lines)
    if len(block) + 2 > limits.head_octets:
        raise RemoteProtocolError(
            "head_too_large",
            f"the head is larger than the {limits.head_octets} octets allowed",
            status=431,
        )
    head = parse_request(block, limits.fields)
    length = head.fields.content_length
    if ended and length:
        raise _malformed("bad_content_length", f"Content-Length is {length}, and no body follows")
    body = 0 if ended else CHUNKED if length is None else length
    if body > limits.body_octets:
        raise body_too_large(limits)
    return RequestHead(head.method, head.target, head.minor, head.fields, body)


def body_too_large(limits: Limits) -> RemoteProtocolError:
    """What a body is refused with that is larger than it may be."""
    return RemoteProtocolError(
        "body_too_large",
        f"the body is larger than the {limits.body_octets} octets allowed",
        status=413,
    )


def _parted(pairs: Pairs) -> tuple[dict[bytes, bytes], Pairs]:
    pseudo: dict[bytes, bytes] = {}
    fields: list[tuple[bytes, bytes]] = []
    for name, value in pairs:
        if name.startswith(b":"):
            if fields or name in pseudo or name not in _PSEUDO:
                raise _malformed("bad_pseudo", f"pseudo-field {name[:40]!r} is out of place")
            pseudo[name] = value
        else:
            _check_field(name, value)
            fields.append((name, value))
    return pseudo, tuple(fields)


def _check_field(name: bytes, value: bytes) -> None:
    if not _NAME.fullmatch(name):
        raise _malformed("bad_field", f"field name {name[:80]!r} is not a token in small letters")
    if not _VALUE.fullmatch(value):
        raise _malformed(
            "bad_field", f"value of {name[:80]!r} has a control character, or space at an end"
        )
    if name in _OF_THE_CONNECTION or (name == b"te" and value.lower() != b"trailers"):
        raise _malformed("bad_field", f"{name!r} with {value[:40]!r} is not for HTTP/2")


def _first_line(pseudo: dict[bytes, bytes], limits: Limits) -> tuple[bytes, bytes]:
    method = pseudo.get(b":method", b"")
    if not _METHOD.fullmatch(method):
        raise _malformed("bad_request_line", f"method {method[:40]!r} is not a token")
    if method == b"CONNECT":
        raise RemoteProtocolError("bad_target", "CONNECT: no tunnels are made here", status=501)
    scheme = pseudo.get(b":scheme")
    if scheme not in {b"https", b"http"}:
        raise _malformed("bad_pseudo", f":scheme is {scheme!r}: https or http")
    target = pseudo.get(b":path", b"")
    if len(target) > limits.target_octets:
        raise RemoteProtocolError(
            "uri_too_long",
            f"the target is longer than the {limits.target_octets} octets allowed",
            status=414,
        )
    if not _PATH.fullmatch(target) or (target == b"*" and method != b"OPTIONS"):
        raise _malformed("bad_target", f":path {target[:80]!r} of {method[:20]!r} is not a path")
    return method, target


def _with_host(pseudo: dict[bytes, bytes], fields: Pairs) -> Pairs:
    """The fields with the one Host, first: ``:authority``, which an own Host must agree with."""
    hosts = [value for name, value in fields if name == b"host"]
    authority = pseudo.get(b":authority")
    if len(hosts) > 1:
        raise _malformed("bad_host", f"{len(hosts)} Host fields where one may be")
    if authority is None:
        authority = hosts[0] if hosts else b""
    if not authority or not _VALUE.fullmatch(authority):
        raise _malformed("bad_host", f"authority {authority[:80]!r} is not a host and a port")
    if hosts and hosts[0].lower() != authority.lower():
        raise _malformed("bad_host", f":authority is {authority[:80]!r}, Host {hosts[0][:80]!r}")
    return ((b"host", authority), *[pair for pair in fields if pair[0] != b"host"])


def _joined(fields: Pairs) -> Pairs:
    """The fields with one Cookie, where it was parted to compress better (section 8.2.3)."""
    crumbs = [value for name, value in fields if name == b"cookie"]
    if len(crumbs) < 2:
        return fields
    rest = tuple(pair for pair in fields if pair[0] != b"cookie")
    return (*rest, (b"cookie", b"; ".join(crumbs)))


def trailers_from(pairs: Pairs, head: RequestHead, limits: Limits) -> Pairs:
    """The trailers that may be passed on. RemoteProtocolError as for the fields of a request."""
    for name, value in pairs:
        if name.startswith(b":"):
            raise _malformed("bad_pseudo", f"pseudo-field {name[:40]!r} is among trailers")
        _check_field(name, value)
    block = render_fields(pairs)
    if len(block) > limits.head_octets:
        raise RemoteProtocolError(
            "head_too_large",
            f"the trailers are larger than the {limits.head_octets} octets allowed",
            status=431,
        )
    return trailer_pairs(parse_fields(block, limits.fields), head.fields.hop_by_hop)


def response_pairs(
    head: ResponseHead, body: int | None, extra: bytes = b""
) -> list[tuple[bytes, bytes]]:
    """The response head as HTTP/2 has it: names in small letters, no fields of the connection.

    ``body`` is its length, CHUNKED where that is not known, None where it has none by its status or
    its request's method. ``extra`` are whole field lines. LocalProtocolError if the fields declare
    another length than ``body``.
    """
    fields = head.fields
    own = fields.content_length
    pairs = [(b":status", b"%d" % head.status)]
    dropped = fields.hop_by_hop
    if own is not None and (head.status == 204 or head.status < 200):
        dropped = dropped | {b"content-length"}
    pairs += [(name.lower(), value) for name, value in fields.without(dropped)]
    for line in extra.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b": ")
        pairs.append((name.lower(), value))
    if body is not None and own is not None and own != body:
        raise LocalProtocolError("bad_content_length", f"Content-Length is {own}, the body {body}")
    if body is not None and body >= 0 and own is None:
        pairs.append((b"content-length", b"%d" % body))
    return pairs


def has_no_body(head: ResponseHead, request: RequestHead | None) -> bool:
    """Whether a response has no body by its status or by its request's method."""
    return head.status in BODILESS or (request is not None and request.method == b"HEAD")


def small_letters(pairs: Pairs) -> list[tuple[bytes, bytes]]:
    """Trailers as HTTP/2 has them, without fields of the connection."""
    kept = Fields(()).hop_by_hop
    return [(name.lower(), value) for name, value in pairs if name.lower() not in kept]
