"""The fleet: invocations as they are started, call back, serve and end.

It keeps the books (names, claims, sessions, channels) and writes the log of what lives; what
should live is the dispatcher's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from txaio.tx import make_logger

from lambdadispatch.control.channel import Channel
from lambdadispatch.control.claims import Claims
from lambdadispatch.control.session import Session
from lambdadispatch.core.actions import Action
from lambdadispatch.core.dispatcher import Dispatcher
from lambdadispatch.core.outcomes import StartFailure
from lambdadispatch.invoker.outcomes import InvokeResult, Outcome
from lambdadispatch.router.counts import Counts
from lambdadispatch.router.invocations import Invocation, Invocations
from lambdadispatch.wire.exchange_state import State
from lambdadispatch.wire.payload import Callback, InvokeAnswer, InvokePayload, PayloadError
from lambdadispatch.wire.printable import printable
from lambdadispatch.wire.session import IDLE, LEAVING, READY, Message

log = make_logger()

Report: TypeAlias = Callable[[Dispatcher, float], list[Action]]
"""An event for the dispatcher: called with it and the time."""

_WORD = re.compile("[a-z_]{1,40}")

SPARE_CHANNELS = 2
"""An instance may have this many times the channels it was asked for, while it replaces some."""


class Starter(Protocol):
    """Starts invocations: the invoker, or its like in tests."""

    def invoke(self, payload: bytes, *, invocation: str) -> Deferred[InvokeResult]:
        """Never fails; see ``lambdadispatch.invoker``."""


class Owner(Protocol):
    """Who hears that an invocation has ended."""

    def invocation_ended(self, report: Report) -> None:
        """An Invoke call has come back."""


class Plan(Protocol):
    """What every invocation of the pool is told."""

    def payload(self, invocation: Invocation, callback: Callback) -> InvokePayload:
        """The payload of one invocation."""


class Fleet:
    """All open invocations of one pool. What is started before ``begin`` waits for it.

    ``connected`` is every channel and session that is open; the fleets of several pools share it.
    ``pool`` stands in the log; empty if there is but one.
    """

    owner: Owner

    def __init__(
        self,
        clock: IReactorTime,
        starter: Starter,
        claims: Claims,
        invocations: Invocations,
        counts: Counts,
        plan: Plan,
        channel_count: int,
        connected: set[Channel | Session],
        pool: str = "",
    ) -> None:
        self._clock = clock
        self._starter = starter
        self._claims = claims
        self._invocations = invocations
        self._counts = counts
        self._plan = plan
        self._channel_count = channel_count
        self._callback: Callback | None = None
        self._held: list[int] = []
        self._pool = pool and f" of pool {pool}"
        self.connected = connected
        self.on_first_ready: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._invocations)

    def invocation_of(self, instance: str) -> Invocation | None:
        """The open invocation that this instance belongs to."""
        return self._invocations.get(instance)

    # -- starting and ending

    def begin(self, callback: Callback) -> None:
        """From now on invocations can be started, and are told to call back there."""
        self._callback = callback
        held, self._held = self._held, []
        for start in held:
            self.invoke(start)

    def invoke(self, start: int) -> None:
        """Start one invocation."""
        if self._callback is None:
            self._held.append(start)
            return
        now = self._clock.seconds()
        invocation = self._invocations.add(start, SPARE_CHANNELS * self._channel_count, now)
        self._claims.add(invocation.claim)
        self._counts.invocations_started += 1
        log.info(
            "invocation {invocation} started for instance {instance}{pool}",
            invocation=invocation.name,
            instance=invocation.instance,
            pool=self._pool,
        )
        payload = self._plan.payload(invocation, self._callback)
        result = self._starter.invoke(payload.encode(), invocation=invocation.name)
        result.addCallback(self._ended, invocation)

    def _ended(self, result: InvokeResult, invocation: Invocation) -> None:
        self._invocations.remove(invocation)
        self._claims.end(invocation.instance)
        outcome, reason = _why(result)
        self._counts.invocations[outcome] += 1
        log.info(
            "invocation {invocation} of instance {instance}{pool} ended: {outcome} ({reason}) "
            "after {requests} requests in {seconds:.1f} s",
            invocation=invocation.name,
            instance=invocation.instance,
            pool=self._pool,
            outcome=outcome,
            reason=printable(reason),
            requests=invocation.claim.requests,
            seconds=self._clock.seconds() - invocation.since,
        )
        self.owner.invocation_ended(_report_of(result, invocation))
        if invocation.session is not None:
            invocation.session.cut("invocation_ended")
        for channel in tuple(invocation.channels):
            channel.lose("invocation_ended")

    def retire(self, instance: str, reason: str) -> None:
        """Order an instance to finish and leave."""
        invocation = self._invocations.get(instance)
        if invocation is None:
            return
        invocation.claim.closing = True
        log.info(
            "instance {instance}{pool} is told to leave: {reason}",
            instance=instance,
            pool=self._pool,
            reason=printable(reason),
        )
        if invocation.session is not None:
            invocation.session.drain(reason)

    # -- channels

    def channel_opened(self, channel: Channel) -> None:
        """Note a new channel."""
        self._counts.channels_opened += 1
        self.connected.add(channel)
        invocation = self._invocations.get(channel.instance)
        if invocation is not None:
            invocation.claim.channels_open += 1
            invocation.channels.add(channel)
        log.debug("channel {channel} opened", channel=channel.name)

    def channel_closed(self, channel: Channel, reason: str) -> None:
        """Note that a channel is gone."""
        self._counts.channels[reason] += 1
        self.connected.discard(channel)
        invocation = self._invocations.get(channel.instance)
        if invocation is not None and channel in invocation.channels:
            invocation.claim.channels_open -= 1
            invocation.channels.remove(channel)
        log.debug("channel {channel} ended: {outcome}", channel=channel.name, outcome=reason)

    def channel_refused(self, instance: str, message: Message) -> Channel | None:
        """The channel of a nack, on which a request was sent that is now to be taken back.

        None if it is gone, as when the client has left meanwhile, or if nothing runs on it.
        """
        invocation = self._invocations.get(instance)
        for channel in invocation.channels if invocation is not None else ():
            if channel.nonce == message.channel and channel.state is not State.IDLE:
                reason = message.text if _WORD.fullmatch(message.text) else "unnamed"
                self._counts.nacks[reason] += 1
                return channel
        return None

    # -- sessions

    def session_opened(self, session: Session) -> int | None:
        """Note that an instance has called back; the core's number of its start."""
        self.connected.add(session)
        invocation = self._invocations.get(session.instance)
        if invocation is None:
            session.cut("unknown_instance")
            return None
        invocation.session = session
        invocation.claim.session_open = True
        log.info(
            "instance {instance} of invocation {invocation}{pool} called back after "
            "{seconds:.2f} s",
            instance=session.instance,
            pool=self._pool,
            invocation=invocation.name,
            seconds=self._clock.seconds() - invocation.since,
        )
        return invocation.start

    def session_message(self, session: Session, message: Message) -> Report | None:
        """Note a report; what the dispatcher should hear of it."""
        name = session.instance
        if message.kind == IDLE:
            return lambda dispatcher, now: dispatcher.instance_idle(name, now)
        if message.kind == LEAVING:
            return lambda dispatcher, now: dispatcher.instance_leaving(name, message.text, now)
        if message.kind == READY:
            self._ready(session, message.text)
            if message.leaves_in:
                left = message.leaves_in
                return lambda dispatcher, now: dispatcher.leave_planned(name, left, now)
        return None

    def _ready(self, session: Session, environment: str) -> None:
        invocation = self._invocations.get(session.instance)
        if invocation is not None:
            invocation.environment = environment
        log.info(
            "instance {instance}{pool} is ready in environment {environment}",
            instance=session.instance,
            pool=self._pool,
            environment=printable(environment),
        )
        first, self.on_first_ready = self.on_first_ready, None
        if first is not None:
            first()

    def session_closed(self, session: Session, reason: str) -> None:
        """Note that an instance has left, or is lost without having been told to leave."""
        self._counts.sessions[reason] += 1
        self.connected.discard(session)
        invocation = self._invocations.get(session.instance)
        log.info(
            "session of instance {instance}{pool} ended: {outcome}",
            instance=session.instance,
            pool=self._pool,
            outcome=reason,
        )
        if invocation is None:
            return
        invocation.session = None
        invocation.claim.closing = True
        for channel in tuple(invocation.channels):
            channel.lose("session_" + reason)

    def state(self) -> list[dict[str, object]]:
        """Every open invocation, for ``/state``."""
        now = self._clock.seconds()
        return [
            {
                "invocation": invocation.name,
                "instance": invocation.instance,
                "environment": invocation.environment,
                "called_back": invocation.session is not None,
                "leaving": invocation.claim.closing,
                "channels": len(invocation.channels),
                "requests": invocation.claim.requests,
                "seconds": round(now - invocation.since, 1),
            }
            for invocation in self._invocations
        ]


def _why(result: InvokeResult) -> tuple[str, str]:
    """The outcome and the reason of an invocation, for log and counts."""
    if result.outcome is not Outcome.RETURNED:
        return result.outcome.value, result.message
    try:
        return result.outcome.value, InvokeAnswer.decode(result.payload).reason
    except PayloadError as error:
        return result.outcome.value, f"answer cannot be read: {error}"


def _report_of(result: InvokeResult, invocation: Invocation) -> Report:
    refused = result.outcome in {Outcome.REFUSED, Outcome.THROTTLED}
    failure = StartFailure.REFUSED if refused else StartFailure.ENDED

    def report(dispatcher: Dispatcher, now: float) -> list[Action]:
        failed = dispatcher.start_failed(invocation.start, failure, now)
        lost = dispatcher.instance_lost(invocation.instance, now)
        return failed + lost + dispatcher.invocation_ended(invocation.start, now)

    return report
