"""As many open files as the system allows this process.

A shell and many container runtimes begin a process with a soft limit of 1024, far below the hard
one, for the sake of programs that use select(). Each client, each channel and each Invoke call is
an open file; a router whose clients have taken all of them cannot start an instance either.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import Final

MOST: Final = 1 << 20
"""No more than this: some programs that are started from here go through all numbers."""


def allow_descriptors(most: int = MOST) -> int:
    """Raise the soft limit to the hard one, at most to ``most``; the limit as it is then.

    Source: getrlimit(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # A system may refuse what its hard limit allows (macOS does).
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
