"""One execution environment: a child process and the invocation it works on.

States and what moves between them::

    starting --next--> running --response/error--> answered --next--> settling --> idle
       |                  ^                                                          |
       |                  +------------------------- take ---------------------------+
       +--init error, timeout, stop: from any state--> stopping --process gone--> dead

An invocation is over when the process asks for the next event or is gone, whichever is first;
only then is the invoker answered. So one who invokes again at the answer finds the environment
free, and the log tail has everything the process wrote for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime
from twisted.logger import Logger

from lambdadispatch.local import logs, results
from lambdadispatch.local.child import Child
from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.invocation import Invocation
from lambdadispatch.local.results import ExitStatus, Result

log = Logger()

_SETTLE_ROUNDS = 64
"""Reactor turns to wait for output to dry up; 8 KB are read per turn, a pipe holds 64 KB."""


class State(Enum):
    """Where an environment stands; see the module."""

    STARTING = "starting"
    RUNNING = "running"
    ANSWERED = "answered"
    SETTLING = "settling"
    IDLE = "idle"
    STOPPING = "stopping"
    DEAD = "dead"


class WrongState(Exception):
    """The runtime asked for what its state does not allow."""

    def __init__(self, state: State, wanted: str) -> None:
        super().__init__(f"{wanted} while {state.value}")
        self.state = state
        self.wanted = wanted


class UnknownRequest(Exception):
    """The request id in the path is not the one being worked on."""


class ResponseTooLarge(Exception):
    """The response is over ``results.MAX_RESPONSE`` bytes; the invoker was told so instead."""


@dataclass(frozen=True, slots=True)
class Event:
    """An invocation as it is handed to the runtime."""

    headers: list[tuple[str, str]]
    payload: bytes


class Host(Protocol):
    """What an environment needs of the machine."""

    freeze: bool
    write_log: logs.LogWriter

    def wall(self) -> float:
        """Return seconds since the epoch."""

    def open_runtime_api(self, environment: Environment) -> IListeningPort:
        """Listen on a port of its own for this environment's process."""

    def start_child(self, environment: Environment, port: IListeningPort) -> Child:
        """Start its process. Raises OSError when none can be made."""


class Environment:
    """One execution environment. ``idle`` and ``dead`` are called when it becomes so."""

    def __init__(
        self,
        identity: str,
        function: LocalFunction,
        host: Host,
        clock: IReactorTime,
        *,
        idle: Callable[[Environment], None],
        dead: Callable[[Environment], None],
    ) -> None:
        self.identity = identity
        self.function = function
        self.state = State.STARTING
        self.invocation: Invocation | None = None
        self._host = host
        self._clock = clock
        self._idle = idle
        self._dead = dead
        self._port: IListeningPort | None = None
        self._child: Child | None = None
        self._timer: IDelayedCall | None = None
        self._waiting: Deferred[Event] | None = None
        self._verdict: Result | None = None
        self._init_duration: float | None = None
        self._began = 0.0
        self._took: float | None = None
        self._deadline = 0.0
        self._announced = False
        self._output_seen = 0

    # Orders of the fleet

    def start(self, invocation: Invocation) -> None:
        """Start the process for its first invocation."""
        self.invocation = invocation
        self._began = self._clock.seconds()
        self._set_timer(self.function.timeout, self._time_ran_out)
        try:
            self._port = self._host.open_runtime_api(self)
            self._child = self._host.start_child(self, self._port)
        except (OSError, CannotListenError) as error:
            # Later, so that the fleet is never told of a death from within its own order.
            self._clock.callLater(0, self._could_not_start, str(error))

    def take(self, invocation: Invocation) -> None:
        """Thaw and work on another invocation; only when idle."""
        assert self.state is State.IDLE, self.state
        self.invocation = invocation
        if self._host.freeze:
            self._process().thaw()
        waiting, self._waiting = self._waiting, None
        event = self._begin()
        if waiting is not None:
            waiting.callback(event)

    def stop(self, grace: float) -> None:
        """Ask the process to end; kill it after ``grace`` seconds."""
        if self.state in {State.STOPPING, State.DEAD}:
            return
        self.state = State.STOPPING
        self._set_timer(grace, self.kill)
        if self._child is not None:
            self._child.terminate()

    def kill(self) -> None:
        """End the process now."""
        if self.state is State.DEAD:
            return
        self.state = State.STOPPING
        self._cancel_timer()
        if self._child is not None:
            self._child.kill()

    # Calls of the runtime, through its Runtime API

    def next_event(self) -> Deferred[Event]:
        """The runtime asks for work. The Deferred fires when there is some, or never.

        Asking again without having answered gets the same event again, as on AWS.
        """
        if self.state is State.STARTING:
            self._init_duration = self._clock.seconds() - self._began
            return _fired(self._begin())
        if self.state is State.RUNNING:
            return _fired(self._event())
        if self.state is State.ANSWERED:
            self._settle()
        elif self.state is not State.IDLE and self.state is not State.SETTLING:
            raise WrongState(self.state, "next")
        self._waiting = Deferred()
        return self._waiting

    def respond(self, request_id: str, payload: bytes) -> None:
        """The runtime posts a response. Raises UnknownRequest, WrongState, ResponseTooLarge."""
        self._expect(request_id, "response")
        if len(payload) > results.MAX_RESPONSE:
            self._answer(results.response_too_large())
            raise ResponseTooLarge
        self._answer(results.responded(payload))

    def fail(self, request_id: str, payload: bytes) -> None:
        """The runtime posts an error. Raises UnknownRequest or WrongState."""
        self._expect(request_id, "error")
        self._answer(results.raised(payload))

    def init_fail(self, payload: bytes, kind: str, grace: float) -> None:
        """The runtime could not get ready; it has ``grace`` seconds to end by itself."""
        if self.state is not State.STARTING:
            raise WrongState(self.state, "init error")
        self._verdict = results.init_failed(payload, kind)
        self.state = State.STOPPING
        self._set_timer(grace, self.kill)

    # Words of the child

    def line_received(self, line: str) -> None:
        """The process wrote a line."""
        self._output_seen += 1
        self._write(line)

    def start_failed(self, reason: str) -> None:
        """The command cannot be run."""
        if self.invocation is not None:
            self._verdict = results.not_started(
                self.invocation.request_id, self.function.command[0], reason
            )

    def exited(self, status: ExitStatus) -> None:
        """The process is gone."""
        self._cancel_timer()
        log.info("{environment} ended: {status}", environment=self.identity, status=str(status))
        self.state = State.DEAD
        if self._port is not None:
            self._port.stopListening()
        if self.invocation is None:
            self._dead(self)
            return
        verdict = self._verdict or results.exited(self.invocation.request_id, status)
        self._conclude(verdict, "timeout" if verdict.outcome == "timeout" else "error", self._dead)

    # Inner workings

    def _could_not_start(self, reason: str) -> None:
        self.start_failed(reason)
        self.exited(ExitStatus(code=1))

    def _process(self) -> Child:
        assert self._child is not None, "the environment was not started"
        return self._child

    def _begin(self) -> Event:
        self.state = State.RUNNING
        self._verdict = None
        self._took = None
        self._began = self._clock.seconds()
        self._deadline = self._host.wall() + self.function.timeout
        self._set_timer(self.function.timeout, self._time_ran_out)
        self._announce()
        return self._event()

    def _event(self) -> Event:
        assert self.invocation is not None
        return Event(self.invocation.runtime_headers(self._deadline), self.invocation.payload)

    def _expect(self, request_id: str, wanted: str) -> None:
        if self.invocation is None or request_id != self.invocation.request_id:
            raise UnknownRequest(request_id)
        # A process that was asked to end may still hand in what it was working on.
        if self.state is not State.RUNNING and not self._may_still_answer():
            raise WrongState(self.state, wanted)

    def _answer(self, result: Result) -> None:
        self._verdict = result
        if self.state is State.RUNNING:
            self.state = State.ANSWERED

    def _may_still_answer(self) -> bool:
        return self.state is State.STOPPING and self._verdict is None

    def _time_ran_out(self) -> None:
        assert self.invocation is not None
        if self._verdict is None:
            self._verdict = results.timed_out(self.invocation.request_id, self.function.timeout)
        self.kill()

    def _settle(self) -> None:
        self.state = State.SETTLING
        self._took = self._clock.seconds() - self._began
        self._cancel_timer()
        if self._host.freeze:
            self._process().freeze()
        self._clock.callLater(0, self._settle_turn, -1, _SETTLE_ROUNDS)

    def _settle_turn(self, seen: int, rounds: int) -> None:
        """Wait until a whole turn of the reactor brought no output, then be idle."""
        if self.state is not State.SETTLING:
            return
        if seen != self._output_seen and rounds > 0:
            self._clock.callLater(0, self._settle_turn, self._output_seen, rounds - 1)
            return
        assert self._verdict is not None
        self.state = State.IDLE
        self._conclude(self._verdict, None, self._idle)

    def _conclude(
        self, result: Result, status: str | None, tell_fleet: Callable[[Environment], None]
    ) -> None:
        assert self.invocation is not None
        self._write_end(self.invocation.request_id, result, status)
        finished, self.invocation = self.invocation, None
        self._init_duration = None
        self._announced = False
        # The fleet first: whoever is answered may invoke again at once.
        tell_fleet(self)
        finished.done.callback(result)

    def _write_end(self, request_id: str, result: Result, status: str | None) -> None:
        self._announce()
        for line in result.log_lines:
            self._write(line)
        self._write(logs.end_line(request_id))
        duration = self._clock.seconds() - self._began if self._took is None else self._took
        memory = self.function.memory_mb
        report = logs.report_line(request_id, duration, memory, self._init_duration, status)
        self._write(report)

    def _announce(self) -> None:
        if not self._announced and self.invocation is not None:
            self._announced = True
            self._write(logs.start_line(self.invocation.request_id))

    def _write(self, line: str) -> None:
        if self.invocation is not None:
            self.invocation.log_tail.add(line)
        self._host.write_log(self.identity, line)

    def _set_timer(self, delay: float, call: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self._clock.callLater(delay, call)

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def _fired(event: Event) -> Deferred[Event]:
    waiting: Deferred[Event] = Deferred()
    waiting.callback(event)
    return waiting
