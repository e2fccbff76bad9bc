"""Libraries of Python that take the steps of a plan (see ``plan.py``)."""

from __future__ import annotations

import asyncio
import hashlib
import http.cookiejar
import ssl
import urllib.error
import urllib.request
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import aiohttp
import httpx
import requests

from tests.interop.app import pattern

Order = dict[str, Any]
Result = dict[str, Any]
TIMEOUT = 30.0
PART = 60_000
"""What a chunk holds."""


def result(order: Order, status: int, fields: Mapping[str, str], body: bytes) -> Result:
    """What one step came to."""
    return {
        "name": order["name"],
        "status": status,
        "fields": {name.lower(): value for name, value in fields.items()},
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def parts(size: int) -> Iterator[bytes]:
    """A body in pieces, whose length the client does not know."""
    body = pattern(size)
    for start in range(0, size, PART):
        yield body[start : start + PART]


def body_of(order: Order) -> bytes | Iterable[bytes] | None:
    if order["upload"] is None:
        return None
    return parts(order["upload"]) if order["chunked"] else pattern(order["upload"])


def with_requests(base: str, orders: list[Order]) -> list[Result]:
    session = requests.Session()

    def read(order: Order, response: requests.Response) -> Iterator[bytes]:
        pieces = response.iter_content(None)
        if order["release"]:
            yield next(pieces)
            requests.post(base + order["release"], timeout=TIMEOUT).raise_for_status()
        yield from pieces

    def take(order: Order) -> Result:
        with session.request(
            order["method"],
            base + order["path"],
            headers=order["fields"],
            data=body_of(order),
            stream=True,
            timeout=TIMEOUT,
        ) as response:
            body = b"".join(read(order, response))
            return result(order, response.status_code, response.headers, body)

    with session:
        return [take(order) for order in orders]


def with_httpx(base: str, orders: list[Order]) -> list[Result]:
    def read(order: Order, response: httpx.Response) -> Iterator[bytes]:
        pieces = response.iter_bytes()
        if order["release"]:
            yield next(pieces)
            httpx.post(base + order["release"], timeout=TIMEOUT).raise_for_status()
        yield from pieces

    def take(client: httpx.Client, order: Order) -> Result:
        with client.stream(
            order["method"],
            base + order["path"],
            headers=order["fields"],
            content=body_of(order),
        ) as response:
            body = b"".join(read(order, response))
            return result(order, response.status_code, response.headers, body)

    with httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client:
        return [take(client, order) for order in orders]


def with_aiohttp(base: str, orders: list[Order]) -> list[Result]:
    async def upload(size: int) -> AsyncIterator[bytes]:
        for piece in parts(size):
            yield piece

    async def take(session: aiohttp.ClientSession, order: Order) -> Result:
        async with session.request(
            order["method"],
            base + order["path"],
            headers=order["fields"],
            data=upload(order["upload"]) if order["chunked"] else body_of(order),
            expect100=order["expect"],
        ) as response:
            body = b""
            if order["release"]:
                body = await response.content.readany()
                async with session.post(base + order["release"]) as released:
                    released.raise_for_status()
            body += await response.read()
            return result(order, response.status, response.headers, body)

    async def run() -> list[Result]:
        trusting = ssl.create_default_context()  # aiohttp's own is from when it was imported
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusting),
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # a host that is an address has cookies too
            timeout=aiohttp.ClientTimeout(TIMEOUT),
        ) as session:
            return [await take(session, order) for order in orders]

    return asyncio.run(run())


def with_urllib(base: str, orders: list[Order]) -> list[Result]:
    """The standard library: a connection for each request."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    )

    def take(order: Order) -> Result:
        request = urllib.request.Request(
            base + order["path"], body_of(order), order["fields"], method=order["method"]
        )
        try:
            response = opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            body = b""
            if order["release"]:
                body = response.readline()
                opener.open(base + order["release"], b"", timeout=TIMEOUT).close()
            body += response.read()
            if response.headers["Content-Encoding"] == "gzip":
                body = zlib.decompress(body, wbits=31)
            return result(order, response.status, dict(response.headers), body)

    return [take(order) for order in orders]
