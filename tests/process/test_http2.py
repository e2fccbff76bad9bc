"""HTTP/2 over real TLS with a client that shares no line with this project: curl."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.http2_server import BIG

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = "60"


def curl_speaks_http2() -> bool:
    try:
        shown = subprocess.run(["curl", "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return b"HTTP2" in shown


pytestmark = pytest.mark.skipif(not curl_speaks_http2(), reason="no curl that speaks HTTP/2")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.process.http2_server"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"https://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()
    assert process.returncode == 0


def curl(*arguments: str) -> bytes:
    command = ["curl", "--silent", "--show-error", "--insecure", "--max-time", LIMIT, *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def test_what_is_agreed_on(url: str) -> None:
    shown = "%{http_version} %{response_code} %{header_json}"
    for asked, spoken in (("--http2", b"2 200"), ("--http1.1", b"1.1 200")):
        out = curl(asked, "--write-out", shown, url)
        assert out.startswith(spoken), out
        assert b'"x-method":["GET"]' in out


def test_a_body_comes_back(url: str, tmp_path: Path) -> None:
    sent = bytes(range(256)) * 20_000
    file = tmp_path / "body"
    file.write_bytes(sent)
    assert curl("--http2", "--data-binary", f"@{file}", url) == sent


def test_a_body_of_unknown_length(url: str, tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"x" * 300_000)
    # From a pipe curl cannot tell the length.
    with file.open("rb") as source:
        command = ["curl", "-sSk", "-m", LIMIT, "--http2", "--upload-file", "-", url + "/"]
        done = subprocess.run(command, stdin=source, capture_output=True, check=True)
    assert done.stdout == b"x" * 300_000


def test_many_at_once(url: str) -> None:
    urls = [f"{url}/big" for _ in range(8)]
    sizes = ["--write-out", "%{http_version} %{size_download} %{num_connects}\n"]
    outputs = [part for _ in urls for part in ("--output", "/dev/null")]
    out = curl("--http2", "--parallel", "--parallel-max", "8", *sizes, *outputs, *urls)
    lines = out.decode().split("\n")[:-1]
    assert [line.split()[:2] for line in lines] == [["2", str(BIG)]] * 8


def test_a_request_that_is_refused(url: str) -> None:
    out = curl("--http2", "--header", "Host: me@localhost", "--write-out", "%{http_code}", url)
    assert out == b"bad_host400"
