"""The ports: opened all or none, closed each in its time."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure

from lambdadispatch.router.certificate import KeyAndCertificate
from lambdadispatch.settings.setting import PREFIX


class CannotListen(Exception):
    """A port could not be opened; the text says which, why and what to do."""


class RenewableEndpoint(Protocol):
    """An endpoint whose certificate can be renewed while it listens."""

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Twisted: listen."""

    def renew(self, pair: KeyAndCertificate, client_ca: bytes | None = None) -> None:
        """From now on new connections are shown this one."""


Endpoint: TypeAlias = IStreamServerEndpoint | RenewableEndpoint


class Endpoints(Protocol):
    """Makes the endpoints to listen on."""

    def tcp(self, port: int, interface: str) -> IStreamServerEndpoint:
        """Clear text."""

    def tls(
        self,
        port: int,
        interface: str,
        pair: KeyAndCertificate,
        client_ca: bytes | None = None,
        handshake_time: float = 5.0,
    ) -> RenewableEndpoint:
        """TLS with this key and certificate, within so many seconds; with ``client_ca`` for clients
        that show a certificate of it.
        """


class Wanted(NamedTuple):
    """One port to open. ``name`` is its setting."""

    name: str
    port: int
    endpoint: Endpoint
    factory: IProtocolFactory


class Ports:
    """Ports that are open, by the name of their setting."""

    def __init__(self) -> None:
        self._open: dict[str, IListeningPort] = {}

    def listen(self, wanted: Wanted) -> None:
        """Open one port now; CannotListen if it cannot be.

        Twisted's own service only logs a port that cannot be opened, and a router without its
        port would look alive.
        """
        results: list[Any] = []
        wanted.endpoint.listen(wanted.factory).addBoth(results.append)
        result = results[0] if results else None
        if isinstance(result, Failure):
            raise _explain(wanted, result)
        if result is None:
            raise CannotListen(f"--{wanted.name} {wanted.port}: listening did not begin at once")
        self._open[wanted.name] = result

    def number(self, name: str) -> int | None:
        """The number of an open port."""
        port = self._open.get(name)
        return None if port is None else getattr(port.getHost(), "port", None)

    def numbers(self) -> dict[str, int | None]:
        """The numbers of all open ports."""
        return {name: self.number(name) for name in self._open}

    def close(self, name: str) -> Deferred[None]:
        """Accept no more connections on one port."""
        port = self._open.pop(name, None)
        return _closed(port)

    def close_all(self) -> list[Deferred[None]]:
        """Accept no more connections at all."""
        return [self.close(name) for name in tuple(self._open)]


def _closed(port: IListeningPort | None) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    stopping = None if port is None else port.stopListening()
    if stopping is None:
        done.callback(None)
    else:
        stopping.addBoth(lambda _: done.callback(None))
    return done


def cannot_listen(name: str, port: int, error: object) -> CannotListen:
    """The error for a port that the system refused; ``name`` is its setting."""
    variable = PREFIX + name.upper().replace("-", "_")
    return CannotListen(
        f"--{name} {port}: cannot listen: {error}; choose another by --{name} or {variable}, "
        "or 0 for a free one"
    )


def _explain(wanted: Wanted, failure: Failure) -> CannotListen:
    error = failure.value
    if isinstance(error, CannotListenError):
        return cannot_listen(wanted.name, wanted.port, error.socketError)
    text = failure.getErrorMessage()
    return CannotListen(f"--{wanted.name} {wanted.port}: cannot listen: {text}")
