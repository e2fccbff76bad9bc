"""HTTPS on the client port of a real router, as curl and load see it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from cryptography import x509

from lambdadispatch.transports.server_tls import KeyAndCertificate
from tests.authority import Authority, rsa_key, write_pair
from tests.process.router import DEMO, LIMIT, RunningRouter, launched, serving, until

TRANSPORTS = pytest.mark.parametrize("transport", ["twisted", "uvloop"])


class Files:
    """The router's certificate and key, and the file of the authority that clients trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = Authority("the root")
        self.between = Authority("between", self.root)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.root.certificate)
        self.renew(self.between.issue("localhost"))

    def renew(self, pair: KeyAndCertificate) -> None:
        self.pair = pair
        self.certificate, self.key = write_pair(self.folder, pair)

    @property
    def options(self) -> tuple[str, ...]:
        return ("--tls-port", "0", "--tls-certificate", self.certificate, "--tls-key", self.key)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", str(LIMIT), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def context_of(files: Files, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files.ca))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


@contextmanager
def connected(port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as tcp,
        context.wrap_socket(tcp, server_hostname="localhost") as tls,
    ):
        yield tls


def asked(tls: ssl.SSLSocket, path: str = "/ping") -> bytes:
    """The status line of one answer on a connection that stays open."""
    tls.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        piece = tls.recv(65536)
        assert piece, "closed before the head was whole"
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    [length] = [int(line[15:]) for line in head.split(b"\r\n") if line[:15] == b"Content-Length:"]
    while len(body) < length:
        body += tls.recv(65536)
    return head.split(b"\r\n")[0]


def shown(port: int, files: Files) -> bytes:
    """The certificate that a new connection is shown, in DER."""
    with connected(port, context_of(files)) as tls:
        return tls.getpeercert(True) or b""


def der(pair: KeyAndCertificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(pair.certificate).public_bytes(Encoding.DER)


@TRANSPORTS
def test_curl_trusts_the_authority_and_the_application_is_told_https(
    transport: str, files: Files
) -> None:
    with serving("--transport", transport, *files.options) as router:
        port = router.ports["tls-port"]
        answer = curl("--cacert", str(files.ca), f"https://localhost:{port}/headers")
        assert answer.returncode == 0, answer.stderr
        told = json.loads(answer.stdout)
        assert (told["X-Forwarded-Proto"], told["X-Forwarded-Port"]) == ("https", str(port))
        assert router.get("/headers").value["X-Forwarded-Proto"] == "http"


@TRANSPORTS
def test_who_trusts_another_authority_gets_no_answer(transport: str, files: Files) -> None:
    other = files.folder / "other.pem"
    other.write_bytes(Authority("another").certificate)
    with serving("--transport", transport, *files.options) as router:
        answer = curl("--cacert", str(other), f"https://localhost:{router.ports['tls-port']}/ping")
        assert answer.returncode == 60
        until(
            lambda: router.state()["since_start"]["refused_connections"] == {"tls_failed": 1},
            "it is counted",
        )
        assert router.state()["since_start"]["requests"] == {}


@TRANSPORTS
def test_alpn_and_protocol_versions(transport: str, files: Files) -> None:
    with serving("--transport", transport, *files.options) as router:
        port = router.ports["tls-port"]
        for offered, agreed in (
            (("h3", "http/1.1"), "http/1.1"),
            (("http/1.1",), "http/1.1"),
            ((), None),
            # Nothing that is spoken here: the handshake goes on, without ALPN.
            (("smtp",), None),
        ):
            with connected(port, context_of(files, *offered)) as tls:
                assert tls.selected_alpn_protocol() == agreed
                assert asked(tls) == b"HTTP/1.1 200 OK"
        old = context_of(files)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(ssl.SSLError), connected(port, old):
            pass
        second = context_of(files)
        second.maximum_version = ssl.TLSVersion.TLSv1_2
        with connected(port, second) as tls:
            assert asked(tls) == b"HTTP/1.1 200 OK"


@TRANSPORTS
def test_at_sighup_new_connections_get_the_new_certificate_and_no_request_fails(
    transport: str, files: Files
) -> None:
    with serving("--transport", transport, "--instance-idle", "60", *files.options) as router:
        swap_under_load(router, files)


def swap_under_load(router: RunningRouter, files: Files) -> None:
    """Old connections stay, new ones get the new certificate, broken files change nothing."""
    port = router.ports["tls-port"]
    context = context_of(files)
    over = Event()

    def client() -> int:
        count = 0
        while not over.is_set():
            with connected(port, context) as tls:
                for _ in range(3):
                    assert asked(tls) == b"HTTP/1.1 200 OK"
                    count += 1
        return count

    with ThreadPoolExecutor(4) as pool, connected(port, context) as kept:
        assert asked(kept) == b"HTTP/1.1 200 OK"
        clients = [pool.submit(client) for _ in range(4)]
        try:
            # Another kind of key, so that the first one must be gone and not be beside it.
            for pair in (files.between.issue("localhost", key=rsa_key()), files.pair):
                files.renew(pair)
                router.send(signal.SIGHUP)
                until(lambda: shown(port, files) == der(files.pair), "it is shown")
                renewed_everywhere(router, files)
            broken = files.pair
            Path(files.key).write_text("not a key")
            router.send(signal.SIGHUP)
            refusal = router.wait_for(r"the old certificates stay: --tls-key '(\S+)': no key")
            assert refusal[1] == files.key
            assert shown(port, files) == der(broken)
            assert asked(kept) == b"HTTP/1.1 200 OK"
        finally:
            over.set()
        assert min(each.result(LIMIT) for each in clients) > 0
    outcomes = router.state()["since_start"]["requests"]
    assert set(outcomes) == {"answered"}


def renewed_everywhere(router: RunningRouter, files: Files) -> None:
    """With workers a connection goes to any of them."""
    for _ in range(20):
        assert shown(router.ports["tls-port"], files) == der(files.pair)


def test_a_sighup_without_certificates_is_told_and_nothing_else() -> None:
    with serving() as router:
        router.send(signal.SIGHUP)
        router.wait_for("no certificate files are configured")
        assert router.get("/ping").status == 200


def test_the_clear_port_can_be_off(files: Files) -> None:
    options = ("--port", "off", "--admin-port", "0", "--control-port", "0")
    with launched("--local", DEMO, *options, *files.options) as router:
        router.listening()
        router.wait_for("ready, try: curl https://localhost:")
        assert set(router.ports) == {"admin-port", "control-port", "tls-port"}
        with connected(router.ports["tls-port"], context_of(files)) as tls:
            assert asked(tls) == b"HTTP/1.1 200 OK"


def test_a_certificate_that_has_expired_is_served_with_a_warning(files: Files) -> None:
    files.renew(files.between.issue("localhost", days=-1))
    with serving(*files.options) as router:
        assert router.find(r"is valid only from \S+ until \S+: whoever verifies it will refuse")
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            shown(router.ports["tls-port"], files)


def test_a_file_that_cannot_be_used_ends_the_start_before_a_port_opens(files: Files) -> None:
    Path(files.key).write_bytes(Authority().issue("localhost").key)
    for workers in ("1", "2"):
        with launched("--local", DEMO, "--workers", workers, *files.options) as router:
            assert router.wait(LIMIT) == 1
            [line] = router.errors.splitlines()
            assert line.startswith(f"lambdadispatch: --tls-key {files.key!r}: it is not the key of")
            assert not router.find("listening")


@TRANSPORTS
def test_with_workers_all_show_the_new_certificate_and_so_does_one_that_is_replaced(
    transport: str, files: Files
) -> None:
    options = ("--workers", "2", "--instance-idle", "60", "--transport", transport)
    with serving(*options, *files.options) as router:
        swap_under_load(router, files)
        # The files are broken by now: the next worker is given what the parent has.
        victim = router.state()["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        until(
            lambda: all(
                each["state"] and each["pid"] != victim for each in router.state()["workers"]
            ),
            "the worker is replaced",
        )
        renewed_everywhere(router, files)
        counts = [each["state"]["since_start"]["requests"] for each in router.state()["workers"]]
        for _ in range(200):
            with connected(router.ports["tls-port"], context_of(files)) as tls:
                assert asked(tls) == b"HTTP/1.1 200 OK"
            counts = [e["state"]["since_start"]["requests"] for e in router.state()["workers"]]
            if all(counts):
                break
        assert all(counts), "one worker has served nobody"


def test_a_worker_does_not_end_by_a_signal_that_is_the_parents(files: Files) -> None:
    with serving("--workers", "2", *files.options) as router:
        pids = [each["pid"] for each in router.state()["workers"]]
        for pid in pids:
            os.kill(pid, signal.SIGHUP)
        router.send(signal.SIGHUP)
        until(lambda: len(router.find("that were read")) == 2, "the order reaches both")
        assert [each["pid"] for each in router.state()["workers"]] == pids
