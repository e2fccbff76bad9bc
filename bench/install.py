"""The programs a case needs: found, installed as system packages, or named in an error."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.rounds import Plan

PACKAGES = {
    "taskset": "util-linux",
    "wrk": "wrk",
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "strace": "strace",
}
"""Debian and Ubuntu packages by the program they are needed for."""
PROGRAMS = {
    "nginx": ("nginx",),
    "nginx-tls": ("nginx",),
    "haproxy": ("nginx", "haproxy"),
    "lambdadispatch-port": ("nginx",),
}
"""What contenders need; nginx is also the application of some."""
SERVICES = ("nginx", "haproxy")
POLICY = Path("/usr/sbin/policy-rc.d")
FORBIDDEN = "#!/bin/sh\nexit 101\n"
"""The answer that keeps a package from starting its service (Debian policy 9.3.3.1)."""

Which = Callable[[str], str | None]


def programs_for(plans: Sequence[Plan]) -> tuple[str, ...]:
    """The programs that these measurements take, in the order of PACKAGES."""
    needed = {"taskset"}
    for plan in plans:
        needed.update(plan.case.programs)
        for contender in plan.contenders:
            needed.update(PROGRAMS.get(contender, ()))
    return tuple(name for name in PACKAGES if name in needed)


def with_sbin(path: str) -> str:
    """A search path that also has where servers are, which ordinary users often lack."""
    return os.pathsep.join([*path.split(os.pathsep), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def missing_programs(programs: Sequence[str], which: Which = shutil.which) -> tuple[str, ...]:
    """Those that are not on the search path."""
    return tuple(name for name in programs if which(name) is None)


def how_to_get(missing: Sequence[str]) -> str:
    """The error's text."""
    packages = " ".join(PACKAGES[name] for name in missing)
    return (
        f"missing: {', '.join(missing)}; get it by: sudo apt-get install {packages} (or this "
        "system's own packages), or run this as root where apt-get is, or leave contenders out: "
        "CONTENDERS=..."
    )


def provide(programs: Sequence[str]) -> None:
    """Install what is missing, when root and apt-get is there. Raises BenchError otherwise."""
    missing = missing_programs(programs)
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise BenchError(how_to_get(missing))
    print(f"installing {', '.join(PACKAGES[name] for name in missing)}", flush=True)
    with services_kept_from_starting(POLICY):
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", *map(PACKAGES.__getitem__, missing))
    _keep_off([name for name in missing if name in SERVICES])
    if still := missing_programs(programs):
        raise BenchError(how_to_get(still))


def _apt_get(*arguments: str) -> None:
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    ended = subprocess.run(
        ["apt-get", "-q", *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise BenchError(f"apt-get {arguments[0]} ended with {ended.returncode}:\n{ended.stdout}")


@contextmanager
def services_kept_from_starting(policy: Path) -> Iterator[None]:
    """Forbid packages to start services meanwhile; a policy that is there already stays."""
    if policy.exists():
        yield
        return
    policy.write_text(FORBIDDEN)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def _keep_off(services: Sequence[str]) -> None:
    """Keep services that have just been installed from starting with the machine."""
    if services and shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", *services], capture_output=True, check=False)
