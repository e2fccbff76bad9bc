"""Control over TLS by configured certificates, with real processes at both ends."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path

import pytest

from tests.authority import Authority, write_pair
from tests.process.router import DEMO, FREE_PORTS, LAMBDA_SIDE, launched, until

TRANSPORTS = pytest.mark.parametrize("transport", ["twisted", "uvloop"])
TLS = (*FREE_PORTS, "--control-port", "off", "--control-tls-port", "0")
APP = ("--app", "lambda_side.demo:resource")


def side(*options: str) -> str:
    return shlex.join([*LAMBDA_SIDE, *options, *APP])


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = Authority("the root")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.root.certificate)
        self.certificate, self.key = write_pair(folder, self.root.issue("localhost"))

    @property
    def control(self) -> tuple[str, ...]:
        return (
            *("--control-tls-certificate", self.certificate),
            *("--control-tls-key", self.key),
        )

    def client(self, authority: Authority, name: str) -> tuple[str, ...]:
        pair = authority.issue("an.instance", client=True)
        certificate, key = write_pair(self.folder, pair, name)
        return ("--client-certificate", certificate, "--client-key", key)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


CHAIN = ("--control-tls-verify", "chain", "--callback-host", "localhost")


@TRANSPORTS
def test_a_configured_certificate_with_its_pin(transport: str, files: Files) -> None:
    options = (*TLS, *files.control, "--transport", transport, "--instance-idle", "60")
    with launched("--local", DEMO, *options) as router:
        router.ready()
        assert router.get("/ping").status == 200
        # Another certificate is not shown while instances run that know the first one.
        write_pair(files.folder, files.root.issue("localhost"))
        router.send(signal.SIGHUP)
        router.wait_for("the control port keeps its certificate until the router starts again")
        assert router.get("/ping").status == 200
        assert "untrusted_router" not in router.log


@TRANSPORTS
def test_a_chain_to_an_authority_of_a_file(transport: str, files: Files) -> None:
    app = side("--router-ca", str(files.ca))
    options = (*TLS, *files.control, *CHAIN, "--transport", transport)
    with launched("--local", app, *options) as router:
        router.ready()
        assert router.get("/ping").status == 200
        assert router.find("call back to localhost port [0-9]+ over TLS")
        # A new one is shown to all: the next instance meets it.
        write_pair(files.folder, files.root.issue("localhost"))
        router.send(signal.SIGHUP)
        router.wait_for("new connections are shown")
        until(lambda: not router.pool()["instances"], "the instance has left")
        assert router.get("/ping").status == 200


def test_a_chain_to_another_authority_gets_nothing(files: Files) -> None:
    other = files.folder / "other.pem"
    other.write_bytes(Authority("another").certificate)
    for app in (side("--router-ca", str(other)), DEMO):
        with launched("--local", app, *TLS, *files.control, *CHAIN) as router:
            router.listening()
            router.wait_for(r"could not be called: untrusted_router: .*--router-ca")
            assert router.state()["since_start"]["sessions"] == {}
            assert router.get("/ping").status == 503


@TRANSPORTS
def test_certificates_of_instances(transport: str, files: Files) -> None:
    clients = Authority("of clients")
    ca = files.folder / "clients.pem"
    ca.write_bytes(clients.certificate)
    options = (*TLS, "--control-tls-client-ca", str(ca), "--transport", transport)
    with launched("--local", side(*files.client(clients, "right")), *options) as router:
        router.ready()
        assert router.get("/ping").status == 200
        assert router.state()["since_start"]["denied"] == {}
    for app in (DEMO, side(*files.client(files.root, "wrong"))):
        with launched("--local", app, *options) as router:
            router.listening()
            router.wait_for(r"was denied: client_certificate")
            router.wait_for(r"could not be called: (certificate_refused: .*--client-cert|lost)")
            denied = router.state()["since_start"]["denied"]
            assert set(denied) == {"client_certificate"}
            assert router.state()["since_start"]["sessions"] == {}


def test_with_workers(files: Files) -> None:
    clients = Authority("of clients")
    ca = files.folder / "clients.pem"
    ca.write_bytes(clients.certificate)
    app = side("--router-ca", str(files.ca), *files.client(clients, "right"))
    options = (*TLS, *files.control, *CHAIN, "--control-tls-client-ca", str(ca))
    with launched("--local", app, "--workers", "2", *options) as router:
        router.ready()
        for _ in range(10):
            assert router.get("/ping").status == 200


def test_a_certificate_for_another_host_ends_the_start(files: Files) -> None:
    files.certificate, files.key = write_pair(files.folder, files.root.issue("router.example"))
    with launched("--local", DEMO, *TLS, *files.control, *CHAIN) as router:
        assert router.wait() == 1
        assert "it is not for localhost; allowed: a certificate whose" in router.errors
