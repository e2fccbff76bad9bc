"""TLS towards the router: whom to trust, under which name, and who this is.

The payload carries the one certificate to trust; or it carries none, and the router shows one that
an authority has issued for the host it names: one of the system's authorities, or of a file that
this side is given. A certificate of this side's own is shown where the router asks for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from OpenSSL.crypto import X509, X509StoreFlags
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from zope.interface import implementer

from lambda_side.tls_files import NO_FILES, TlsFiles, TlsUnusable, tls_name
from lambdadispatch.wire.payload import Callback

KEY = "a PEM file with the key of --client-certificate, without a passphrase, or both in one file"


@dataclass(frozen=True)
class _Own:
    """The certificate of this side, and those that lead from it to the authority's."""

    certificate: PrivateCertificate
    chain: list[X509]


def client_tls(callback: Callback, files: TlsFiles = NO_FILES) -> IOpenSSLClientConnectionCreator:
    """What makes the TLS connections of one invocation; TlsUnusable if a file is not usable."""
    trust = None
    if callback.certificate is not None:
        trust = _trust("callback.certificate", callback.certificate.encode())
    elif files.router_ca is not None:
        ca = f"--router-ca {files.router_ca}"
        trust = _trust(ca, _read(ca, files.router_ca))
    own = _own(files)
    options = optionsForClientTLS(
        tls_name(callback),
        trustRoot=trust,
        clientCertificate=None if own is None else own.certificate,
        extraCertificateOptions=None if own is None else {"extraCertChain": own.chain},
    )
    return options if callback.certificate is None else Pinned(options)


@implementer(IOpenSSLClientConnectionCreator)
class Pinned:
    """Trusts what it is given, which need not lead to a root (X509_V_FLAG_PARTIAL_CHAIN)."""

    def __init__(self, options: IOpenSSLClientConnectionCreator) -> None:
        self._options = options

    def clientConnectionForTLS(self, protocol: Any) -> Any:
        """Twisted: the OpenSSL side of a new connection."""
        connection: Any = self._options.clientConnectionForTLS(protocol)
        connection.get_context().get_cert_store().set_flags(X509StoreFlags.PARTIAL_CHAIN)
        return connection


def _trust(what: str, pem: bytes) -> Any:
    return trustRootFromCertificates([_twisted(each) for each in _certificates(what, pem)])


def _own(files: TlsFiles) -> _Own | None:
    if files.client_certificate is None:
        return None
    named = f"--client-certificate {files.client_certificate}"
    own, *chain = _certificates(named, _read(named, files.client_certificate))
    at = named if files.client_key is None else f"--client-key {files.client_key}"
    key = _read(at, files.client_key or files.client_certificate)
    try:
        certificate = PrivateCertificate.loadPEM(_twisted(own).dumpPEM() + key)
    except Exception as error:
        raise TlsUnusable(f"{at}: the key cannot be used: {error}; allowed: {KEY}") from None
    return _Own(certificate, [X509.from_cryptography(each) for each in chain])


def _certificates(what: str, pem: bytes) -> list[Any]:
    try:
        return list(load_pem_x509_certificates(pem))
    except ValueError as error:
        raise TlsUnusable(f"{what}: no certificate can be read: {error}") from None


def _twisted(certificate: Any) -> Certificate:
    return Certificate(X509.from_cryptography(certificate))


def _read(what: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise TlsUnusable(f"{what}: cannot be read: {error.strerror}") from None
