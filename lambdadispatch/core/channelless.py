"""Instances that live and cannot be given anything, because they have no channel left.

Theory of operation. An instance replaces channels that break, within seconds. Where it cannot (a
full control port, a network that lets some connections through), its session goes on, and it would
stand for a slot that nobody can use until its deadline. So one that has had no channel for ``TIME``
is told to leave, and the ordinary decision starts another one if one is wanted. To the gate that is
a bad exit: where no channel lives, one start after another would go the same way.

Rejected: to take it for lost at once (channels of one instance break together, and come back).
"""

from __future__ import annotations

from typing import Final

from lambdadispatch.core.roster import Instance

TIME: Final = 5.0
"""Seconds: more than an instance waits between its tries, less than the shortest queue timeout."""


class Channelless:
    """``since`` says when who had its last channel. One that never had any is not good yet, which
    is the supply's business.
    """

    def __init__(self) -> None:
        self.since: dict[Instance, float] = {}

    def look(self, instance: Instance, now: float) -> None:
        """It lives, and has lost a channel or what ran on it."""
        if not (instance.idle or instance.running or instance.draining):
            self.since.setdefault(instance, now)

    def forget(self, instance: Instance) -> None:
        """It has a channel, leaves or is gone."""
        self.since.pop(instance, None)

    def late(self, now: float) -> list[Instance]:
        """Those that have had none for too long."""
        return [each for each, since in self.since.items() if now - since >= TIME]
