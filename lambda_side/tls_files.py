"""What this side may be given for TLS, and the name that the router must have.

Apart from what reads the files, which costs time at a cold start.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.abstract import isIPAddress, isIPv6Address

from lambdadispatch.wire.control import CERTIFICATE_NAME
from lambdadispatch.wire.payload import Callback


class TlsUnusable(Exception):
    """What this side is given for TLS cannot be used; the text names it."""


class TlsFiles(NamedTuple):
    """Names of PEM files: authorities of the router, and a certificate and key of this side.

    ``client_key`` may be in the file of the certificate. They are read for each invocation.
    """

    router_ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


NO_FILES = TlsFiles()


def tls_name(callback: Callback) -> str:
    """The name, or address, that the router's certificate must be for."""
    if callback.certificate is None:
        return callback.host
    return callback.name or CERTIFICATE_NAME


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    return bool(isIPAddress(name) or isIPv6Address(name))
