from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lambdadispatch.core.scaling import ALGORITHMS
from lambdadispatch.simulator import command as module
from lambdadispatch.simulator.scenario import Run, Scenario
from lambdadispatch.simulator.workloads import BUILTIN
from tests.simulator.models import command, words

HERE, OWN, IDEAL = "this dispatcher", "AWS Lambda's own", "ideal queue"


def rows(*arguments: str) -> dict[str, dict[str, Any]]:
    status, out, err = command(*arguments, "--json")
    assert (status, err) == (0, "")
    return {row["name"]: row for row in json.loads(out)["rows"]}


# -- what the router was made for


@pytest.mark.parametrize("seed", ["0", "1", "2", "3"])
def test_scaling_up_waits_a_fifth_of_aws_lambdas_own_at_most(seed: str) -> None:
    found = rows("--workload", "step", "--seed", seed, "--rows", "dispatcher,lambda")
    assert found[OWN]["wait_p99"] == 8.0
    assert found[HERE]["wait_p99"] <= found[OWN]["wait_p99"] / 5
    assert found[HERE]["refused"] == 0
    assert found[HERE]["dollars"] < found[OWN]["dollars"]


def test_so_does_twenty_clients_with_one_request_per_instance() -> None:
    found = rows(
        "--workload clients --clients 20 --warm 2 --seconds 15 --cold-start 8s",
        "--max-concurrent-count 1 --instance-count-multiplier 1",
    )
    assert found[OWN]["wait_p99"] == 8.0
    assert found[HERE]["wait_p99"] <= found[OWN]["wait_p99"] / 5


@pytest.mark.parametrize("duration", ["100ms", "2s", "exponential:1s", "lognormal:100ms,5s"])
@pytest.mark.parametrize("cold_start", ["200ms", "8s", "lognormal:500ms,5s"])
def test_a_burst_of_a_hundred_starts_twelve_instances_at_most(
    duration: str, cold_start: str
) -> None:
    found = rows(
        "--workload bursts --burst 100 --requests 100 --rows dispatcher",
        "--max-concurrent-count 10 --instance-count-multiplier 1",
        f"--duration {duration} --cold-start {cold_start}",
    )[HERE]
    assert found["outcomes"] == {"answered": 100}
    assert found["starts"] <= 12


# -- output


@pytest.mark.parametrize("workload", BUILTIN)
def test_every_workload_gives_all_rows(workload: str) -> None:
    found = rows("--workload", workload, "--requests", "300", "--what-if-concurrency", "2")
    others = [f"algorithm {name}" for name in ALGORITHMS if name != "simple"]
    assert list(found) == [HERE, OWN, IDEAL, "2 per instance", *others]
    assert {row["requests"] for row in found.values()} == {300}
    assert all(sum(row["outcomes"].values()) == 300 for row in found.values())


def test_the_table() -> None:
    status, out, err = command("--workload", "step", "--what-if-concurrency", "none")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("step: ")
    assert "10 requests per instance, multiplier 2, algorithm simple, cold start 8s" in lines[1]
    assert [line.split("|")[1].strip() for line in lines[5:8]] == [HERE, OWN, IDEAL]
    assert "p99 wait of this dispatcher: 0.0" in out
    assert "AWS Lambda's own: " in lines[-1]
    assert "throttled" in lines[-1]


def test_the_picture(tmp_path: Path) -> None:
    file = tmp_path / "waits.svg"
    arguments = ("--workload", "bursts", "--plot", str(file), "--what-if-concurrency", "none")
    assert command(*arguments)[0] == 0
    first = file.read_bytes()
    assert ElementTree.fromstring(first).tag.endswith("svg")
    command(*arguments)
    assert file.read_bytes() == first


def test_settings_come_from_flags_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_text('function-name = "web"\nmax-instances = 3\nport = 8080\n')
    burst = "--workload bursts --requests 500 --burst 500 --rows dispatcher"
    assert rows(burst, "--config", str(file))[HERE]["instances_peak"] == 3
    both = rows(burst, "--config", str(file), "--max-instances", "2")
    assert both[HERE]["instances_peak"] == 2


def test_prices_can_be_given() -> None:
    burst = "--workload bursts --requests 10 --rows lambda --memory 1024 --duration 1s"
    one = rows(burst, "--cold-start", "1s", "--price-gb-second", "1")[OWN]
    assert one["dollars"] == pytest.approx(20, abs=1e-4)
    free = rows(burst, "--cold-start", "1s", "--price-gb-second", "1", "--billed-start-share", "0")[
        OWN
    ]
    assert free["dollars"] == pytest.approx(10, abs=1e-4)
    arm = rows(burst, "--architecture", "arm")[OWN]["dollars"]
    assert arm < rows(burst)[OWN]["dollars"]


def test_an_access_log(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    line = '192.0.2.1 - - [26/Nov/2026:16:03:0{} +0000] "GET / HTTP/1.1" 200 17 0.250\n'
    file.write_text("".join(line.format(second) * 4 for second in range(5)) + "broken\n")
    status, out, err = command("--access-log", str(file), "--json", "--rows", "lambda,ideal")
    assert status == 0
    assert "access log: 20 requests read\n" in err
    assert "1 lines are no requests and were passed over, the first is line 21" in err
    found = json.loads(out)
    assert found["requests"] == 20
    assert found["rows"][1]["instance_seconds"] == 20 * 0.25


def test_a_log_can_be_cut_and_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    line = '192.0.2.1 - - [26/Nov/2026:16:03:01 +0000] "GET / HTTP/1.1" 200 17\n'
    monkeypatch.setattr(sys, "stdin", StringIO(line * 10))
    status, out, _ = command("--access-log", "-", "--requests", "4", "--json", "--rows", "ideal")
    assert (status, json.loads(out)["requests"]) == (0, 4)


# -- what is refused


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "argument --workload: not given, nor --access-log; allowed: poisson"),
        ("--workload tide", "argument --workload: invalid choice: 'tide' (choose from 'poisson'"),
        ("--workload step --rate 5", "argument --rate: not taken by --workload step; allowed with"),
        ("--workload step --load 0", "argument --load: '0' is refused; allowed: a number from 0.0"),
        ("--workload poisson --rate nan", "argument --rate: 'nan' is refused; allowed: requests"),
        ("--workload poisson --seconds soon", "argument --seconds: 'soon' is refused; allowed: 0."),
        (
            "--workload poisson --requests 0",
            "argument --requests: '0' is refused; allowed: a whole",
        ),
        (
            "--workload poisson --duration x:1",
            "argument --duration: 'x:1' is refused; allowed: a t",
        ),
        (
            "--workload poisson --duration 0s",
            "argument --duration: '0s' is refused; allowed: a mea",
        ),
        ("--workload poisson --cold-start -1", "argument --cold-start: '-1' is refused; allowed: "),
        ("--workload poisson --warm 2000", "argument --warm: 2000 is refused; allowed: up to 1000"),
        ("--workload poisson --max-instances 0", "argument --max-instances: '0' is refused; allow"),
        ("--workload poisson --scaling-algorithm x", "argument --scaling-algorithm: 'x' is refuse"),
        ("--workload poisson --backoff-first 90", "--backoff-first"),
        ("--workload poisson --channel-count 2", "--channel-count: '2' is refused; allowed: at le"),
        ("--workload poisson --config none.toml", "--config: 'none.toml' cannot be read"),
        (
            "--workload poisson --memory 64",
            "argument --memory: '64' is refused; allowed: a whole n",
        ),
        (
            "--workload poisson --rows all",
            "argument --rows: 'all' is refused; allowed: some of dis",
        ),
        (
            "--workload poisson --what-if-concurrency 1,x",
            "argument --what-if-concurrency: 'x' is r",
        ),
        ("--workload poisson --log-duration none", "argument --log-duration: there is no log"),
        ("--workload poisson --port 80", "unrecognized arguments: --port 80"),
        ("--workload poisson --requests 1 --plot /none/x", "argument --plot: '/none/x' cannot be"),
        ("--access-log none.log", "argument --access-log: 'none.log' cannot be read: No such file"),
        ("--access-log x --workload step", "argument --access-log: not allowed with argument --wo"),
        ("--access-log x --rate 5", "argument --rate: not taken by --access-log; allowed with: po"),
        (
            "--access-log /dev/null",
            "argument --access-log: '/dev/null': no line is a request; allo",
        ),
    ],
)
def test_bad_arguments(arguments: str, told: str) -> None:
    status, _, err = command(arguments)
    assert status == 2
    assert err.startswith("lambdadispatch simulate: ")
    assert told in err
    assert err.count("\n") == 1


def test_an_interrupt_shows_the_rows_that_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = module.planned

    def interrupted(*arguments: Any) -> Iterator[tuple[str, Scenario, Run]]:
        yield next(plan(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "planned", interrupted)
    status, out, err = command("--workload", "bursts")
    assert (status, err) == (130, "interrupted: only the rows that were ready are shown\n")
    assert HERE in out
    assert OWN not in out


# -- the command in a process of its own


def process(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "lambdadispatch", *words(arguments)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_the_same_seed_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    found = []
    for hash_seed in ("1", "2"):
        plot = tmp_path / hash_seed
        done = process(
            "simulate --workload heavy-tailed --seconds 20 --function-timeout 5s --seed 7",
            f"--cold-start lognormal:1s,5s --plot {plot}",
            hash_seed=hash_seed,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        found.append((done.stdout, plot.read_bytes()))
    assert found[0] == found[1]
    other = process("simulate", "--workload", "heavy-tailed", "--seconds", "20", "--seed", "8")
    assert other.stdout != found[0][0]


def test_the_exit_status_and_the_usage() -> None:
    assert process("simulate").returncode == 2
    known = process("--help")
    assert (known.returncode, known.stderr) == (0, b"")
    assert b"lambdadispatch simulate" in known.stdout
    for given, fault in (((), b"no command given"), (("fly",), b"command 'fly' is not known")):
        done = process(*given)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(b"lambdadispatch: " + fault + b"; usage:")
    helped = process("simulate", "--help")
    assert helped.returncode == 0
    assert b"--max-concurrent-count" in helped.stdout
