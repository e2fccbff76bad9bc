"""Invokes one function: signed, sent over a connection of its own, ended in exactly one outcome."""

from typing import Any, Protocol

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from txaio.tx import make_logger

from lambdadispatch.invoker.aws_lookup import AwsAccess
from lambdadispatch.invoker.bodies import WholeBody, read_bounded
from lambdadispatch.invoker.connections import invoke_agent
from lambdadispatch.invoker.exact_url import ExactURL
from lambdadispatch.invoker.failures import CANCELLED, what_failed
from lambdadispatch.invoker.function_ref import FunctionRef
from lambdadispatch.invoker.outcomes import AnswerHead, InvokeResult, invoke_lost, judge
from lambdadispatch.invoker.signing import SignedRequest, signed_invoke

log = make_logger()

PAYLOAD_LIMIT = 64 * 1024
"""Most bytes read of an answer's payload; the rest is cut."""


class AccessSource(Protocol):
    """Where the invoker has its AWS access from; see ``credentials.CredentialsSource``."""

    @property
    def access(self) -> AwsAccess | None:
        """What to sign with now, if anything."""

    def start(self) -> Deferred[None]:
        """Fires when ``access`` is there."""

    def stop(self) -> Deferred[None]:
        """Fires when nothing is left running."""


class _Call:
    """One open Invoke call."""

    def __init__(self, invocation: str) -> None:
        self.invocation = invocation
        self.head: AnswerHead | None = None
        self.exchange: Deferred[InvokeResult] | None = None
        self.timer: IDelayedCall | None = None
        self._why: str | None = None

    def cancel(self, why: str) -> None:
        """End the call now; ``why`` becomes the message of its outcome."""
        self._why = why
        if self.exchange is not None:
            self.exchange.cancel()

    def lost(self, failure: Failure) -> InvokeResult:
        return invoke_lost(self._why or what_failed(failure), head=self.head)


class Invoker:
    """Starts invocations of one function and tells how each ended.

    ``reactor`` provides IReactorTime, and IReactorPluggableNameResolver unless ``agent`` is given.
    ``longest`` is how many seconds an invocation may stay open: Lambda's own limit of 900 and time
    for the answer to come back. Nothing is ever sent twice.
    """

    def __init__(
        self,
        reactor: Any,
        source: AccessSource,
        function: FunctionRef,
        *,
        longest: float = 960.0,
        agent: IAgent | None = None,
    ) -> None:
        self._reactor = reactor
        self._source = source
        self._function = function
        self._longest = longest
        self._agent = agent or invoke_agent(reactor)
        self._open: set[_Call] = set()
        self._running = False

    @property
    def open_calls(self) -> int:
        """How many Invoke calls have no outcome yet."""
        return len(self._open)

    def start(self) -> Deferred[None]:
        """Fires when invocations can be started; fails with AwsSettingsError where they cannot."""

        def started(result: None) -> None:
            self._running = True

        return self._source.start().addCallback(started)

    def stop(self) -> Deferred[None]:
        """Start no more invocations; those open run on to their own ends (see ``cancel_all``)."""
        self._running = False
        return self._source.stop()

    def cancel_all(self) -> None:
        """Close every open call now; each ends ``invoke_lost``. Functions run on regardless."""
        for call in tuple(self._open):
            call.cancel(CANCELLED)

    def invoke(self, payload: bytes, *, invocation: str) -> Deferred[InvokeResult]:
        """Invoke the function with ``payload`` (JSON, at most 6 MB by AWS's quota).

        ``invocation`` is the name of this invocation in the log. The Deferred fires once, when the
        function has returned or the call is over otherwise, and never fails. Cancelling it ends
        the call, and it then fires with ``invoke_lost``.
        """
        access = self._source.access if self._running else None
        if access is None:
            return succeed(invoke_lost("not sent: the invoker is not running"))
        call = _Call(invocation)
        self._open.add(call)
        exchange = Deferred.fromCoroutine(self._exchange(access, payload, call))
        call.exchange = exchange
        call.timer = self._reactor.callLater(
            self._longest, call.cancel, f"no answer in {self._longest:g} s"
        )
        exchange.addErrback(call.lost)
        exchange.addCallback(self._ended, call)
        return exchange

    async def _exchange(self, access: AwsAccess, payload: bytes, call: _Call) -> InvokeResult:
        response = await self._send(signed_invoke(access, self._function, payload))
        head = call.head = _head(response)
        try:
            answer = await read_bounded(response, PAYLOAD_LIMIT)
        except CancelledError:
            raise
        except Exception:
            # Any other status is a refusal whatever its body would have said.
            if head.status == 200:
                raise
            answer = b""
        return judge(head, answer)

    def _send(self, request: SignedRequest) -> Deferred[Any]:
        # A client per call: treq would carry cookies from one call to the next.
        client = HTTPClient(self._agent, data_to_body_producer=WholeBody)
        return client.post(
            ExactURL.from_text(request.url),
            headers=Headers({name: [value] for name, value in request.headers.items()}),
            data=request.body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )

    def _ended(self, result: InvokeResult, call: _Call) -> InvokeResult:
        self._open.discard(call)
        if call.timer is not None and call.timer.active():
            call.timer.cancel()
        log.debug(
            "invocation {invocation} of {function} ended: {outcome}: {message}",
            invocation=call.invocation,
            function=str(self._function),
            outcome=result.outcome.value,
            message=result.message,
            status=result.status,
            request_id=result.request_id,
        )
        return result


def _head(response: IResponse) -> AnswerHead:
    def header(name: str) -> str | None:
        values = response.headers.getRawHeaders(name)
        return values[0] if values else None

    return AnswerHead(
        status=response.code,
        function_error=header("X-Amz-Function-Error"),
        error_type=header("X-Amzn-ErrorType"),
        request_id=header("X-Amzn-RequestId"),
    )
