"""HTTP/2 on the client port of a real router, as curl sees it, on both transports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.process.router import serving
from tests.process.test_http2 import curl_speaks_http2

https = pytest.importorskip("tests.process.test_https", reason="the client port has no TLS")

pytestmark = pytest.mark.skipif(not curl_speaks_http2(), reason="no curl that speaks HTTP/2")


@https.TRANSPORTS
def test_requests_over_http2(transport: str, tmp_path: Path) -> None:
    files = https.Files(tmp_path)
    body, back = tmp_path / "body", tmp_path / "back"
    body.write_bytes(bytes(range(256)) * 8000)
    trust = ("--cacert", str(files.ca), "--http2", "--write-out", "%{http_version} %{http_code}")
    with serving("--transport", transport, *files.options) as router:
        url = f"https://localhost:{router.ports['tls-port']}"
        answer = https.curl(*trust, f"{url}/headers")
        told, _, spoken = answer.stdout.rpartition("\n")
        assert spoken == "2 200", answer.stderr
        assert json.loads(told)["X-Forwarded-Proto"] == "https"
        answer = https.curl(
            *trust, "--data-binary", f"@{body}", "--output", str(back), f"{url}/echo"
        )
        assert answer.stdout == "2 200", answer.stderr
        assert back.read_bytes() == body.read_bytes()
        assert router.state()["since_start"]["requests"] == {"answered": 2}


@https.TRANSPORTS
def test_what_alpn_agrees_on(transport: str, tmp_path: Path) -> None:
    files = https.Files(tmp_path)
    for options, agreed in (((), "h2"), (("--http2", "off"), "http/1.1")):
        with serving("--transport", transport, *options, *files.options) as router:
            context = https.context_of(files, "h2", "http/1.1")
            with https.connected(router.ports["tls-port"], context) as tls:
                assert tls.selected_alpn_protocol() == agreed
