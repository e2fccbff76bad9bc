"""Keeping freed memory, where the C library would give it back at once.

glibc returns the top of the heap to the kernel as soon as 128 KiB of it are free, and takes pieces
of more than that from the kernel one by one. A router that passes on pieces of this size would
have the kernel clear and map new pages for each: copying 64 KiB so cost 30 us instead of 3, and an
answer of that size 42 us instead of 16 (CPython 3.11, in memory).
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
KEPT: Final = 8 << 20
"""Octets of freed memory that are kept at most."""
LARGEST: Final = 1 << 20
"""Octets: larger pieces still come from the kernel and go back to it."""


def keep_freed_memory() -> bool:
    """Have the C library keep up to KEPT octets; whether it can (musl and macOS cannot).

    Source: mallopt(3).
    """
    mallopt: Any = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, KEPT)) and bool(mallopt(_M_MMAP_THRESHOLD, LARGEST))
