"""Workers without processes: what a place starts, orders and hears, on a test clock."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO, RawIOBase
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.settings import Settings
from lambdadispatch.workers.process import Keeper
from lambdadispatch.workers.shares import Share
from tests.memory.system import make_settings


class FakeProcess:
    """A worker's process that does what a test has it do. ``orders`` are what it was told."""

    def __init__(
        self, worker: int, share: bytes, sockets: Sequence[int], keeper: Keeper, pid: int
    ) -> None:
        self.worker = worker
        self.share = Share.read(cast(RawIOBase, BytesIO(share)))
        self.sockets = list(sockets)
        self.keeper = keeper
        self.pid: int | None = pid
        self.orders: list[str] = []
        self.renewed: TlsMaterial | None = None

    def drain(self) -> None:
        self.orders.append("drain")

    def hurry(self) -> None:
        self.orders.append("hurry")

    def renew(self, material: TlsMaterial) -> None:
        self.orders.append("renew")
        self.renewed = material

    def kill(self) -> None:
        self.orders.append("kill")

    def ready(self) -> None:
        """It has started as it should."""
        self.keeper.came_up()
        self.keeper.became_ready()

    def end(self, how: str = "exited with code 0", code: int = 0) -> None:
        """It is reaped."""
        self.pid = None
        self.keeper.exited(how, code)

    def crash(self) -> None:
        """A signal has ended it."""
        self.end("was ended by SIGKILL", 1)


class Spawner:
    """Starts fakes, and keeps them; fails while ``error`` is set."""

    def __init__(self) -> None:
        self.started: list[FakeProcess] = []
        self.error: OSError | None = None

    def __call__(
        self, worker: int, share: bytes, sockets: Sequence[int], keeper: Keeper
    ) -> FakeProcess:
        if self.error is not None:
            raise self.error
        process = FakeProcess(worker, share, sockets, keeper, 100 + len(self.started))
        self.started.append(process)
        return process

    @property
    def last(self) -> FakeProcess:
        return self.started[-1]


class FakeFetch:
    """Answers for the workers: bodies by port and page; what is missing never answers in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.bodies: dict[tuple[int, str], bytes] = {}
        self.asked: list[tuple[int, str]] = []

    def __call__(self, port: int, page: str) -> Deferred[bytes | None]:
        self.asked.append((port, page))
        fetched: Deferred[bytes | None] = Deferred()
        body = self.bodies.get((port, page))
        self._clock.callLater(0.1 if body is not None else 1.0, fetched.callback, body)
        return fetched


class FakeLocal:
    """A local Lambda that starts and stops when a test says so."""

    def __init__(self) -> None:
        self.started: Deferred[str] = Deferred()
        self.stopped: Deferred[None] = Deferred()
        self.stopping = False

    def start(self) -> Deferred[str]:
        return self.started

    def stop(self) -> Deferred[None]:
        self.stopping = True
        return self.stopped


def free_ports(**changes: Any) -> Settings:
    """Settings of two workers, on free ports."""
    given = {"workers": 2, "port": 0, "control_port": 0, "interface": "127.0.0.1"} | changes
    return make_settings(**given)
