"""A certificate authority for tests."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lambdadispatch.transports.server_tls import KeyAndCertificate

DAY = timedelta(days=1)


def ec_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key() -> Any:
    return rsa.generate_private_key(65537, 2048)


def key_pem(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded


class Authority:
    """Issues certificates; one with an ``issuer`` stands between that and its own."""

    def __init__(self, name: str = "an authority", issuer: Authority | None = None) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec_key()
        self.issuer = issuer
        builder = _builder(self.name, issuer or self, self.key, datetime.now(UTC) + 100 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        self._certificate = builder.sign((issuer or self).key, hashes.SHA256())
        self.certificate = self._certificate.public_bytes(Encoding.PEM)

    def issue(
        self, *names: str, key: Any = None, client: bool = False, days: float = 30
    ) -> KeyAndCertificate:
        """A key and a certificate for these host names or addresses, with what leads to the root.

        Of a certificate that has expired, ``days`` is less than 0.
        """
        key = key or ec_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        certificate = (
            _builder(subject, self, key, datetime.now(UTC) + days * DAY)
            .add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), False)
            .add_extension(x509.ExtendedKeyUsage([usage]), False)
            .sign(self.key, hashes.SHA256())
        )
        chain = b"" if self.issuer is None else self.certificate
        return KeyAndCertificate(key_pem(key), certificate.public_bytes(Encoding.PEM) + chain)


def _builder(subject: x509.Name, issuer: Authority, key: Any, end: datetime) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - 60 * DAY)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False
        )
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def write_pair(folder: Path, pair: KeyAndCertificate, name: str = "own") -> tuple[str, str]:
    """The files of the certificate and of the key, (over)written."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    return str(certificate), str(key)
