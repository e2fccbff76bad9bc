"""A share of a core for one process: a control group of its own with a CPU quota (cgroup 1 or 2).

So several processes can be given the same CPU each on a machine whose cores they have to share with
those who load them, and what they do with it can be compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import Unavailable

PERIOD = 10_000
"""Microseconds in which the quota is given anew."""
ROOTS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))


@contextmanager
def allowed(pids: Sequence[int], share: float) -> Iterator[None]:
    """Each of these processes may use this share of a core. Raises Unavailable."""
    groups: list[Path] = []
    try:
        for pid in pids:
            groups.append(_group(f"bench-{os.getpid()}-{pid}"))
            _limit(groups[-1], round(PERIOD * share))
            (groups[-1] / "cgroup.procs").write_text(str(pid))
        yield
    except OSError as error:
        raise Unavailable(f"no CPU quotas here: {error}") from None
    finally:
        for group in groups:
            _remove(group)


def _group(name: str) -> Path:
    root = next((root for root in ROOTS if _has_quotas(root)), None)
    if root is None:
        raise Unavailable("no CPU quotas here: there is no control group for them")
    group = root / name
    group.mkdir()
    return group


def _has_quotas(root: Path) -> bool:
    if (root / "cpu.cfs_quota_us").exists():
        return True
    with suppress(OSError):
        return "cpu" in (root / "cgroup.subtree_control").read_text().split()
    return False


def _limit(group: Path, quota: int) -> None:
    if (group / "cpu.cfs_quota_us").exists():
        (group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    else:
        (group / "cpu.max").write_text(f"{quota} {PERIOD}")


def _remove(group: Path) -> None:
    """Its processes go back to where they came from; without them it can be removed."""
    with suppress(OSError):
        for pid in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(pid)
        group.rmdir()
