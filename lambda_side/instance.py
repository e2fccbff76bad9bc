"""One invocation's life: call back, serve, leave.

Theory of operation. An instance never leaves by itself while the router knows it: it reports
(idle, leaving) and the router, which alone knows whether a request is on its way, stops giving,
closes the channels on which nothing runs and the others when their exchange has ended. When the
last channel is gone nothing can be lost, and the invocation is answered. Only what takes the router
out of the picture (its order to leave now, its loss, the invocation's end) cuts.

The invocation must be answered before AWS kills it: ``leaving`` is reported ``deadline_margin``
seconds before the deadline, but never earlier than when a quarter of the time is left, and a last
part of that is kept for cutting and answering.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from lambda_side.channels import Channels
from lambda_side.dial import ADVICE, Dialer, DialError
from lambda_side.session import InstanceSession
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.payload import InvokeAnswer, InvokePayload
from lambdadispatch.wire.proof import SESSION

log = Logger()

MARGIN_SHARE: Final = 0.25
LAST_SHARE: Final = 0.1
LAST_SECONDS: Final = 1.0
SHORTEST_WAIT: Final = 0.001
DIAL_TRIES: Final = 5
DIAL_PAUSE: Final = 0.2

UNFIT: Final = frozenset(["terminated", "application_exited"])
"""Reasons to leave for which what still comes cannot be served any more."""

Serve = Callable[[ServerExchange, Callable[[], None]], None]
"""Serves one exchange and calls the function when it has ended."""


class Instance:
    """Serves one invocation; ``run`` gives its answer. ``remaining``: seconds to its deadline."""

    def __init__(
        self,
        clock: IReactorTime,
        dialer: Dialer,
        payload: InvokePayload,
        serve: Serve,
        environment: str,
        remaining: float,
    ) -> None:
        self._clock = clock
        self._dialer = dialer
        self._payload = payload
        self._serve = serve
        self._environment = environment
        self._remaining = remaining
        self._session = InstanceSession(clock, self, payload.ping)
        self._channels = Channels(
            clock,
            dialer,
            payload.channels,
            self._on_request,
            self._on_change,
            self._decline,
            self._refused,
        )
        self._ended: Deferred[InvokeAnswer] = Deferred()
        self._timers: dict[str, IDelayedCall] = {}
        self._session_open = False
        self._reason = ""
        self._running = 0
        self._requests = 0
        self._active_at = 0.0
        self._leave_at = 0.0

    def run(self) -> Deferred[InvokeAnswer]:
        """Call back and serve; fires with the answer to the invocation."""
        margin = min(self._payload.deadline_margin, self._remaining * MARGIN_SHARE)
        last = min(LAST_SECONDS, self._remaining * LAST_SHARE)
        self._leave_at = self._clock.seconds() + self._remaining - margin
        self._later("leave", self._remaining - margin, lambda: self.leave("deadline"))
        self._later("end", self._remaining - last, lambda: self._end("deadline_cut"))
        self._call_back(DIAL_TRIES)
        return self._ended

    def leave(self, reason: str) -> None:
        """Ask the router to give nothing more, then leave when the last request has ended."""
        if self._reason:
            return
        self._reason = reason
        if self._session_open:
            self._session.leaving(reason)
        else:
            self._end(reason)

    # -- calling back

    def _call_back(self, tries: int) -> None:
        dialled = self._dialer.dial(SESSION, self._session, lambda: None)

        def refused(error: DialError) -> None:
            if error.final or tries <= 1:
                log.error(
                    "the router could not be called: {reason}{advice}",
                    reason=error.reason,
                    advice=ADVICE.get(error.reason, ""),
                )
                self._end(error.reason)
            else:
                self._later("dial", DIAL_PAUSE, lambda: self._call_back(tries - 1))

        dialled.addCallbacks(self._admitted, lambda failure: refused(failure.value))

    def _admitted(self, _: None) -> None:
        if self._ended.called:
            self._session.close()
            return
        self._session_open = True
        self._session.ready(self._environment, max(0.0, self._leave_at - self._clock.seconds()))
        self._channels.fill()
        self._active_at = self._clock.seconds()
        self._later("idle", self._payload.idle, self._check_idle)

    # -- serving

    def _on_request(self, exchange: ServerExchange) -> None:
        if self._reason in UNFIT and exchange.decline(self._reason):
            return
        self._running += 1
        self._requests += 1
        self._serve(exchange, self._served)

    def _decline(self, channel: str, reason: str) -> bool:
        if not self._payload.nacks or not self._session_open:
            return False
        self._session.nack(channel, reason)
        return True

    def _served(self) -> None:
        self._running -= 1
        self._active_at = self._clock.seconds()
        self._on_change()

    def _check_idle(self) -> None:
        """Report when nothing has run for the idle time, again after each further one."""
        wait = self._payload.idle
        left = self._active_at + wait - self._clock.seconds()
        if not self._running and not self._reason:
            if left < SHORTEST_WAIT:
                self._session.idle()
            else:
                wait = left
        self._later("idle", wait, self._check_idle)

    # -- leaving: Orders

    def drain(self, reason: str) -> None:
        """The router gives nothing more and closes channels as they become idle."""
        # A router may leave the reason out.
        self._reason = self._reason or reason or "drain"
        self._channels.stop()
        self._on_change()

    def retire(self, reason: str) -> None:
        """The router wants this instance gone."""
        self._end(reason)

    def _refused(self, reason: str) -> None:
        """No channel will be admitted any more: to ask again would be of no use."""
        log.error("the router refuses channels: {reason}", reason=reason)
        self.leave(reason)

    def router_lost(self) -> None:
        """The session is gone: whatever still runs has nobody to answer to."""
        self._session_open = False
        self._end("router_lost")

    def _on_change(self) -> None:
        """Leave if draining and the last channel is closed."""
        if self._reason and not self._running and not self._channels.open:
            self._end(self._reason)

    def _end(self, reason: str) -> None:
        if self._ended.called:
            return
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        self._ended.callback(InvokeAnswer(reason, self._requests))
        self._channels.cut()
        if self._session_open:
            self._session.close()

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        self._timers[name] = self._clock.callLater(max(0.0, seconds), call)
