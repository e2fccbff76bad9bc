"""Clients of every kind take the same steps through the router."""

from collections import Counter

import pytest

from tests.interop.clients import CLIENTS, TakesSteps
from tests.interop.site import Site
from tests.interop.steps import take


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
def test_every_step_comes_out_at_both_ends(either_site: Site, client: TakesSteps) -> None:
    if client.missing:
        pytest.skip(f"{client.program} is not installed")
    before = ends(either_site)
    steps = take(either_site, client)
    # Each is one request, and one more for what is asked meanwhile and for each redirect.
    more = sum(bool(step.release) + step.needs.startswith("redirects") for step in steps)
    assert ends(either_site) - before == Counter(answered=len(steps) + more)


def ends(site: Site) -> Counter[str]:
    """How requests have ended so far."""
    return Counter(site.router.state()["since_start"]["requests"])
