"""Fakes for the invoker's tests: a Lambda service, a network, threads and AWS access in memory."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.credentials import ReadOnlyCredentials
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from txaio.tx import get_global_log_level, set_global_log_level
from zope.interface import implementer

from lambdadispatch.invoker.aws_lookup import AwsAccess

KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "secret-of-the-tests", "token-of-the-tests")
LATER_KEYS = ReadOnlyCredentials("AKIDLATER", "later-secret", "later-token")
ACCESS = AwsAccess(KEYS, "eu-west-1", "http://lambda.test:9001")


@dataclass
class Answer:
    """What the fake service says to one call."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


@dataclass
class RecordedCall:
    """One call as the fake service got it; ``headers`` have lower-case names."""

    method: str
    uri: str
    headers: dict[str, str]
    body: bytes
    request: Any


class FakeService(Resource):
    """An HTTP service that records each call and gives the answers it was told to, in turn.

    A call for which no answer is left is kept open until ``answer_open``.
    """

    isLeaf = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.calls: list[RecordedCall] = []

    def render(self, request: Any) -> Any:
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        self.calls.append(
            RecordedCall(
                request.method.decode(),
                request.uri.decode(),
                headers,
                request.content.read(),
                request,
            )
        )
        if self.answers:
            self.answer(request, self.answers.pop(0))
        return NOT_DONE_YET

    @staticmethod
    def answer(request: Request, answer: Answer) -> None:
        request.setResponseCode(answer.status)
        for name, value in answer.headers.items():
            request.setHeader(name, value)
        request.setHeader("Content-Length", str(len(answer.body)))
        request.write(answer.body)
        request.finish()


class SocketTransport(FakeTransport):
    """A transport in memory with a real, unconnected socket as its handle."""

    def __init__(self, protocol: Any, isServer: bool) -> None:
        super().__init__(protocol, isServer)
        self.keep_alive_set = False
        self.handle = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def getHandle(self) -> socket.socket:
        return self.handle

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keep_alive_set = enabled


class MemoryNetwork:
    """A reactor without sockets; what connects through it reaches ``resource`` in memory."""

    def __init__(self, resource: Resource) -> None:
        self.reactor = MemoryReactorClock()
        self.transports: list[SocketTransport] = []
        self._site = Site(resource, timeout=None, reactor=self.reactor)
        self._pumps: list[IOPump] = []

    def close(self) -> None:
        for transport in self.transports:
            transport.handle.close()

    def accept(self) -> None:
        """Let every connection that is being made succeed, and carry all bytes."""
        clients = list(self.reactor.tcpClients)
        self.reactor.tcpClients.clear()
        for _, _, factory, _, _ in clients:
            client: Any = factory.buildProtocol(None)
            server: Any = self._site.buildProtocol(None)
            transport = SocketTransport(client, isServer=False)
            self.transports.append(transport)
            server_side = FakeTransport(server, isServer=True)
            self._pumps.append(connect(server, server_side, client, transport, clock=self.reactor))
        self.flush()

    def refuse(self) -> None:
        """Let every connection that is being made fail."""
        clients = list(self.reactor.tcpClients)
        self.reactor.tcpClients.clear()
        for (_, _, factory, _, _), connector in zip(clients, self.reactor.connectors, strict=False):
            factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
        # The endpoint looks for another address of the name before it gives up.
        self.reactor.advance(1)

    def flush(self) -> None:
        for pump in self._pumps:
            pump.flush()

    def cut(self, index: int = 0) -> None:
        """The service closes its side of a connection."""
        self._pumps[index].serverIO.abortConnection()
        self.flush()


class FakeSource:
    """An AccessSource that has what it is given, or fails to start."""

    def __init__(self, access: AwsAccess | None = ACCESS, error: Exception | None = None) -> None:
        self.access = access
        self.error = error
        self.events: list[str] = []

    def start(self) -> Deferred[None]:
        self.events.append("start")
        return fail(self.error) if self.error else succeed(None)

    def stop(self) -> Deferred[None]:
        self.events.append("stop")
        return succeed(None)


@implementer(IReactorFromThreads)
class ThreadClock(Clock):
    """A clock that takes calls from threads at once, as there are none."""

    def callInThread(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        raise AssertionError("the reactor's own threads must not be used")

    def callFromThread(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        callable(*args, **kwargs)


class FakeThreads:
    """A thread pool that runs its work when told to, on the caller's thread."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self._work: list[Callable[[], None]] = []

    @property
    def waiting(self) -> int:
        return len(self._work)

    def start(self) -> None:
        self.events.append("start")

    def stop(self) -> None:
        self.events.append("stop")

    def callInThreadWithCallback(
        self, onResult: Callable[[bool, Any], None], func: Callable[..., Any], *args: Any
    ) -> None:
        if self.events != ["start"]:
            raise AssertionError(f"work given to threads that are not running: {self.events}")

        def work() -> None:
            try:
                result = func(*args)
            except Exception:
                onResult(False, Failure())
            else:
                onResult(True, result)

        self._work.append(work)

    def run(self) -> None:
        """Run the oldest work."""
        self._work.pop(0)()


def aws_environment(case: SynchronousTestCase, **values: str) -> None:
    """Replace every AWS setting of the process by ``values`` until the test ends."""
    before = dict(os.environ)

    def restore() -> None:
        os.environ.clear()
        os.environ.update(before)

    case.addCleanup(restore)
    for name in before:
        if name.startswith("AWS_"):
            del os.environ[name]
    nowhere = case.mktemp()
    os.environ.update(
        {
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            **values,
        }
    )


def logged(case: SynchronousTestCase) -> Callable[[], list[str]]:
    """Observe the log, debug level and all, from now on; the result gives the lines so far."""
    case.addCleanup(set_global_log_level, get_global_log_level())
    set_global_log_level("debug")
    observer = EventLoggingObserver()
    globalLogPublisher.addObserver(observer)
    case.addCleanup(globalLogPublisher.removeObserver, observer)
    return lambda: [formatEvent(event) for event in observer]
