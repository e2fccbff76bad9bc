"""The endpoint of the router's control port, as the payload describes it."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from lambdadispatch.transports.endpoints import client_endpoint
from lambdadispatch.wire.control import CERTIFICATE_NAME
from lambdadispatch.wire.payload import Callback

CONNECT_TIMEOUT = 5.0


def callback_endpoint(reactor: Any, callback: Callback) -> IStreamClientEndpoint:
    """Clear text, or TLS that trusts only the certificate in the payload.

    The certificate's name is verified too (service-identity does it within Twisted): the one fixed
    name that the router's own certificate carries.
    """
    tcp = client_endpoint(reactor, callback.host, callback.port, CONNECT_TIMEOUT)
    if not callback.tls:
        return tcp
    # Only now: importing OpenSSL costs a cold start that needs none of it dearly.
    from twisted.internet.endpoints import wrapClientTLS  # noqa: PLC0415
    from twisted.internet.ssl import (  # noqa: PLC0415
        Certificate,
        optionsForClientTLS,
        trustRootFromCertificates,
    )

    trust = None
    name = callback.host
    if callback.certificate is not None:
        trust = trustRootFromCertificates([Certificate.loadPEM(callback.certificate.encode())])
        name = CERTIFICATE_NAME
    return wrapClientTLS(optionsForClientTLS(name, trustRoot=trust), tcp)
