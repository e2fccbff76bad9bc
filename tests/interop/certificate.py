"""A certificate for the router, which clients are made to trust by their environment."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

WORD = "changeit"
"""Guards the store for Java, which wants one to be guarded."""


@dataclass(frozen=True)
class Files:
    """Where things were written."""

    pair: Path
    store: Path

    @property
    def options(self) -> tuple[str, ...]:
        """For a router."""
        pair = str(self.pair)
        return ("--tls-port", "0", "--tls-certificate", pair, "--tls-key", pair)

    @property
    def variables(self) -> dict[str, str]:
        """For clients: curl, requests, other users of Python's ssl, node, Java."""
        bundles = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
        store = f"-Djavax.net.ssl.trustStore={self.store} -Djavax.net.ssl.trustStorePassword={WORD}"
        return {**dict.fromkeys(bundles, str(self.pair)), "JAVA_TOOL_OPTIONS": store}


def make_files(directory: Path) -> Files:
    """A certificate of this machine's loopback address, which signs itself, for one day."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key)
    files = Files(directory / "pair.pem", directory / "store.p12")
    files.pair.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    trusted = pkcs12.PKCS12Certificate(certificate, b"router")
    guard = serialization.BestAvailableEncryption(WORD.encode())
    files.store.write_bytes(pkcs12.serialize_java_truststore([trusted], guard))
    return files


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "router of the tests")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
