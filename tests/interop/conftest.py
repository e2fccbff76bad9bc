"""One router for every client, and one over HTTPS for those that come that way too."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interop.site import Site, knows, running, running_over_tls


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with running("--access-log") as found:
        yield found


@pytest.fixture(scope="session")
def secure_site() -> Iterator[Site]:
    if not knows("tls_port"):
        pytest.skip("the router has no HTTPS")
    with running_over_tls("--access-log") as found:
        yield found


@pytest.fixture(params=["site", "secure_site"], ids=["http", "https"])
def either_site(request: pytest.FixtureRequest) -> Any:
    """In turn."""
    return request.getfixturevalue(request.param)
