"""What slowhttptest does to a router and to a good client: ``python -m tests.interop.slow``.

Each of its four modes is run twice against one router process. Meanwhile a good client asks ten
times a second, on a connection of its own each time. Memory is the resident set of the router:
before, at its highest, and when the attacker's connections are gone. After the second round it has
to be what it was after the first.

Slow bodies and slow readers hold slots of instances, because their requests run. So either there
are slots for all of them, or ``--connections-per-address-limit`` keeps them out: with ``--limit``
the attacker, who has one address, is held to so many connections. The good client has another.
With ``--https`` both come over TLS.
"""

from __future__ import annotations

import argparse
import http.client
import re
import shutil
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.interop.certificate import make_files
from tests.process.router import RunningRouter, serving, until

PROGRAM = "slowhttptest"
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
EVERY = 0.1
"""Seconds between two requests of the good client."""
PATIENCE = 60.0
"""Seconds that a good client waits for an answer."""
GONE = 150.0
"""Seconds after which no connection of the attacker may be left."""
OPTIONS = (
    *("--client-stall-timeout", "20s"),
    *("--max-concurrent-count", "600", "--channel-count", "700"),
    *("--max-instances", "3", "--instance-idle", "600"),
)
"""Slots for all, and less patience with who does not read than the default of 60 s."""


@dataclass(frozen=True)
class Mode:
    """One way to be slow, as slowhttptest has it."""

    name: str
    options: tuple[str, ...]
    path: str


MODES = (
    Mode("slow heads (-H)", ("-H", "-i", "5"), "/ping"),
    Mode("slow bodies (-B)", ("-B", "-i", "5", "-s", "8192", "-x", "10"), "/ping"),
    Mode("many ranges (-R)", ("-R", "-a", "5", "-b", "2000", "-t", "GET"), "/bytes?n=100000"),
    Mode(
        "slow readers (-X)",
        ("-X", "-w", "10", "-y", "20", "-n", "5", "-z", "5"),
        "/bytes?n=10000000",
    ),
)


@dataclass
class Round:
    """What one round came to. Memory in KiB."""

    mode: str
    number: int
    most_connected: int
    closed: int
    good: Mapping[str, int]
    longest: float
    before: int
    most: int
    after: int
    ends: dict[str, int]
    """How the router ended what it had taken or refused, by its own words."""


class GoodClient(threading.Thread):
    """Asks again and again until it is told to stop."""

    def __init__(
        self,
        port: int,
        path: str = "/ping",
        address: str = "127.0.0.2",
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self.results: Counter[str] = Counter()
        self.longest = 0.0
        self._port = port
        self._path = path
        self._address = address
        self._context = context
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(EVERY):
            began = time.monotonic()
            self.results[self._ask()] += 1
            self.longest = max(self.longest, time.monotonic() - began)

    def _ask(self) -> str:
        connection = self._connection()
        try:
            connection.request("GET", self._path)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()
        return str(response.status)

    def _connection(self) -> http.client.HTTPConnection:
        source = (self._address, 0)
        if self._context is None:
            return http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=PATIENCE, source_address=source
            )
        return http.client.HTTPSConnection(
            "127.0.0.1",
            self._port,
            timeout=PATIENCE,
            source_address=source,
            context=self._context,
        )

    def stop(self) -> None:
        """Let it finish what it has asked."""
        self._over.set()
        self.join(2 * PATIENCE)


class Watch(threading.Thread):
    """The highest resident set of a process while this runs."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.most = resident(pid)
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(EVERY):
            self.most = max(self.most, resident(self._pid))

    def stop(self) -> None:
        self._over.set()
        self.join()


def resident(pid: int) -> int:
    """KiB in memory (proc(5), VmRSS)."""
    [line] = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    ]
    return int(line.split()[1])


def ends(state: Any) -> Counter[str]:
    """Every count of the router that tells how something of a client ended."""
    since = state["since_start"]
    names = ("requests", "refused_heads", "refused_connections")
    return sum((Counter(since[name]) for name in names), Counter())


@dataclass(frozen=True)
class Target:
    """A router and how it is asked: ``trusted`` holds its certificate, None for clear text."""

    router: RunningRouter
    trusted: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return self.router.port if self.trusted is None else self.router.ports["tls-port"]

    @property
    def base(self) -> str:
        return f"{'http' if self.trusted is None else 'https'}://127.0.0.1:{self.port}"


def attack(target: Target, mode: Mode, number: int, connections: int, seconds: int) -> Round:
    """One round of one mode, until its connections are gone."""
    router = target.router
    counted = ends(router.state())
    before = resident(router.process.pid)
    good = GoodClient(target.port, context=target.trusted)
    watch = Watch(router.process.pid)
    good.start()
    watch.start()
    printed = slowhttptest(target.base, mode, connections, seconds)
    good.stop()
    watch.stop()
    until(lambda: router.pool()["running"] == 0, "no request of the attacker is left", GONE)
    after = resident(router.process.pid)
    found = numbers(printed, "connected")
    return Round(
        mode.name,
        number,
        max(found, default=0),
        max(numbers(printed, "closed"), default=0),
        good.results,
        good.longest,
        before,
        watch.most,
        after,
        dict(ends(router.state()) - counted),
    )


def slowhttptest(base: str, mode: Mode, connections: int, seconds: int) -> str:
    """Run it to its end; what it printed, without colours."""
    command = [
        PROGRAM,
        *mode.options,
        *("-c", str(connections), "-r", str(max(connections // 4, 1)), "-l", str(seconds)),
        *("-p", str(int(PATIENCE)), "-u", f"{base}{mode.path}", "-v", "1"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    printed = COLOUR.sub("", done.stdout)
    assert numbers(printed, "connected"), f"{command}: {done.returncode}\n{printed}{done.stderr}"
    return printed


def numbers(printed: str, name: str) -> list[int]:
    """What was printed under a name, again and again."""
    return [int(each) for each in re.findall(rf"^{name}: *(\d+)", printed, re.MULTILINE)]


def table(rounds: Sequence[Round]) -> str:
    """Markdown."""
    lines = [
        "| mode | round | connected at most | closed by the router while it ran | good client: "
        "answers | longest, ms | router, MiB: before | at most | after | ends |",
        "|---|---:|---:|---:|---|---:|---:|---:|---:|---|",
    ]
    for each in rounds:
        words = ", ".join(f"{name} {count}" for name, count in sorted(each.ends.items()))
        good = ", ".join(f"{count} x {status}" for status, count in sorted(each.good.items()))
        sizes = " | ".join(f"{size / 1024:.1f}" for size in (each.before, each.most, each.after))
        lines.append(
            f"| {each.mode} | {each.number} | {each.most_connected} | {each.closed} | {good} "
            f"| {each.longest * 1000:.0f} | {sizes} | {words} |"
        )
    return "\n".join(lines)


@contextmanager
def attacked(*options: str, https: bool = False) -> Iterator[Target]:
    """A router to attack, in clear text or over TLS."""
    if not https:
        with serving(*options) as router:
            yield Target(router)
        return
    with TemporaryDirectory() as directory:
        files = make_files(Path(directory))
        with serving(*options, *files.options) as router:
            yield Target(router, ssl.create_default_context(cafile=files.pair))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.slow", description=__doc__)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=45, help="how long each round lasts")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--limit", type=int, help="connections per address")
    parser.add_argument("--https", action="store_true", help="attack over TLS")
    parser.add_argument("--mode", choices=[mode.options[0] for mode in MODES], action="append")
    chosen = parser.parse_args()
    if shutil.which(PROGRAM) is None:
        parser.error(f"{PROGRAM} is not installed (a system package of Debian)")
    limit = ("--connections-per-address-limit", str(chosen.limit)) if chosen.limit else ()
    rounds: list[Round] = []
    with attacked(*OPTIONS, *limit, https=chosen.https) as target:
        for mode in MODES:
            if chosen.mode and mode.options[0] not in chosen.mode:
                continue
            for number in range(chosen.rounds):
                done = attack(target, mode, number + 1, chosen.connections, chosen.seconds)
                rounds.append(done)
                print(table([done]), flush=True)
    print(table(rounds))
    return 0 if all(set(each.good) == {"200"} for each in rounds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
