"""The rows of the table that are about TLS."""

from __future__ import annotations

from lambdadispatch.settings import kinds
from lambdadispatch.settings.setting import Derived, Setting

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

CONTROL_TLS = (
    Setting(
        "control_tls_port",
        kinds.whole(0, 65535, off=True),
        Derived("5003, off with local", ("local",), lambda v: None if v["local"] else 5003),
        "Port instances call back to over TLS, of worker i this + i; 0 picks free ones.",
    ),
    Setting(
        "control_tls_certificate",
        kinds.pem_file(),
        None,
        "File with the certificate for control_tls_port, and then those that lead to the "
        "authority's; without it the router makes one at each start.",
    ),
    Setting(
        "control_tls_key",
        kinds.pem_file(),
        None,
        "File with the private key of control_tls_certificate, without a passphrase; may be the "
        "same file.",
    ),
    Setting(
        "control_tls_verify",
        kinds.word("pin", "chain"),
        "pin",
        "How functions know the router: by the certificate and the pin of its key that each is "
        "told (pin), or by a chain to an authority that they trust and callback_host (chain).",
    ),
    Setting(
        "control_tls_client_ca",
        kinds.pem_file(),
        None,
        "File with authorities of which functions must show a certificate on control_tls_port, "
        "beside their proof. Read again at SIGHUP.",
    ),
)
"""Of the instances' port."""
