"""Producers of a twisted.web application, joined to an exchange's back-pressure."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IPullProducer, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IPushProducer)
class PulledProducer:
    """Pulls from a pull producer once a turn of the reactor while the client keeps up.

    Once a turn, and not in a loop, because a producer may write nothing when pulled. ``failed``
    is called if the producer raises; it is not pulled again.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        producer: IPullProducer,
        failed: Callable[[Failure], None],
    ) -> None:
        self._reactor = reactor
        self._producer = producer
        self._failed = failed
        self._next: IDelayedCall | None = None
        self._running = False

    def resumeProducing(self) -> None:
        """Twisted: the client has caught up."""
        self._running = True
        if self._next is None:
            self._next = self._reactor.callLater(0, self._pull)

    def pauseProducing(self) -> None:
        """Twisted: the client is slow."""
        self._running = False
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def stopProducing(self) -> None:
        """Twisted: the client is gone."""
        self.pauseProducing()
        self._producer.stopProducing()

    def _pull(self) -> None:
        self._next = None
        try:
            self._producer.resumeProducing()
        except Exception:
            self._running = False
            self._failed(Failure())
        if self._running:
            self.resumeProducing()


class ProducerSlot:
    """The one producer of a response, told when the client is slow."""

    def __init__(self, reactor: IReactorTime, failed: Callable[[Failure], None]) -> None:
        self._reactor = reactor
        self._failed = failed
        self._producer: IPushProducer | None = None
        self._slow = False

    def register(self, producer: IPushProducer | IPullProducer, streaming: bool) -> None:
        """Take a producer; ValueError if there is one. A pull producer begins at once."""
        if self._producer is not None:
            raise ValueError(f"{self._producer!r} is registered, {producer!r} cannot be")
        if streaming:
            self._producer = IPushProducer(producer)
        else:
            self._producer = PulledProducer(self._reactor, IPullProducer(producer), self._failed)
        if self._slow:
            self._producer.pauseProducing()
        elif not streaming:
            self._producer.resumeProducing()

    def unregister(self) -> None:
        """The producer has produced all."""
        producer, self._producer = self._producer, None
        if isinstance(producer, PulledProducer):
            producer.pauseProducing()

    def slow(self) -> None:
        """The client reads slower than the response is written."""
        self._slow = True
        if self._producer is not None:
            self._producer.pauseProducing()

    def ready(self) -> None:
        """The client has caught up."""
        self._slow = False
        if self._producer is not None:
            self._producer.resumeProducing()

    def stop(self) -> None:
        """The client is gone."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
