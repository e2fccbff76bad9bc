"""``python -m lambda_side``: the process inside the function; alone knows the reactor here."""

from __future__ import annotations

import os
import secrets
import sys
import time
from argparse import Namespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import (
    FilteringLogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from lambda_side import options
from lambda_side.endpoint import callback_endpoint
from lambda_side.hosts.host import Host, HostError
from lambda_side.hosts.make import make_host
from lambda_side.process import Process
from lambda_side.runtime import RuntimeApi
from lambda_side.tls_files import TlsFiles
from lambdadispatch.transports.choose import TransportUnavailable, install
from lambdadispatch.transports.endpoints import client_endpoint

log = Logger()

RUNTIME_API_TIMEOUT = 5


class Main:
    """The process: serves until it is told to end or its application has ended."""

    def __init__(self, reactor: Any, runtime: RuntimeApi, chosen: Namespace) -> None:
        self._reactor = reactor
        self._runtime = runtime
        self._chosen = chosen
        self._host: Host | None = None
        self._process: Process | None = None
        self._over: Deferred[None] = Deferred()
        self._ending = False
        self._code = 0

    def run(self) -> int:
        """Run the reactor until the process is to end; its exit code."""
        self._reactor.callWhenRunning(self._begin)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)
        self._reactor.run()
        return self._code

    def _begin(self) -> None:
        Deferred.fromCoroutine(self._serve()).addBoth(self._served)

    async def _serve(self) -> int:
        try:
            self._host = make_host(self._reactor, self._chosen, self._application_exited)
        except HostError as error:
            log.error("the application cannot be loaded: {error}", error=error)
            await self._runtime.fail_init("Application.NotLoaded", str(error))
            return 1
        chosen = self._chosen
        files = TlsFiles(chosen.router_ca, chosen.client_certificate, chosen.client_key)
        self._process = Process(
            self._reactor,
            self._runtime,
            self._host,
            lambda callback: callback_endpoint(self._reactor, callback, files),
            time.time,
            f"e-{secrets.token_hex(4)}",
        )
        return await self._process.run()

    def _served(self, result: int | Failure) -> None:
        if not isinstance(result, Failure):
            self._code = result
        elif not self._ending:
            log.failure("serving failed", result)
            self._code = 1
        self._over.callback(None)
        self._end()

    def _application_exited(self, reason: str) -> None:
        log.error("the application has ended: {reason}", reason=reason)
        if self._process is None or not self._process.stop("application_exited"):
            self._code = 1
            self._end()

    def _end(self) -> None:
        if not self._ending:
            self._ending = True
            self._reactor.stop()

    def _shut_down(self) -> Deferred[None] | None:
        """The reactor stops, by a signal or by ``_end``: finish the invocation first."""
        self._ending = True
        if self._over.called:
            return None
        if self._process is not None and self._process.stop("terminated"):
            return self._over
        return None if self._host is None else self._host.stop()


def main() -> int:
    """The exit code of the process."""
    chosen = options.parse(sys.argv[1:], os.environ)
    try:
        install(chosen.transport)
    except TransportUnavailable as error:
        print(f"--transport {chosen.transport}: {error}", file=sys.stderr)
        return 1
    # Imported when the transport has been chosen, which decides what the reactor is.
    from twisted.internet import reactor  # noqa: PLC0415

    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if address is None:
        print(
            "AWS_LAMBDA_RUNTIME_API is not set: this runs inside AWS Lambda, or under "
            "`twistd -n lambdadispatch --local 'python -m lambda_side ...'`",
            file=sys.stderr,
        )
        return 1
    _log_to_stdout()
    host, _, port = address.rpartition(":")
    endpoint = client_endpoint(reactor, host, int(port), RUNTIME_API_TIMEOUT)
    return Main(reactor, RuntimeApi(endpoint, address), chosen).run()


def _log_to_stdout() -> None:
    Factory.noisy = False
    level = LogLevelFilterPredicate(LogLevel.info)
    observer = FilteringLogObserver(textFileLogObserver(sys.stdout), [level])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


if __name__ == "__main__":
    raise SystemExit(main())
