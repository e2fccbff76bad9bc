"""Who hears of connections to a TLS port that have not shaken hands yet.

A factory that has an attribute ``arrivals`` is asked on libuv's transport, where it makes no
protocol before the handshake is over, whether to begin one: so its limits hold for those, too. On
Twisted's own it makes a protocol at once, and hears only of handshakes that failed.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

TLS_TIMEOUT: Final = "tls_timeout"
"""The handshake was not over in time."""
TLS_FAILED: Final = "tls_failed"
"""It failed: no TLS, none that is spoken here, or the client does not trust the certificate."""
CLIENT_CERTIFICATE: Final = "client_certificate"
"""The client has shown no certificate, though one is required, or one that is not trusted."""

_UNPROVED: Final = ("CERTIFICATE_VERIFY_FAILED", "DID_NOT_RETURN_A_CERTIFICATE")


class Arrivals(Protocol):
    """``peer`` begins with host and port, and tells this connection from all others that are open.

    The host is ``unknown`` of one that was gone at once.
    """

    def arriving(self, peer: tuple[Any, ...]) -> bool:
        """A TCP connection is there; whether to shake hands, else it is cut."""

    def arrived(self, peer: tuple[Any, ...]) -> None:
        """The handshake is over, well or not. A connection follows at once, or none."""

    def handshake_failed(self, peer: tuple[Any, ...], reason: str) -> None:
        """It is over for this reason, one of the words above."""


def arrivals_of(factory: object) -> Arrivals | None:
    """Who is to hear of connections to this factory's port."""
    found: Arrivals | None = getattr(factory, "arrivals", None)
    return found


def reason_of(error: BaseException | None) -> str | None:
    """The word for what ended a handshake; None if the client just went away."""
    if isinstance(error, TimeoutError):
        return TLS_TIMEOUT
    if not _is_of_openssl(error):
        return None
    text = str(error).upper().replace(" ", "_")
    return CLIENT_CERTIFICATE if any(part in text for part in _UNPROVED) else TLS_FAILED


def _is_of_openssl(error: BaseException | None) -> bool:
    """Whether either binding has raised it, told without importing the second one."""
    return type(error).__module__.partition(".")[0] in {"ssl", "OpenSSL"}
