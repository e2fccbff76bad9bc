"""Quotas for CPU: what is written where, on a made-up tree of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import allowance
from bench.errors import Unavailable


def tree(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "ROOTS", (root,))


def test_without_control_groups_it_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, monkeypatch)
    with pytest.raises(Unavailable, match="no CPU quotas here"), allowance.allowed([1], 0.3):
        pass


def test_a_quota_of_version_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, monkeypatch)
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    with allowance.allowed([17, 18], 0.3):
        groups = sorted(path for path in tmp_path.iterdir() if path.is_dir())
        assert [(group / "cpu.max").read_text() for group in groups] == ["3000 10000"] * 2
        assert [(group / "cgroup.procs").read_text() for group in groups] == ["17", "18"]
    # They went back to where they came from.
    assert (tmp_path / "cgroup.procs").read_text() in {"17", "18"}
