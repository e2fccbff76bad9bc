"""Finds the host name or address at which functions reach this router."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.iweb import IAgent

from lambdadispatch.invoker.connections import invoke_agent
from lambdadispatch.invoker.metadata import EC2_ADDRESS, MetadataClient, MetadataError

log = Logger()

LOOPBACK = "127.0.0.1"

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


class CallbackHostError(Exception):
    """No callback host can be had as things are set; the text says what to set."""


class CallbackSource(StrEnum):
    """Where the callback host is from."""

    SETTING = "setting"
    ENVIRONMENT = "environment"
    ECS = "ecs"
    EC2 = "ec2"
    LOOPBACK = "loopback"


@dataclass(frozen=True, slots=True)
class CallbackHost:
    """The host that functions connect to. ``host`` is a name, or an address without brackets."""

    host: str
    source: CallbackSource

    @property
    def in_url(self) -> str:
        """``host`` as it stands in a URL: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
        return f"[{self.host}]" if ":" in self.host else self.host


def callback_host(
    reactor: Any,
    *,
    host: str | None,
    env_var_name: str = "K8S_POD_IP",
    environ: Mapping[str, str],
    local: bool,
    agent: IAgent | None = None,
) -> Deferred[CallbackHost]:
    """Find the callback host; fails with CallbackHostError.

    The first of these counts: ``host`` (setting callback_host), the environment variable
    ``env_var_name``, the ECS task metadata service, the EC2 instance metadata service. With
    ``local`` no metadata service is asked and loopback comes last. ``reactor`` provides
    IReactorTime, and IReactorPluggableNameResolver unless ``agent`` is given.
    """
    return Deferred.fromCoroutine(_find(reactor, host, env_var_name, environ, local, agent))


def checked_host(text: str, origin: str) -> str:
    """``text`` if it is an IP address or a host name; ``origin`` names it in the error.

    Brackets around an IPv6 address are taken off. Raises CallbackHostError.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        address = None
    if address is not None and bare != text and address.version == 4:
        good = False
    elif address is not None:
        good = not (address.is_unspecified or address.is_multicast or "%" in bare)
    else:
        good = bare == text and _is_host_name(text)
    if not good:
        raise CallbackHostError(
            f"{origin} is {text!r}: allowed is an IP address that functions can connect to, or a"
            " host name, without scheme and port"
        )
    return bare


def _is_host_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    # A name whose last label is a number is a mistyped IPv4 address, not a name (RFC 1123, 2.1).
    return not labels[-1].isdigit()


async def _find(
    reactor: Any,
    host: str | None,
    env_var_name: str,
    environ: Mapping[str, str],
    local: bool,
    agent: IAgent | None,
) -> CallbackHost:
    if host is not None:
        return CallbackHost(checked_host(host, "setting callback_host"), CallbackSource.SETTING)
    if env_var_name in environ:
        origin = f"environment variable {env_var_name}"
        return CallbackHost(checked_host(environ[env_var_name], origin), CallbackSource.ENVIRONMENT)
    if local:
        return CallbackHost(LOOPBACK, CallbackSource.LOOPBACK)
    client = MetadataClient(reactor, agent or invoke_agent(reactor))
    return await _from_metadata(client, env_var_name, environ)


async def _from_metadata(
    client: MetadataClient, env_var_name: str, environ: Mapping[str, str]
) -> CallbackHost:
    tried: list[str] = []
    ecs = environ.get("ECS_CONTAINER_METADATA_URI_V4")
    if ecs:
        try:
            return CallbackHost(await client.ecs_host(ecs), CallbackSource.ECS)
        except MetadataError as exc:
            tried.append(f"ECS: {exc}")
    else:
        tried.append("ECS: ECS_CONTAINER_METADATA_URI_V4 is not set")
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        tried.append("EC2: AWS_EC2_METADATA_DISABLED is true")
    else:
        base = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or EC2_ADDRESS
        try:
            return CallbackHost(await client.ec2_host(base), CallbackSource.EC2)
        except MetadataError as exc:
            tried.append(f"EC2: {exc}")
    raise CallbackHostError(
        "no callback host found, functions would not know where to connect: set callback_host, or"
        f" the environment variable {env_var_name}, to the IP address or host name of this router,"
        " or run it on ECS (awsvpc network mode) or EC2 with metadata reachable. Tried "
        + "; ".join(tried)
    )
