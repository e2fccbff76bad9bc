"""HTTP/2 with those clients that choose it by themselves where TLS offers it."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.interop.app import pattern
from tests.interop.plan import plan, told
from tests.interop.programs import output, with_java
from tests.interop.site import Site, knows
from tests.interop.test_curl import run

SIZE = 10_000_000

pytestmark = pytest.mark.skipif(not knows("http2"), reason="the router has no HTTP/2")
with_curl = pytest.mark.skipif(
    shutil.which("curl") is None or "HTTP2" not in output("curl", "--version"),
    reason="there is no curl that speaks HTTP/2",
)


@pytest.mark.skipif(shutil.which("java") is None, reason="java is not installed")
def test_java_speaks_it(secure_site: Site) -> None:
    orders = [step.order("java-2") for step in plan(frozenset({"chunked", "expect"}))]
    results = with_java(secure_site.base, orders)
    assert len(results) == len(orders)
    assert {each["fields"]["java-version"] for each in results} == {"HTTP_2"}


@with_curl
def test_fifty_at_once_on_one_connection(secure_site: Site) -> None:
    url = f"{secure_site.base}/large?octets=200000"
    outputs = [word for _ in range(49) for word in ("--output", "/dev/null", url)]
    answers = run(
        url,
        *("--parallel", "--parallel-max", "50", "--output", "/dev/null"),
        *("--write-out", "%{http_version} %{http_code} %{size_download} %{num_connects}\n"),
        *outputs,
    )
    rows = [line.split() for line in answers.splitlines()]
    assert [row[:3] for row in rows] == [[b"2", b"200", b"200000"]] * 50
    assert sum(int(row[3]) for row in rows) == 1


@with_curl
def test_a_large_body_each_way(secure_site: Site, tmp_path: Path) -> None:
    path, got = tmp_path / "body", tmp_path / "got"
    path.write_bytes(pattern(SIZE))
    url = f"{secure_site.base}/upload"
    answer = run(url, "--data-binary", f"@{path}", "--write-out", " %{http_version}")
    assert answer == told(SIZE) + b" 2"
    run(f"{secure_site.base}/large?octets={SIZE}", "--output", str(got))
    with got.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    assert found == json.loads(told(SIZE))["sha256"]
