"""A request as the dictionary that PEP 3333 describes."""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, Final
from urllib.parse import unquote_to_bytes

from lambdadispatch.wire.heads import CHUNKED, RequestHead

_VERSIONS: Final = ("HTTP/1.0", "HTTP/1.1")
_OWN_NAMES: Final = frozenset(["CONTENT_TYPE", "CONTENT_LENGTH"])


def make_environ(head: RequestHead, peer: str, body: BinaryIO) -> dict[str, Any]:
    """The environ of one request, with ``body`` as ``wsgi.input``.

    Text is latin-1 throughout ("bytes as unicode"). A body without a declared length has no
    CONTENT_LENGTH and ``wsgi.input_terminated`` True, which tells a framework to read to the end;
    so it is with every body here.
    """
    path, _, query = head.target.partition(b"?")
    scheme = "https" if head.fields.get(b"x-forwarded-proto") == b"https" else "http"
    name, port = _server(head, scheme)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": _text(head.method),
        "SCRIPT_NAME": "",
        "PATH_INFO": _text(unquote_to_bytes(path)),
        "QUERY_STRING": _text(query),
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": _VERSIONS[head.minor],
        "REMOTE_ADDR": peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    _add_fields(environ, head)
    if head.body != CHUNKED and head.fields.content_length is not None:
        environ["CONTENT_LENGTH"] = str(head.body)
    return environ


def _add_fields(environ: dict[str, Any], head: RequestHead) -> None:
    """End-to-end fields as HTTP_ variables, those of one name joined (RFC 9110 section 5.3).

    A name with an underscore is left out: it would pass for the one with a hyphen, which whoever
    forwarded the request may have set or removed.
    """
    for field, value in head.fields.end_to_end:
        if b"_" in field:
            continue
        name = _text(field).upper().replace("-", "_")
        if name == "CONTENT_LENGTH":
            continue
        if name not in _OWN_NAMES:
            name = "HTTP_" + name
        separator = "; " if name == "HTTP_COOKIE" else ", "
        environ[name] = (
            environ[name] + separator + _text(value) if name in environ else _text(value)
        )


def _server(head: RequestHead, scheme: str) -> tuple[str, str]:
    named = _text(head.fields.hosts[0]) if head.fields.hosts else ""
    host, colon, port = named.rpartition(":")
    if colon and port.isdigit():
        return host, port
    return named or "localhost", "443" if scheme == "https" else "80"


def _text(data: bytes) -> str:
    return data.decode("latin-1")
