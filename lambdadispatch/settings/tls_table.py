"""The rows of the table that are about certificates."""

from __future__ import annotations

from lambdadispatch.settings import kinds
from lambdadispatch.settings.setting import Setting

FRONT_TLS = (
    Setting(
        "tls_port",
        kinds.whole(0, 65535, off=True),
        None,
        "Port for clients (HTTPS); 0 picks a free one. Needs tls_certificate and tls_key.",
    ),
    Setting(
        "tls_certificate",
        kinds.pem_file(),
        None,
        "File with the certificate for tls_port, and then those that lead to the authority's. "
        "Read again at SIGHUP, as tls_key is.",
    ),
    Setting(
        "tls_key",
        kinds.pem_file(),
        None,
        "File with the private key of tls_certificate, without a passphrase; may be the same file.",
    ),
)
"""Of the clients' port."""
