"""What curl can do beside the steps of all clients."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.app import PAGE, pattern
from tests.interop.plan import told
from tests.interop.programs import curl
from tests.interop.site import Site

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

HUNDRED_MB = 100_000_000


def run(url: str, *options: str, given: bytes = b"") -> bytes:
    done = subprocess.run(
        curl(url, *options), input=given, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def body_file(directory: Path, size: int) -> Path:
    path = directory / "body"
    path.write_bytes(pattern(size))
    return path


def test_one_connection_serves_many_requests(site: Site, tmp_path: Path) -> None:
    urls = [f"{site.base}/large?octets={size}" for size in (10, 0, 3_000_000, 7)]
    outputs = [word for url in urls[1:] for word in ("--output", str(tmp_path / "more"), url)]
    counts = run(
        urls[0], "--output", str(tmp_path / "one"), "--write-out", "%{num_connects} ", *outputs
    )
    assert counts.split() == [b"1", b"0", b"0", b"0"]


def test_http_1_0(site: Site) -> None:
    answer = run(
        f"{site.base}/large?octets=70000&chunked=1",
        "--http1.0",
        "--include",
        "--header",
        "X-Case: curl/1.0",
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == pattern(70_000)
    [seen] = site.seen("curl/1.0")
    assert seen["version"] == "1.1"


def test_a_hundred_megabytes_up(site: Site, tmp_path: Path) -> None:
    path = body_file(tmp_path, HUNDRED_MB)
    assert run(f"{site.base}/upload", "--data-binary", f"@{path}") == told(HUNDRED_MB)


def test_a_hundred_megabytes_up_in_chunks(site: Site, tmp_path: Path) -> None:
    path = body_file(tmp_path, HUNDRED_MB)
    chunked = ("--header", "Transfer-Encoding: chunked", "--upload-file", str(path))
    assert run(f"{site.base}/upload", *chunked) == told(HUNDRED_MB)


@pytest.mark.parametrize("chunked", ["", "&chunked=1"])
def test_a_hundred_megabytes_down(site: Site, tmp_path: Path, chunked: str) -> None:
    got = tmp_path / "got"
    run(f"{site.base}/large?octets={HUNDRED_MB}{chunked}", "--output", str(got))
    with got.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    assert found == json.loads(told(HUNDRED_MB))["sha256"]


def test_an_expectation_that_is_refused(site: Site, tmp_path: Path) -> None:
    """The application answers without asking for the body, and curl does not send it."""
    path = body_file(tmp_path, 3_000_000)
    sent = run(
        f"{site.base}/refused",
        *("--data-binary", f"@{path}", "--header", "Expect: 100-continue"),
        *("--write-out", "%{http_code} %{size_upload}", "--output", "/dev/null"),
        *("--expect100-timeout", "30"),
    )
    assert sent == b"413 0"


def test_a_form_with_a_file(site: Site, tmp_path: Path) -> None:
    path = body_file(tmp_path, 200_000)
    answer = run(f"{site.base}/form", "--form", "text=Straße", "--form", f"file=@{path}").decode()
    found = json.loads(answer.partition("<pre id='told'>")[2].partition("</pre>")[0])
    sha256 = hashlib.sha256(pattern(200_000)).hexdigest()
    assert found == {"text": "Straße", "name": "body", "length": 200_000, "sha256": sha256}


def test_an_offer_of_http_2_is_passed_over(site: Site) -> None:
    """h2c by Upgrade (RFC 7540 3.2): the request is served as HTTP/1.1."""
    answer = run(f"{site.base}/page", "--http2", "--include", "--header", "X-Case: curl/h2c")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == PAGE.encode()
    [seen] = site.seen("curl/h2c")
    names = {name for name, _ in seen["fields"]}
    assert not names & {"upgrade", "http2-settings"}


def test_fifty_at_once(site: Site) -> None:
    urls = [f"{site.base}/large?octets=20000" for _ in range(49)]
    outputs = [word for url in urls for word in ("--output", "/dev/null", url)]
    answers = run(
        f"{site.base}/large?octets=20000",
        *("--parallel", "--parallel-immediate", "--parallel-max", "50"),
        *("--output", "/dev/null", "--write-out", "%{http_code} %{size_download}\n", *outputs),
    )
    assert answers.splitlines() == [b"200 20000"] * 50
