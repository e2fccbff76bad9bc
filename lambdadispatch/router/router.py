"""The router: events of all adapters go to the dispatcher, its actions are carried out here.

Theory of operation. Every adapter calls a method of this class when something has happened; the
method asks the dispatcher and gives the answer to ``_carry_out``, the one place that assigns,
refuses, invokes, retires and closes. Carrying out an action can cause the next event at once (an
assigned request whose answer is already there), so actions wait in one list and are taken from it
in order; an event within an event adds to the list instead of going deeper.

Between a decision and its execution a channel can die. An Assign for a channel that is gone gives
the request its old place back, by the same path as any other event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Final, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from lambdadispatch.control.channel import Channel
from lambdadispatch.control.session import Session
from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.core.outcomes import InstanceFailure, RequestOutcome
from lambdadispatch.core.pace import Pace
from lambdadispatch.front.request import Request
from lambdadispatch.http11.client import ClientConnection
from lambdadispatch.http11.relay import NACKED
from lambdadispatch.http11.tunnel import Tunnel
from lambdadispatch.router.access_log import log_request
from lambdadispatch.router.counts import Counts
from lambdadispatch.router.fleet import Fleet
from lambdadispatch.router.timers import NO_TIMEOUTS, Timeouts, Timers
from lambdadispatch.router.tunnels import Tunnels
from lambdadispatch.wire.exchange_state import IDLE
from lambdadispatch.wire.session import NACK, Message

LONGEST_RETRY: Final = 120
"""Seconds after which a client that was refused is told to come again, at most."""

FAILURES: Final = {
    RequestOutcome.ANSWER_LOST: InstanceFailure.LOST,
    RequestOutcome.ANSWER_CUT: InstanceFailure.LOST,
    RequestOutcome.FIRST_BYTE_TIMEOUT: InstanceFailure.SLOW,
}
"""The outcomes for which the instance is to blame."""

SERVED: Final = frozenset([RequestOutcome.ANSWERED, RequestOutcome.TUNNEL_CLOSED])
"""The outcomes that show that it can serve."""

FAILED_BEHIND: Final = 502
"""The status that shows nothing: an instance answers so when its application has failed."""


class Router:
    """Joins the front, the control port and the invoker of one pool.

    It is the front's Queue, the channels' ClientOwner and the sessions' SessionOwner.
    """

    def __init__(
        self,
        clock: IReactorTime,
        dispatcher: Dispatcher,
        fleet: Fleet,
        counts: Counts,
        *,
        timeouts: Timeouts = NO_TIMEOUTS,
        access_log: bool = False,
        minimum: Callable[[], int] | None = None,
        pool: str = "",
    ) -> None:
        self._seconds = clock.seconds
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._counts = counts
        self._timers = Timers(timeouts)
        self._tunnels = Tunnels(timeouts)
        self._access_log = access_log
        self._minimum = minimum
        self._pool = pool
        self._actions: deque[Action] = deque()
        self._carrying = False
        self._assigned: dict[Request, float] = {}
        self._arrivals = 0
        self._assignments = 0
        self._pace = Pace()
        self._quiet: list[Deferred[None]] = []
        fleet.owner = self

    # -- the front's queue

    def submit(self, request: Request) -> None:
        """A request arrived: it goes to a free channel at once, or to the end of the line."""
        self._arrivals = request.arrival = self._arrivals + 1
        now = request.since = self._seconds()
        self._do(self._dispatcher.submit(request, now, request.rank))

    def leave(self, request: Request) -> None:
        """A request that waits was cancelled."""
        self._do(self._dispatcher.cancel(request, self._seconds()))

    def returned(self, request: Request, *, nacked: bool) -> None:
        """A request was not served and takes its old place."""
        now = self._seconds()
        failure = InstanceFailure.REFUSED if nacked else InstanceFailure.LOST
        self._assigned.pop(request, None)
        self._counts.retries[failure] += 1
        self._do(self._dispatcher.request_failed(request, failure, now))
        self._do(self._dispatcher.returned(request, request, now, anew=not nacked))

    def tunnelled(self, request: Request, tunnel: Tunnel) -> None:
        """A request that runs has become a tunnel."""
        leaving = cast(Channel, request.channel).claim.closing
        self._tunnels.opened(request, tunnel, self._seconds(), leaving=leaving)

    def ended(self, request: Request, outcome: RequestOutcome) -> None:
        """A request has ended, in this one outcome.

        If its channel can go on, the channel says so next, and both are one event.
        """
        self._counts.requests[outcome] += 1
        if self._access_log:
            channel = cast("Channel | None", request.channel)
            invocation = self._fleet.invocation_of(channel.instance) if channel else None
            log_request(request, outcome, invocation, self._pool)
        if self._assigned.pop(request, None) is None:
            self._check_quiet()
            return
        channel = cast(Channel, request.channel)
        if channel.state is IDLE:
            channel.carried = request
        else:
            now = self._seconds()
            if outcome in FAILURES:
                self._do(self._dispatcher.request_failed(request, FAILURES[outcome], now))
            self._tunnels.ended(request)
            served = outcome in SERVED and channel.status != FAILED_BEHIND
            self._do(self._dispatcher.finished(request, now, served))

    # -- channels

    def connection_opened(self, connection: ClientConnection) -> None:
        """An instance has opened a channel."""
        channel = cast(Channel, connection)
        self._fleet.channel_opened(channel)
        self.connection_idle(channel)

    def connection_idle(self, connection: ClientConnection) -> None:
        """A channel can take a request."""
        channel = cast(Channel, connection)
        now = self._seconds()
        carried, channel.carried = channel.carried, None
        if carried is None:
            self._do(self._dispatcher.channel_idle(channel, channel.instance, now))
        else:
            served = channel.status != FAILED_BEHIND
            self._do(
                self._dispatcher.exchange_ended(carried, channel, channel.instance, now, served)
            )

    def connection_closed(self, connection: ClientConnection, reason: str) -> None:
        """A channel is gone."""
        channel = cast(Channel, connection)
        self._fleet.channel_closed(channel, reason)
        self._tunnels.channel_closed(channel)
        self._do(self._dispatcher.channel_lost(channel, self._seconds()))

    # -- sessions

    def session_opened(self, session: Session) -> None:
        """An instance has called back."""
        start = self._fleet.session_opened(session)
        if start is not None:
            now = self._seconds()
            self._do(self._dispatcher.instance_opened(start, session.instance, now))

    def session_message(self, session: Session, message: Message) -> None:
        """An instance reported something."""
        if message.kind == NACK:
            channel = self._fleet.channel_refused(session.instance, message)
            if channel is not None:
                channel.lose(NACKED, NACKED)
            return
        report = self._fleet.session_message(session, message)
        if report is not None:
            self._do(report(self._dispatcher, self._seconds()))

    def session_closed(self, session: Session, reason: str) -> None:
        """An instance has left or is lost."""
        # First of all, so that no slot that frees as its channels end is given to anybody.
        self._do(self._dispatcher.instance_lost(session.instance, self._seconds()))
        self._fleet.session_closed(session, reason)

    def invocation_ended(self, report: Callable[[Dispatcher, float], list[Action]]) -> None:
        """The fleet tells that an Invoke call has come back."""
        self._do(report(self._dispatcher, self._seconds()))
        self._check_quiet()

    # -- time and the end

    def tick(self) -> None:
        """Some time has passed."""
        now = self._seconds()
        if self._minimum is not None:
            self._dispatcher.keep(self._minimum())
        self._do(self._dispatcher.tick(now))
        for request in self._timers.overdue(self._dispatcher, now):
            if not request.decided:
                self._do(self._dispatcher.cancel(request, now))
                request.refuse(RequestOutcome.TOTAL_TIMEOUT, 1)
        self._timers.tick(self._assigned, now)
        self._tunnels.tick(now)
        self._pace.note(self._assignments, now)

    def _retry_after(self, outcome: RequestOutcome) -> int:
        """Seconds until the line may be shorter: what it takes to serve it, or to start."""
        if outcome is not RequestOutcome.QUEUE_FULL:
            return 1
        rate = self._pace.per_second(self._assignments, self._seconds())
        seconds = self._dispatcher.waiting / rate if rate else self._dispatcher.start_time
        return max(1, min(LONGEST_RETRY, ceil(seconds)))

    def warm_up(self) -> None:
        """Start one instance before there is a request for it."""
        self._do(self._dispatcher.warm_up(self._seconds()))

    def when_served(self) -> Deferred[None]:
        """Fires when no request waits or runs."""
        return self._when(lambda: not (self._dispatcher.waiting or self._dispatcher.running))

    def when_left(self) -> Deferred[None]:
        """Fires when no invocation is open."""
        return self._when(lambda: not len(self._fleet))

    def _when(self, condition: Callable[[], bool]) -> Deferred[None]:
        if condition():
            return succeed(None)
        waiter = Waiter(condition)
        self._quiet.append(waiter)
        return waiter

    def _check_quiet(self) -> None:
        for waiter in [w for w in self._quiet if cast(Waiter, w).condition()]:
            self._quiet.remove(waiter)
            waiter.callback(None)

    def may_sleep(self) -> bool:
        """Whether nothing changes here until somebody asks, so that ticks may be left out."""
        return (
            self._minimum is None
            and not self._assigned
            and not len(self._fleet)
            and self._dispatcher.may_sleep(self._seconds())
        )

    def end_tunnels(self) -> None:
        """The router is to stop: tell the tunnels, which nobody can wait for."""
        self._tunnels.drain()

    def drain(self) -> None:
        """Refuse who waits and who comes; every instance finishes what it runs and leaves. Tunnels
        have had their time.
        """
        self._tunnels.cut()
        self._do(self._dispatcher.drain(self._seconds()))

    def why_not_ready(self) -> str | None:
        """Why a request that came now would not be served, for ``/ready``; None if it would."""
        return self._dispatcher.why_not_ready(self._seconds())

    def state(self) -> Mapping[str, Any]:
        """What there is now, for ``/state``."""
        dispatcher = self._dispatcher
        return {
            "waiting": dispatcher.waiting,
            "waiting_octets": dispatcher.waiting_octets,
            "most_waiting": dispatcher.most_waiting,
            "queue_timeout": round(dispatcher.queue_timeout, 3),
            "start_time": round(dispatcher.start_time, 3),
            "running": dispatcher.running,
            "tunnels": len(self._tunnels),
            "starting": dispatcher.starting,
            "open_instances": dispatcher.open_instances,
            "draining_instances": dispatcher.draining_instances,
            "expiring_instances": dispatcher.expiring_instances,
            "resting_instances": dispatcher.resting_instances,
            "quarantined_instances": dispatcher.quarantined_instances,
            "idle_channels": dispatcher.idle_channels,
            "capacity": dispatcher.capacity_state(self._seconds()),
            "instances": self._fleet.state(),
        }

    # -- carrying out

    def _do(self, actions: list[Action]) -> None:
        self._actions.extend(actions)
        if self._carrying:
            return
        if self._actions:
            self._carry_out_all()
        if self._quiet:
            self._check_quiet()

    def _carry_out_all(self) -> None:
        self._carrying = True
        try:
            while self._actions:
                self._carry_out(self._actions.popleft())
        finally:
            self._carrying = False

    def _carry_out(self, action: Action) -> None:
        if isinstance(action, Assign):
            self._assign(cast(Request, action.request), cast(Channel, action.channel))
        elif isinstance(action, Refuse):
            request = cast(Request, action.request)
            if not request.decided:
                request.refuse(action.outcome, self._retry_after(action.outcome))
        elif isinstance(action, Invoke):
            self._fleet.invoke(action.start)
        elif isinstance(action, Retire):
            self._fleet.retire(action.instance, action.reason)
            self._tunnels.instance_leaves(action.instance)
        elif isinstance(action, Close):
            channel = cast(Channel, action.channel)
            if channel.state is IDLE:
                channel.close("retired")

    def _assign(self, request: Request, channel: Channel) -> None:
        now = self._seconds()
        if request.decided:
            self._do(self._dispatcher.finished(request, now))
            if channel.state is IDLE:
                self._do(self._dispatcher.channel_idle(channel, channel.instance, now))
        elif channel.state is not IDLE:
            self._do(self._dispatcher.assignment_failed(request, now))
        elif self._timers.is_over(request, now):
            # It has waited away its time: the application must not act on it any more.
            self._do(self._dispatcher.finished(request, now))
            request.refuse(RequestOutcome.TOTAL_TIMEOUT, 1)
            self._do(self._dispatcher.channel_idle(channel, channel.instance, now))
        else:
            self._assigned[request] = now
            self._assignments = request.assignment = self._assignments + 1
            channel.claim.requests += 1
            request.assign(channel)


class Waiter(Deferred[None]):
    """Fires once a condition holds."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        super().__init__()
        self.condition = condition
