"""The table of targets: what is held to what, and that nothing is left out of it."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

import pytest

from bench import target_table
from bench.__main__ import plans_for
from bench.cases import CASES, TABLE
from bench.errors import BenchError
from bench.figures import Round, Sample, Spread
from bench.options import parse
from bench.targets import TARGETS, Target, Verdict, judge

NUMBER = re.compile(r"[\d.]+")


@dataclass
class Found:
    contenders: tuple[str, ...]
    rounds: list[Round]
    unavailable: dict[str, str] = field(default_factory=dict)


def small(router: float, nginx: float = 10.0) -> Found:
    sample = {"nginx": Sample({"cpu_us": nginx}), "lambdadispatch": Sample({"cpu_us": router})}
    return Found(("nginx", "lambdadispatch"), [sample])


SMALL = TARGETS[0]
WORKERS = TARGETS[-1]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.figure)
def test_every_target_names_a_figure_of_a_case_that_is_measured(target: Target) -> None:
    case = CASES[target.case]
    measured = case.brief or case.contenders
    assert target.case in TABLE
    assert target.contender in measured
    assert not target.base or target.base in measured
    assert target.key in {column.key for column in case.columns}
    assert target.reason
    # What is shown is what is held to.
    assert float(target.limit) in [float(each) for each in NUMBER.findall(target.wanted)]


def test_every_case_of_the_table_has_a_target() -> None:
    assert {target.case for target in TARGETS} == set(TABLE)


@pytest.mark.parametrize(("router", "text"), [(14.9, "met"), (15.0, "met"), (15.1, "not met")])
def test_a_ratio_is_held_to_its_limit(router: float, text: str) -> None:
    verdict = judge(SMALL, {"small": small(router)})
    assert verdict.text == text
    assert verdict.found == Spread(router / 10, router / 10, router / 10)


@pytest.mark.parametrize(("two", "text"), [(1800.0, "met"), (1790.0, "not met")])
def test_more_is_better_where_it_is_said(two: float, text: str) -> None:
    rounds = [{"1 worker": Sample({"rate": 1000.0}), "2 workers": Sample({"rate": two})}]
    assert judge(WORKERS, {"workers": Found(("1 worker", "2 workers"), rounds)}).text == text


def test_the_median_decides() -> None:
    rounds = [small(router).rounds[0] for router in (14.0, 99.0, 13.0)]
    verdict = judge(SMALL, {"small": Found(("nginx", "lambdadispatch"), rounds)})
    assert verdict.met
    assert verdict.found == Spread(1.4, 1.3, 9.9)


def test_what_was_not_measured_says_so() -> None:
    assert judge(SMALL, {}).text == "not measured: CASE=small"
    gone = Found((), [{}], {"1 worker": "no flag", "2 workers": "no --workers"})
    assert judge(WORKERS, {"workers": gone}).text == "not available: no --workers"
    alone = Found(("lambdadispatch",), [{"lambdadispatch": Sample({"cpu_us": 1.0})}])
    assert judge(SMALL, {"small": alone}).text == "not available: left out"


def test_the_table_keeps_what_is_not_met_with_its_reason() -> None:
    verdicts = [judge(SMALL, {"small": small(20.0)}), judge(WORKERS, {})]
    page = target_table.targets_page(verdicts, {"CPU": "x"}, ["a note"], {"small": 5})
    assert "0 of 2 met." in page
    assert "**a note**" in page
    assert f"| {SMALL.wanted} | 2.00x | not met | {SMALL.reason} |" in page
    assert f"| {WORKERS.wanted} | - | not measured: CASE=workers |  |" in page
    assert "Rounds: small 5." in page


def test_the_unit_stands_beside_the_median() -> None:
    verdict = Verdict(SMALL, Spread(1.5, 1.25, 2.0), "met")
    assert target_table.measured_text(verdict) == "1.50x (1.25..2.00)"


def test_a_met_target_shows_no_reason() -> None:
    table = target_table.targets_table([judge(SMALL, {"small": small(12.0)})])
    assert "| 1.20x | met |  |" in table
    assert "| --- | --- | ---: | --- | --- |" in table


def test_targets_as_data() -> None:
    data = target_table.targets_data([judge(SMALL, {"small": small(20.0)})], {"CPU": "x"})
    (row,) = data["targets"]
    assert row["measured"] == {"median": 2.0, "least": 2.0, "most": 2.0}
    assert (row["verdict"], row["limit"]) == ("not met", 1.5)


def test_the_chart_draws_shares_of_what_is_allowed() -> None:
    assert target_table.share(Verdict(SMALL, Spread(3.0, 1.5, 4.5), "")) == Spread(200, 100, 300)
    assert target_table.share(Verdict(WORKERS, Spread(0.9, 0.9, 1.8), "")) == Spread(200, 100, 200)
    chart = target_table.targets_chart([judge(SMALL, {"small": small(20.0)}), judge(WORKERS, {})])
    texts = [each.text for each in ET.fromstring(chart).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[1:] == [SMALL.figure, "133"]


def test_without_a_case_all_of_the_table_is_measured() -> None:
    plans = plans_for(parse([], {"ROUNDS": "5"}))
    assert tuple(plan.name for plan in plans) == TABLE
    by_name = {plan.name: plan for plan in plans}
    assert by_name["small"].contenders == (
        "nginx",
        "haproxy",
        "twisted.web",
        "lambdadispatch",
        "lambdadispatch-interpreted",
    )
    assert (by_name["small"].rounds, by_name["idle"].rounds) == (5, 1)
    assert by_name["small"].seconds == 3.0
    with pytest.raises(BenchError, match="CONTENDERS needs a CASE"):
        plans_for(parse([], {"CONTENDERS": "nginx"}))


def test_a_case_alone_is_measured_with_all_contenders() -> None:
    (plan,) = plans_for(parse([], {"CASE": "idle", "ROUNDS": "3"}))
    assert (plan.rounds, plan.seconds) == (3, 5.0)
    assert plan.contenders == CASES["idle"].contenders
