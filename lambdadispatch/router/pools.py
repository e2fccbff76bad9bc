"""All pools of a router: which of them are looked after, and what concerns all of them.

Theory of operation. A pool is a line, a dispatcher and a fleet of its own, and knows of no other:
what goes wrong in one holds up nobody elsewhere. What they share are the ports, the claims and the
ticker. With many pools most of them have nothing to do most of the time, so a pool in which time
alone changes nothing sleeps: no tick reaches it, and it has neither an instance nor a timer. The
first request wakes it, and it gets the tick it has missed before it gets the request. Whatever
counts time (token bucket, budget, back-off, averages) counts it by the clock, not by ticks, so that
one late tick and many in time come to the same.

Only requests can wake a pool. Instances cannot: a pool with an open invocation does not sleep, and
claims end with their invocations. A minimum by a schedule keeps its pool awake.

Rejected: a timer for each pool (a thousand of them, for nothing); to make a pool when its first
request comes (a setting that cannot work would be found in the middle of the day).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.router.pool import Pool
from lambdadispatch.router.router import Router
from lambdadispatch.wire.payload import Callback

log = Logger()


class Pools:
    """All of them, in the order of the settings; ``may_sleep`` is whether any may.

    It may be so only if every request comes through a pool's own ``submit``.
    """

    def __init__(self, pools: Sequence[Pool], *, may_sleep: bool) -> None:
        self.all = tuple(pools)
        self.by_name = {pool.name: pool for pool in pools}
        self._may_sleep = may_sleep
        self._awake: dict[Pool, None] = dict.fromkeys(pools)
        self._stopping = False
        for pool in pools:
            pool.on_wake = self._woken

    def _woken(self, pool: Pool) -> None:
        self._awake[pool] = None
        self._tick(pool)

    @property
    def awake(self) -> int:
        """How many are looked after."""
        return len(self._awake)

    def tick(self) -> None:
        """Some time has passed."""
        for pool in tuple(self._awake):
            self._tick(pool)
            if self._may_sleep and pool.router.may_sleep():
                pool.awake = False
                del self._awake[pool]

    def _tick(self, pool: Pool) -> None:
        """What fails in one pool keeps it neither from the others nor from a request."""
        try:
            pool.router.tick()
        except Exception:
            log.failure(
                "a regular task failed; it will be tried again: the tick of pool {pool}",
                pool=pool.name,
            )

    def begin(self, callback: Callback) -> None:
        """From now on invocations can be started, and are told to call back there."""
        for pool in self.all:
            pool.fleet.begin(callback)

    def warm_up(self, on_ready: Callable[[], None]) -> None:
        """Start an instance before there is a request for it, and tell when it is ready.

        Only where there is one pool: of several each waits for a request, and that is told at once.
        """
        if len(self.all) > 1:
            on_ready()
            return
        [pool] = self.all
        pool.wake()
        pool.fleet.on_first_ready = on_ready
        pool.router.warm_up()

    def when_served(self) -> Deferred[None]:
        """Fires when no request waits or runs in any pool."""
        return Deferred.fromCoroutine(self._wait(Router.when_served))

    def when_left(self) -> Deferred[None]:
        """Fires when no invocation of any pool is open."""
        return Deferred.fromCoroutine(self._wait(Router.when_left))

    async def _wait(self, when: Callable[[Router], Deferred[None]]) -> None:
        """Until it holds for all at once: while one was waited for, another may have got work."""
        waited = True
        while waited:
            waited = False
            for pool in self.all:
                done = when(pool.router)
                if not done.called:
                    waited = True
                    await done

    def end_tunnels(self) -> None:
        """The router is to stop: tell the tunnels of all pools, which nobody can wait for. It is
        not ready any more, though what it has accepted is served.
        """
        self._stopping = True
        for pool in self.all:
            pool.router.end_tunnels()

    def drain(self) -> None:
        """Refuse who waits and who comes; every instance finishes what it runs and leaves."""
        for pool in self.all:
            pool.router.drain()

    def why_not_ready(self) -> str | None:
        """Why a request that came now would be served by no pool; None if one would serve it.

        One that has trouble is not enough: a balancer would take all the others away with it.
        """
        if self._stopping:
            return RequestOutcome.DRAINING.value
        reasons = []
        for pool in self.all:
            reason = pool.router.why_not_ready()
            if reason is None:
                return None
            reasons.append((pool.name, reason))
        if len({reason for _, reason in reasons}) == 1:
            return reasons[0][1]
        return "\n".join(f"{name}: {reason}" for name, reason in reasons)
