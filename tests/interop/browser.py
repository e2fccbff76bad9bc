"""Chromium without a screen, led over WebDriver (https://www.w3.org/TR/webdriver2/).

ChromeDriver speaks JSON over HTTP, so that nothing but it and Chromium is needed.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.process.router import free_port, until

NEEDED = ("chromium", "chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which WebDriver names an element (section 12.2)."""
PATIENCE = 60.0
"""Seconds that a script may take; the first start of Chromium is slow."""


def missing() -> str:
    """The program that is not installed, if there is one."""
    return next((name for name in NEEDED if shutil.which(name) is None), "")


class Browser:
    """One window."""

    def __init__(self, driver: str, session: str) -> None:
        self._base = f"{driver}/session/{session}"

    def open(self, url: str) -> None:
        """Load a page with all that belongs to it."""
        _ask(f"{self._base}/url", {"url": url})

    def value(self, script: str, *arguments: Any) -> Any:
        """What ``script`` returns, or what the Promise that it returns comes to."""
        return _ask(f"{self._base}/execute/sync", {"script": script, "args": arguments})

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into a form."""
        found = _ask(f"{self._base}/element", {"using": "css selector", "value": selector})
        _ask(f"{self._base}/element/{found[ELEMENT]}/value", {"text": str(path)})

    def screenshot(self) -> bytes:
        """PNG."""
        return base64.b64decode(_ask(f"{self._base}/screenshot"))


def _ask(url: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=2 * PATIENCE) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{url}: {error.read().decode()}") from error


@contextmanager
def browsing() -> Iterator[Browser]:
    """A new Chromium that knows nothing yet."""
    port = free_port()
    driver = f"http://127.0.0.1:{port}"
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            ["chromedriver", f"--port={port}", "--silent"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            until(lambda: _up(driver), "ChromeDriver is up")
            options = {
                "binary": shutil.which("chromium"),
                "args": [*FLAGS, f"--user-data-dir={profile}"],
            }
            always = {
                "acceptInsecureCerts": True,  # the certificate of the tests signs itself
                "goog:chromeOptions": options,
                "timeouts": {"script": int(PATIENCE * 1000), "pageLoad": int(PATIENCE * 1000)},
            }
            asked = {"capabilities": {"alwaysMatch": always}}
            session = _ask(f"{driver}/session", asked)["sessionId"]
            try:
                yield Browser(driver, session)
            finally:
                _ask(f"{driver}/session/{session}", method="DELETE")
        finally:
            process.terminate()


def _up(driver: str) -> bool:
    try:
        return bool(_ask(f"{driver}/status")["ready"])
    except OSError:
        return False
