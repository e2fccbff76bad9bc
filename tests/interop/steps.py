"""Lets a client take its steps, and compares both ends with the plan."""

from __future__ import annotations

from typing import Any

from tests.interop.clients import TakesSteps
from tests.interop.plan import Step, plan, sha256
from tests.interop.python_clients import Result
from tests.interop.site import Site

HOP_BY_HOP = {"connection", "keep-alive", "te", "upgrade", "http2-settings", "proxy-connection"}
"""What belongs to a client's connection with the router."""


def take(site: Site, client: TakesSteps) -> list[Step]:
    """All steps of a client; fails with the first that came to something else."""
    slug = client.name.replace(" ", "-")
    steps = plan(client.able)
    results = client.run(site.base, [step.order(slug) for step in steps])
    assert [each["name"] for each in results] == [step.name for step in steps]
    for step, got in zip(steps, results, strict=True):
        check_answer(step, got)
        check_request(site, step, site.seen(f"{slug}/{step.name}"), slug)
    return steps


def check_answer(step: Step, got: Result) -> None:
    """What the client was given."""
    assert got["status"] == step.status, (step.name, got)
    assert got["length"] == len(step.body), (step.name, got)
    assert got["sha256"] == sha256(step.body), (step.name, got)
    for name, value in step.answers.items():
        assert got["fields"].get(name) == value, (step.name, got)
    assert "x-request-id" in got["fields"], (step.name, got)


def check_request(site: Site, step: Step, seen: list[dict[str, Any]], slug: str) -> None:
    """What the application was given; more than once only where it had said to ask again."""
    assert len(seen) == 1 + step.needs.startswith("redirects"), (step.name, seen)
    first, last = seen[0], seen[-1]
    assert first["method"] == step.method, (step.name, first)
    assert first["target"] == step.path.replace("CLIENT", slug), (step.name, first)
    assert first["version"] == "1.1"
    fields = dict(first["fields"])
    assert len(fields) == len(first["fields"]), f"{step.name}: a field came twice: {first}"
    assert fields.get("host") == site.host, (step.name, fields)
    assert fields.get("x-forwarded-for") == "127.0.0.1", (step.name, fields)
    assert fields.get("x-forwarded-proto") == site.scheme, (step.name, fields)
    assert fields.get("x-forwarded-host") == site.host, (step.name, fields)
    assert not HOP_BY_HOP & fields.keys() - {"connection"}, (step.name, fields)
    for name, value in step.fields.items():
        assert fields.get(name.lower()) == value, (step.name, fields)
    if step.upload:
        assert last.get("length") == step.upload, (step.name, last)
        framing = "transfer-encoding" if step.chunked else "content-length"
        assert {"transfer-encoding", "content-length"} & fields.keys() == {framing}, step.name
