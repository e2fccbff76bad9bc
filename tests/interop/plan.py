"""The steps that every client takes, and what has to come of each.

A client is given steps as JSON objects and gives back for each what it got, whatever it is written
in: a Python library is called, another program reads the plan from standard input and prints the
results. So all are held to the same table, at their own end and at the application's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.interop.app import PAGE, TAG, TEXT, pattern

MIB = 1 << 20


@dataclass(frozen=True)
class Step:
    """One request of a client, and what is expected.

    ``upload`` is the length of a body of the pattern, ``chunked`` how it is sent; ``release`` is a
    path to be asked on another connection once the answer's first bytes are there; ``needs`` what a
    client has to be able to do.
    """

    name: str
    path: str
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)
    upload: int | None = None
    chunked: bool = False
    release: str = ""
    needs: str = ""
    status: int = 200
    body: bytes = b""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Fields of the answer, names in lower case."""

    def order(self, client: str) -> dict[str, Any]:
        """What the client is told."""
        return {
            "name": self.name,
            "method": self.method,
            "path": self.path.replace("CLIENT", client),
            "fields": {**self.fields, "X-Case": f"{client}/{self.name}"},
            "upload": self.upload,
            "chunked": self.chunked,
            "release": self.release.replace("CLIENT", client),
            "expect": self.needs == "expect",
        }


def told(size: int) -> bytes:
    """What /upload answers to a body of the pattern."""
    return json.dumps({"length": size, "sha256": sha256(pattern(size))}).encode()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


STEPS = (
    Step("page", "/page", body=PAGE.encode(), answers={"content-type": "text/html; charset=utf-8"}),
    Step("gzip", "/gzip", fields={"Accept-Encoding": "gzip"}, body=TEXT.encode()),
    Step("download", f"/large?octets={8 * MIB + 3}", body=pattern(8 * MIB + 3)),
    Step("chunked", f"/large?octets={3 * MIB + 1}&chunked=1", body=pattern(3 * MIB + 1)),
    Step("head", "/large?octets=12345", "HEAD", answers={"content-length": "12345"}),
    Step("upload", "/upload", "POST", upload=5 * MIB + 7, body=told(5 * MIB + 7)),
    Step(
        "upload_chunked",
        "/upload",
        "PUT",
        upload=3 * MIB + 5,
        chunked=True,
        body=told(3 * MIB + 5),
        needs="chunked",
    ),
    Step("empty_post", "/upload", "POST", upload=0, body=told(0)),
    Step("delete", "/any/thing", "DELETE", body=told(0)),
    Step("patch", "/any/thing", "PATCH", upload=10, body=told(10)),
    Step("no_content", "/empty", status=204),
    Step(
        "not_modified",
        "/tagged",
        fields={"If-None-Match": TAG},
        status=304,
        answers={"etag": TAG},
    ),
    Step("not_found", "/no/such/page", status=404, body=b"404: Not Found"),
    Step("broken", "/status?status=500", status=500, body=b"as asked\n"),
    Step("target", "/any/a%2Fb/%C3%9F;x=1?q=%20a+b&q=&%26=/?", body=told(0)),
    Step("long_field", "/any/long", fields={"X-Long": "v" * 8000}, body=told(0)),
    Step(
        "redirect",
        "/moved?status=302&to=/page",
        body=PAGE.encode(),
        needs="redirects",
    ),
    Step(
        "redirect_upload",
        "/moved?status=307&to=/upload",
        "POST",
        upload=10_000,
        body=told(10_000),
        needs="redirects_upload",
    ),
    Step("login", "/login", body=b"welcome", needs="cookies"),
    Step("cookies", "/cookies", body=b'{"first": "one", "second": "two"}', needs="cookies"),
    Step(
        "expect",
        "/upload",
        "POST",
        upload=100_000,
        body=told(100_000),
        needs="expect",
    ),
    Step(
        "events",
        "/events?key=CLIENT",
        release="/release?key=CLIENT",
        body=b"id: 1\ndata: first\n\nid: 2\ndata: second\n\n",
        answers={"content-type": "text/event-stream"},
    ),
)


def plan(able: frozenset[str]) -> list[Step]:
    """The steps of a client that can do so much."""
    return [step for step in STEPS if not step.needs or step.needs in able]
