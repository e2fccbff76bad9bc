"""The tunnels that are open, their limits of time, and how they are told to end.

Theory of operation. A tunnel is a request that runs: it holds its channel and a place of its
instance, and ends in one outcome as any other. What is different is time. It may be silent for
hours, so it has a limit of its own for that. And nobody can wait for its end, so when its instance
is to leave, or the router to stop, it is told at once. A WebSocket hears it as a Close frame, and
when that has gone to both sides they have ``CLOSE_TIME`` seconds to answer; then it is closed. A
frame that has begun is let to its end first, and other protocols have no such word. These last as
long as the instance, or the drain, gives them.

The channel of a tunnel that is over closes when the instance has taken what was written. It has
``CLOSE_TIME`` for that, then the channel is cut: nobody else waits for its end, and a client that
writes to an application that does not read, and leaves, would use up the channels one by one.

All limits are kept by passes over the tunnels, about once a second.
"""

from __future__ import annotations

from typing import Final, cast

from lambdadispatch.control.channel import Channel
from lambdadispatch.front.request import Request
from lambdadispatch.http11.outcomes import RelayOutcome
from lambdadispatch.http11.tunnel import Tunnel
from lambdadispatch.router.timers import PASS, Timeouts

CLOSE_TIME: Final = 5.0
"""Seconds that both sides have to answer a Close."""


class Tunnels:
    """All open tunnels, by their requests. ``timeouts`` are those of requests."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._open: dict[Request, Tunnel] = {}
        self._leaving: set[Request] = set()
        self._told: dict[Request, float] = {}
        self._closing: dict[Channel, float | None] = {}
        self._next = float("-inf")
        self._draining = False

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, request: Request, tunnel: Tunnel, now: float, *, leaving: bool) -> None:
        """A request has become a tunnel; ``leaving`` is whether its instance is to leave."""
        tunnel.quiet_since = now
        self._open[request] = tunnel
        if leaving or self._draining:
            self._tell(request, tunnel)

    def ended(self, request: Request) -> None:
        """A request has ended, which may have become a tunnel."""
        if self._open.pop(request, None) is not None:
            self._leaving.discard(request)
            self._told.pop(request, None)
            self._closing[cast(Channel, request.channel)] = None

    def channel_closed(self, channel: Channel) -> None:
        """A channel is gone, which may have carried a tunnel."""
        self._closing.pop(channel, None)

    # -- leaving

    def drain(self) -> None:
        """The router is to stop: tell all, and those that are still to come."""
        self._draining = True
        for request, tunnel in tuple(self._open.items()):
            self._tell(request, tunnel)

    def instance_leaves(self, instance: str) -> None:
        """An instance is to leave: tell those that run there."""
        for request, tunnel in tuple(self._open.items()):
            if cast(Channel, request.channel).instance == instance:
                self._tell(request, tunnel)

    def cut(self) -> None:
        """The time to leave is over."""
        for tunnel in tuple(self._open.values()):
            tunnel.expire(RelayOutcome.TUNNEL_CUT)

    def _tell(self, request: Request, tunnel: Tunnel) -> None:
        if request not in self._leaving:
            # Before it is told, for it may end at once and be gone.
            self._leaving.add(request)
            tunnel.leave()

    # -- time

    def tick(self, now: float) -> None:
        """Some time has passed."""
        if now < self._next or not (self._open or self._closing):
            return
        self._next = now + PASS
        self._look_at_closing(now)
        for request, tunnel in tuple(self._open.items()):
            if tunnel.moved:
                tunnel.moved = False
                tunnel.quiet_since = now
            outcome = self._over(request, tunnel, now)
            if outcome is not None:
                tunnel.expire(outcome)
            elif request in self._leaving and tunnel.told:
                since = self._told.setdefault(request, now)
                if now - since >= CLOSE_TIME:
                    tunnel.close()

    def _look_at_closing(self, now: float) -> None:
        for channel, since in tuple(self._closing.items()):
            if since is None:
                self._closing[channel] = now
            elif now - since >= CLOSE_TIME:
                channel.cut()

    def _over(self, request: Request, tunnel: Tunnel, now: float) -> RelayOutcome | None:
        limits = self._timeouts
        if limits.total and now - request.since >= limits.total:
            return RelayOutcome.TOTAL_TIMEOUT
        if limits.tunnel_idle and now - tunnel.quiet_since >= limits.tunnel_idle:
            return RelayOutcome.IDLE_TIMEOUT
        return None
