"""One router for every client."""

from collections.abc import Iterator

import pytest

from tests.interop.site import Site, running


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with running("--access-log") as found:
        yield found
