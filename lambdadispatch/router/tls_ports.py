"""The TLS ports of one router: what they show, what functions are told of it, and its renewal.

A certificate that was read again is shown to new connections; those that are open stay as they are.

The exception is a configured certificate of the control port that functions know by its pin. An
instance goes on opening channels for as long as it serves, and trusts for them the one certificate
that its invocation was told. So the port keeps that until the router starts again. Rejected:
retiring all instances at that moment, which loses those that have been told and have not called
back yet, and makes every request wait for a start. Where a chain is verified nothing is told that
could grow old.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txaio.tx import make_logger

from lambdadispatch.router.certificate import KeyAndCertificate, leaf_of, pin_of
from lambdadispatch.router.ports import Endpoints, RenewableEndpoint
from lambdadispatch.router.tls_files import TlsMaterial, fixed_name, read_again
from lambdadispatch.settings import Settings
from lambdadispatch.wire.payload import Callback

log = make_logger()

FRONT_HANDSHAKE_TIME: Final = 10.0
"""Seconds that a client's TLS handshake may take; it may be on a mobile network."""


class TlsPorts:
    """``files`` reads the certificates that are configured, or raises TlsFilesError.

    ``certificate`` makes one for the control port.
    """

    def __init__(
        self,
        settings: Settings,
        endpoints: Endpoints,
        files: Callable[[], TlsMaterial],
        certificate: Callable[[], KeyAndCertificate],
    ) -> None:
        self._settings = settings
        self._endpoints = endpoints
        self._files = files
        self._make = certificate
        self._material = TlsMaterial()
        self._pair: KeyAndCertificate | None = None
        self._front: RenewableEndpoint | None = None
        self._control: RenewableEndpoint | None = None

    def read(self) -> None:
        """Read the files for the first time; TlsFilesError if one cannot be used."""
        self._material = self._files()

    def front(self, port: int) -> RenewableEndpoint:
        """The endpoint for clients."""
        pair = self._material.front
        assert pair is not None, "tls_port needs a certificate: a rule of the settings"
        self._front = self._endpoints.tls(
            port, self._settings.interface, pair, handshake_time=FRONT_HANDSHAKE_TIME
        )
        return self._front

    def control(self, port: int) -> RenewableEndpoint:
        """The endpoint for instances."""
        self._pair = self._material.control or self._make()
        self._control = self._endpoints.tls(
            port, self._settings.interface, self._pair, self._material.client_ca
        )
        return self._control

    def callback(self, host: str, port: int) -> Callback:
        """What functions are told of the control port."""
        if self._pair is None:
            return Callback(host, port)
        if self._settings.control_tls_verify == "chain":
            return Callback(host, port, tls=True)
        own = leaf_of(self._pair.certificate)
        name = None if self._material.control is None else fixed_name(own)
        return Callback(host, port, True, own.decode("ascii"), pin_of(own), name)

    # -- renewing

    def reload(self) -> None:
        """Read the files again; what cannot be used is told in the log, and the old goes on."""
        material = read_again(self._files, self._material)
        if material is not None:
            self.renew(material)

    def renew(self, material: TlsMaterial) -> None:
        """From now on new connections are shown these."""
        self._material = material
        if self._front is not None and material.front is not None:
            self._front.renew(material.front)
        if self._control is not None and self._pair is not None:
            self._pair = self._next_pair(self._pair, material.control or self._pair)
            self._control.renew(self._pair, material.client_ca)
        log.info("new connections are shown the certificates that were read")

    def _next_pair(self, old: KeyAndCertificate, new: KeyAndCertificate) -> KeyAndCertificate:
        if new == old or self._settings.control_tls_verify == "chain":
            return new
        log.warn(
            "the control port keeps its certificate until the router starts again: the instances "
            "that run trust that one alone (control_tls_verify is pin)"
        )
        return old
