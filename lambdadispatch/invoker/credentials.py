"""AWS access that is always at hand on the reactor's thread, refreshed on a private one."""

from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import Any, Protocol, TypeVar

from botocore.credentials import ReadOnlyCredentials
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from lambdadispatch.invoker.aws_lookup import AwsAccess
from lambdadispatch.invoker.outcomes import one_line

log = Logger()

_T = TypeVar("_T")


class Lookup(Protocol):
    """The blocking look-ups; ``aws_lookup.AwsLookup`` is the real one."""

    def first(self) -> AwsAccess:
        """Everything; raises where it cannot be had."""

    def credentials(self) -> ReadOnlyCredentials:
        """Credentials good now; raises where they cannot be had."""


class _DaemonThread(Thread):
    """A look-up that hangs must not keep the process from ending."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, daemon=True, **kwargs)


class _PrivateThreads(ThreadPool):
    threadFactory = _DaemonThread


def private_threads() -> ThreadPool:
    """A pool of one thread, not yet started."""
    return _PrivateThreads(minthreads=0, maxthreads=1, name="aws-credentials")


class CredentialsSource:
    """Holds the AwsAccess to sign with; looking it up never blocks the reactor's thread.

    ``reactor`` provides IReactorTime and IReactorFromThreads. ``refresh_every`` seconds after each
    look-up the next one begins; a failed one is logged and the credentials before it stay in use.
    ``patience`` is how long ``stop`` waits for a look-up that is under way.

    Several invokers may share one source: each calls ``start`` and ``stop`` once, the first start
    opens the thread and the last stop closes it.
    """

    def __init__(
        self,
        reactor: Any,
        lookup: Lookup,
        *,
        threads: Callable[[], ThreadPool] = private_threads,
        refresh_every: float = 60.0,
        patience: float = 5.0,
    ) -> None:
        self._reactor = reactor
        self._lookup = lookup
        self._make_threads = threads
        self._refresh_every = refresh_every
        self._patience = patience
        self._access: AwsAccess | None = None
        self._users = 0
        self._threads: ThreadPool | None = None
        self._waiting: list[Deferred[None]] = []
        self._timer: IDelayedCall | None = None
        self._busy: set[Deferred[Any]] = set()

    @property
    def access(self) -> AwsAccess | None:
        """What to sign with now; None before ``start`` has succeeded and after ``stop``."""
        return self._access

    def start(self) -> Deferred[None]:
        """Fires when ``access`` is there; fails with AwsSettingsError where it cannot be had."""
        self._users += 1
        if self._access is not None:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if self._threads is None:
            self._threads = self._make_threads()
            self._threads.start()
            self._ask(self._threads, self._lookup.first, self._loaded, self._not_loaded)
        return waiting

    def stop(self) -> Deferred[None]:
        """End the refreshing; fires when the thread is gone or ``patience`` is over."""
        self._users = max(0, self._users - 1)
        if self._users or self._threads is None:
            return succeed(None)
        self._access = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        closed = self._close_threads()
        self._release(CancelledError("stopped before AWS access was found"))
        return closed

    def _ask(
        self,
        threads: ThreadPool,
        question: Callable[[], _T],
        answered: Callable[[_T], None],
        failed: Callable[[Failure], None],
    ) -> None:
        asked = deferToThreadPool(self._reactor, threads, question)
        self._busy.add(asked)

        def ended(result: Any) -> Any:
            self._busy.discard(asked)
            return result

        def deliver(result: Any) -> None:
            # An answer that comes after `stop`, or for an earlier start, belongs to nobody.
            if self._threads is not threads:
                return
            if isinstance(result, Failure):
                failed(result)
            else:
                answered(result)

        asked.addBoth(ended)
        asked.addBoth(deliver)
        asked.addErrback(lambda failure: log.failure("AWS credentials source failed", failure))

    def _loaded(self, access: AwsAccess) -> None:
        self._access = access
        if access.region_assumed:
            log.warn(
                "no AWS region is set: signing for {region}, endpoint {endpoint} is explicit",
                region=access.region,
                endpoint=access.endpoint,
            )
        self._refresh_later()
        self._release(None)

    def _not_loaded(self, failure: Failure) -> None:
        self._users = 0
        self._close_threads()
        self._release(failure)

    def _release(self, result: Failure | Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            if result is None:
                deferred.callback(None)
            else:
                deferred.errback(result)

    def _refresh_later(self) -> None:
        self._timer = self._reactor.callLater(self._refresh_every, self._refresh)

    def _refresh(self) -> None:
        self._timer = None
        if self._threads is not None:
            self._ask(self._threads, self._lookup.credentials, self._refreshed, self._not_refreshed)

    def _refreshed(self, credentials: ReadOnlyCredentials) -> None:
        if self._access is not None and self._access.credentials != credentials:
            self._access = replace(self._access, credentials=credentials)
            log.info("AWS credentials were renewed")
        self._refresh_later()

    def _not_refreshed(self, failure: Failure) -> None:
        log.warn(
            "AWS credentials could not be refreshed, those at hand stay in use: {error}",
            error=one_line(f"{type(failure.value).__name__}: {failure.getErrorMessage()}"),
        )
        self._refresh_later()

    def _close_threads(self) -> Deferred[None]:
        threads, self._threads = self._threads, None
        closed: Deferred[None] = Deferred()
        busy = next(iter(self._busy), None)
        if threads is None:
            return succeed(None)
        if busy is None:
            threads.stop()
            return succeed(None)

        def give_up() -> None:
            log.warn("an AWS credentials look-up did not end in time, its thread is left behind")
            closed.callback(None)

        def ended(result: Any) -> Any:
            threads.stop()
            if timer.active():
                timer.cancel()
                closed.callback(None)
            return result

        timer = self._reactor.callLater(self._patience, give_up)
        busy.addBoth(ended)
        return closed
