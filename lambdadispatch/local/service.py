"""The local Lambda as a Twisted service."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import (
    IListeningPort,
    IReactorTCP,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import IResource
from twisted.web.server import Site

from lambdadispatch.local.child import Child, ProcessReactor, start_child
from lambdadispatch.local.environment import Environment
from lambdadispatch.local.fleet import Fleet, environment_numbers
from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.invoke_api import InvokeApi
from lambdadispatch.local.logs import LogWriter
from lambdadispatch.local.runtime_api import RuntimeApi
from lambdadispatch.local.variables import environment_variables, log_stream_name

log = Logger()


def wall_clock() -> float:
    """Return seconds since the epoch, for deadlines and trace ids."""
    return datetime.now(UTC).timestamp()


def log_line(identity: str, line: str) -> None:
    """Write an environment's line to the log of the process."""
    log.info("{environment} {line}", environment=identity, line=line)


class LocalReactor(ProcessReactor, IReactorTCP):
    """What the local Lambda needs of a reactor."""


class QuietSite(Site):
    """A site without access log; START and REPORT lines say what there is to say."""

    noisy = False

    def log(self, request: HttpRequest) -> None:
        """Write nothing."""


class LocalHost:
    """This machine, as an environment needs it: ports, processes, variables, the wall clock."""

    def __init__(
        self,
        reactor: LocalReactor,
        *,
        freeze: bool,
        write_log: LogWriter,
        wall: Callable[[], float],
        region: str,
        grace: float,
        parent_variables: Mapping[str, str],
    ) -> None:
        self.freeze = freeze
        self.write_log = write_log
        self.wall = wall
        self._reactor = reactor
        self._region = region
        self._grace = grace
        self._parent_variables = parent_variables

    def open_runtime_api(self, environment: Environment) -> IListeningPort:
        """Listen on a free port of the loopback."""
        api = RuntimeApi(environment, grace=self._grace)
        site = cast("ServerFactory[Any]", quiet_site(api, self._reactor))
        return self._reactor.listenTCP(0, site, interface="127.0.0.1")

    def start_child(self, environment: Environment, port: IListeningPort) -> Child:
        """Start the function's command."""
        function = environment.function
        started = datetime.fromtimestamp(self.wall(), UTC)
        variables = environment_variables(
            function,
            parent=self._parent_variables,
            runtime_api=address_of(port),
            region=self._region,
            task_root=str(Path(function.directory or ".").absolute()),
            log_stream=log_stream_name(started, uuid.uuid4().hex),
        )
        return start_child(
            self._reactor, environment, function.command, variables, function.directory
        )


def quiet_site(resource: IResource, reactor: IReactorTime) -> Site:
    """Return a site that never cuts an idle connection: a frozen client cannot notice."""
    site: Site = QuietSite(resource, reactor=reactor, timeout=None)  # type: ignore[no-untyped-call]
    return site


def address_of(port: IListeningPort) -> str:
    """Return ``host:port`` of a TCP port."""
    address = port.getHost()
    assert isinstance(address, IPv4Address | IPv6Address), address
    return f"{address.host}:{address.port}"


class LocalLambda(Service):
    """The Invoke API on ``endpoint``, and the environments behind it.

    ``freeze``: stop an environment's processes between invocations, as AWS does.
    ``keep``: seconds an idle environment is kept. ``grace``: seconds a process has to end by
    itself when the service stops. ``write_log`` takes each line of each environment.
    ``region`` and ``account`` appear in ARNs and variables.
    """

    name = "local-lambda"

    def __init__(
        self,
        reactor: LocalReactor,
        functions: Sequence[LocalFunction],
        *,
        endpoint: IStreamServerEndpoint,
        freeze: bool = True,
        keep: float = 300.0,
        grace: float = 2.0,
        region: str = "us-east-1",
        account: str = "123456789012",
        write_log: LogWriter = log_line,
        wall: Callable[[], float] = wall_clock,
        parent_variables: Mapping[str, str] | None = None,
    ) -> None:
        host = LocalHost(
            reactor,
            freeze=freeze,
            write_log=write_log,
            wall=wall,
            region=region,
            grace=grace,
            parent_variables=os.environ if parent_variables is None else parent_variables,
        )
        identities = environment_numbers()
        self._fleets: dict[str, Fleet] = {}
        for function in functions:
            if function.name in self._fleets:
                raise ValueError(f"function name {function.name!r} is given twice")
            self._fleets[function.name] = Fleet(function, host, reactor, identities, keep=keep)
        api = InvokeApi(self._fleets, region=region, account=account, wall=wall)
        self._site = quiet_site(api, reactor)
        self._endpoint = endpoint
        self._grace = grace
        self._port: IListeningPort | None = None

    def listen(self) -> Deferred[IListeningPort]:
        """Open the Invoke API; fails, with CannotListenError as a rule, when it cannot."""
        return self._endpoint.listen(self._site).addCallback(self._listening)

    def stopService(self) -> Deferred[None]:
        """Close the port, end all environments; fires when their processes are reaped."""
        super().stopService()  # type: ignore[no-untyped-call]
        stopped = [fleet.stop(self._grace) for fleet in self._fleets.values()]
        port, self._port = self._port, None
        if port is not None:
            stopped.append(maybeDeferred(port.stopListening).addCallback(lambda _: None))
        return DeferredList(stopped, fireOnOneErrback=True).addCallback(lambda _: None)

    def _listening(self, port: IListeningPort) -> IListeningPort:
        self._port = port
        return port
