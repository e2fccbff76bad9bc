"""What one worker is given: its part of the settings, its sockets, and how it is told."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import RawIOBase
from typing import Any

from lambdadispatch.router.tls_files import NO_TLS, TlsMaterial
from lambdadispatch.settings import Settings
from lambdadispatch.workers.sockets import ADMIN, CLEAR, FRONT, FRONT_TLS, LOOPBACK, TLS


@dataclass(frozen=True)
class Share:
    """One worker's share.

    ``sockets`` are descriptors by interface and port, which are those of ``settings``.
    ``local_url`` is the local Lambda's, which all workers share; None with AWS. ``beat`` is how
    often, in seconds, the worker is to report that it is alive. ``tls`` is what the
    parent has read last: files that are broken by then do not keep a worker from being replaced.
    """

    worker: int
    settings: Settings
    sockets: Mapping[tuple[str, int], int]
    local_url: str | None
    beat: float
    tls: TlsMaterial = NO_TLS

    def encode(self) -> bytes:
        """For the worker's standard input: its length in 4 bytes, and a pickle.

        A pickle, since both ends are one program and every value arrives as the type that it was.
        """
        body = pickle.dumps(self)
        return len(body).to_bytes(4, "big") + body

    @classmethod
    def read(cls, stream: RawIOBase) -> Share:
        """The inverse; what follows stays in the stream. EOFError if it ends too early."""
        length = int.from_bytes(_exactly(stream, 4), "big")
        share = pickle.loads(_exactly(stream, length))
        if not isinstance(share, cls):
            raise TypeError(f"a worker is given a Share, not {share!r}")
        return share


def _exactly(stream: RawIOBase, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = stream.read(count - len(found))
        if not piece:
            raise EOFError(f"the share ended after {len(found)} of {count} bytes")
        found += piece
    return found


def part_of(total: int, worker: int, workers: int) -> int:
    """One worker's part of a limit: the parts are as equal as can be, and make up ``total``."""
    return total // workers + (worker < total % workers)


DIVIDED = (
    "max_instances",
    "queue_limit",
    "queue_bytes_limit",
    "connection_limit",
    "start_rate",
    "start_burst",
    "budget_invocations_per_minute",
    "budget_gb_seconds_per_hour",
)
"""Limits of the router as a whole, on what costs money or memory: each worker has a part. So it is
with the limits of each pool.

What is about one instance or one request is the same for all. That each part is at least 1 is a
rule of the settings. What is to be kept warm is divided too, and there a part may be 0.
``control_connection_limit`` is not divided: each worker has a control port of its own, and an equal
part could be less than what the worker's part of the instances may open.
"""


def settings_of(settings: Settings, worker: int, ports: Mapping[str, int]) -> Settings:
    """The settings of one worker, whose open ports are ``ports`` by the name of the setting."""
    callback = settings.callback_port
    count = settings.workers

    def part(total: int | None) -> int | None:
        return None if total is None else part_of(total, worker, count)

    parts: dict[str, Any] = {name: part(getattr(settings, name)) for name in DIVIDED}
    parts["min_instances"] = part_of(settings.min_instances, worker, count)
    if settings.min_instances_schedule is not None:
        parts["min_instances_schedule"] = tuple(
            replace(window, instances=part_of(window.instances, worker, count))
            for window in settings.min_instances_schedule
        )
    return replace(
        settings,
        **parts,
        pools=tuple(
            replace(pool, settings=settings_of(pool.settings, worker, ports))
            for pool in settings.pools
        ),
        workers=1,
        port=ports.get(FRONT),
        tls_port=ports.get(FRONT_TLS),
        control_port=ports.get(CLEAR),
        control_tls_port=ports.get(TLS),
        admin_port=ports.get(ADMIN),
        admin_interface=LOOPBACK,
        callback_port=None if callback is None else callback + worker,
    )


def sockets_of(settings: Settings, descriptors: Mapping[str, int]) -> dict[tuple[str, int], int]:
    """Descriptors by interface and port; ``settings`` are the worker's, ``descriptors`` by name."""
    numbers = {
        FRONT: (settings.interface, settings.port),
        FRONT_TLS: (settings.interface, settings.tls_port),
        CLEAR: (settings.interface, settings.control_port),
        TLS: (settings.interface, settings.control_tls_port),
        ADMIN: (settings.admin_interface, settings.admin_port),
    }
    return {
        (interface, number): descriptors[name]
        for name, (interface, number) in numbers.items()
        if number is not None
    }
