"""What every invocation of a pool is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lambdadispatch.router.invocations import CLAIM_SECONDS, Invocation
from lambdadispatch.settings import PoolSettings
from lambdadispatch.wire.payload import Callback, InvokePayload


@dataclass(frozen=True)
class SettingsPlan:
    """The payload as the settings ask for it. ``wall_clock`` gives seconds since the epoch."""

    pool: PoolSettings
    wall_clock: Callable[[], float]

    def payload(self, invocation: Invocation, callback: Callback) -> InvokePayload:
        """The payload of one invocation."""
        settings = self.pool.settings
        return InvokePayload(
            pool=self.pool.name,
            invocation=invocation.name,
            instance=invocation.instance,
            callback=callback,
            secret=invocation.claim.secret,
            channels=settings.channel_count,
            concurrency=settings.max_concurrent_count,
            idle=settings.instance_idle,
            deadline_margin=settings.deadline_margin,
            ping=settings.ping_interval,
            nacks=True,
            expires=self.wall_clock() + CLAIM_SECONDS,
        )
