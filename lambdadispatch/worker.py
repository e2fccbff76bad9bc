"""One worker of a router with ``--workers``, which starts ``python -m lambdadispatch.worker``."""

from __future__ import annotations

import os
import sys
from io import FileIO

from lambdadispatch.transports.choose import install
from lambdadispatch.workers.shares import Share


def main() -> None:
    """Read the share from standard input, and serve until the parent says otherwise."""
    if sys.stdin is None or sys.stdin.isatty():
        sys.exit("a worker is started by: twistd lambdadispatch --workers N")
    # Ctrl-C is for the parent, which tells its workers: they would hear of it twice.
    os.setsid()
    # Without a buffer, hence without a lock that a thread could hold when the process ends.
    orders = FileIO(sys.stdin.fileno(), closefd=False)
    share = Share.read(orders)
    install(share.settings.transport)
    # Only now, since it may import the reactor.
    from lambdadispatch.tap import run_worker  # noqa: PLC0415

    run_worker(share, orders)


if __name__ == "__main__":
    main()
