"""One pool under the dispatcher that ships: imagined instances carry out what it decides.

Theory of operation. Events become calls of ``Dispatcher`` in the order in which the router would
make them, and ``_do`` carries out the actions it returns, as ``Router._carry_out`` does. An
instance follows ``lambda_side.instance``: it opens its channels when it has started, asks to leave
when nothing has run for the idle time, wants to leave before its invocation times out, and is gone
when it drains and its last request has ended. Requests, starts and channels are whole numbers: a
channel is its instance's start times the channels of an instance, plus its own number.

No action is carried out within another: what follows from one is planned, for now or later.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.core.outcomes import RequestOutcome, StartFailure
from lambdadispatch.simulator.environments import Environments
from lambdadispatch.simulator.events import Arrival, Events
from lambdadispatch.simulator.own_dispatch import Billing
from lambdadispatch.simulator.priming import channels_of, name_of
from lambdadispatch.simulator.record import ANSWERED, Record
from lambdadispatch.simulator.shipping import TICK
from lambdadispatch.simulator.workloads import PAUSE_AFTER_REFUSAL, Trace

ANSWER_LOST = RequestOutcome.ANSWER_LOST.value

TAIL = 300.0
"""Seconds after the last request for which instances may still live, and be paid for."""

MARGIN_SHARE = 0.25
LAST_SHARE = 0.1
LAST_SECONDS = 1.0
"""Shares of an invocation's time, as in ``lambda_side.instance``."""


@dataclass(frozen=True)
class InstancePlan:
    """How instances behave. Times are in seconds.

    ``channels`` each; ``idle`` without work before it asks to leave; ``margin`` before the deadline
    it wants to leave; ``call_back`` draws what an instance needs to call back beyond its
    environment's cold start.
    """

    channels: int
    idle: float
    margin: float
    call_back: Callable[[], float]


class SimulatedInstance:
    """An invocation from its Invoke call to its end."""

    __slots__ = ("active", "billed", "draining", "ended", "invoked", "name", "running", "start")

    def __init__(self, start: int, invoked: float, billed: float) -> None:
        self.start = start
        self.name = name_of(start)
        self.invoked = invoked
        self.billed = billed
        """Seconds to be added to its length for the bill; below 0 if not all is billed."""
        self.active = 0.0
        self.running = 0
        self.draining = False
        self.ended = False


class Pool:
    """The model of this dispatcher."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        environments: Environments,
        plan: InstancePlan,
        billing: Billing,
        record: Record,
    ) -> None:
        self._dispatcher = dispatcher
        self._environments = environments
        self._plan = plan
        self._billing = billing
        self._record = record
        self._events = Events()
        self._requests = 0
        self._expected = 0
        self._waiting: dict[Hashable, Arrival] = {}
        self._running: dict[Hashable, SimulatedInstance] = {}
        self._instances: dict[str, SimulatedInstance] = {}
        self._owners: dict[Hashable, SimulatedInstance] = {}

    def run(self, trace: Trace, warm: Iterable[int] = ()) -> None:
        """Let all requests come and end; the instances of ``warm`` starts are open and idle."""
        self._follow = trace.follow
        for start in warm:
            self._opened_early(start)
        self._events.at(TICK, self._tick)
        self._events.run(trace.arrivals, self._arrive)
        for instance in self._instances.values():
            self._close_books(instance, self._record.until + TAIL)
        self._record.cold_starts = self._environments.cold

    # -- requests

    def _arrive(self, now: float, duration: float) -> None:
        self._requests += 1
        self._waiting[self._requests] = (now, duration)
        self._do(self._dispatcher.submit(self._requests, now), now)

    def _end(self, now: float, assigned: Assign) -> None:
        request, channel = assigned
        instance = self._running.pop(request, None)
        if instance is None:
            return  # its instance was cut
        instance.running -= 1
        instance.active = now
        self._record.ended(ANSWERED, now)
        self._do(self._dispatcher.exchange_ended(request, channel, instance.name, now), now)
        if instance.draining and not instance.running:
            self._leave(now, instance)
        if self._follow is not None:
            self._next(now)

    def _next(self, now: float) -> None:
        if self._follow is not None and (arrival := self._follow(now)) is not None:
            self._expected += 1
            self._events.at(arrival[0], self._arrive_again, arrival[1])

    def _arrive_again(self, now: float, duration: float) -> None:
        self._expected -= 1
        self._arrive(now, duration)

    # -- instances

    def _start(self, now: float, start: int) -> None:
        cold = self._environments.take(now)
        self._record.starts += 1
        if cold is None:
            self._events.at(now, self._refused, start)
            return
        self._record.invocations += 1
        self._record.instances.change(now, 1)
        instance = SimulatedInstance(start, now, cold * (self._billing.start_share - 1))
        self._instances[instance.name] = instance
        self._events.at(now + cold + self._plan.call_back(), self._open, instance)

    def _refused(self, now: float, start: int) -> None:
        self._do(self._dispatcher.start_failed(start, StartFailure.REFUSED, now), now)

    def _open(self, now: float, instance: SimulatedInstance) -> None:
        name = instance.name
        self._do(self._dispatcher.instance_opened(instance.start, name, now), now)
        if instance.draining:
            return
        self._settle_in(now, instance)
        for channel in self._channels(instance):
            self._do(self._dispatcher.channel_idle(channel, name, now), now)

    def _opened_early(self, start: int) -> None:
        """An instance that is open and idle at time 0, in an environment that was warm."""
        self._environments.take(0.0)
        instance = SimulatedInstance(start, 0.0, 0.0)
        self._instances[instance.name] = instance
        self._record.instances.change(0.0, 1)
        self._settle_in(0.0, instance)

    def _channels(self, instance: SimulatedInstance) -> range:
        return channels_of(instance.start, self._plan.channels)

    def _settle_in(self, now: float, instance: SimulatedInstance) -> None:
        instance.active = now
        for channel in self._channels(instance):
            self._owners[channel] = instance
        timeout = self._billing.timeout
        margin = min(self._plan.margin, timeout * MARGIN_SHARE)
        last = min(LAST_SECONDS, timeout * LAST_SHARE)
        self._events.at(now + self._plan.idle, self._check_idle, instance)
        self._events.at(now + timeout - margin, self._near_deadline, instance)
        self._events.at(now + timeout - last, self._cut, instance)

    def _check_idle(self, now: float, instance: SimulatedInstance) -> None:
        if instance.draining:
            return
        wait = self._plan.idle
        if not instance.running:
            left = instance.active + wait - now
            if left < 0.001:
                self._do(self._dispatcher.instance_idle(instance.name, now), now)
            else:
                wait = left
        self._events.at(now + wait, self._check_idle, instance)

    def _near_deadline(self, now: float, instance: SimulatedInstance) -> None:
        if not instance.draining:
            actions = self._dispatcher.instance_leaving(instance.name, "deadline", now)
            self._do(actions, now)

    def _cut(self, now: float, instance: SimulatedInstance) -> None:
        """Its time is over: what still runs is lost."""
        if instance.ended:
            return
        lost = [request for request, on in self._running.items() if on is instance]
        instance.draining = True
        self._leave(now, instance)
        for request in lost:
            del self._running[request]
            self._record.ended(ANSWER_LOST, now)
            self._do(self._dispatcher.finished(request, now), now)
            self._next(now)

    def _drain(self, now: float, instance: SimulatedInstance) -> None:
        instance.draining = True
        if not instance.running:
            self._events.at(now, self._leave, instance)

    def _leave(self, now: float, instance: SimulatedInstance) -> None:
        """Its invocation is answered, its environment is warm."""
        if instance.ended:
            return
        instance.ended = True
        del self._instances[instance.name]
        for channel in self._channels(instance):
            self._owners.pop(channel, None)
        self._close_books(instance, now)
        self._environments.give_back(now)
        self._do(self._dispatcher.instance_lost(instance.name, now), now)

    def _close_books(self, instance: SimulatedInstance, now: float) -> None:
        self._record.instances.change(now, -1)
        self._record.bill(now - instance.invoked + instance.billed)

    # -- time

    def _tick(self, now: float, _: None) -> None:
        self._do(self._dispatcher.tick(now), now)
        more = self._waiting or self._running or self._events.arriving or self._expected
        if more or (self._instances and now < self._record.until + TAIL):
            self._events.at(now + TICK, self._tick)
        else:
            self._events.clear()

    # -- carrying out

    def _do(self, actions: list[Action], now: float) -> None:
        for action in actions:
            if isinstance(action, Assign):
                self._assign(action, now)
            elif isinstance(action, Invoke):
                self._start(now, action.start)
            elif isinstance(action, Refuse):
                self._refuse(action, now)
            elif isinstance(action, Retire):
                self._drain(now, self._instances[action.instance])
            elif not isinstance(action, Close):
                raise TypeError(f"the simulator cannot carry out {action!r}")

    def _assign(self, action: Assign, now: float) -> None:
        request, channel = action
        arrival, duration = self._waiting.pop(request)
        instance = self._owners[channel]
        instance.running += 1
        self._running[request] = instance
        self._record.began(arrival, now - arrival)
        self._events.at(now + duration, self._end, action)

    def _refuse(self, action: Refuse, now: float) -> None:
        del self._waiting[action.request]
        self._record.ended(action.outcome.value, now)
        self._next(now + PAUSE_AFTER_REFUSAL)
