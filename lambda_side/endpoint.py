"""The endpoint of the router's control port, as the payload describes it."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from lambda_side.tls_files import NO_FILES, TlsFiles
from lambdadispatch.transports.endpoints import client_endpoint
from lambdadispatch.wire.payload import Callback

CONNECT_TIMEOUT = 5.0


def callback_endpoint(
    reactor: Any, callback: Callback, files: TlsFiles = NO_FILES
) -> IStreamClientEndpoint:
    """Clear text, or TLS that trusts what the payload says, or ``files``.

    The certificate's name is verified too (service-identity does it within Twisted). Raises
    TlsUnusable if a file is not usable.
    """
    tcp = client_endpoint(reactor, callback.host, callback.port, CONNECT_TIMEOUT)
    if not callback.tls:
        return tcp
    # Only now: importing OpenSSL costs a cold start that needs none of it dearly.
    from twisted.internet.endpoints import wrapClientTLS  # noqa: PLC0415

    from lambda_side.tls import client_tls  # noqa: PLC0415

    return wrapClientTLS(client_tls(callback, files), tcp)
