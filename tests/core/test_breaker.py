from __future__ import annotations

from lambdadispatch.core.breaker import Breaker


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        breaker.bad_exit(at)
    return breaker


def test_it_opens_with_the_fifth_bad_exit_within_ten_seconds() -> None:
    breaker = Breaker()
    for when in (0.0, 2.0, 4.0, 8.0):
        breaker.bad_exit(when)
        assert not breaker.open
    breaker.bad_exit(10.0)
    assert breaker.open


def test_it_stays_closed_when_they_are_further_apart() -> None:
    breaker = Breaker()
    for number in range(100):
        breaker.bad_exit(number * 2.51)
    assert not breaker.open


def test_a_served_request_between_them_begins_anew() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.bad_exit(0.0)
    assert breaker.suspicious
    breaker.served()
    assert not breaker.suspicious
    for _ in range(4):
        breaker.bad_exit(1.0)
    assert not breaker.open
    breaker.bad_exit(1.0)
    assert breaker.open


def test_a_probe_may_come_every_ten_seconds() -> None:
    breaker = opened(100.0)
    assert not breaker.may_probe(109.9)
    assert breaker.may_probe(110.0)
    breaker.probed(112.0)
    assert not breaker.may_probe(121.9)
    assert breaker.may_probe(122.0)


def test_more_bad_exits_do_not_put_the_probe_off() -> None:
    breaker = opened()
    for _ in range(50):
        breaker.bad_exit(9.0)
    assert breaker.may_probe(10.0)


def test_a_served_request_closes_it() -> None:
    breaker = opened()
    breaker.served()
    assert not breaker.open
    assert not breaker.suspicious
