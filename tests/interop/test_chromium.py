"""Chromium through the router: page, uploads, server-sent events, WebSocket."""

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.app import pattern
from tests.interop.browser import Browser, browsing, missing
from tests.interop.plan import told
from tests.interop.site import Site, knows
from tests.process.router import until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as found:
        yield found


@pytest.fixture
def page(either_site: Site, browser: Browser) -> Browser:
    browser.open(f"{either_site.base}/page")
    return browser


def test_a_page_with_all_that_belongs_to_it(page: Browser, either_site: Site) -> None:
    assert page.value("return document.title") == "loaded"  # by its script
    assert page.value("return document.getElementById('heading').textContent") == "Straße"
    style = "return getComputedStyle(document.getElementById('heading')).color"
    assert page.value(style) == "rgb(1, 2, 3)"
    picture = "const i = document.getElementById('picture'); return [i.complete, i.naturalWidth]"
    assert page.value(picture) == [True, 31]
    loaded = "return performance.getEntriesByType('resource').map(e => [e.name, e.nextHopProtocol])"
    protocols = [protocol for name, protocol in page.value(loaded) if "/assets/" in name]
    agreed = "h2" if either_site.scheme == "https" and knows("http2") else "http/1.1"
    assert protocols == [agreed] * 3


def test_a_form_with_a_file(page: Browser, tmp_path: Path) -> None:
    body = pattern(2_000_003)
    (tmp_path / "Straße.bin").write_bytes(body)
    page.choose_file("#file", tmp_path / "Straße.bin")
    page.value("document.getElementById('form').submit()")
    shown = "return document.title === 'sent' && document.getElementById('told').textContent"
    until(lambda: bool(page.value(shown)), "the answer to the form")
    found = json.loads(page.value(shown))
    assert found == {
        "text": "Straße",
        "name": "Straße.bin",
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def test_an_upload_and_a_download_by_fetch(page: Browser) -> None:
    size = 5_000_011
    script = """
        const [size] = arguments;
        const body = new Uint8Array(size);
        for (let i = 0; i < size; i++) body[i] = i % 251;
        const up = await fetch('/upload', {method: 'POST', body});
        const down = new Uint8Array(await (await fetch(`/large?octets=${size}`)).arrayBuffer());
        return {up: await up.text(), same: down.every((octet, i) => octet === body[i]),
                length: down.length};
    """
    got = page.value(f"return (async function () {{ {script} }}).apply(null, arguments)", size)
    assert got == {"up": told(size).decode(), "same": True, "length": size}


def test_an_event_comes_before_the_next_is_made(page: Browser) -> None:
    """The second comes when the page has said that it has the first."""
    script = """return new Promise((resolve, reject) => {
        const got = [];
        const source = new EventSource('/events?key=chromium');
        source.onmessage = (event) => {
            got.push(event.data);
            if (got.length === 1) fetch('/release?key=chromium', {method: 'POST'});
            else { source.close(); resolve(got); }
        };
    })"""
    assert page.value(script) == ["first", "second"]


def test_events_go_on_after_a_reconnect(page: Browser) -> None:
    """Each event ends its answer; the browser asks again with the id of the last one."""
    script = """return new Promise((resolve) => {
        const got = [];
        const source = new EventSource('/reconnecting');
        source.onmessage = (event) => {
            got.push([event.lastEventId, event.data]);
            if (got.length === 3) { source.close(); resolve(got); }
        };
    })"""
    assert page.value(script) == [["1", "event 1"], ["2", "event 2"], ["3", "event 3"]]


@pytest.mark.skipif(
    importlib.util.find_spec("lambdadispatch.http11.tunnel") is None,
    reason="the router has no tunnels",
)
def test_a_websocket(page: Browser) -> None:
    script = """return new Promise((resolve) => {
        const got = [];
        const url = new URL('/echo', location);
        url.protocol = location.protocol.replace('http', 'ws');
        const socket = new WebSocket(url);
        socket.binaryType = 'arraybuffer';
        socket.onopen = () => {
            socket.send('Straße');
            socket.send(new Uint8Array(300000).fill(7));
        };
        socket.onmessage = (event) => {
            got.push(typeof event.data === 'string' ? event.data : event.data.byteLength);
            if (got.length === 2) socket.close(1000, 'done');
        };
        socket.onclose = (event) => resolve([...got, event.code, event.wasClean]);
    })"""
    assert page.value(script) == ["Straße", 300_000, 1000, True]
