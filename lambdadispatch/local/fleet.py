"""The environments of one function: which takes an invocation, and how long it is kept."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from lambdadispatch.local.environment import Environment, Host
from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.invocation import Invocation

log = Logger()


class AtCapacity(Exception):
    """As many invocations run as the function's concurrency allows."""


class Stopped(Exception):
    """The fleet takes no more invocations."""


def environment_numbers() -> Iterator[str]:
    """Return the ids ``env-1``, ``env-2``, ... one service gives to its environments."""
    return (f"env-{number}" for number in itertools.count(1))


class Fleet:
    """All environments of one function, and the events that wait for one."""

    def __init__(
        self,
        function: LocalFunction,
        host: Host,
        clock: IReactorTime,
        identities: Iterator[str],
        *,
        keep: float,
    ) -> None:
        self.function = function
        self._host = host
        self._clock = clock
        self._identities = identities
        self._keep = keep
        self._environments: set[Environment] = set()
        # Most recently used last; each with the timer that ends it.
        self._idle: dict[Environment, IDelayedCall] = {}
        self._events: deque[Invocation] = deque()
        self._stopped = False
        self._stoppers: list[Deferred[None]] = []

    @property
    def running(self) -> int:
        """How many invocations run now; what concurrency limits."""
        return sum(environment.invocation is not None for environment in self._environments)

    def invoke(self, invocation: Invocation) -> None:
        """Run an invocation now, warm if possible. Raises AtCapacity or Stopped."""
        if self._stopped:
            raise Stopped(self.function.name)
        if self.running >= self.function.concurrency:
            raise AtCapacity(self.function.name)
        if self._idle:
            environment, timer = self._idle.popitem()
            timer.cancel()
            environment.take(invocation)
        else:
            self._start(invocation)

    def queue(self, event: Invocation) -> None:
        """Run an event as soon as concurrency allows, in order of arrival. Raises Stopped.

        An event is tried once: the retries AWS makes of failed events are not made here.
        """
        if self._stopped:
            raise Stopped(self.function.name)
        self._events.append(event)
        self._run_events()

    def stop(self, grace: float) -> Deferred[None]:
        """End every environment; fires when the last process is gone. Waiting events are lost.

        Whoever asks again waits for the same end.
        """
        if self._events:
            log.warn(
                "{function}: {count} waiting events are dropped",
                function=self.function.name,
                count=len(self._events),
            )
            self._events.clear()
        gone: Deferred[None] = Deferred()
        self._stoppers.append(gone)
        self._stopped = True
        self._forget_idle()
        for environment in list(self._environments):
            environment.stop(grace)
        self._check_gone()
        return gone

    def _start(self, invocation: Invocation) -> None:
        environment = Environment(
            next(self._identities),
            self.function,
            self._host,
            self._clock,
            idle=self._became_idle,
            dead=self._died,
        )
        self._environments.add(environment)
        environment.start(invocation)

    def _became_idle(self, environment: Environment) -> None:
        timer = self._clock.callLater(self._keep, self._expired, environment)
        self._idle[environment] = timer
        self._run_events()

    def _died(self, environment: Environment) -> None:
        self._environments.discard(environment)
        timer = self._idle.pop(environment, None)
        if timer is not None:
            timer.cancel()
        if self._stopped:
            self._check_gone()
        else:
            self._run_events()

    def _expired(self, environment: Environment) -> None:
        del self._idle[environment]
        log.info("{environment} was idle too long", environment=environment.identity)
        environment.kill()

    def _run_events(self) -> None:
        while self._events and self.running < self.function.concurrency:
            self.invoke(self._events.popleft())

    def _forget_idle(self) -> None:
        for timer in self._idle.values():
            timer.cancel()
        self._idle.clear()

    def _check_gone(self) -> None:
        if self._environments:
            return
        stoppers, self._stoppers = self._stoppers, []
        for gone in stoppers:
            gone.callback(None)
