from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdadispatch.core.roster import Instance, Roster


def roster_of(*loads: int, concurrency: int = 10) -> tuple[Roster, list[Instance]]:
    """Instances that run so many requests each and have one idle channel."""
    roster = Roster()
    instances = []
    for number, load in enumerate(loads):
        instance = Instance(f"i{number}", concurrency)
        instance.idle[f"c{number}"] = None
        instance.running.update(range(load))
        roster.add(instance)
        roster.changed(instance)
        instances.append(instance)
    return roster, instances


def test_nobody() -> None:
    roster = Roster()
    assert roster.least_busy() is None
    assert roster.get("i0") is None
    assert roster.remove("i0") is None
    assert (len(roster), roster.open, roster.all()) == (0, 0, [])


def test_the_least_busy() -> None:
    roster, instances = roster_of(3, 1, 2)
    assert roster.least_busy() is instances[1]
    instances[1].running.update(range(100, 105))
    roster.changed(instances[1])
    assert roster.least_busy() is instances[2]


def test_of_equals_the_one_that_changed_last() -> None:
    roster, instances = roster_of(1, 1, 1)
    assert roster.least_busy() is instances[2]
    assert roster.least_busy() is instances[2]
    instances[0].running.clear()
    roster.changed(instances[0])
    instances[0].running.add("r")
    roster.changed(instances[0])
    assert roster.least_busy() is instances[0]


def test_a_full_instance_takes_nothing() -> None:
    roster, (instance,) = roster_of(2, concurrency=2)
    assert roster.least_busy() is None
    instance.running.pop()
    roster.changed(instance)
    assert roster.least_busy() is instance


def test_an_instance_without_idle_channels_takes_nothing() -> None:
    roster, (instance,) = roster_of(0)
    instance.idle.clear()
    roster.changed(instance)
    assert roster.least_busy() is None


def test_a_draining_instance_takes_nothing_and_is_not_open() -> None:
    roster, instances = roster_of(0, 1)
    roster.drain(instances[0])
    roster.drain(instances[0])
    roster.changed(instances[0])
    assert roster.least_busy() is instances[1]
    assert (len(roster), roster.open) == (2, 1)
    assert roster.remove("i0") is instances[0]
    assert (len(roster), roster.open) == (1, 1)


def test_a_removed_instance_takes_nothing() -> None:
    roster, instances = roster_of(0, 1)
    assert roster.remove("i0") is instances[0]
    assert roster.least_busy() is instances[1]
    assert roster.all() == [instances[1]]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "run", "end", "open", "close", "drain", "remove"]),
        st.integers(0, 100),
    ),
    max_size=60,
)


@given(STEPS)
@settings(deadline=None)
def test_it_finds_what_a_linear_search_finds(steps: list[tuple[str, int]]) -> None:
    roster, live = Roster(), list[Instance]()
    for number, (step, pick) in enumerate(steps):
        if step == "add":
            live.append(Instance(f"i{number}", 3))
            roster.add(live[-1])
        elif live:
            instance = live[pick % len(live)]
            if step == "remove":
                live.remove(instance)
                roster.remove(instance.name)
                continue
            _change(roster, instance, step, number)
        able = [each for each in live if each.idle and not each.draining and len(each.running) < 3]
        least = roster.least_busy()
        assert (least is None) == (not able)
        if least is not None:
            assert len(least.running) == min(len(each.running) for each in able)
            assert least in able
        assert roster.open == len([each for each in live if not each.draining])


def _change(roster: Roster, instance: Instance, step: str, number: int) -> None:
    if step == "run":
        instance.running.add(number)
    elif step == "end" and instance.running:
        instance.running.pop()
    elif step == "open":
        instance.idle[f"c{number}"] = None
    elif step == "close" and instance.idle:
        instance.idle.popitem()
    elif step == "drain":
        roster.drain(instance)
    roster.changed(instance)
