"""A web application for clients of every kind: ``python -m tests.interop.app [PORT]``.

It keeps what it saw of every request that carries ``X-Case``, and shows it under ``/seen/CASE``.
That is asked at the application's own port, so that what the router passes on is not told by the
router.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

PATTERN = bytes(range(251))
"""Bodies are this, over and over: of a prime length, so that no piece can change places."""
PIECE = PATTERN * 256
TEXT = "".join(f"line {number} of a text that gets smaller\n" for number in range(2000))
PAGE = """<!doctype html>
<meta charset="utf-8"><title>loading</title>
<link rel="stylesheet" href="/assets/style.css">
<h1 id="heading">Straße</h1>
<img id="picture" src="/assets/picture.svg" alt="">
<form id="form" method="post" action="/form" enctype="multipart/form-data">
<input name="text" value="Straße"><input type="file" id="file" name="file">
</form>
<script src="/assets/script.js"></script>
"""
SCRIPT = "document.title = 'loaded';\n"
STYLE = "#heading { color: rgb(1, 2, 3) }\n"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="31" height="17"></svg>\n'
ASSETS = {
    "script.js": ("text/javascript", SCRIPT),
    "style.css": ("text/css", STYLE),
    "picture.svg": ("image/svg+xml", PICTURE),
}
TAG = '"the-tag"'
WAIT = 60.0
"""Seconds that somebody is waited for who ought to come."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Seen:
    """What came with each case, and who waits for whom."""

    def __init__(self) -> None:
        self.cases: dict[str, list[dict[str, Any]]] = {}
        self._released: dict[str, asyncio.Event] = {}

    def note(self, request: web.Request) -> None:
        """Keep a request; its body is added by who reads it."""
        case = request.headers.get("X-Case")
        if case is None:
            return
        request["seen"] = {
            "method": request.method,
            "target": request.raw_path,
            "version": f"{request.version.major}.{request.version.minor}",
            "fields": [[name.lower(), value] for name, value in request.headers.items()],
        }
        self.cases.setdefault(case, []).append(request["seen"])

    def release_of(self, key: str) -> asyncio.Event:
        return self._released.setdefault(key, asyncio.Event())


def pattern(size: int) -> bytes:
    """A body of so many octets."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def text(body: str, kind: str = "text/plain", **fields: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return web.Response(text=body, content_type=kind, charset="utf-8", headers=named)


async def page(_: web.Request) -> web.StreamResponse:
    return text(PAGE, "text/html")


async def asset(request: web.Request) -> web.StreamResponse:
    kind, body = ASSETS[request.match_info["name"]]
    return text(body, kind)


async def compressed(request: web.Request) -> web.StreamResponse:
    """In gzip for who accepts it."""
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return text(TEXT)
    fields = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
    return web.Response(body=gzip.compress(TEXT.encode(), mtime=0), headers=fields)


async def large(request: web.Request) -> web.StreamResponse:
    """``octets`` of the pattern; in chunks with ``chunked=1``."""
    left = int(request.query["octets"])
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    if request.query.get("chunked"):
        response.enable_chunked_encoding()
    else:
        response.content_length = left
    await response.prepare(request)
    while left and request.method != "HEAD":
        piece = PIECE[:left]
        await response.write(piece)
        left -= len(piece)
    await response.write_eof()
    return response


async def upload(request: web.Request) -> web.StreamResponse:
    """Tell length and hash of the body, read as it comes."""
    length, digest = 0, hashlib.sha256()
    async for piece in request.content.iter_any():
        length += len(piece)
        digest.update(piece)
    told = {"length": length, "sha256": digest.hexdigest()}
    request.get("seen", {}).update(told)
    return web.json_response(told)


async def form(request: web.Request) -> web.StreamResponse:
    """A page that tells what a form sent."""
    fields = await request.post()
    file = fields["file"]
    assert isinstance(file, web.FileField)
    body = file.file.read()
    told = {
        "text": fields["text"],
        "name": file.filename,
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return text(f"<title>sent</title><pre id='told'>{json.dumps(told)}</pre>", "text/html")


async def empty(_: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


async def tagged(request: web.Request) -> web.StreamResponse:
    """The same for ever: 304 for who has it."""
    if request.headers.get("If-None-Match") == TAG:
        return web.Response(status=304, headers={"ETag": TAG})
    return text("tagged", ETag=TAG)


async def moved(request: web.Request) -> web.StreamResponse:
    """To ``to``, with ``status``."""
    return web.Response(
        status=int(request.query["status"]), headers={"Location": request.query["to"]}
    )


async def status(request: web.Request) -> web.StreamResponse:
    return web.Response(status=int(request.query["status"]), text="as asked\n")


async def login(_: web.Request) -> web.StreamResponse:
    """Two cookies, in two fields."""
    response = text("welcome")
    response.set_cookie("first", "one", path="/")
    response.set_cookie("second", "two", path="/", httponly=True)
    return response


async def cookies(request: web.Request) -> web.StreamResponse:
    return web.json_response(dict(sorted(request.cookies.items())))


def events(seen: Seen) -> Answer:
    """Server-sent events: the second comes when somebody has said ``/release`` for the key, which
    who has not been given the first cannot do.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"id: 1\ndata: first\n\n")
        await asyncio.wait_for(seen.release_of(request.query["key"]).wait(), WAIT)
        await response.write(b"id: 2\ndata: second\n\n")
        await response.write_eof()
        return response

    return answer


async def reconnecting(request: web.Request) -> web.StreamResponse:
    """One event at a time, numbered after the last one that the browser has."""
    number = int(request.headers.get("Last-Event-ID", "0")) + 1
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(f"retry: 10\nid: {number}\ndata: event {number}\n\n".encode())
    await response.write_eof()
    return response


def release(seen: Seen) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        seen.release_of(request.query["key"]).set()
        return text("released")

    return answer


async def refuse(_: web.Request) -> web.StreamResponse:
    """Answer an expectation without asking for the body."""
    return web.Response(status=413, text="too much\n")


async def echo_socket(request: web.Request) -> web.StreamResponse:
    """WebSocket: what comes goes back."""
    sockets = web.WebSocketResponse(max_msg_size=0)
    await sockets.prepare(request)
    async for message in sockets:
        if message.type is web.WSMsgType.TEXT:
            await sockets.send_str(message.data)
        elif message.type is web.WSMsgType.BINARY:
            await sockets.send_bytes(message.data)
    request.get("seen", {}).update(close_code=sockets.close_code)
    return sockets


def shown(seen: Seen) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(seen.cases.get(request.match_info["case"], []))

    return answer


def application() -> web.Application:
    seen = Seen()

    @web.middleware
    async def noting(request: web.Request, handler: Answer) -> web.StreamResponse:
        seen.note(request)  # aiohttp passes the second argument by its name
        return await handler(request)

    app = web.Application(middlewares=[noting], client_max_size=1 << 30)
    for path, answer in {
        "/health": empty,
        "/page": page,
        "/assets/{name}": asset,
        "/gzip": compressed,
        "/large": large,
        "/empty": empty,
        "/tagged": tagged,
        "/login": login,
        "/cookies": cookies,
        "/events": events(seen),
        "/reconnecting": reconnecting,
        "/echo": echo_socket,
        "/seen/{case:.*}": shown(seen),
    }.items():
        app.router.add_get(path, answer)
    for path, answer in {
        "/upload": upload,
        "/form": form,
        "/moved": moved,
        "/status": status,
        "/release": release(seen),
    }.items():
        app.router.add_route("*", path, answer)
    app.router.add_route("*", "/any/{rest:.*}", upload)
    app.router.add_post("/refused", upload, expect_handler=refuse)
    return app


if __name__ == "__main__":
    number = int(sys.argv[1] if sys.argv[1:] else os.environ["PORT"])
    web.run_app(application(), host="127.0.0.1", port=number, print=None)
