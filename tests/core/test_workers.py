"""What each worker is given, and how what they tell is put together."""

from __future__ import annotations

from io import BytesIO, RawIOBase
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.settings import SettingsError
from lambdadispatch.workers.merging import merged
from lambdadispatch.workers.shares import DIVIDED, Share, part_of, settings_of, sockets_of
from tests.memory.system import make_settings

PORTS = {"port": 7000, "control-port": 7001, "control-tls-port": 7002, "admin-port": 7003}


# -- shares


@given(st.integers(1, 64), st.integers(0, 100_000))
def test_parts_make_up_the_whole_and_are_nearly_equal(workers: int, more: int) -> None:
    total = workers + more
    parts = [part_of(total, worker, workers) for worker in range(workers)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1
    assert min(parts) >= 1


def test_what_costs_is_divided_and_the_rest_is_the_same() -> None:
    settings = make_settings(
        workers=3,
        max_instances=10,
        queue_limit=7,
        queue_bytes_limit=3_000_000,
        connection_limit=100,
        callback_port=9000,
        control_port=5101,
        control_tls_port=6000,
    )
    parts = [settings_of(settings, worker, PORTS) for worker in range(3)]
    assert [part.max_instances for part in parts] == [4, 3, 3]
    assert [part.queue_limit for part in parts] == [3, 2, 2]
    assert [part.queue_bytes_limit for part in parts] == [1_000_000] * 3
    assert [part.connection_limit for part in parts] == [34, 33, 33]
    assert [part.callback_port for part in parts] == [9000, 9001, 9002]
    for part in parts:
        assert part.workers == 1
        assert (part.port, part.control_port, part.control_tls_port) == (7000, 7001, 7002)
        assert (part.admin_port, part.admin_interface) == (7003, "127.0.0.1")
        assert part.max_concurrent_count == settings.max_concurrent_count
        assert part.interface == settings.interface
        assert part.drain_timeout == settings.drain_timeout


def test_the_limits_of_each_pool_are_divided_like_those_of_all() -> None:
    file = {
        "max-instances": 10,
        "pools": {"a": {"max-instances": 5, "min-instances": 1, "queue-limit": 7}},
    }
    settings = make_settings(
        file, workers=3, control_port=5101, routes="a=a, b=b", function_name=None
    )
    parts = [settings_of(settings, worker, PORTS) for worker in range(3)]
    pools = [{pool.name: pool.settings for pool in part.pools} for part in parts]
    assert [each["a"].max_instances for each in pools] == [2, 2, 1]
    assert [each["a"].min_instances for each in pools] == [1, 0, 0]
    assert [each["a"].queue_limit for each in pools] == [3, 2, 2]
    assert [each["b"].max_instances for each in pools] == [4, 3, 3]
    assert [part.routes for part in parts] == [settings.routes] * 3
    with pytest.raises(SettingsError) as caught:
        make_settings(
            {"pools": {"a": {"max-instances": 2}}}, workers=3, control_port=5101, routes="a=a"
        )
    assert "max-instances in [pools.a] of the file: 2 is refused" in str(caught.value)


def test_no_limit_stays_no_limit() -> None:
    settings = make_settings(workers=3, control_port=5101, queue_bytes_limit=0)
    assert [settings_of(settings, each, PORTS).queue_bytes_limit for each in range(3)] == [0] * 3


def test_what_is_kept_warm_is_divided_down_to_nothing() -> None:
    schedule = "2 for 1h from 0 8 * * *"
    settings = make_settings(
        workers=3, control_port=5101, min_instances=1, min_instances_schedule=schedule
    )
    parts = [settings_of(settings, worker, PORTS) for worker in range(3)]
    assert [part.min_instances for part in parts] == [1, 0, 0]
    windows = [part.min_instances_schedule for part in parts]
    assert [window[0].instances for window in windows if window] == [1, 1, 0]


@pytest.mark.parametrize("name", DIVIDED)
def test_of_what_is_divided_there_is_enough_for_each(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_settings(workers=3, control_port=5101, function_memory_mb=128, **{name: 2})
    [problem] = caught.value.problems
    assert problem.endswith("allowed: at least that of --workers ('3')")
    least = make_settings(workers=3, control_port=5101, function_memory_mb=128, **{name: 3})
    assert [getattr(settings_of(least, each, PORTS), name) for each in range(3)] == [1, 1, 1]


def test_ports_that_are_off_stay_off() -> None:
    settings = make_settings(workers=2, control_port=5101, admin_port="off")
    part = settings_of(settings, 1, {"port": 7000, "control-port": 7001})
    assert part.admin_port is part.control_tls_port is part.callback_port is None
    assert sockets_of(part, {"port": 4, "control-port": 5}) == {("", 7000): 4, ("", 7001): 5}


def test_sockets_are_told_apart_by_interface_and_port() -> None:
    settings = settings_of(
        make_settings(workers=2, control_port=5101), 0, PORTS | {"admin-port": 7000}
    )
    descriptors = {name: number for number, name in enumerate(PORTS, 4)}
    assert sockets_of(settings, descriptors) == {
        ("", 7000): 4,
        ("", 7001): 5,
        ("", 7002): 6,
        ("127.0.0.1", 7000): 7,
    }


class Slow(RawIOBase):
    """A pipe that gives one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data.read(1)
        buffer[: len(piece)] = piece
        return len(piece)


SHARE = Share(1, make_settings(queue_timeout=0.5), {("", 5002): 4}, "http://127.0.0.1:9", 5.0)


@pytest.mark.parametrize("stream", [BytesIO, Slow])
def test_a_share_arrives_as_it_was_and_orders_stay_in_the_pipe(stream: Any) -> None:
    pipe = stream(SHARE.encode() + b"drain\nhurry\n")
    assert Share.read(pipe) == SHARE
    assert list(pipe) == [b"drain\n", b"hurry\n"]


@pytest.mark.parametrize("length", [0, 3, 4, 100])
def test_a_share_that_is_cut_is_none(length: int) -> None:
    with pytest.raises(EOFError):
        Share.read(cast(RawIOBase, BytesIO(SHARE.encode()[:length])))


# -- merging


def state(**changes: Any) -> dict[str, Any]:
    pool = {"waiting": 1, "running": 2, "instances": [{"instance": "i1"}]}
    counts = {"requests": {"answered": 3}, "invocations_started": 1}
    return {"seconds": 4.5, "pools": {"web": pool}, "since_start": counts} | changes


def test_no_state_at_all() -> None:
    assert merged([]) == {}


def test_one_state_is_itself() -> None:
    assert merged([state()]) == state()


def test_numbers_are_summed_lists_joined_and_words_kept_apart() -> None:
    other = state(
        seconds=9.0,
        pools={"web": {"waiting": 10, "running": 0, "instances": []}, "api": {"waiting": 5}},
        since_start={"requests": {"client_gone": 1, "answered": 1}, "invocations_started": 2},
        version="1",
        healthy=True,
    )
    assert merged([state(), other]) == {
        "seconds": 9.0,
        "pools": {
            "web": {"waiting": 11, "running": 2, "instances": [{"instance": "i1"}]},
            "api": {"waiting": 5},
        },
        "since_start": {
            "requests": {"answered": 4, "client_gone": 1},
            "invocations_started": 3,
        },
        "version": "1",
        "healthy": True,
    }


COUNTS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 9))


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_nothing_is_lost_or_counted_twice(counts: list[dict[str, int]]) -> None:
    whole = merged([{"since_start": each} for each in counts])["since_start"]
    assert sum(whole.values()) == sum(sum(each.values()) for each in counts)
    assert set(whole) == set().union(*counts)


def test_the_states_stay_as_they_were() -> None:
    one, other = state(), state()
    merged([one, other])
    assert one == other == state()
