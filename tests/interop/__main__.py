"""Lets every client that is here take its steps, and prints the table of docs/clients.md:
``python -m tests.interop [OPTIONS OF THE ROUTER]``. The exit code is 1 if one of them did not get
what it should.
"""

from __future__ import annotations

import sys

from tests.interop.clients import CLIENTS, TakesSteps
from tests.interop.plan import STEPS
from tests.interop.site import Site, running
from tests.interop.steps import take


def row(site: Site, client: TakesSteps) -> tuple[str, bool]:
    """A line of the table, and whether all is well."""
    if client.missing:
        return f"| {client.name} | not installed | | |", True
    try:
        taken = {step.name for step in take(site, client)}
    except Exception as error:  # every library has failures of its own
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return f"| {client.name} | {client.version} | failed | {told} |", False
    left_out = ", ".join(step.name for step in STEPS if step.name not in taken)
    return f"| {client.name} | {client.version} | {len(taken)} | {left_out} |", True


def main() -> int:
    print("| client | version | steps taken | not taken: it does not do that by itself |")
    print("|---|---|---:|---|")
    with running(*sys.argv[1:]) as site:
        rows = [row(site, client) for client in CLIENTS]
    print("\n".join(line for line, _ in rows))
    return 0 if all(well for _, well in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
