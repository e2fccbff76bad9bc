"""The instances of a pool, and which of them should get the next request.

Instances that can take a request stand in one bucket per number of requests they run. A bit for
each bucket that is not empty makes the least busy one a matter of two integer operations, however
many instances there are. Within a bucket the one that changed last is chosen, so that when there
is little to do it gathers in few instances and the others can leave.
"""

from __future__ import annotations

from collections.abc import Hashable


class Instance:
    """One live instance: the requests it runs and the channels it offers."""

    __slots__ = ("concurrency", "draining", "idle", "load", "name", "running", "shut")

    def __init__(self, name: str, concurrency: int) -> None:
        self.name = name
        self.concurrency = concurrency
        self.draining = False
        self.shut = False
        """It is given nothing: it drains or rests."""
        self.idle: dict[Hashable, None] = {}
        self.running: set[Hashable] = set()
        self.load = -1
        """The bucket it stands in, -1 while it can take nothing."""


class Roster:
    """All instances, and the buckets of those that can take a request."""

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self._buckets: list[dict[Instance, None]] = []
        self._occupied = 0
        self._draining = 0

    def __len__(self) -> int:
        return len(self._instances)

    def __contains__(self, name: str) -> bool:
        return name in self._instances

    @property
    def open(self) -> int:
        """How many instances are not draining."""
        return len(self._instances) - self._draining

    def get(self, name: str) -> Instance | None:
        """The instance of this name, if it lives."""
        return self._instances.get(name)

    def all(self) -> list[Instance]:
        """Every instance."""
        return list(self._instances.values())

    def add(self, instance: Instance) -> None:
        """A new instance has called back."""
        self._instances[instance.name] = instance

    def remove(self, name: str) -> Instance | None:
        """It is gone; the instance, if it was known."""
        instance = self._instances.pop(name, None)
        if instance is not None:
            self._leave_bucket(instance)
            if instance.draining:
                self._draining -= 1
        return instance

    def drain(self, instance: Instance) -> None:
        """It takes no more requests."""
        if not instance.draining:
            instance.draining = instance.shut = True
            self._draining += 1
            self._leave_bucket(instance)

    def rest(self, instance: Instance) -> None:
        """It takes no requests until it has rested."""
        instance.shut = True
        self._leave_bucket(instance)

    def rested(self, instance: Instance) -> None:
        """It takes requests again, unless it drains."""
        instance.shut = instance.draining
        self.changed(instance)

    def least_busy(self) -> Instance | None:
        """The instance that should get the next request, None if none can take one."""
        occupied = self._occupied
        if not occupied:
            return None
        bucket = self._buckets[(occupied & -occupied).bit_length() - 1]
        instance, _ = bucket.popitem()
        bucket[instance] = None
        return instance

    def changed(self, instance: Instance) -> None:
        """Its running requests or idle channels changed: put it where it belongs."""
        load = len(instance.running)
        if instance.shut or not instance.idle or load >= instance.concurrency:
            load = -1
        if load == instance.load:
            return
        self._leave_bucket(instance)
        if load >= 0:
            while len(self._buckets) <= load:
                self._buckets.append({})
            self._buckets[load][instance] = None
            self._occupied |= 1 << load
            instance.load = load

    def _leave_bucket(self, instance: Instance) -> None:
        load, instance.load = instance.load, -1
        if load >= 0:
            bucket = self._buckets[load]
            del bucket[instance]
            if not bucket:
                self._occupied &= ~(1 << load)
