from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from lambdadispatch.simulator.line_chart import Chart, svg
from lambdadispatch.simulator.plots import (
    distribution_of,
    level_over_time,
    picture,
    waits_over_time,
)
from lambdadispatch.simulator.prices import Prices
from lambdadispatch.simulator.record import Record
from lambdadispatch.simulator.report import as_json, comparison, figures, refusals, table
from tests.simulator.models import ideal, own, pool

REQUESTS = [(0.0, 1.0), (0.5, 1.0), (2.0, 1.0)]
PRICES = Prices(gb_second=0.01, million_requests=0.2, router_hour=36.0, memory=2.0)


def test_the_figures_of_a_run() -> None:
    row = figures("own", own(REQUESTS, warm=1, account=2), PRICES)
    assert (row.requests, row.refused, row.outcomes) == (3, 0, {"answered": 3})
    assert (row.wait_p50, row.wait_p99, row.wait_max) == (0.0, 8.0, 8.0)
    # In use: 1 from 0 to 1, 2 to 9.5 (the second), 1 more from 2 to 3.
    assert (row.instances_peak, row.instances_mean) == (2, pytest.approx((1 + 9 + 1) / 9.5))
    assert (row.starts, row.cold, row.instance_seconds) == (1, 1, 11.0)
    assert row.dollars == pytest.approx(11 * 2 * 0.01 + 3 * 0.2 / 1e6)
    assert row.dollars_a_million == pytest.approx(row.dollars * 1e6 / 3)


def test_the_router_has_its_price() -> None:
    row = figures("here", pool([(0.0, 1.0)], warm=1), PRICES)
    compute = row.instance_seconds * 2 * 0.01
    assert row.dollars == pytest.approx(compute + 1.0 * 36.0 / 3600)


def test_the_table_is_aligned() -> None:
    rows = [figures("a", own(REQUESTS), PRICES), figures("  longer name", Record(), PRICES)]
    lines = table(rows).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert [line.count("|") for line in lines] == [13] * 4
    assert lines[0].split("|")[2].strip() == "wait p50 s"
    assert lines[2].split("|")[2].strip() == "8.000"
    assert lines[3].startswith("|   longer name |      0.000 |")


def test_what_the_refused_were_told_and_how_the_waits_compare() -> None:
    here = figures("here", pool(REQUESTS, warm=1), PRICES)
    there = figures("own", own(REQUESTS, account=1), PRICES)
    assert refusals([here, there]) == "own: 1 answered, 2 throttled\n"
    assert comparison(here, there).startswith("p99 wait of this dispatcher: 0.062 of AWS Lambda's")
    assert not comparison(here, figures("none", Record(), PRICES))


def test_the_same_as_json() -> None:
    row = figures("  2 per instance", own(REQUESTS), PRICES)
    found = json.loads(as_json({"seed": 3}, [row]))
    assert found["seed"] == 3
    assert found["rows"][0]["name"] == "2 per instance"
    assert found["rows"][0]["wait_p99"] == 8.0


# -- pictures


def test_waits_over_time_are_the_longest_of_each_part() -> None:
    record = Record()
    for arrival, wait in ((0.0, 1.0), (0.5, 3.0), (1.0, 2.0), (239.9, 0.0)):
        record.began(arrival, wait)
    assert waits_over_time(record, 240.0) == [(0.0, 3.0), (1.0, 2.0), (239.0, 0.0)]


def test_a_level_is_the_highest_of_each_part() -> None:
    record = Record()
    for time, by in ((0.5, 1), (0.6, 1), (0.7, -2), (2.0, 5), (239.5, -1), (300.0, -4)):
        record.instances.change(time, by)
    found = dict(level_over_time(record.instances, 240.0))
    assert (found[0.0], found[1.0], found[2.0], found[120.0], found[239.0]) == (2, 0, 5, 5, 5)
    assert len(found) == 240


def test_a_distribution_ends_at_the_longest_wait() -> None:
    found = distribution_of(own(REQUESTS, warm=1))
    assert (found[0], found[-1]) == ((0.0, 0.0), (8.0, 100.0))
    assert list(found) == sorted(found)
    assert distribution_of(Record()) == []


def test_the_picture_is_xml_with_a_line_for_each_run_in_each_chart() -> None:
    runs = [("here & now", pool(REQUESTS)), ("<own>", own(REQUESTS, account=1)), ("i", ideal([]))]
    drawn = picture("a < b", runs)
    root = ElementTree.fromstring(drawn)
    kinds = [child.tag.rpartition("}")[2] for child in root]
    assert kinds.count("polyline") == 9
    texts = [child.text for child in root if child.tag.endswith("text")]
    assert {"a < b", "here & now", "<own> (2 refused)"} <= set(texts)
    assert drawn == picture("a < b", runs)


@pytest.mark.parametrize("most", [0.0, 0.0004, 1.0, 7.3, 8.0, 1000.0, 123_456.0])
@pytest.mark.parametrize("tens", [False, True])
def test_every_line_stays_within_its_chart(most: float, tens: bool) -> None:
    lines = [("a", [(0.0, 0.0), (most, most), (most / 3, most / 7)])]
    root = ElementTree.fromstring(svg("t", [Chart("c", "x", lines, tens)]))
    line = next(child for child in root if child.tag.endswith("polyline"))
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert all(70 <= x <= 740 and 94 <= y <= 250 for x, y in points)
    assert points[0] == (70, 250)
