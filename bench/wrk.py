"""The load generator wrk: its command line and what it reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.pinning import pinned
from bench.running import output_of

REPORT = Path(__file__).with_name("wrk_report.lua")
MARK = "BENCH "

HEADERS = (
    "User-Agent: bench/1.0 (load generator; keep-alive)",
    "Accept: text/html,application/json;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7",
    "X-Request-Id: 00000000000000000000",
)
"""With the request line and Host, about 200 bytes."""


@dataclass(frozen=True)
class WrkReport:
    """Times in seconds; ``errors`` has counts by kind, ``status`` being answers over 399."""

    requests: int
    seconds: float
    p50: float
    p99: float
    p999: float
    errors: dict[str, int]

    def figures(self) -> dict[str, float]:
        """Requests a second, and latencies in milliseconds."""
        return {
            "rate": self.requests / self.seconds if self.seconds else 0.0,
            "p50_ms": self.p50 * 1e3,
            "p99_ms": self.p99 * 1e3,
            "p999_ms": self.p999 * 1e3,
        }


def request_head(port: int, path: str) -> bytes:
    """What wrk sends for each request; the open-loop load sends the same."""
    lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *HEADERS)
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def wrk_command(port: int, path: str, connections: int, seconds: float) -> list[str]:
    """One thread; wrk takes whole seconds only."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    command += ["--timeout", "10s", "-s", str(REPORT)]
    for header in HEADERS:
        command += ["-H", header]
    return [*command, f"http://127.0.0.1:{port}{path}"]


def parse_report(output: str) -> WrkReport:
    """Read the line of wrk_report.lua. Raises BenchError when it is not there."""
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        raise BenchError(f"wrk reported nothing:\n{output.strip()}")
    found = json.loads(lines[-1].removeprefix(MARK))
    return WrkReport(
        requests=found["requests"],
        seconds=found["duration_us"] / 1e6,
        p50=found["p50_us"] / 1e6,
        p99=found["p99_us"] / 1e6,
        p999=found["p999_us"] / 1e6,
        errors=found["errors"],
    )


def run_wrk(core: int | str, command: Sequence[str], seconds: float) -> WrkReport:
    """Run wrk on one core, or several. Raises BenchError when it fails or does not end."""
    return parse_report(output_of("wrk", pinned(core, command), seconds))
