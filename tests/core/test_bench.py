"""The pure parts of the measurements: parsing, statistics, choices and what is rendered."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import conf, install, machine, options, procfs
from bench.answers import AnswerReader, AnswerUnreadable
from bench.app import ANSWERS
from bench.cases import CASES, TABLE, choose_case
from bench.errors import BenchError
from bench.figures import (
    Column,
    Round,
    Sample,
    Spread,
    add_up,
    errors_of,
    percentile,
    ratios_of,
    spread,
    values_of,
)
from bench.pinning import Cores, choose_cores, pinned
from bench.rounds import Plan
from bench.schedule import Schedule
from bench.wrk import HEADERS, parse_report, request_head, wrk_command

COLUMNS = (Column("cpu_us", "CPU", 1, ratio=True), Column("rate", "requests/s", 0))


def rounds_of(*values: Mapping[str, float]) -> list[Round]:
    """A round for each argument: CPU by contender; the rate follows from it."""
    return [
        {
            name: Sample({"cpu_us": cpu, "rate": 1e6 / cpu}, {"read": 0})
            for name, cpu in each.items()
        }
        for each in values
    ]


ROUNDS = rounds_of(
    {"nginx": 20.0, "lambdadispatch": 50.0},
    {"nginx": 40.0, "lambdadispatch": 80.0},
    {"nginx": 10.0, "lambdadispatch": 40.0},
)
NAMES = ("nginx", "lambdadispatch")


# -- wrk

REPORT = (
    '{"requests": 30000, "duration_us": 2000000, "p50_us": 850, "p99_us": 2100, "p999_us": 9500, '
    '"errors": {"connect": 0, "read": 1, "write": 0, "status": 2, "timeout": 0}}'
)


def test_wrk_report_is_found_among_other_lines() -> None:
    found = parse_report(f"Running 2s test\n  1 threads\n\nBENCH {REPORT}\n")
    assert found.requests == 30000
    assert found.seconds == 2.0
    assert found.errors == {"connect": 0, "read": 1, "write": 0, "status": 2, "timeout": 0}
    assert found.figures() == pytest.approx(
        {"rate": 15000.0, "p50_ms": 0.85, "p99_ms": 2.1, "p999_ms": 9.5}
    )


def test_wrk_report_of_no_time_has_rate_zero() -> None:
    found = parse_report("BENCH " + REPORT.replace("2000000", "0"))
    assert found.figures()["rate"] == 0.0


def test_wrk_without_a_report_is_told_with_its_output() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        parse_report("unable to connect to 127.0.0.1:1\n")


def test_wrk_sends_the_headers_and_whole_seconds() -> None:
    command = wrk_command(8080, "/small", 50, 2.4)
    assert command[0] == "wrk"
    assert command[-1] == "http://127.0.0.1:8080/small"
    assert "-d2s" in command
    assert "-c50" in command
    assert [command[at + 1] for at, word in enumerate(command) if word == "-H"] == list(HEADERS)
    assert "-d1s" in wrk_command(8080, "/small", 50, 0.1)


def test_request_is_about_200_bytes() -> None:
    head = request_head(54321, "/small")
    assert 190 <= len(head) <= 260
    assert head.startswith(b"GET /small HTTP/1.1\r\nHost: 127.0.0.1:54321\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1


# -- /proc

STAT = "77 (a (b) c) S 1 77 77 0 -1 4194560 1 2 3 4 150 25 9 9 20 0 3 0 326 5124096 958 1 1 1"
SYSTEM = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 1 20 900 5 6 7 8 0 0\ncpu10 1 1 1 1 1 1 1 1 0 0\n"


def test_cpu_ticks_of_a_name_with_parentheses() -> None:
    assert procfs.cpu_ticks(STAT) == 175


def test_resident_bytes() -> None:
    assert procfs.resident_bytes("Name:\tx\nVmHWM:\t 90 kB\nVmRSS:\t  64 kB\n") == 65536
    with pytest.raises(BenchError, match="has ended"):
        procfs.resident_bytes("Name:\tx\nState:\tZ (zombie)\n")


def test_core_ticks_leave_idle_and_interrupts_out() -> None:
    assert procfs.core_ticks(SYSTEM, 0) == 129
    assert procfs.core_ticks(SYSTEM, 10) == 4
    with pytest.raises(BenchError, match="no core 1"):
        procfs.core_ticks(SYSTEM, 1)


def test_cpu_figures_of_a_window() -> None:
    before = procfs.Usage(at=10.0, process=1.0, core=5.0, rss=2**20)
    after = procfs.Usage(at=14.0, process=3.0, core=8.0, rss=3 * 2**20)
    assert procfs.cpu_figures(before, after, 40_000) == pytest.approx(
        {"cpu_us": 50.0, "core_share": 50.0, "others_share": 25.0, "rss_mib": 3.0}
    )
    assert procfs.cpu_figures(before, after, 0)["cpu_us"] == 0.0


def test_others_are_never_less_than_nothing() -> None:
    before = procfs.Usage(at=0.0, process=0.0, core=0.0, rss=1)
    after = procfs.Usage(at=1.0, process=0.9, core=0.8, rss=1)
    assert procfs.cpu_figures(before, after, 1)["others_share"] == 0.0


# -- statistics


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([1.0, 2.0]).median == 1.5
    with pytest.raises(ValueError, match="median"):
        spread([])


def test_ratios_are_taken_within_each_round() -> None:
    assert values_of(ROUNDS, "lambdadispatch", "cpu_us") == [50.0, 80.0, 40.0]
    ratios = ratios_of(ROUNDS, "lambdadispatch", "nginx", "cpu_us")
    assert ratios == [2.5, 2.0, 4.0]
    # The ratio of the medians would be another one: 50 / 20.
    assert spread(ratios) == Spread(2.5, 2.0, 4.0)
    assert ratios_of(ROUNDS, "nginx", "nginx", "cpu_us") == [1.0, 1.0, 1.0]


def test_ratios_leave_out_a_base_of_zero() -> None:
    rounds = [
        {"a": Sample({"x": 0.0}), "b": Sample({"x": 5.0})},
        {"a": Sample({"x": 2.0}), "b": Sample({"x": 5.0})},
    ]
    assert ratios_of(rounds, "b", "a", "x") == [2.5]


def test_errors_are_added_over_rounds() -> None:
    rounds = [
        {"a": Sample({}, {"read": 1, "status": 0})},
        {"a": Sample({}, {"read": 2, "connect": 3, "status": 0})},
    ]
    assert errors_of(rounds, "a") == {"read": 3, "connect": 3}
    assert add_up([]) == {}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0)]
)
def test_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == expected


def test_percentile_of_few_and_of_none() -> None:
    assert percentile([7.0], 0.999) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


# -- the open-loop load

ANSWER = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 4\r\n\r\npong"


@pytest.mark.parametrize("size", [1, 2, 7, 40, len(ANSWER)])
def test_answer_in_pieces_of_any_size(size: int) -> None:
    reader = AnswerReader()
    for _ in range(2):  # and the next one on the same connection
        pieces = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
        assert [reader.feed(piece) for piece in pieces] == [*[None] * (len(pieces) - 1), 200]


def test_answer_without_a_body() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 503 Busy\r\ncontent-length:0\r\n\r\n") == 503


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "no Content-Length"),
        (b"SSH-2.0-x\r\nContent-Length: 1\r\n\r\n", "no HTTP/1.1 status"),
        (ANSWER + b"!", "1 bytes after the end"),
    ],
)
def test_answer_that_cannot_be_read(data: bytes, words: str) -> None:
    with pytest.raises(AnswerUnreadable, match=words):
        AnswerReader().feed(data)


def test_schedule_releases_by_the_clock() -> None:
    schedule = Schedule(start=100.0, rate=10.0, count=3)
    schedule.release(100.0)
    assert schedule.take() == 100.0
    assert schedule.take() is None
    assert schedule.pause(100.0, longest=9.0) == pytest.approx(0.1)
    assert schedule.pause(100.0, longest=0.01) == 0.01
    assert not schedule.over


def test_schedule_keeps_the_due_times_of_what_waited() -> None:
    schedule = Schedule(start=0.0, rate=10.0, count=3)
    schedule.release(5.0)
    assert schedule.pause(5.0, longest=1.0) == 1.0
    assert not schedule.over
    assert [schedule.take() for _ in range(4)] == [0.0, 0.1, 0.2, None]
    assert schedule.over


def test_schedule_that_is_behind_does_not_pause() -> None:
    schedule = Schedule(start=0.0, rate=10.0, count=3)
    assert schedule.pause(0.5, longest=1.0) == 0.0


# -- choices


def test_options_from_variables_and_flags() -> None:
    environ = {"CASE": "64k", "ROUNDS": "2", "SECONDS": "", "ROUTER_FLAGS": "--port '1 2'"}
    chosen = options.parse(["--rounds", "3", "--contenders", "nginx,haproxy"], environ)
    assert chosen == options.Options("64k", 3, 5.0, ("nginx", "haproxy"), ("--port", "1 2"))
    assert options.parse([], {}) == options.Options("", 5, 3.0, (), ())
    assert options.parse(["--case", "idle"], {}) == options.Options("idle", 5, 5.0, (), ())


@pytest.mark.parametrize(
    "environ", [{"ROUNDS": "0"}, {"ROUNDS": "x"}, {"SECONDS": "0"}, {"SECONDS": "1.5"}]
)
def test_options_that_are_refused(environ: dict[str, str]) -> None:
    ((name, value),) = environ.items()
    with pytest.raises(BenchError, match=f"{name} is '{value}': a whole number from 1"):
        options.parse([], environ)


def test_cases_show_what_they_have() -> None:
    for case in CASES.values():
        assert case.chart in {column.key for column in case.columns}
        assert set(case.brief) <= set(case.contenders)


def test_choosing_a_case() -> None:
    case, names = choose_case("small", ("lambdadispatch", "nginx"))
    assert case is CASES["small"]
    assert names == ("nginx", "lambdadispatch")  # the order of the case
    assert choose_case("small", ())[1] == CASES["small"].contenders
    with pytest.raises(BenchError, match=r"CASE is 'big'; allowed: small, small-tls, 64k, "):
        choose_case("big", ())
    with pytest.raises(BenchError, match=r"CONTENDERS names twisted\.web; case latency has: nginx"):
        choose_case("latency", ("twisted.web",))


def test_cores_and_pinning() -> None:
    assert choose_cores({5, 3, 9}) == Cores(measured=3, others=5)
    assert pinned(3, ["x", "-y"]) == ["taskset", "--cpu-list", "3", "x", "-y"]
    with pytest.raises(BenchError, match="may run on 1 core"):
        choose_cores({2})


def programs_of(name: str, *contenders: str) -> tuple[str, ...]:
    plan = Plan(name, CASES[name], contenders or CASES[name].contenders, 1, 1.0)
    return install.programs_for([plan])


def test_programs_that_are_needed() -> None:
    assert programs_of("small") == ("taskset", "wrk", "nginx", "haproxy")
    assert programs_of("latency", "lambdadispatch-port") == ("taskset", "nginx")
    assert programs_of("latency", "lambdadispatch") == ("taskset",)
    assert programs_of("idle", "lambdadispatch") == ("taskset", "wrk")
    assert programs_of("syscalls", "lambdadispatch") == ("taskset", "wrk", "strace")
    assert programs_of("decision") == ("taskset",)
    assert install.with_sbin("/a:/b").startswith("/a:/b:")


def test_programs_of_several_cases() -> None:
    plans = [Plan(name, CASES[name], CASES[name].contenders, 1, 1.0) for name in TABLE]
    assert install.programs_for(plans) == ("taskset", "wrk", "nginx", "haproxy")


def test_missing_programs_are_named_with_their_packages() -> None:
    there = {"wrk": "/usr/bin/wrk"}
    missing = install.missing_programs(("taskset", "wrk", "nginx"), there.get)
    assert missing == ("taskset", "nginx")
    assert "apt-get install util-linux nginx-light" in install.how_to_get(missing)


def test_services_are_forbidden_only_meanwhile(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with install.services_kept_from_starting(policy):
        assert subprocess.run([policy, "nginx", "start"], check=False).returncode == 101
    assert not policy.exists()
    policy.write_text("the administrator's")
    with install.services_kept_from_starting(policy):
        assert policy.read_text() == "the administrator's"
    assert policy.read_text() == "the administrator's"


def test_configurations_name_their_ports_and_directory() -> None:
    directory = Path("/nowhere")
    backend = conf.nginx_backend(directory, 1111, "pong")
    assert "listen 127.0.0.1:1111 " in backend
    assert 'return 200 "pong";' in backend
    proxy = conf.nginx_proxy(directory, 2222, 1111)
    assert "listen 127.0.0.1:2222 " in proxy
    assert "server 127.0.0.1:1111;" in proxy
    for text in (backend, proxy):
        assert text.count("{") == text.count("}")
        assert "daemon off;" in text
    assert "proxy_pass http://application;" in proxy
    haproxy = conf.haproxy_proxy(3333, 1111)
    assert "bind 127.0.0.1:3333 " in haproxy
    assert "http-reuse always" in haproxy


def test_tls_between_nginx_and_its_application() -> None:
    backend = conf.nginx_backend(Path("/nowhere"), 1111, "pong", tls=True)
    assert "listen 127.0.0.1:1111 backlog=4096 ssl;" in backend
    assert "ssl_certificate_key /nowhere/key.pem;" in backend
    proxy = conf.nginx_proxy(Path("/nowhere"), 2222, 1111, tls=True)
    assert "proxy_pass https://application;" in proxy


def test_what_is_said_of_the_machine() -> None:
    assert machine.cpu_model("processor: 0\nmodel name\t: A  B\nmodel name\t: C\n") == "A  B"
    assert machine.version_in("HAProxy version 2.6.12-1+deb12u4 2026/10/17") == "2.6.12"
    assert machine.version_in("") == "unknown"
    assert machine.package_version("twisted").count(".") == 2
    assert machine.package_version("no-such-package") == "not installed"


def test_answers_are_as_large_as_said() -> None:
    assert {name: len(body) for name, body in ANSWERS.items()} == {"small": 4, "64k": 65536}
