"""The tools of the measurements: decisions, system calls, flame graphs, fleets, large bodies."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from bench import flame_svg, procfs
from bench.decision import Pool
from bench.idle import channels_that_fit
from bench.routers import Fleet, in_all_pools, router_command
from bench.syscalls import by_kind, calls_in
from bench.transfer import answer_body

# -- the dispatcher alone


def test_decisions_keep_the_line_as_long_as_it_was() -> None:
    pool = Pool(waiting=7, instances=3, concurrent=2)
    assert (len(pool.running), pool.dispatcher.waiting) == (6, 7)
    assert pool.decide(20) > 0
    assert (pool.dispatcher.running, pool.dispatcher.waiting) == (6, 7)
    assert pool.dispatcher.open_instances == 3


# -- system calls

SUMMARY = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 40.00    0.100000          10     10000        12 read
 35.00    0.090000           9     10000           writev
 15.00    0.020000          40       500           epoll_wait
 10.00    0.010000           5      2000           futex
------ ----------- ----------- --------- --------- ----------------
100.00    0.220000           9     22500        12 total
"""


def test_system_calls_are_counted_by_kind() -> None:
    calls = calls_in(SUMMARY)
    assert calls == {"read": 10000, "writev": 10000, "epoll_wait": 500, "futex": 2000}
    assert by_kind(calls, 5000) == pytest.approx(
        {"wait": 0.1, "read": 2.0, "write": 2.0, "other": 0.4, "all": 4.5}
    )


# -- flame graphs

SITE = "/a/lib/python3.11/site-packages/twisted"
RUN = f"run ({SITE}/scripts/twistd.py:20)"
RAW = f"""\
{RUN};loop ({SITE}/internet/asyncioreactor.py:250) 30
{RUN};read (/work/lambdadispatch/http11/server.py:69) 60
{RUN};dump (/a/lib/python3.11/x.py:1) 10
work ({SITE}/_threads/_threadworker.py:75);wait (/a/lib/python3.11/threading.py:327) 900
"""


def test_stacks_of_waiting_threads_are_left_out() -> None:
    stacks = flame_svg.parse(RAW, "/work")
    assert sum(stacks.values()) == 100
    assert ("run (twisted/scripts/twistd.py)", "read (lambdadispatch/http11/server.py)") in stacks
    assert flame_svg.by_layer(stacks) == {
        "lambdadispatch/http11": 60.0,
        "libuv and the kernel": 30.0,
        "the standard library": 10.0,
    }


def test_the_picture_is_to_scale() -> None:
    root = ET.fromstring(flame_svg.draw(flame_svg.parse(RAW, "/work"), "a <title>"))
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(frame.find(f"{space}rect").attrib["width"]) for frame in root.iter(f"{space}g")]
    assert widths[0] == flame_svg.WIDTH
    assert [width / flame_svg.WIDTH for width in widths[1:]] == pytest.approx([0.6, 0.3, 0.1])
    titles = [each.text for each in root.iter(f"{space}title")]
    assert titles[1] == "read (lambdadispatch/http11/server.py): 60.0 %"


def test_a_picture_of_nothing() -> None:
    ET.fromstring(flame_svg.draw({}, "x"))


# -- the router and its instances


def test_the_router_is_told_its_fleet() -> None:
    fleet = Fleet(instances=3, concurrent=7, channels=9)
    assert fleet.all_channels == 27
    command = router_command(fleet, 1, {"port": 1234})
    told = dict(pairwise(command))
    assert told["--min-instances"] == told["--max-instances"] == "3"
    assert told["--max-concurrent-count"] == "7"
    assert told["--channel-count"] == "9"
    assert told["--port"] == "1234"
    assert told["--local"].startswith("env -u PYTHONPATH -u PYTHONSAFEPATH taskset ")
    assert told["--local"].endswith(" -m bench.canned")


def test_figures_of_all_pools() -> None:
    state = b'{"pools": {"a": {"idle_channels": 3}, "b": {"idle_channels": 4}}}'
    assert in_all_pools(state, "idle_channels") == 7


def test_channels_are_as_many_as_files_allow() -> None:
    assert channels_that_fit(50_000) == 2000
    assert channels_that_fit(20_300) == 2000
    assert channels_that_fit(20_000) == 1970
    assert channels_that_fit(-1) == 2000  # no limit


# -- /proc


def test_descendants_are_found_however_deep() -> None:
    def stat(parent: int) -> str:
        return f"1 (a) b) S {parent} 0"

    stats = {1: stat(0), 10: stat(1), 11: stat(10), 12: stat(11), 20: stat(1)}
    assert sorted(procfs.descendants(10, stats)) == [10, 11, 12]


def test_peak() -> None:
    assert procfs.resident_bytes("VmHWM:\t 90 kB\nVmRSS:\t  64 kB\n", "VmHWM") == 92160


# -- large bodies


class Socket:
    """Gives out an answer in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [*pieces, b""]

    def recv(self, most: int) -> bytes:
        return self._pieces.pop(0)


def test_the_answer_to_an_upload() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    assert answer_body(Socket(head[:9], head[9:] + b"1", b"23")) == b"123"
    with pytest.raises(SystemExit, match="503"):
        answer_body(Socket(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(SystemExit, match="ended within the answer"):
        answer_body(Socket(head))
