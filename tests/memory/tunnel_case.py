"""The frame of tests of tunnels: a system whose instances host an application on a port."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from lambda_side.hosts.port import PortHost
from lambdadispatch.wire.websocket import FrameScanner
from tests.memory.stage_host import Call
from tests.memory.system import Client, System
from tests.memory.system_case import SystemCase

PORT = 3001
FIELDS = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
ASK = b"GET /ws HTTP/1.1\r\nHost: test\r\nSec-WebSocket-Key: k\r\n" + FIELDS + b"\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: a\r\n" + FIELDS + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Application(Protocol):
    """One connection to the application: ``head`` is what it was asked, ``data`` what came then."""

    transport: Any

    def __init__(self, factory: ApplicationFactory) -> None:
        self._script = factory.script
        self.head = b""
        self.data = b""
        self.ended: str | None = None

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if not self.head and b"\r\n\r\n" in self.data:
            head, _, self.data = self.data.partition(b"\r\n\r\n")
            self.head = head + b"\r\n\r\n"
            self._script(self)

    def connectionLost(self, reason: Failure | None = None) -> None:
        done = reason is None or reason.check(ConnectionDone) is not None
        self.ended = "done" if done else "lost"

    def send(self, data: bytes) -> None:
        self.transport.write(data)


def answer(application: Application) -> None:
    """101 to who asks for it, ``/silent`` nothing, else 200."""
    if b"\r\nUpgrade: websocket\r\n" in application.head:
        application.send(SWITCH)
    elif not application.head.startswith(b"GET /silent "):
        application.send(OK)
        application.head = b""


class ApplicationFactory(Factory):
    noisy = False

    def __init__(self) -> None:
        self.connections: list[Application] = []
        self.script = answer

    def buildProtocol(self, addr: object) -> Application:
        self.connections.append(Application(self))
        return self.connections[-1]


class TunnelCase(SystemCase):
    """Instances host ``app``, which answers 101 at once; books count what runs as it is."""

    def build(self, cold_start: float = 0.0, **settings: Any) -> System:
        system = super().build(cold_start, **settings)
        self.app = ApplicationFactory()
        self.successResultOf(self.network.listen_endpoint(PORT).listen(self.app))
        endpoint = self.network.connect_endpoint("127.0.0.1", PORT)
        system.aws.host = PortHost(self.clock, endpoint, PORT)
        self.expected_running = 0
        return system

    def open_calls(self) -> list[Call]:
        running: Any = [None] * self.expected_running
        return running

    @property
    def application(self) -> Application:
        """The application's end of the last connection."""
        return self.app.connections[-1]

    def open_tunnel(self) -> Client:
        """A client that has got its 101, which is not in ``received`` any more."""
        client = self.ask(ASK)
        head, _, client.received = client.received.partition(b"\r\n\r\n")
        self.assertEqual(head[:34], SWITCH[:34])
        self.expected_running += 1
        return client

    def ended(self, count: int = 1) -> None:
        """So many of the tunnels are over."""
        self.expected_running -= count

    def frames_end(self, data: bytes) -> bool:
        """Whether ``data`` are whole frames, a Close the last of them."""
        scanner = FrameScanner()
        scanner.follow(data)
        return scanner.closed
