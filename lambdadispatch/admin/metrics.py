"""``/metrics`` in the text format of Prometheus (or OpenMetrics, if that is asked for).

The page is made from what ``/state`` shows, when it is asked for: nothing is counted twice, and
nothing is counted for a page that nobody reads. Figures of processes are read in /proc, where they
can be had of a worker that does not answer, too.

Rejected: metric objects of prometheus_client beside the counts (two sets of books, and a lock for
each request), its global registry, and ``prometheus_client.twisted``, which imports the global
reactor and serves from threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from twisted.web.resource import Resource
from twisted.web.server import Request

from lambdadispatch.core.outcomes import RequestOutcome

PREFIX = "lambdadispatch_"

_COUNTS = {
    "requests": ("outcome", "Requests that have ended, by outcome."),
    "retries": ("failure", "Requests that were to be sent again, by what was wrong before."),
    "nacks": ("reason", "Requests that instances refused untouched, by their reason."),
    "refused_heads": ("reason", "Heads of requests that broke HTTP or a limit, by the rule."),
    "refused_connections": ("reason", "Client connections closed unserved, by reason."),
    "invocations_started": ("", "Invoke calls that were started."),
    "invocations": ("outcome", "Invoke calls that have ended, by outcome."),
    "channels_opened": ("", "Channels that instances have opened."),
    "channels": ("outcome", "Channels that have ended, by outcome."),
    "sessions": ("outcome", "Sessions of instances that have ended, by outcome."),
    "denied": ("reason", "Connections to the control port that were refused, by reason."),
}
"""By the key under ``since_start``: the label of the words below it, and the help."""

OF_A_POOL = frozenset(
    (
        *("requests", "retries", "nacks", "invocations_started", "invocations"),
        *("channels_opened", "channels", "sessions"),
    )
)
"""The counts that each pool has by itself."""

_OF_NO_POOL = {"requests": (RequestOutcome.UNKNOWN_ROUTE,)}
"""Words among them that are of no pool: they have an empty label ``pool``."""

_GAUGES = {
    "waiting": "Requests that wait for a channel.",
    "running": "Requests that run on a channel.",
    "tunnels": "Requests that run and have become tunnels, as WebSockets do.",
    "starting": "Invocations that have not called back yet.",
    "open_instances": "Instances that take requests.",
    "draining_instances": "Instances that finish what they run and leave.",
    "idle_channels": "Channels that could take a request now.",
}
"""By the key of a pool."""

_KNOWN = {
    "requests": tuple(each for each in RequestOutcome if each is not RequestOutcome.UNKNOWN_ROUTE)
}
"""Words that are shown as 0 before they come up, so that a rate over them has a beginning."""


class Reading(NamedTuple):
    """One worker as the page shows it.

    ``starts`` is how often it was started, ``up`` whether it serves, ``state`` what its ``/state``
    shows: None if it did not answer.
    """

    worker: str
    up: bool
    starts: int
    state: Mapping[str, Any] | None


class Metrics(Collector):
    """Everything on one page: ``pids`` are processes by the name of the worker."""

    def __init__(self, readings: Sequence[Reading], pids: Mapping[str, int]) -> None:
        self._readings = readings
        self._pids = pids

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client: all families."""
        answered = [(each.worker, each.state) for each in self._readings if each.state is not None]
        for key, (label, text) in _COUNTS.items():
            yield _count(key, label, text, answered)
        for key, text in _GAUGES.items():
            yield _gauge(key, text, answered)
        yield from _workers(self._readings)
        yield from _processes(self._pids)


class MetricsResource(Resource):
    """The page; ``metrics`` gives what is on it now."""

    isLeaf = True

    def __init__(self, metrics: Callable[[], Metrics]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._metrics = metrics

    def render_GET(self, request: Request) -> bytes:
        """All metrics, in the format that the client asks for."""
        return metrics_page(request, self._metrics())


def metrics_page(request: Request, metrics: Metrics) -> bytes:
    """The body of the answer to ``request``, whose Content-Type is set."""
    encode, content_type = choose_encoder(request.getHeader("accept") or "")
    request.setHeader(b"Content-Type", content_type.encode())
    return encode(metrics)


def _count(
    key: str, label: str, text: str, states: Iterable[tuple[str, Mapping[str, Any]]]
) -> Metric:
    pooled = ["pool"] if key in OF_A_POOL else []
    worded = [label] if label else []
    family = CounterMetricFamily(PREFIX + key, text, labels=["worker", *pooled, *worded])
    for worker, state in states:
        for pool, value in _values(key, state):
            if label:
                for word, number in value.items():
                    family.add_metric([worker, *pool, str(word)], number)
            else:
                family.add_metric([worker, *pool], value)
    return family


def _values(key: str, state: Mapping[str, Any]) -> Iterator[tuple[list[str], Any]]:
    """What was counted, with the labels above the word: of each pool, or of all."""
    total = state["since_start"][key]
    if key not in OF_A_POOL:
        yield [], total
        return
    for pool, value in state["pools"].items():
        count = value["since_start"][key]
        yield [pool], dict.fromkeys(_KNOWN[key], 0) | count if key in _KNOWN else count
    words = _OF_NO_POOL.get(key, ())
    if words:
        yield [""], {word: total.get(word, 0) for word in words}


def _gauge(key: str, text: str, states: Iterable[tuple[str, Mapping[str, Any]]]) -> Metric:
    family = GaugeMetricFamily(PREFIX + key, text, labels=["worker", "pool"])
    for worker, state in states:
        for pool, value in state["pools"].items():
            family.add_metric([worker, pool], value[key])
    return family


def _workers(readings: Iterable[Reading]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        PREFIX + "worker_up", "Whether the worker serves and answers.", labels=["worker"]
    )
    starts = CounterMetricFamily(
        PREFIX + "worker_starts", "How often the worker was started.", labels=["worker"]
    )
    for each in readings:
        up.add_metric([each.worker], each.up and each.state is not None)
        starts.add_metric([each.worker], each.starts)
    return iter((up, starts))


def _processes(pids: Mapping[str, int]) -> Iterator[Metric]:
    """What prometheus_client reads of a process, of several, with the label ``worker``."""
    families: dict[str, Metric] = {}
    for worker, pid in pids.items():
        for found in ProcessCollector(pid=partial(int, pid), registry=None).collect():
            family = families.setdefault(
                found.name, Metric(found.name, found.documentation, found.type)
            )
            for sample in found.samples:
                family.add_sample(sample.name, {"worker": worker}, sample.value)
    return iter(families.values())
