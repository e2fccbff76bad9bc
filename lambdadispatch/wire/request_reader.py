"""Reading requests: what a server does with the bytes of a client.

Sources: RFC 9112 sections 3, 6.1 and 6.3; RFC 9110 section 7.2 (Host).
"""

from __future__ import annotations

import re
from functools import lru_cache

from lambdadispatch.wire.errors import RemoteProtocolError
from lambdadispatch.wire.fields import REMEMBERED_BLOCKS, REMEMBERED_BYTES, TOKEN, Fields
from lambdadispatch.wire.heads import ANY_VERSION, CHUNKED, REQUEST_LINE, RequestHead
from lambdadispatch.wire.reader import DEFAULT_LIMITS, Event, Limits, MessageReader, fields_after

_NAME = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]++|%[0-9A-Fa-f]{2})*+"
_HOST = re.compile(rb"(?:" + _NAME + rb"|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"[hH][tT][tT][pP][sS]?://([^/?#]+)(.*)", re.DOTALL)


class RequestReader(MessageReader):
    """Reads requests, one after another; see ``lambdadispatch.wire.reader``."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._whole_limit = min(REMEMBERED_BYTES, limits.head_octets, limits.target_octets)

    def whole(self, data: bytes) -> RequestHead | None:
        """The request that ``data`` is, if it is exactly one without a body and nothing came
        before it; else None, and ``data`` is to be fed. Not to be called within a message.
        """
        if self._buffer or len(data) > self._whole_limit:
            return None
        return remembered_whole(data, self._limits.fields)

    def _check_target(self, buffer: bytes) -> None:
        """Refuse a target as soon as it is too long, before anything that may be said of the rest:
        a client is told the same however its bytes are split. Past the limit on heads nothing is
        looked for, as nothing is when the bytes come one by one.
        """
        limit, end = self._limits.target_octets, self._limits.head_octets + 1
        if _longer_target(limit).match(buffer, 0, end) is not None:
            raise self._broken(
                "uri_too_long", f"the target is longer than the {limit} octets allowed", status=414
            )

    def _parse_head(self, block: bytes) -> Event:
        head = parse_request(block, self._limits.fields)
        self._start_body(head.body, head.fields)
        return head


def _parse(block: bytes, most: int) -> RequestHead:
    line = REQUEST_LINE.match(block)
    if line is None:
        raise _bad_request_line(block)
    method, target, minor = line[1], line[2], int(line[3])
    fields = fields_after(block, line.end(), most)
    _check_host(fields, minor)
    if target[0] != 0x2F or method == b"CONNECT" or b"#" in target:
        target, fields = _origin_form(method, target, fields)
    if fields.chunked and not minor:
        raise RemoteProtocolError(
            "bad_transfer_encoding", "a request of HTTP/1.0 has a Transfer-Encoding"
        )
    body = CHUNKED if fields.chunked else fields.content_length or 0
    return RequestHead(method, target, minor, fields, body)


def _whole(data: bytes, most: int) -> RequestHead | None:
    if data.find(b"\r\n\r\n") != len(data) - 4:
        return None
    try:
        head = _parse(data[:-2], most)
    except RemoteProtocolError:
        return None
    return None if head.body else head


@lru_cache(maxsize=8)
def _longer_target(limit: int) -> re.Pattern[bytes]:
    return re.compile(rb"%b [^\x00-\x20\x7f]{%d}" % (TOKEN, limit + 1))


# A client that asks for the same again, as many do, sends the same octets again.
_parse_remembered = lru_cache(maxsize=REMEMBERED_BLOCKS)(_parse)
remembered_whole = lru_cache(maxsize=REMEMBERED_BLOCKS)(_whole)


def parse_request(block: bytes, most: int) -> RequestHead:
    """The request whose head is ``block``, request line and field lines, each ending in CRLF, with
    at most so many fields. RemoteProtocolError for all that is not as it must be.
    """
    if len(block) <= REMEMBERED_BYTES:
        return _parse_remembered(block, most)
    return _parse(block, most)


def _bad_request_line(block: bytes) -> RemoteProtocolError:
    line = block[: block.find(b"\r\n") + 2]
    if ANY_VERSION.fullmatch(line) and b" HTTP/1." not in line:
        return RemoteProtocolError(
            "bad_version", f"{line[-12:-2]!r} is not HTTP/1.1 or HTTP/1.0", status=505
        )
    return RemoteProtocolError("bad_request_line", f"request line {line[:80]!r} cannot be read")


def _check_host(fields: Fields, minor: int) -> None:
    hosts = fields.hosts
    if len(hosts) != 1 and (minor or hosts):
        raise RemoteProtocolError("bad_host", f"{len(hosts)} Host fields where one is needed")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise RemoteProtocolError("bad_host", f"Host {hosts[0][:80]!r} is not a host and a port")


def _origin_form(method: bytes, target: bytes, fields: Fields) -> tuple[bytes, Fields]:
    """The target as a path, and the fields: an absolute target must name the host that Host does.

    RFC 9112 section 3.2.2 lets the target win over Host. Which of the two an application would
    take differs from one to the next, so a request in which they differ is refused; one of
    HTTP/1.0 that has no Host gets the target's. CONNECT is refused with any target: what follows
    its response is not HTTP. So is a fragment, which no form has, and which some drop.
    """
    if method == b"CONNECT":
        raise RemoteProtocolError("bad_target", "CONNECT: no tunnels are made here", status=501)
    if target == b"*" and method == b"OPTIONS":
        return target, fields
    absolute = None if b"#" in target else _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise RemoteProtocolError(
            "bad_target", f"target {target[:80]!r} of {method[:20]!r} is not a path"
        )
    authority, rest = absolute[1], absolute[2]
    if not fields.hosts and _HOST.fullmatch(authority):
        fields = Fields(((b"Host", authority), *fields.pairs))
    if not fields.hosts or authority.lower() != fields.hosts[0].lower():
        raise RemoteProtocolError(
            "bad_host", f"target names {authority[:80]!r}, Host {fields.hosts[:1]!r}"
        )
    if not rest and method == b"OPTIONS":
        return b"*", fields
    return rest if rest.startswith(b"/") else b"/" + rest, fields
