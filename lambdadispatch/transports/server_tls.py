"""What a TLS port shows and asks for, as a context for either transport.

TLS 1.2 or later, with the ciphers that OpenSSL and Python's ssl module take for good: ephemeral
keys and authenticated encryption. A client that offers by ALPN only protocols that are not spoken
here gets none (RFC 7301 section 3.2 asks for an alert, which the ssl module cannot send), and what
it sends is then read as that of a client without ALPN. Both transports do the same.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

CIPHERS: Final = "ECDH+AESGCM:ECDH+CHACHA20:DH+AESGCM:!aNULL:!eNULL:!DSS"
"""Of TLS 1.2, on Twisted's transport; those of TLS 1.3 are all good."""

IN_MEMORY: Final = hasattr(os, "memfd_create") and Path("/proc/self/fd").exists()
"""Whether there can be files in memory that are opened by a name."""


class KeyAndCertificate(NamedTuple):
    """Both in PEM; after the certificate may stand those that lead to the authority's."""

    key: bytes
    certificate: bytes

    def __repr__(self) -> str:
        return f"KeyAndCertificate(key is not shown, {len(self.certificate)} octets)"


def ssl_context(
    pair: KeyAndCertificate, client_ca: bytes | None = None, protocols: Sequence[bytes] = ()
) -> ssl.SSLContext:
    """For libuv's transport. With ``client_ca``, in PEM, clients must show a certificate of it.

    ``protocols`` are offered by ALPN, the first first. ssl.SSLError for what OpenSSL refuses.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    with as_file(pair.key.rstrip() + b"\n" + pair.certificate) as name:
        context.load_cert_chain(name)
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca.decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED
    if protocols:
        context.set_alpn_protocols([name.decode("ascii") for name in protocols])
    return context


@contextmanager
def as_file(data: bytes, *, in_memory: bool = IN_MEMORY) -> Iterator[str]:
    """The name of a file with this, for the ssl module, which reads keys from files alone.

    It is one in memory, or else one on disk that its owner alone can read; gone in the end.
    """
    if in_memory:
        descriptor = os.memfd_create("pair")
        name = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            yield name
    finally:
        if not in_memory:
            Path(name).unlink()


def openssl_context(
    pair: KeyAndCertificate, client_ca: bytes | None = None, protocols: Sequence[bytes] = ()
) -> Any:
    """An OpenSSL.SSL.Context that does the same, for Twisted's transport."""
    # Only now: nothing else here needs OpenSSL's second binding.
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415
    from OpenSSL import SSL  # noqa: PLC0415
    from OpenSSL.crypto import X509  # noqa: PLC0415

    own, *chain = load_pem_x509_certificates(pair.certificate)
    key: Any = load_pem_private_key(pair.key, None)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(CIPHERS.encode("ascii"))
    context.use_certificate(own)
    for each in chain:
        context.add_extra_chain_cert(each)
    context.use_privatekey(key)
    context.check_privatekey()
    if client_ca is not None:
        store: Any = context.get_cert_store()
        for each in load_pem_x509_certificates(client_ca):
            store.add_cert(X509.from_cryptography(each))
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        # Required where clients have certificates, though there are no sessions.
        context.set_session_id(b"lambdadispatch")

    def select(connection: Any, offered: Sequence[bytes]) -> Any:
        return next((name for name in protocols if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS)

    context.set_alpn_select_callback(select)
    return context
