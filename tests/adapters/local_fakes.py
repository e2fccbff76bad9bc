"""A machine without processes, for environments and fleets of the local Lambda."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from lambdadispatch.local.environment import Environment, Event
from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.invocation import Invocation
from lambdadispatch.local.results import ExitStatus, Result

FUNCTION = LocalFunction("f", ("run", "it"), timeout=60.0, memory_mb=128)
EPOCH = 1_700_000_000.0
TURN = 2.0**-20  # seconds; a binary fraction, so that sums of times come out even


@implementer(IListeningPort)
class FakePort:
    """A port that only knows whether it is open."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = True

    def startListening(self) -> None:
        self.open = True

    def stopListening(self) -> None:
        self.open = False

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", self.number)


verifyObject(IListeningPort, FakePort(1))


class FakeChild:
    """A process that notes what it is sent and ends when the test says so."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.sent: list[str] = []

    def freeze(self) -> None:
        self.sent.append("freeze")

    def thaw(self) -> None:
        self.sent.append("thaw")

    def terminate(self) -> None:
        self.sent.append("terminate")

    def kill(self) -> None:
        self.sent.append("kill")


@dataclass
class FakeHost:
    """Ports and children by the order they were made in; every line that was logged."""

    clock: Clock
    freeze: bool = True
    children: list[FakeChild] = field(default_factory=list)
    ports: list[FakePort] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    refuse: OSError | None = None

    def write_log(self, identity: str, line: str) -> None:
        self.lines.append((identity, line))

    def wall(self) -> float:
        return EPOCH + self.clock.seconds()

    def open_runtime_api(self, environment: Environment) -> FakePort:
        self.ports.append(FakePort(len(self.ports) + 1000))
        return self.ports[-1]

    def start_child(self, environment: Environment, port: IListeningPort) -> FakeChild:
        if self.refuse is not None:
            raise self.refuse
        self.children.append(FakeChild(environment))
        return self.children[-1]

    def texts(self) -> list[str]:
        return [line for _, line in self.lines]


_NUMBERS = itertools.count(1)


def invocation(payload: Any = None) -> tuple[Invocation, list[Result]]:
    """Return an invocation, and the list its result will be in."""
    made = Invocation(
        payload=json.dumps(payload).encode(),
        function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
        trace_id="Root=1-0",
        request_id=f"request-{next(_NUMBERS)}",
    )
    results: list[Result] = []

    def keep(result: Result) -> Result:
        results.append(result)
        return result

    made.done.addCallback(keep)
    return made, results


class TurnClock(Clock):
    """A clock on which "at once" means the next turn, as on a reactor, not this one."""

    def callLater(self, delay: float, call: Any, *args: Any, **named: Any) -> DelayedCall:
        return super().callLater(delay or TURN, call, *args, **named)

    def turn(self) -> None:
        self.advance(TURN)


def settle(clock: TurnClock) -> None:
    """Let the reactor turn often enough for output to have dried up."""
    for _ in range(3):
        clock.turn()


def take_event(environment: Environment) -> list[Event]:
    """Ask for the next event; it is in the list when it has come."""
    events: list[Event] = []
    environment.next_event().addCallback(events.append)
    return events


def serve(environment: Environment, clock: TurnClock) -> None:
    """Have an environment answer the invocation it has and become idle."""
    if environment.state.value == "starting":
        take_event(environment)
    assert environment.invocation is not None
    environment.respond(environment.invocation.request_id, b"1")
    take_event(environment)
    settle(clock)


def end(child: FakeChild, code: int | None = None, signal: int | None = None) -> None:
    """Have a process end."""
    child.environment.exited(ExitStatus(code, signal))
