"""The address of this host, as the metadata services of ECS and EC2 tell it.

Sources: task metadata endpoint version 4 in the Amazon ECS developer guide; instance metadata
service version 2 (IMDSv2) in the Amazon EC2 user guide.
"""

import ipaddress
import json
from typing import Any, NoReturn

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

from lambdadispatch.invoker.bodies import read_bounded
from lambdadispatch.invoker.exact_url import ExactURL
from lambdadispatch.invoker.failures import what_failed

ECS_TIMEOUT = 2.0
"""Seconds for the answer of the ECS task metadata service."""
EC2_TIMEOUT = 1.0
"""Seconds for each answer of the EC2 instance metadata service."""
EC2_ADDRESS = "http://169.254.169.254"

_BODY_LIMIT = 256 * 1024
_TOKEN_SECONDS = "60"


class MetadataError(Exception):
    """A metadata service was not there, or told no address that can be used."""


class MetadataClient:
    """Asks the metadata services over HTTP, once each. Every method raises MetadataError."""

    def __init__(self, reactor: Any, agent: IAgent) -> None:
        self._reactor = reactor
        self._client = HTTPClient(agent)

    async def ecs_host(self, base: str) -> str:
        """The task's first IPv4 address, or its first IPv6 one.

        ``base`` is ECS_CONTAINER_METADATA_URI_V4. Addresses of the bridge network are left
        out: nobody outside the container instance can reach them.
        """
        text = await self._ask("GET", base, {}, ECS_TIMEOUT)
        try:
            networks = json.loads(text)["Networks"]
            found = [
                _address(address)
                for family in ("IPv4Addresses", "IPv6Addresses")
                for network in networks
                if network.get("NetworkMode") != "bridge"
                for address in network.get(family) or ()
                if address
            ]
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as exc:
            raise MetadataError(f"{base} answered something else than task metadata") from exc
        if not found:
            raise MetadataError(f"{base} names no address that can be reached from outside")
        return found[0]

    async def ec2_host(self, base: str = EC2_ADDRESS) -> str:
        """The instance's private IPv4 address; ``base`` is the address of the service."""
        base = base.rstrip("/")
        token = await self._ask(
            "PUT",
            f"{base}/latest/api/token",
            {"X-aws-ec2-metadata-token-ttl-seconds": _TOKEN_SECONDS},
            EC2_TIMEOUT,
        )
        url = f"{base}/latest/meta-data/local-ipv4"
        text = await self._ask("GET", url, {"X-aws-ec2-metadata-token": token}, EC2_TIMEOUT)
        try:
            return _address(text)
        except ValueError as exc:
            raise MetadataError(f"{url} answered {text[:60]!r}, not an IP address") from exc

    async def _ask(self, method: str, url: str, headers: dict[str, str], timeout: float) -> str:
        def timed_out(_: object, timeout: float) -> NoReturn:
            raise MetadataError(f"{method} {url} gave no answer in {timeout:g} s")

        asked = Deferred.fromCoroutine(self._body(method, url, headers))
        try:
            return await asked.addTimeout(timeout, self._reactor, timed_out)
        except MetadataError:
            raise
        except Exception as exc:
            raise MetadataError(f"{method} {url} failed: {what_failed(Failure(exc))}") from exc

    async def _body(self, method: str, url: str, headers: dict[str, str]) -> str:
        response: Any = await self._client.request(
            method,
            ExactURL.from_text(url),
            headers=Headers({name: [value] for name, value in headers.items()}),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        body = await read_bounded(response, _BODY_LIMIT)
        if response.code != 200:
            raise MetadataError(f"{method} {url} answered {response.code}")
        return body.decode("utf-8", "replace").strip()


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))
