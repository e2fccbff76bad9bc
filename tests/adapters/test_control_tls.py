"""How an instance knows the router over TLS, and the router an instance, on real sockets.

Run under trial these are Twisted's transports; tests/libuv runs the same cases on libuv's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service_identity import CertificateError
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from lambda_side.dial import Dialer, DialError
from lambda_side.endpoint import callback_endpoint
from lambda_side.tls_files import NO_FILES, TlsFiles, TlsUnusable
from lambdadispatch.endpoints import ReactorEndpoints
from lambdadispatch.router.certificate import make_certificate, pin_of
from lambdadispatch.router.ports import RenewableEndpoint
from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.router.tls_ports import TlsPorts
from lambdadispatch.transports.server_tls import KeyAndCertificate
from lambdadispatch.wire.payload import Callback
from lambdadispatch.wire.proof import CHANNEL
from tests.adapters.control_rig import Peer
from tests.adapters.test_dialling import ADMITTED, PAYLOAD
from tests.authority import Authority, rsa_key, write_pair
from tests.memory.system import make_settings


class Router(Factory):
    """Admits whoever asks, keeps what it was sent, and what it hears of handshakes."""

    noisy = False

    def __init__(self) -> None:
        self.seen = bytearray()
        self.failed: Counter[str] = Counter()
        self.arrivals = self

    def buildProtocol(self, addr: object) -> Protocol:
        return Admitting(self)

    def arriving(self, peer: tuple[Any, ...]) -> bool:
        return True

    def arrived(self, peer: tuple[Any, ...]) -> None:
        pass

    def handshake_failed(self, peer: tuple[Any, ...], reason: str) -> None:
        self.failed[reason] += 1


class Admitting(Protocol):
    def __init__(self, router: Router) -> None:
        self._router = router

    def dataReceived(self, data: bytes) -> None:
        self._router.seen += data
        self.transport.write(ADMITTED)


class ControlTlsCase(TestCase):
    timeout = 20

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        self.router = Router()
        self.root = Authority()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(self.reactor, 0.01, lambda: None)

    def ports(self, material: TlsMaterial, verify: str = "pin") -> TlsPorts:
        settings = make_settings(control_port=0, interface="127.0.0.1")
        tls = TlsPorts(
            replace(settings, control_tls_verify=verify),
            ReactorEndpoints(self.reactor),
            lambda: material,
            lambda: make_certificate(datetime.now(UTC)),
        )
        tls.read()
        return tls

    async def listen(self, endpoint: RenewableEndpoint) -> int:
        port: Any = await endpoint.listen(self.router)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def dial(self, told: Callback, files: TlsFiles = NO_FILES) -> None:
        """Connect and be admitted, or fail as an instance would; the connection ends with it."""
        endpoint = callback_endpoint(self.reactor, told, files)
        successor, closed = Peer(), Deferred[None]()
        dialer = Dialer(self.reactor, endpoint, replace(PAYLOAD, callback=told))
        await dialer.dial(CHANNEL, successor, lambda: closed.callback(None))
        successor.transport.loseConnection()
        await closed

    async def refused(self, told: Callback, files: TlsFiles = NO_FILES) -> str:
        try:
            await self.dial(told, files)
        except DialError as error:
            return error.reason
        raise AssertionError("it was admitted")

    async def distrusted(self, told: Callback, files: TlsFiles = NO_FILES) -> None:
        """The router is not trusted, and is sent nothing."""
        before = bytes(self.router.seen)
        self.assertEqual(await self.refused(told, files), "untrusted_router")
        # What was written before the connection was given up would have arrived by now.
        await deferLater(self.reactor, 0.05, lambda: None)
        self.assertEqual(bytes(self.router.seen), before)

    def write(self, pair: KeyAndCertificate, name: str = "own") -> TlsFiles:
        certificate, key = write_pair(self.folder, pair, name)
        return TlsFiles(client_certificate=certificate, client_key=key)

    def trusting(self, authority: Authority) -> TlsFiles:
        file = self.folder / "router-ca.pem"
        file.write_bytes(authority.certificate)
        return TlsFiles(router_ca=str(file))


class PinTests(ControlTlsCase):
    """A configured certificate that the payload carries: nobody has to know its authority."""

    async def test_one_of_an_authority_that_nobody_knows(self) -> None:
        between = Authority("between", self.root)
        for pair, name in (
            (between.issue("router.example"), "router.example"),
            (self.root.issue("*.in.example", "b.test", key=rsa_key()), "router.in.example"),
        ):
            tls = self.ports(TlsMaterial(control=pair))
            port = await self.listen(tls.control(0))
            told = tls.callback("127.0.0.1", port)
            self.assertEqual(told.name, name)
            assert told.certificate is not None
            self.assertEqual(told.certificate.count("BEGIN"), 1)
            self.assertEqual(told.pin, pin_of(pair.certificate))
            await self.dial(told)

    async def test_another_certificate_of_the_same_authority_and_name_is_not_trusted(self) -> None:
        shown = self.root.issue("router.example")
        other = self.root.issue("router.example")
        port = await self.listen(self.ports(TlsMaterial(control=shown)).control(0))
        told = self.ports(TlsMaterial(control=other))
        told.control(0)
        await self.distrusted(told.callback("127.0.0.1", port))
        right = Callback("127.0.0.1", port, True, shown.certificate.decode(), name="a.example")
        await self.distrusted(right)

    async def test_the_one_that_the_router_makes_has_the_fixed_name(self) -> None:
        tls = self.ports(TlsMaterial())
        port = await self.listen(tls.control(0))
        told = tls.callback("127.0.0.1", port)
        self.assertEqual(told.name, None)
        await self.dial(told)

    async def test_instances_that_run_are_let_in_after_a_renewal(self) -> None:
        old = self.root.issue("router.example")
        tls = self.ports(TlsMaterial(control=old))
        port = await self.listen(tls.control(0))
        told = tls.callback("127.0.0.1", port)
        tls.renew(TlsMaterial(control=self.root.issue("router.example")))
        await self.dial(told)
        # And those that start now, too: the port shows what they are told.
        self.assertEqual(tls.callback("127.0.0.1", port), told)


class ChainTests(ControlTlsCase):
    """The payload carries no certificate: an authority vouches for the router's host."""

    async def port_of(self, pair: KeyAndCertificate) -> tuple[TlsPorts, Callback]:
        tls = self.ports(TlsMaterial(control=pair), "chain")
        port = await self.listen(tls.control(0))
        told = tls.callback("localhost", port)
        self.assertEqual(
            (told.tls, told.certificate, told.pin, told.name), (True, None, None, None)
        )
        return tls, told

    async def test_one_for_its_host(self) -> None:
        _, told = await self.port_of(Authority("between", self.root).issue("localhost"))
        await self.dial(told, self.trusting(self.root))

    async def test_others_are_not_trusted(self) -> None:
        _, told = await self.port_of(self.root.issue("localhost"))
        await self.distrusted(told, self.trusting(Authority()))
        await self.distrusted(told)  # the system's
        for pair in (self.root.issue("another.test"), self.root.issue("localhost", days=-1)):
            _, told = await self.port_of(pair)
            await self.distrusted(told, self.trusting(self.root))

    async def test_a_name_that_cannot_be_read_is_no_match(self) -> None:
        # Twisted logs such a certificate and takes it.
        _, told = await self.port_of(self.root.issue("*.example"))
        await self.distrusted(told, self.trusting(self.root))
        self.assertEqual(len(self.flushLoggedErrors(CertificateError)), 1)

    async def test_a_renewal_is_shown_to_all(self) -> None:
        tls, told = await self.port_of(self.root.issue("localhost"))
        other = Authority()
        tls.renew(TlsMaterial(control=other.issue("localhost", key=rsa_key())))
        await self.dial(told, self.trusting(other))
        await self.distrusted(told, self.trusting(self.root))


class ClientCertificateTests(ControlTlsCase):
    """The router asks for a certificate of the instance."""

    def setUp(self) -> None:
        super().setUp()
        self.clients = Authority("of clients")
        self.tls = self.ports(TlsMaterial(client_ca=self.clients.certificate))

    async def told(self) -> Callback:
        port = await self.listen(self.tls.control(0))
        return self.tls.callback("127.0.0.1", port)

    async def test_one_of_the_authority_is_admitted(self) -> None:
        told = await self.told()
        await self.dial(told, self.write(self.clients.issue("an instance.test", client=True)))
        between = Authority("between", self.clients)
        await self.dial(told, self.write(between.issue("other.test", client=True)))
        self.assertEqual(self.router.failed, Counter())

    async def test_a_file_may_hold_both(self) -> None:
        told = await self.told()
        pair = self.clients.issue("an.instance", client=True)
        file = self.folder / "both.pem"
        file.write_bytes(pair.certificate + pair.key)
        await self.dial(told, TlsFiles(client_certificate=str(file)))

    async def test_all_others_are_refused_with_a_reason_of_their_own(self) -> None:
        told = await self.told()
        for number, files in enumerate(
            (
                NO_FILES,
                self.write(Authority().issue("x.test", client=True), "other"),
                self.write(self.clients.issue("x.test", client=True, days=-1), "old"),
                self.write(self.clients.issue("x.test"), "of-a-server"),
            )
        ):
            reason = await self.refused(told, files)
            # The alert may be overtaken by the end of the connection.
            self.assertIn(reason, {"certificate_refused", "lost"})
            await self.until(lambda: self.router.failed.total() > number)  # noqa: B023
        self.assertEqual(self.router.failed, Counter(client_certificate=4))
        self.assertEqual(self.router.seen, b"")

    async def test_another_authority_from_a_renewal_on(self) -> None:
        told = await self.told()
        later = Authority("later")
        old = self.write(self.clients.issue("x.test", client=True), "old")
        new = self.write(later.issue("x.test", client=True), "new")
        await self.dial(told, old)
        self.tls.renew(TlsMaterial(client_ca=later.certificate))
        await self.dial(told, new)
        self.assertIn(await self.refused(told, old), {"certificate_refused", "lost"})
        await self.until(lambda: self.router.failed["client_certificate"] == 1)


class UnusableTests(ControlTlsCase):
    """Files on the Lambda side that cannot be used are named, and nothing is sent."""

    def test_they_are_named(self) -> None:
        pair = self.root.issue("x.test", client=True)
        good = self.write(pair)
        bad = self.folder / "bad.pem"
        bad.write_bytes(b"not PEM")
        other = str(self.folder / "other.key")
        Path(other).write_bytes(self.root.issue("y.test").key)
        told = Callback("localhost", 1, tls=True)
        for files, text in (
            (TlsFiles(router_ca=str(bad)), f"--router-ca {bad}: no certificate can be read: "),
            (TlsFiles(router_ca="/none"), "--router-ca /none: cannot be read: No such file"),
            (
                TlsFiles(client_certificate=str(bad)),
                f"--client-certificate {bad}: no certificate can be read: ",
            ),
            (good._replace(client_key=str(bad)), f"--client-key {bad}: the key cannot be used: "),
            (
                good._replace(client_key=None),
                f"--client-certificate {good.client_certificate}: the key cannot be used: ",
            ),
            (good._replace(client_key=other), "keys do not match.; allowed: a PEM file with the "),
        ):
            error = self.assertRaises(TlsUnusable, callback_endpoint, self.reactor, told, files)
            self.assertIn(text, str(error))
        told = Callback("localhost", 1, tls=True, certificate="junk")
        error = self.assertRaises(TlsUnusable, callback_endpoint, self.reactor, told)
        self.assertIn("callback.certificate: no certificate can be read: ", str(error))
