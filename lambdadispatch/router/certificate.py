"""The certificate of the control port, made at each start.

Functions trust it because the invoke payload carries it, and AWS's own authentication protects
the payload: no certificate authority is needed, and none could help an attacker.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from lambdadispatch.transports.server_tls import KeyAndCertificate
from lambdadispatch.wire.control import CERTIFICATE_NAME

__all__ = ["KeyAndCertificate", "leaf_of", "make_certificate", "pin_of"]

LIFETIME = timedelta(days=3650)
"""Longer than a router runs: the key is never stored, so its end is the process's end."""


def make_certificate(now: datetime, host: str = CERTIFICATE_NAME) -> KeyAndCertificate:
    """A new ECDSA P-256 key and a certificate for ``host`` that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    return KeyAndCertificate(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.public_bytes(Encoding.PEM),
    )


def leaf_of(certificate: bytes) -> bytes:
    """The first of several certificates in PEM, which is the owner's."""
    return x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.PEM)


def pin_of(certificate: bytes) -> str:
    """The SHA-256 of a certificate's public key, as the invoke payload carries it."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()
