"""The process of one environment: start the application, then serve invocation after invocation."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from lambda_side.dial import Dialer
from lambda_side.hosts.host import Host, HostError
from lambda_side.instance import Instance
from lambda_side.runtime import Event, RuntimeApi
from lambda_side.tls_files import TlsUnusable
from lambdadispatch.wire.payload import Callback, InvokeAnswer, InvokePayload, PayloadError

log = Logger()


class Process:
    """Serves until ``stop``; ``endpoint_of`` makes the endpoint for a callback address, and
    ``wall_clock`` gives seconds since the epoch, in which AWS sets deadlines.
    """

    def __init__(
        self,
        clock: IReactorTime,
        runtime: RuntimeApi,
        host: Host,
        endpoint_of: Callable[[Callback], IStreamClientEndpoint],
        wall_clock: Callable[[], float],
        environment: str,
    ) -> None:
        self._clock = clock
        self._runtime = runtime
        self._host = host
        self._endpoint_of = endpoint_of
        self._wall_clock = wall_clock
        self._environment = environment
        self._instance: Instance | None = None
        self._serving = False
        self._stopping = ""

    async def run(self) -> int:
        """Serve; the exit code of the process."""
        try:
            await self._host.start()
        except HostError as error:
            log.error("the application did not start: {error}", error=error)
            await self._runtime.fail_init("Application.StartFailed", str(error))
            return 1
        while not self._stopping:
            event = await self._runtime.next()
            self._serving = True
            await self._serve(event)
            self._serving = False
        await self._host.stop()
        return 0 if self._stopping == "terminated" else 1

    def stop(self, reason: str) -> bool:
        """Finish what runs and end; whether there is an invocation that must end first.

        An invocation has ended when its answer has been given, not when its instance has.
        """
        self._stopping = self._stopping or reason
        serving = self._serving
        if self._instance is not None:
            self._instance.leave(reason)
        return serving

    async def _serve(self, event: Event) -> None:
        try:
            payload = InvokePayload.decode(event.payload)
        except PayloadError as error:
            message = f"this function is to be invoked by a lambdadispatch router: {error}"
            log.error("an invocation cannot be served: {error}", error=message)
            await self._runtime.fail(event.request_id, "Payload.Unusable", message)
            return
        now = self._wall_clock()
        if payload.expires is not None and now > payload.expires:
            log.error("invocation {invocation} has expired", invocation=payload.invocation)
            await self._runtime.respond(event.request_id, InvokeAnswer("expired", 0).encode())
            return
        try:
            endpoint = self._endpoint_of(payload.callback)
        except TlsUnusable as error:
            log.error("the router cannot be called over TLS: {error}", error=error)
            await self._runtime.fail(event.request_id, "Tls.Unusable", str(error))
            return
        dialer = Dialer(self._clock, endpoint, payload)
        remaining = event.deadline - now
        self._instance = Instance(
            self._clock, dialer, payload, self._host.serve, self._environment, remaining
        )
        log.info(
            "invocation {invocation} serves as instance {instance} for at most {seconds:.0f} s",
            invocation=payload.invocation,
            instance=payload.instance,
            seconds=remaining,
        )
        answer = await self._instance.run()
        self._instance = None
        log.info(
            "invocation {invocation} ends: {reason} after {requests} requests",
            invocation=payload.invocation,
            reason=answer.reason,
            requests=answer.requests,
        )
        await self._runtime.respond(event.request_id, answer.encode())
