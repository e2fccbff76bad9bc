"""The certificates that the settings name: read, checked, and told about in the log.

What is wrong with a file is found here, before a port opens and before what is there is replaced:
an error names the setting, the file, what is wrong with it and what is allowed.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname
from txaio.tx import make_logger

from lambdadispatch.settings import Settings
from lambdadispatch.transports.server_tls import KeyAndCertificate, ssl_context

log = make_logger()

CONTROL = "control-tls-certificate"
CLIENT_CA = "control-tls-client-ca"
PEM_CERTIFICATE = "a PEM file with the certificate, then those that lead to the authority's"
PEM_KEY = "a PEM file with the RSA or EC private key of the certificate, without a passphrase"

PEM_AUTHORITIES = "a PEM file with the certificates of authorities"


class TlsFilesError(Exception):
    """A file cannot be used; the text says which, why, and what is allowed."""


class TlsMaterial(NamedTuple):
    """What the files hold; None for what is not configured."""

    front: KeyAndCertificate | None = None
    control: KeyAndCertificate | None = None
    client_ca: bytes | None = None

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
            front=self._pair("tls-certificate", settings.tls_certificate, settings.tls_key),
            control=self._control(settings.control_tls_certificate, settings.control_tls_key),
            client_ca=self._authorities(settings.control_tls_client_ca),
        )

    def _control(self, certificate: str | None, key: str | None) -> KeyAndCertificate | None:
        pair = self._pair(CONTROL, certificate, key)
        if pair is None or certificate is None:
            return None
        host = self._settings.callback_host
        if self._settings.control_tls_verify == "chain" and host is not None:
            if not is_for(pair.certificate, host):
                raise _unfit(CONTROL, certificate, f"it is not for {host}", _for_name(host))
        elif not is_for(pair.certificate, fixed_name(pair.certificate) or ""):
            why = "it is for no host name that can be verified"
            raise _unfit(CONTROL, certificate, why, _for_name("a host name"))
        return pair

    def _authorities(self, file: str | None) -> bytes | None:
        if file is None:
            return None
        text = _read(CLIENT_CA, file, PEM_AUTHORITIES)
        found = _certificates(CLIENT_CA, file, text, PEM_AUTHORITIES)
        for each in found:
            self._tell(CLIENT_CA, file, each)
        return _pem(found)

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
    own, *chain = _certificates(name, certificate_file, text, PEM_CERTIFICATE)
    key = _key(key_name, key_file, _read(key_name, key_file, PEM_KEY))
    if _encoded(key.public_key()) != _public_key(name, certificate_file, own):
        raise _unfit(
            key_name, key_file, f"it is not the key of --{name} {certificate_file}", PEM_KEY
        )
    # Made anew: either file may hold what belongs into the other, and a key must not go out.
    pair = KeyAndCertificate(_key_pem(key), _pem([own, *chain]))
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
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]


def fixed_name(certificate: bytes) -> str | None:
    """A host name that a certificate (PEM) is for, None if there is none; one of a wildcard's."""
    own = x509.load_pem_x509_certificate(certificate)
    names = [name for name in names_of(own) if not _is_address(name)]
    return names[0].replace("*", "router", 1) if names else None


def is_for(certificate: bytes, host: str) -> bool:
    """Whether a certificate (PEM) is for this host name, wildcards included (RFC 9525)."""
    try:
        verify_certificate_hostname(x509.load_pem_x509_certificate(certificate), host)
    except (VerificationError, CertificateError, ValueError):
        return False
    return True


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _for_name(host: str) -> str:
    return f"a certificate whose subjectAltName has {host}"


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def _key_pem(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded


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
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unfit(name, file, f"no key can be read from it: {error}", PEM_KEY) from None


def _public_key(name: str, file: str, certificate: x509.Certificate) -> bytes:
    try:
        return _encoded(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unfit(name, file, f"its key cannot be used: {error}", PEM_CERTIFICATE) from None


def _encoded(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _unfit(name: str, file: str, why: str, allowed: str) -> TlsFilesError:
    return TlsFilesError(f"--{name} {file!r}: {why}; allowed: {allowed}")
