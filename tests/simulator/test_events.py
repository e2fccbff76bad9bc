from __future__ import annotations

from lambdadispatch.simulator.events import Events


def test_all_happens_in_the_order_of_time_and_plans_come_before_arrivals() -> None:
    events, seen = Events(), []
    events.at(2.0, lambda now, what: seen.append((now, what)), "second")
    events.at(1.0, lambda now, what: seen.append((now, what)), "first")
    events.at(2.0, lambda now, what: seen.append((now, what)), "third")
    arrivals = iter([(1.5, 9.0), (2.0, 8.0), (3.0, 7.0)])
    events.run(arrivals, lambda now, duration: seen.append((now, duration)))
    assert seen == [
        (1.0, "first"),
        (1.5, 9.0),
        (2.0, "second"),
        (2.0, "third"),
        (2.0, 8.0),
        (3.0, 7.0),
    ]


def test_an_event_may_plan_the_next_and_take_away_all() -> None:
    events, seen = Events(), []

    def again(now: float, left: int) -> None:
        seen.append((now, events.arriving))
        if left:
            events.at(now + 1, again, left - 1)
            events.at(now + 1, again, left - 1)
        else:
            events.clear()

    events.at(0.0, again, 2)
    events.run(iter([(0.5, 1.0)]), lambda now, duration: None)
    assert seen == [(0.0, True), (1.0, False), (1.0, False), (2.0, False)]


def test_nothing_arrives_in_an_empty_workload() -> None:
    events, seen = Events(), []
    events.at(1.0, lambda now, _: seen.append(events.arriving))
    events.run(iter([]), lambda now, duration: None)
    assert seen == [False]
