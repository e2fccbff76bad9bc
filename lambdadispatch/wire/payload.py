"""What an invocation is told, and what it answers: two JSON objects.

The payload of an Invoke call (AWS Lambda API, Invoke, at most 6 MB) carries everything the
Lambda side needs to call back; the answer says why the instance ended.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from lambdadispatch.wire.proof import SECRET_OCTETS

PROTOCOL: Final = 1
LATEST: Final = 1e12
"""Seconds since the epoch that no payload reaches."""

_NAME: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
"""What stands in a path as it is (RFC 3986 section 2.3)."""
_PIN: Final = re.compile(r"[0-9a-f]{64}")
_DNS_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")
_HOST: Final = re.compile(r"[A-Za-z0-9._:%-]{1,255}")


class PayloadError(ValueError):
    """A payload or an answer that cannot be used; the text names the key, value and what fits."""


@dataclass(frozen=True)
class Callback:
    """Where to call back.

    Over TLS ``certificate`` is the PEM that the router will show, ``pin`` the SHA-256 of its
    public key (SubjectPublicKeyInfo, RFC 7469 section 2.4) in hexadecimal digits, and ``name`` the
    host name that it is for, None for the fixed one. Without a certificate the router shows one for
    ``host`` that an authority has issued.
    """

    host: str
    port: int
    tls: bool = False
    certificate: str | None = None
    pin: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class InvokePayload:
    """Everything an instance needs. Times are in seconds; ``secret`` is never shown in a repr.

    After ``expires``, in seconds since the epoch, the secret is worth nothing; None: not said.
    """

    pool: str
    invocation: str
    instance: str
    callback: Callback
    secret: bytes = field(repr=False)
    channels: int
    concurrency: int
    idle: float
    deadline_margin: float
    ping: float
    nacks: bool = False
    expires: float | None = None

    def encode(self) -> bytes:
        """The payload as JSON."""
        return json.dumps(
            {
                "lambdadispatch": PROTOCOL,
                "pool": self.pool,
                "invocation": self.invocation,
                "instance": self.instance,
                "callback": {
                    "host": self.callback.host,
                    "port": self.callback.port,
                    "tls": self.callback.tls,
                    "certificate": self.callback.certificate,
                    "pin": self.callback.pin,
                    "name": self.callback.name,
                },
                "secret": base64.b64encode(self.secret).decode(),
                "channels": self.channels,
                "concurrency": self.concurrency,
                "idle": self.idle,
                "deadline_margin": self.deadline_margin,
                "ping": self.ping,
                "nacks": self.nacks,
                "expires": self.expires,
            }
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> InvokePayload:
        """Read a payload; PayloadError for anything that is not one."""
        take = _Taker(_load_object(data))
        version = take.integer("lambdadispatch", 1, 1_000_000)
        if version != PROTOCOL:
            raise PayloadError(f"lambdadispatch is {version}: this side speaks {PROTOCOL}")
        callback = _Taker(take.mapping("callback"), "callback.")
        channels = take.integer("channels", 1, 10_000)
        return cls(
            pool=take.text("pool"),
            invocation=take.text("invocation"),
            instance=take.matching("instance", _NAME, "a name of letters, digits and ._~-"),
            callback=Callback(
                host=callback.matching("host", _HOST, "a host name or an IP address"),
                port=callback.integer("port", 1, 65535),
                tls=callback.boolean("tls"),
                certificate=callback.optional_text("certificate"),
                pin=_pin(callback.optional_text("pin")),
                name=_host_name(callback.optional_text("name")),
            ),
            secret=_secret(take.text("secret")),
            channels=channels,
            concurrency=take.integer("concurrency", 1, channels),
            idle=take.seconds("idle"),
            deadline_margin=take.seconds("deadline_margin"),
            ping=take.seconds("ping"),
            nacks=take.boolean("nacks", missing=False),
            expires=take.optional_moment("expires"),
        )


@dataclass(frozen=True)
class InvokeAnswer:
    """Why the instance ended: ``reason`` is one word, ``requests`` how many it answered."""

    reason: str
    requests: int

    def encode(self) -> bytes:
        """The answer as JSON."""
        return json.dumps({"reason": self.reason, "requests": self.requests}).encode()

    @classmethod
    def decode(cls, data: bytes) -> InvokeAnswer:
        """Read an answer; PayloadError for anything that is not one."""
        take = _Taker(_load_object(data))
        return cls(take.text("reason"), take.integer("requests", 0, 1 << 53))


def _load_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise PayloadError(f"{type(value).__name__} where a JSON object is needed")
    return value


def _pin(text: str | None) -> str | None:
    if text is not None and not _PIN.fullmatch(text):
        raise PayloadError(f"callback.pin is {text[:80]!r}: 64 hexadecimal digits are needed")
    return text


def _host_name(text: str | None) -> str | None:
    if text is not None and not _DNS_NAME.fullmatch(text):
        raise PayloadError(f"callback.name is {text[:80]!r}: a host name is needed")
    return text


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except ValueError:
        raise PayloadError("secret is not base64") from None
    if len(secret) != SECRET_OCTETS:
        raise PayloadError(f"secret has {len(secret)} octets, {SECRET_OCTETS} are needed")
    return secret


class _Taker:
    """Takes checked values out of a mapping; its errors name the key."""

    def __init__(self, values: dict[str, Any], prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix

    def _take(self, key: str, kinds: tuple[type, ...], wanted: str) -> Any:
        value = self._values.get(key)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            shown = "a value that is not shown" if key == "secret" else repr(value)
            raise PayloadError(f"{self._prefix}{key} is {shown}: {wanted} is needed")
        return value

    def text(self, key: str) -> str:
        value: str = self._take(key, (str,), "a text")
        return value

    def matching(self, key: str, allowed: re.Pattern[str], wanted: str) -> str:
        value = self.text(key)
        if not allowed.fullmatch(value):
            raise PayloadError(f"{self._prefix}{key} is {value[:80]!r}: {wanted} is needed")
        return value

    def optional_text(self, key: str) -> str | None:
        value: str | None = self._take(key, (str, type(None)), "a text or null")
        return value

    def boolean(self, key: str, *, missing: bool | None = None) -> bool:
        if missing is not None and key not in self._values:
            return missing
        value: bool = self._take(key, (bool,), "true or false")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        value: dict[str, Any] = self._take(key, (dict,), "an object")
        return value

    def integer(self, key: str, least: int, most: int) -> int:
        wanted = f"a whole number from {least} to {most}"
        value: int = self._take(key, (int,), wanted)
        if not least <= value <= most:
            raise PayloadError(f"{self._prefix}{key} is {value}: {wanted} is needed")
        return value

    def optional_moment(self, key: str) -> float | None:
        wanted = "a number of seconds since 1970 or null"
        value: Any = self._take(key, (int, float, type(None)), wanted)
        if value is not None and not 0 < value < LATEST:
            raise PayloadError(f"{self._prefix}{key} is {value}: {wanted} is needed")
        return None if value is None else float(value)

    def seconds(self, key: str) -> float:
        wanted = "a number of seconds above 0 and at most 86400"
        value: Any = self._take(key, (int, float), wanted)
        if not 0 < value <= 86400:
            raise PayloadError(f"{self._prefix}{key} is {value}: {wanted} is needed")
        return float(value)
