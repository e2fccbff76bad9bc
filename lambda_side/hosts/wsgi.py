"""A WSGI callable (PEP 3333) in threads of this process.

Theory of operation. Each exchange runs in one thread of the host's own pool. The body reaches the
thread through BodyInput and the answer leaves it through AnswerOutput; both hold about 64 KiB and
then make the faster side wait, so that a body of any size needs little memory. Whatever ends an
exchange early (the client leaves, the host stops) makes both raise, which sets a waiting thread
free. A thread that waits for something else cannot be set free: ``stop`` leaves it behind after
its limit, and as the threads are daemons it does not keep the process. While all threads are busy
and such a one is among them, what comes is turned away, to be served by another instance.

Rejected: ``twisted.web.wsgi``, which reads the whole body first, shares the reactor's thread pool,
and lets a thread that waits keep the process at shutdown.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, BinaryIO, Final, TypeAlias, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from lambda_side.hosts.answer import Answer
from lambda_side.hosts.host import STOPPING, OnEnd, turn_away
from lambda_side.hosts.wsgi_environ import make_environ
from lambda_side.hosts.wsgi_input import HELD_OCTETS, BodyInput
from lambda_side.hosts.wsgi_output import AnswerOutput
from lambdadispatch.http11.server_exchange import ServerExchange
from lambdadispatch.wire.fields import Pairs
from lambdadispatch.wire.heads import response

log = Logger()

STOP_LIMIT: Final = 5.0
"""Seconds that ``stop`` waits for the application's threads."""

Application: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]


class IWsgiReactor(IReactorTime, IReactorFromThreads):
    """What a WsgiHost needs of the reactor."""


class WsgiExchange:
    """One exchange served by a WSGI application: its sink in the reactor, ``run`` in a thread."""

    def __init__(self, reactor: IWsgiReactor, exchange: ServerExchange, on_end: OnEnd) -> None:
        assert exchange.head is not None, "an exchange without a request has no application"
        self._reactor = reactor
        self._exchange = exchange
        self._head = exchange.head
        self._peer = exchange.peer
        self._on_end = on_end
        self._over = False
        self.began = False
        self.abandoned = False
        """Its client left; its thread may know nothing of that for long."""
        self._answer = Answer(exchange, self._ended)
        self._input = BodyInput(self._in_reactor(self._wanted), self._in_reactor(self._drained))
        self._output = AnswerOutput(reactor.callFromThread, self._answer, self._complete)

    def start(self) -> None:
        """Let the body come."""
        if not self._head.body:
            self._input.end()
        self._exchange.take(self)

    def _in_reactor(self, call: Callable[[], None]) -> Callable[[], None]:
        return functools.partial(self._reactor.callFromThread, call)

    # -- in the application's thread

    def run(self, application: Application) -> None:
        """Call the application and send its answer; failures are logged and answered."""
        self.began = True
        if self._over:
            return
        body = io.BufferedReader(self._input, HELD_OCTETS)
        environ = make_environ(self._head, self._peer, cast(BinaryIO, body))
        output = self._output
        try:
            answer = application(environ, output.start_response)
            try:
                output.pass_all(answer)
                output.finish()
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except BaseException:
            self._say_failed(Failure())
            output.fail()

    def _say_failed(self, reason: Failure) -> None:
        if self._over and reason.check(BrokenPipeError, ConnectionResetError):
            log.debug("the client of {target!r} left", target=self._head.target)
        else:
            log.failure("the application failed on {target!r}", reason, target=self._head.target)

    # -- in the reactor

    def stop(self) -> None:
        """Cut the exchange, which sets its thread free; turn it away if it has no thread yet."""
        # In this order, as ``run`` does it in the other: one of the two sees what the other did.
        self._over = True
        if self.began:
            self._answer.cut()
        else:
            turn_away(self._exchange, self._ended, STOPPING)

    def _wanted(self) -> None:
        """The body is wanted: a client that waits to hear so may send it (RFC 9110 10.1.1)."""
        if self._head.fields.expects_continue and self._answer.open and not self._answer.begun:
            self._exchange.interim(response(100))

    def _drained(self) -> None:
        if not self._over:
            self._exchange.resume_body()

    def _complete(self) -> None:
        """The whole answer was written; what is left of the body is passed over."""
        self._answer.end()
        self._input.fail()
        if self._exchange.body_paused:
            self._exchange.resume_body()

    def _ended(self) -> None:
        self._over = True
        self._input.fail()
        self._output.lost()
        self._on_end()

    def request_data(self, data: bytes) -> None:
        """A piece of the body; passed over if the answer is complete."""
        if self._answer.open and self._input.feed(data):
            self._exchange.pause_body()

    def request_end(self, trailers: Pairs) -> None:
        """The request is complete."""
        self._input.end()
        self._answer.request_ended()

    def client_lost(self, reason: str) -> None:
        """The client left, or broke a rule."""
        self.abandoned = True
        self._answer.lost()

    def client_slow(self) -> None:
        """Hold the answer back."""
        self._output.slow()

    def client_ready(self) -> None:
        """Let the answer go on."""
        self._output.ready()


class WsgiHost:
    """Hosts ``application`` in a pool of at most ``threads`` threads."""

    def __init__(
        self, reactor: IWsgiReactor, application: Application, *, threads: int = 10
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads is {threads!r}: at least 1")
        self._reactor = reactor
        self._application = application
        self._pool = ThreadPool(0, threads, "wsgi")
        self._pool.threadFactory = functools.partial(Thread, daemon=True)  # type: ignore[assignment]
        self._threads = threads
        self._open: set[WsgiExchange] = set()
        self._busy: set[WsgiExchange] = set()
        """Those that have a thread, or wait for one."""
        self._stopped: Deferred[None] | None = None
        self._limit: IDelayedCall | None = None

    def start(self) -> Deferred[None]:
        """Ready at once; a thread is made when the first exchanges need it."""
        self._pool.start()
        return succeed(None)

    def serve(self, exchange: ServerExchange, on_end: OnEnd) -> None:
        """Answer one exchange, and call ``on_end`` exactly once."""
        if self._stopped is not None:
            turn_away(exchange, on_end, STOPPING)
            return
        if len(self._busy) >= self._threads and self._is_held_up():
            turn_away(exchange, on_end, "threads_busy")
            return

        def ended() -> None:
            self._open.discard(serving)
            on_end()

        serving = WsgiExchange(self._reactor, exchange, ended)
        self._open.add(serving)
        self._busy.add(serving)
        serving.start()
        self._pool.callInThread(self._run, serving)

    def _is_held_up(self) -> bool:
        """Whether threads are busy with what nobody waits for any more.

        The router takes their slots for free. Without such threads a request that finds all busy
        waits for one: then there are fewer threads than slots, and another instance has no more.
        """
        return any(each.abandoned and each.began for each in self._busy)

    def _run(self, serving: WsgiExchange) -> None:
        """In a thread of the pool."""
        try:
            serving.run(self._application)
        finally:
            self._reactor.callFromThread(self._ran, serving)

    def _ran(self, serving: WsgiExchange) -> None:
        self._busy.discard(serving)
        if not self._busy:
            self._threads_ended()

    def stop(self) -> Deferred[None]:
        """Cut what is open; fires when no thread is busy any more, at most STOP_LIMIT later."""
        if self._stopped is None:
            self._stopped = Deferred()
            for serving in tuple(self._open):
                serving.stop()
            if self._busy:
                self._limit = self._reactor.callLater(STOP_LIMIT, self._leave_behind)
            else:
                self._threads_ended()
        return self._stopped

    def _threads_ended(self) -> None:
        if self._stopped is not None and not self._stopped.called:
            if self._limit is not None:
                self._limit.cancel()
            self._pool.stop()
            self._stopped.callback(None)

    def _leave_behind(self) -> None:
        """ThreadPool.stop would wait for the busy threads, and they may never end."""
        log.warn(
            "{count} threads of the application are still busy and are left behind",
            count=len(self._busy),
        )
        assert self._stopped is not None, "the limit is that of stop"
        self._stopped.callback(None)
