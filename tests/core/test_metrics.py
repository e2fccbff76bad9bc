"""The metrics page, as Prometheus reads it."""

from __future__ import annotations

import os
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from twisted.web.test.requesthelper import DummyRequest

from lambdadispatch.admin.metrics import OF_A_POOL, Metrics, Reading, metrics_page
from lambdadispatch.core.outcomes import RequestOutcome
from lambdadispatch.router import counts as books
from lambdadispatch.router.counts import Counts, added_up


def state(**pool: int) -> dict[str, Any]:
    """What /state shows, with some counts."""
    counts = Counts()
    counts.requests["answered"] += 7
    counts.retries["lost"] += 6
    counts.nacks["unreachable"] += 1
    counts.refused_heads["bad_host"] += 1
    counts.refused_connections["address_limit"] += 8
    counts.channels["retired"] += 5
    counts.channels_opened = 9
    counts.sessions["closed"] += 2
    counts.denied["bad_proof"] += 3
    counts.invocations["returned"] += 1
    counts.invocations_started = 4
    keys = (
        *("waiting", "running", "tunnels", "starting", "open_instances"),
        *("draining_instances", "idle_channels"),
    )
    now: dict[str, Any] = dict.fromkeys(keys, 0) | pool
    now["since_start"] = counts.of_pool()
    return {"seconds": 1.0, "pools": {"web": now}, "since_start": counts.as_mapping()}


def page(metrics: Metrics, accept: str = "") -> tuple[str, str]:
    """Content type and body."""
    request: Any = DummyRequest([b"metrics"])  # type: ignore[no-untyped-call]
    request.requestHeaders.setRawHeaders("accept", [accept])
    body = metrics_page(request, metrics).decode()
    [content_type] = request.responseHeaders.getRawHeaders("content-type")
    return content_type, body


def values(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample values by name and sorted labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"counter", "gauge"}
        for sample in family.samples:
            labels = tuple(f"{key}={sample.labels[key]}" for key in sorted(sample.labels))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_every_count_and_every_gauge_is_there() -> None:
    one = Reading(
        "0", True, 1, state(waiting=3, running=2, tunnels=6, starting=1, open_instances=4)
    )
    found = values(page(Metrics([one], {}))[1])
    counts = {name: found[f"lambdadispatch_{name}_total"] for name in Counts().as_mapping()}
    requests = counts.pop("requests")
    assert requests["outcome=answered", "pool=web", "worker=0"] == 7
    assert counts == {
        "retries": {("failure=lost", "pool=web", "worker=0"): 6},
        "nacks": {("pool=web", "reason=unreachable", "worker=0"): 1},
        "refused_heads": {("reason=bad_host", "worker=0"): 1},
        "refused_connections": {("reason=address_limit", "worker=0"): 8},
        "invocations_started": {("pool=web", "worker=0"): 4},
        "invocations": {("outcome=returned", "pool=web", "worker=0"): 1},
        "channels_opened": {("pool=web", "worker=0"): 9},
        "channels": {("outcome=retired", "pool=web", "worker=0"): 5},
        "sessions": {("outcome=closed", "pool=web", "worker=0"): 2},
        "denied": {("reason=bad_proof", "worker=0"): 3},
    }
    gauges = {
        **{"waiting": 3, "running": 2, "tunnels": 6, "starting": 1, "open_instances": 4},
        **{"draining_instances": 0, "idle_channels": 0},
    }
    for name, value in gauges.items():
        assert found[f"lambdadispatch_{name}"] == {("pool=web", "worker=0"): value}


def test_outcomes_of_requests_begin_at_zero() -> None:
    found = values(page(Metrics([Reading("0", True, 1, state())], {}))[1])
    requests = found["lambdadispatch_requests_total"]
    assert set(requests) == {
        (f"outcome={outcome}", "pool=web", "worker=0")
        for outcome in RequestOutcome
        if outcome is not RequestOutcome.UNKNOWN_ROUTE
    } | {("outcome=unknown_route", "pool=", "worker=0")}
    assert sum(requests.values()) == 7


def test_what_a_pool_counts_is_known_on_both_sides() -> None:
    assert set(Counts().of_pool()) == set(books.OF_A_POOL) == OF_A_POOL


def test_the_counts_of_all_pools_are_added_up() -> None:
    one, other = Counts(), Counts()
    one.requests["answered"] += 2
    one.channels_opened = 3
    other.requests.update(["answered", "unknown_route"])
    other.channels_opened = 4
    other.denied["bad_proof"] += 1
    total = added_up([one, other])
    assert total["requests"] == {"answered": 3, "unknown_route": 1}
    assert (total["channels_opened"], total["denied"]) == (7, {"bad_proof": 1})
    assert one.requests == {"answered": 2}
    assert list(total) == list(Counts().as_mapping())


def test_pools_are_told_apart_and_what_is_of_none_has_an_empty_label() -> None:
    orders = Counts()
    orders.requests["answered"] += 2
    shown = state()
    shown["pools"]["orders"] = shown["pools"]["web"] | {"since_start": orders.of_pool()}
    shown["since_start"]["requests"] = {"answered": 9, "unknown_route": 5}
    found = values(page(Metrics([Reading("0", True, 1, shown)], {}))[1])
    requests = found["lambdadispatch_requests_total"]
    assert {labels: value for labels, value in requests.items() if value} == {
        ("outcome=answered", "pool=web", "worker=0"): 7,
        ("outcome=answered", "pool=orders", "worker=0"): 2,
        ("outcome=unknown_route", "pool=", "worker=0"): 5,
    }
    assert found["lambdadispatch_denied_total"] == {("reason=bad_proof", "worker=0"): 3}


def test_workers_are_told_apart() -> None:
    readings = [
        Reading("0", True, 1, state(running=1)),
        Reading("1", True, 5, state(running=2)),
        Reading("2", True, 1, None),
        Reading("3", False, 9, None),
    ]
    found = values(page(Metrics(readings, {}))[1])
    assert found["lambdadispatch_running"] == {
        ("pool=web", "worker=0"): 1,
        ("pool=web", "worker=1"): 2,
    }
    up = found["lambdadispatch_worker_up"]
    assert [up[f"worker={number}",] for number in range(4)] == [1, 1, 0, 0]
    starts = found["lambdadispatch_worker_starts_total"]
    assert [starts[f"worker={number}",] for number in range(4)] == [1, 5, 1, 9]


def test_figures_of_processes() -> None:
    found = values(page(Metrics([], {"parent": os.getpid(), "0": os.getppid()}))[1])
    for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"):
        assert set(found[f"process_{name}"]) == {("worker=parent",), ("worker=0",)}
    assert found["process_resident_memory_bytes"]["worker=parent",] > 1_000_000
    assert found["process_open_fds"]["worker=parent",] >= 3


def test_a_process_that_is_gone_has_no_figures() -> None:
    text = page(Metrics([], {"0": 2**22 + 1}))[1]
    assert "process_" not in text


def test_no_family_comes_twice() -> None:
    text = page(Metrics([Reading("0", True, 1, state())], {"0": os.getpid(), "1": os.getpid()}))[1]
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("word", ['a"b', "a\\b", "a\nb", "\u00e9"])
def test_words_cannot_break_out_of_their_labels(word: str) -> None:
    shown = state()
    shown["pools"]["web"]["since_start"]["sessions"] = {word: 1}
    found = values(page(Metrics([Reading("0", True, 1, shown)], {}))[1])
    assert found["lambdadispatch_sessions_total"] == {
        (f"outcome={word}", "pool=web", "worker=0"): 1
    }


def test_the_format_is_the_one_that_was_asked_for() -> None:
    metrics = Metrics([Reading("0", True, 1, state())], {})
    plain, text = page(metrics, "text/plain;version=0.0.4")
    assert plain == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE lambdadispatch_requests_total counter\n" in text
    kind, text = page(metrics, "application/openmetrics-text;version=1.0.0")
    assert kind.startswith("application/openmetrics-text; version=1.0.0; ")
    assert text.endswith("# EOF\n")
    names = {family.name for family in open_metrics_families(text)}
    assert "lambdadispatch_requests" in names
