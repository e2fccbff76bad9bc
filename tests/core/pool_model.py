"""What must be true of a pool: each action may happen now, and all is well after each event.

The model carries the dispatcher's actions out on a `NaivePool` and fails on any that breaks a
rule.
"""

from __future__ import annotations

from typing import Any

from lambdadispatch.core.actions import Action, Assign, Close, Invoke, Refuse, Retire
from lambdadispatch.core.dispatcher import Dispatcher, PoolLimits
from lambdadispatch.core.outcomes import RequestOutcome
from tests.core.gate_model import GateRules
from tests.core.naive_pool import NaiveInstance, NaivePool, NaiveRequest, NaiveRun


class PoolModel(NaivePool):
    """What there is, and what may happen next."""

    def __init__(self, limits: PoolLimits, rules: GateRules) -> None:
        super().__init__(limits, rules)
        self.surplus: list[tuple[float, bool]] = []
        """At each tick, whether there were more instances than wanted."""
        self.surplus_retired = 0

    # -- carrying out

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Assign):
                self._assign(action)
            elif isinstance(action, Refuse):
                self._refuse(action)
            elif isinstance(action, Invoke):
                self._invoke(action)
            elif isinstance(action, Retire):
                self._retire(action)
            else:
                self._close(action)

    def _assign(self, action: Assign) -> None:
        first = min(self.waiting, key=lambda request: (request.rank, request.number))
        assert action.request is first, "overtaken"
        holders = [each for each in self.instances if action.channel in each.idle]
        assert len(holders) == 1, f"{action.channel} is idle at {len(holders)} instances"
        assert self.can_take(holders[0]), f"{holders[0]} was given a request"
        # So nobody is above any number of requests while another that can take one is below it.
        loads = [self.load(each) for each in self.instances if self.can_take(each)]
        assert self.load(holders[0]) == min(loads), "a busier instance was chosen"
        holders[0].idle.remove(action.channel)
        self.waiting.remove(action.request)
        self.running.append(NaiveRun(action.request, action.channel, holders[0]))

    def _refuse(self, action: Refuse) -> None:
        self._may_refuse(action.request, action.outcome)
        self.waiting.remove(action.request)
        self.end(action.request, action.outcome)

    def _may_refuse(self, request: NaiveRequest, outcome: RequestOutcome) -> None:
        late = self.now - request.since >= self.queue_timeout()
        match outcome:
            case RequestOutcome.QUEUE_TIMEOUT:
                assert late
            case RequestOutcome.QUEUE_FULL:
                assert request is self.waiting[-1]
                assert not self.has_room()
            case RequestOutcome.DRAINING:
                assert self.drained
            case RequestOutcome.INVOKE_REFUSED:
                assert self.gate.failures and not self.capacity
            case RequestOutcome.START_FAILED:
                hopeless = self.gate.failures >= 3 and not self.capacity
                unserved = self.gate.failures and len(self.open) == len(self.unready)
                assert hopeless or (late and unserved)
            case RequestOutcome.BREAKER_OPEN:
                assert self.gate.opened_at is not None and not self.capacity and not self.free
            case RequestOutcome.BUDGET_SPENT:
                assert not self.gate.budget(self.now) and not self.capacity
            case _:
                raise AssertionError(f"{outcome} is not for the dispatcher to say")

    def _invoke(self, action: Invoke) -> None:
        assert not self.drained, "a start while draining"
        assert self.counted < self.limits.max_instances, "more instances than allowed"
        # Those that were decided on together were decided on with the same number under way.
        together = [start for start, since in self.starting if since == self.now]
        before = self.on_their_way - (len(together) if not self.gate.failures else 0)
        self.gate.started(action.start, before, self.now)
        self.starts += 1
        assert action.start == self.starts
        self.starting.append((action.start, self.now))

    def _retire(self, action: Retire) -> None:
        found = [each for each in self.instances if each.name == action.instance]
        if not found:
            self.rejected.remove(action.instance)
            return
        assert len(found) == 1 and not found[0].draining
        if action.reason == "surplus":
            self._check_surplus(found[0])
        elif action.reason == "replaced":
            self._check_replaced(found[0])
        elif action.reason == "no_channel":
            assert not (found[0].idle or self.load(found[0])), "it can take a request"
            self.gate.exited(self.now)
        found[0].draining = True

    def _check_surplus(self, instance: NaiveInstance) -> None:
        """The least busy one may be told to leave, if there have been too many for long."""
        begin = self.now - self.limits.scale_in_delay
        assert all(surplus for when, surplus in self.surplus if when > begin)
        assert self.surplus[0][0] <= begin or not self.limits.scale_in_delay
        assert self.serving - 1 >= self.wanted_since(self.now - self.limits.idle_window)
        ready = len([each for each in self.open if each.ready and not each.away]) - 1
        assert ready * self.limits.max_concurrent >= len(self.waiting) + len(self.living)
        loads = [self.load(each) for each in self.open if self.can_take(each)]
        assert self.load(instance) == min(loads)
        self.surplus_retired += not instance.away

    def _check_replaced(self, instance: NaiveInstance) -> None:
        """Others serve that go on, and without it those that can serve are enough."""
        assert instance.expiring
        window = self.limits.idle_window
        assert self.can_be_spared(instance, self.wanted_since(self.now - window))

    def can_be_spared(self, instance: NaiveInstance, wanted: int) -> bool:
        fit = [each for each in self.open if each.rests_until is None]
        others = [each for each in fit if each is not instance and (each.idle or self.load(each))]
        go_on = [each for each in others if not each.expiring]
        return bool(go_on) and len(others) >= wanted

    def _close(self, action: Close) -> None:
        if action.channel in self.rejected:
            self.rejected.remove(action.channel)
            return
        holders = [each for each in self.instances if action.channel in each.idle]
        assert len(holders) == 1 and holders[0].draining
        holders[0].idle.remove(action.channel)

    # -- what must hold after every event

    def check(self, dispatcher: Dispatcher) -> None:
        self._check_counts(dispatcher)
        self._check_requests()
        for instance in self.instances:
            assert self.load(instance) <= self.limits.max_concurrent
            assert not (self.waiting and self.can_take(instance)), "somebody waits at a free slot"
            assert not (instance.draining and instance.idle), "an idle channel was not closed"
        assert not self.rejected, f"not sent away: {self.rejected}"
        assert self.counted <= self.limits.max_instances
        if self.drained:
            assert not self.waiting and not self.open
        elif not self.gate.failures and self.gate.opened_at is None:
            assert self.has_enough(), "wanted and not started"
        self.wishes.append((self.now, self.wanted()))

    def _check_counts(self, dispatcher: Any) -> None:
        assert dispatcher.waiting == len(self.waiting)
        assert dispatcher.waiting_octets == sum(request.octets for request in self.waiting)
        assert dispatcher.most_waiting == self.most_waiting()
        assert dispatcher.queue_timeout == self.queue_timeout()
        assert dispatcher.running == len(self.running)
        assert dispatcher.starting == len(self.starting)
        assert dispatcher.open_instances == len(self.open)
        assert dispatcher.draining_instances == len(self.instances) - len(self.open)
        assert dispatcher.resting_instances == len(self.resting)
        assert dispatcher.expiring_instances == len(self.expiring)
        assert dispatcher.quarantined_instances == len(self.quarantined)
        assert dispatcher.idle_channels == sum(len(each.idle) for each in self.instances)

        capacity = dispatcher.capacity_state(self.now)
        assert capacity["failed_starts"] == self.gate.failures
        assert capacity["breaker_open"] == (self.gate.opened_at is not None)
        assert min(capacity["desired"], self.limits.max_instances) == self.wanted()

    def _check_requests(self) -> None:
        everywhere = [*self.waiting, *(run.request for run in self.running), *self.ended]
        numbers = sorted(request.number for request in everywhere)
        assert numbers == list(range(len(self.arrived))), "a request is lost, or in two places"
        for request in self.waiting + [run.request for run in self.running]:
            assert request.outcome is None

    def check_after_tick(self, dispatcher: Dispatcher) -> None:
        for request in self.waiting:
            assert self.now - request.since < self.queue_timeout()
        for _, since in self.starting:
            assert self.now - since < self.limits.start_timeout
        for instance in self.unready:
            assert self.now - instance.since < self.limits.start_timeout
        if not self.drained:
            self._check_supply(dispatcher)
        more = self.serving + self.surplus_retired
        self.surplus.append((self.now, more > self.wanted()))
        self.surplus_retired = 0

    def _check_supply(self, dispatcher: Dispatcher) -> None:
        assert self.has_enough(), "nothing holds it, not started"
        shut = self.gate.opened_at is not None or not self.gate.budget(self.now, lenient=True)
        assert not (self.waiting and shut and not self.capacity), "nobody was told"
        if self.serving < self.wanted():
            assert dispatcher.capacity_state(self.now)["brake"], "what holds starts is not told"
        most = self.wanted_since(self.now - 3 * self.limits.idle_window)
        for instance in self.expiring:
            assert not self.can_be_spared(instance, most), "it is replaced and was not told"
