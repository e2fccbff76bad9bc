"""What invocations are started with: AWS Lambda, or the local one in this process."""

from __future__ import annotations

import os
import shlex
from typing import Any

from botocore.credentials import ReadOnlyCredentials
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.logger import Logger

from lambdadispatch.invoker.aws_lookup import AwsAccess, AwsLookup
from lambdadispatch.invoker.callback import callback_host
from lambdadispatch.invoker.connections import invoke_agent
from lambdadispatch.invoker.credentials import CredentialsSource, Lookup
from lambdadispatch.invoker.function_ref import FunctionRef
from lambdadispatch.invoker.invoker import Invoker
from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.service import LocalLambda
from lambdadispatch.settings import PoolSettings, Settings, pools_of

log = Logger()


class AwsBackend:
    """Invocations by AWS Lambda."""

    def __init__(self, reactor: Any, settings: Settings, lookup: Lookup | None = None) -> None:
        self._reactor = reactor
        self._settings = settings
        lookup = lookup or AwsLookup(service_url=settings.lambda_service_url)
        source, agent = CredentialsSource(reactor, lookup), invoke_agent(reactor)
        self._invokers = {
            pool.name: Invoker(reactor, source, FunctionRef(pool.function), agent=agent)
            for pool in pools_of(settings)
        }

    def starter_of(self, pool: PoolSettings) -> Invoker:
        """What invokes the function of this pool."""
        return self._invokers[pool.name]

    def start(self) -> Deferred[str]:
        """Find credentials, then the host to call back to."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> str:
        for invoker in self._invokers.values():
            await invoker.start()
        found = await callback_host(
            self._reactor,
            host=self._settings.callback_host,
            env_var_name=self._settings.env_var_for_callback_ip,
            environ=os.environ,
            local=self._settings.local is not None,
        )
        log.info("callback host {host} from {source}", host=found.host, source=found.source.value)
        return found.host

    def stop(self) -> Deferred[None]:
        """Close the calls that are still open."""
        for invoker in self._invokers.values():
            invoker.cancel_all()
        stopped = [invoker.stop() for invoker in self._invokers.values()]
        return DeferredList(stopped, fireOnOneErrback=True).addCallback(lambda _: None)


class LocalLookup:
    """Access to the local Lambda, which takes any signature."""

    def __init__(self) -> None:
        self.url = ""

    def first(self) -> AwsAccess:
        """Everything; ``url`` must be set before."""
        return AwsAccess(self.credentials(), "us-east-1", self.url)

    def credentials(self) -> ReadOnlyCredentials:
        """Not a secret: the service listens on the loopback and does not look."""
        return ReadOnlyCredentials("local", "local", None)


class LocalFunctionService:
    """The local Lambda with the functions of all pools; listens on ``endpoint``."""

    def __init__(self, reactor: Any, settings: Settings, endpoint: IStreamServerEndpoint) -> None:
        functions = [_local_function(pool) for pool in pools_of(settings)]
        self._local = LocalLambda(reactor, functions, endpoint=endpoint)

    def start(self) -> Deferred[str]:
        """Fires with its URL."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> str:
        port: Any = await self._local.listen()
        url = f"http://127.0.0.1:{port.getHost().port}"
        log.info("local Lambda at {url}", url=url)
        return url

    def stop(self) -> Deferred[None]:
        """End every environment."""
        return maybeDeferred(self._local.stopService)


def _local_function(pool: PoolSettings) -> LocalFunction:
    settings = pool.settings
    return LocalFunction(
        name=pool.function,
        command=tuple(shlex.split(settings.local or "")),
        timeout=settings.local_function_timeout,
        concurrency=settings.local_concurrency,
    )


class SharedLocalBackend(AwsBackend):
    """Invocations by a local Lambda that runs elsewhere, at ``url``."""

    def __init__(self, reactor: Any, settings: Settings, url: str) -> None:
        lookup = LocalLookup()
        lookup.url = url
        super().__init__(reactor, settings, lookup)


class LocalBackend(AwsBackend):
    """Invocations by a local Lambda of this process; ``endpoint`` is what it listens on."""

    def __init__(self, reactor: Any, settings: Settings, endpoint: IStreamServerEndpoint) -> None:
        self._lookup = LocalLookup()
        super().__init__(reactor, settings, self._lookup)
        self._local = LocalFunctionService(reactor, settings, endpoint)

    async def _start(self) -> str:
        self._lookup.url = await self._local.start()
        return await super()._start()

    def stop(self) -> Deferred[None]:
        """End every environment."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._local.stop()
        await super().stop()
