"""What a connection of this package needs of its transport, as one interface."""

from __future__ import annotations

from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport


class IStreamTransport(ITCPTransport, IConsumer, IPushProducer):
    """A TCP or TLS transport of Twisted: it consumes with back-pressure, and its reading can be
    paused.
    """
