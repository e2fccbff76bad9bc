"""The certificates that the settings name: read, checked, and told about in the log.

What is wrong with a file is found here, before a port opens and before what is there is replaced:
an error names the setting, the file, what is wrong with it and what is allowed.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from txaio.tx import make_logger

from lambdadispatch.settings import Settings
from lambdadispatch.transports.server_tls import KeyAndCertificate, ssl_context

log = make_logger()

PEM_CERTIFICATE = "a PEM file with the certificate, then those that lead to the authority's"
PEM_KEY = "a PEM file with the RSA or EC private key of the certificate, without a passphrase"


class TlsFilesError(Exception):
    """A file cannot be used; the text says which, why, and what is allowed."""


class TlsMaterial(NamedTuple):
    """What the files hold; None for what is not configured."""

    front: KeyAndCertificate | None = None

    def __bool__(self) -> bool:
        return any(each is not None for each in self)


NO_TLS = TlsMaterial()


class TlsFiles:
    """The files that ``settings`` name. ``wall`` gives the time of day, with a zone."""

    def __init__(self, settings: Settings, wall: Callable[[], datetime]) -> None:
        self._settings = settings
        self._wall = wall

    def __call__(self) -> TlsMaterial:
        """Read all of them, and log what was read; TlsFilesError for the first that is unfit."""
        settings = self._settings
        return TlsMaterial(
            front=self._pair("tls-certificate", settings.tls_certificate, settings.tls_key)
        )

    def _pair(
        self, name: str, certificate: str | None, key: str | None
    ) -> KeyAndCertificate | None:
        if certificate is None or key is None:
            return None
        pair = read_pair(name, certificate, name.replace("certificate", "key"), key)
        self._tell(name, certificate, x509.load_pem_x509_certificate(pair.certificate))
        return pair

    def _tell(self, name: str, file: str, certificate: x509.Certificate) -> None:
        log.info(
            "--{setting} {file}: {subject}, valid until {not_after}, SHA-256 {fingerprint}",
            setting=name,
            file=file,
            subject=", ".join(names_of(certificate)) or certificate.subject.rfc4514_string(),
            not_after=certificate.not_valid_after_utc.isoformat(),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        )
        if not certificate.not_valid_before_utc <= self._wall() <= certificate.not_valid_after_utc:
            log.warn(
                "--{setting} {file} is valid only from {not_before} until {not_after}: whoever "
                "verifies it will refuse it now",
                setting=name,
                file=file,
                not_before=certificate.not_valid_before_utc.isoformat(),
                not_after=certificate.not_valid_after_utc.isoformat(),
            )


def read_again(files: Callable[[], TlsMaterial], old: TlsMaterial) -> TlsMaterial | None:
    """What the files hold now; None if it cannot be used, or there are none, which is logged."""
    if not old:
        log.info("no certificate files are configured: there is nothing to read again")
        return None
    try:
        return files()
    except TlsFilesError as error:
        log.error("the old certificates stay: {error}", error=error)
        return None


def read_pair(name: str, certificate_file: str, key_name: str, key_file: str) -> KeyAndCertificate:
    """A certificate with its chain and its key, from the files that the settings of these names
    give; TlsFilesError if they cannot be used.
    """
    text = _read(name, certificate_file, PEM_CERTIFICATE)
    own = _certificates(name, certificate_file, text, PEM_CERTIFICATE)[0]
    key_text = _read(key_name, key_file, PEM_KEY)
    key = _key(key_name, key_file, key_text)
    if _encoded(key.public_key()) != _encoded(own.public_key()):
        raise _unfit(
            key_name, key_file, f"it is not the key of --{name} {certificate_file}", PEM_KEY
        )
    pair = KeyAndCertificate(key_text, text)
    try:
        ssl_context(pair)
    except (ssl.SSLError, ValueError) as error:
        raise _unfit(
            name, certificate_file, f"OpenSSL refuses it: {error}", PEM_CERTIFICATE
        ) from None
    return pair


def names_of(certificate: x509.Certificate) -> Sequence[str]:
    """The host names and addresses that a certificate is for (RFC 6125, its subjectAltName)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _read(name: str, file: str, allowed: str) -> bytes:
    try:
        text = Path(file).read_bytes()
    except OSError as error:
        raise _unfit(name, file, f"it cannot be read: {error.strerror}", allowed) from None
    if not text.strip():
        raise _unfit(name, file, "it is empty", allowed)
    return text


def _certificates(name: str, file: str, text: bytes, allowed: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError as error:
        raise _unfit(name, file, f"no certificate can be read from it: {error}", allowed) from None


def _key(name: str, file: str, text: bytes) -> Any:
    try:
        return load_pem_private_key(text, None)
    except TypeError:
        raise _unfit(name, file, "it is encrypted with a passphrase", PEM_KEY) from None
    except ValueError as error:
        raise _unfit(name, file, f"no key can be read from it: {error}", PEM_KEY) from None


def _encoded(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _unfit(name: str, file: str, why: str, allowed: str) -> TlsFilesError:
    return TlsFilesError(f"--{name} {file!r}: {why}; allowed: {allowed}")
