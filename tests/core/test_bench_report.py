"""What the measurements print and write: tables, JSON and chart."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import results, table
from bench.cases import Case
from bench.chart import bar_chart
from bench.contenders import Stage
from bench.errors import BenchError, Unavailable
from bench.figures import Column, Sample, Spread, errors_of
from bench.pinning import Cores
from bench.rounds import Plan, measure
from tests.core.test_bench import COLUMNS, NAMES, ROUNDS


def test_cell() -> None:
    assert table.cell(Spread(1234.56, 1000.0, 2000.0), 1) == "1,234.6 (1,000.0..2,000.0)"
    assert table.cell(Spread(2.0, 1.999, 2.001), 1) == "2.0"


def test_figures_table_has_a_row_for_each_contender() -> None:
    assert table.figures_table(COLUMNS, NAMES, ROUNDS) == (
        "|  | CPU | requests/s | errors |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| nginx | 20.0 (10.0..40.0) | 50,000 (25,000..100,000) | 0 |\n"
        "| lambdadispatch | 50.0 (40.0..80.0) | 20,000 (12,500..25,000) | 0 |\n"
    )


def test_errors_are_in_the_table() -> None:
    rounds = [{"a": Sample({"x": 1.0}, {"status": 1200, "read": 3})}]
    rendered = table.figures_table([Column("x", "X")], ["a"], rounds)
    assert "| a | 1 | read 3, status 1,200 |" in rendered


def test_ratios_table_shows_what_is_marked() -> None:
    assert table.ratios_table(COLUMNS, NAMES, ROUNDS, "nginx") == (
        "| ratio to nginx | CPU |\n"
        "| --- | ---: |\n"
        "| nginx | 1.00 |\n"
        "| lambdadispatch | 2.50 (2.00..4.00) |\n"
    )


def test_ratios_to_a_base_that_was_always_zero() -> None:
    rounds = [{"nginx": Sample({"x": 0.0}), "a": Sample({"x": 5.0})}]
    columns = [Column("x", "X", ratio=True)]
    assert "| a | - |" in table.ratios_table(columns, ["nginx", "a"], rounds, "nginx")


@pytest.mark.parametrize(
    ("columns", "names", "base"),
    [(COLUMNS, NAMES, "haproxy"), (COLUMNS, NAMES[:1], "nginx"), (COLUMNS[1:], NAMES, "nginx")],
)
def test_no_ratios_table_without_something_to_compare(
    columns: tuple[Column, ...], names: tuple[str, ...], base: str
) -> None:
    assert table.ratios_table(columns, names, ROUNDS, base) == ""


def test_warning_names_the_worst() -> None:
    rounds = [{"a": Sample({"others_share": share})} for share in (1.0, 42.4, 3.0)]
    assert "up to 42 %" in table.warning(["a"], rounds)
    assert table.warning(["a"], rounds[:1]) == ""
    assert table.warning(NAMES, ROUNDS) == ""


def test_report_has_everything() -> None:
    page = table.report(
        "Bench: x", "what it is", {"CPU": "a model"}, COLUMNS, NAMES, ROUNDS, "nginx"
    )
    assert page.startswith("# Bench: x\n\nWhat it is. Median (least..most); rounds: 3.\n")
    assert "| CPU | a model |" in page
    assert page.index("| nginx | 20.0") < page.index("ratio to nginx") < page.index("a model")


def test_results_hold_every_value(tmp_path: Path) -> None:
    data = results.as_data("x", {"CPU": "a"}, COLUMNS, NAMES, ROUNDS, "nginx")
    results.write(tmp_path / "made", "x", "page", data, "chart")
    read = json.loads((tmp_path / "made" / "x.json").read_text())
    cpu = read["contenders"]["lambdadispatch"]["figures"]["cpu_us"]
    assert cpu["values"] == [50.0, 80.0, 40.0]
    assert (cpu["median"], cpu["least"], cpu["most"]) == (50.0, 40.0, 80.0)
    assert cpu["ratio"] == {"median": 2.5, "least": 2.0, "most": 4.0}
    assert "ratio" not in read["contenders"]["lambdadispatch"]["figures"]["rate"]
    assert (tmp_path / "made" / "x.md").read_text() == "page"
    assert (tmp_path / "made" / "x.svg").read_text() == "chart"


def test_results_without_the_base_have_no_ratio() -> None:
    data = results.as_data("x", {}, COLUMNS, NAMES[1:], ROUNDS, "nginx")
    assert "ratio" not in data["contenders"]["lambdadispatch"]["figures"]["cpu_us"]


def test_chart_is_well_formed_and_to_scale() -> None:
    chart = results.chart_of("a <case>", COLUMNS[0], NAMES, ROUNDS)
    root = ET.fromstring(chart)
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{space}rect")][1:]
    assert len(widths) == 2
    assert widths[1] / widths[0] == pytest.approx(2.5, rel=0.01)
    texts = [each.text for each in root.iter(f"{space}text")]
    assert texts == ["a <case>: CPU", "nginx", "20.0", "lambdadispatch", "50.0"]


def test_chart_of_nothing_and_of_values_below_zero() -> None:
    ET.fromstring(bar_chart("x", {}, 1))
    assert 'width="0.0"' in bar_chart("x", {"a": Spread(-1.0, -2.0, 0.0)}, 1)


# -- rounds


def case_that(run: Callable[[Stage, str, float], Sample]) -> Plan:
    case = Case("x", ("a", "b"), COLUMNS, "cpu_us", run)
    return Plan("x", case, ("a", "b"), 2, 1.0)


def test_contenders_are_measured_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def run(stage: Stage, contender: str, seconds: float) -> Sample:
        seen.append(contender)
        return Sample({"cpu_us": 1.0, "rate": float(len(seen))}, {"read": 3})

    measured = measure(case_that(run), Cores(0, 1))
    assert seen == ["a", "b", "a", "b"]
    assert measured.contenders == ("a", "b")
    assert [each["b"].figures["rate"] for each in measured.rounds] == [2.0, 4.0]
    assert "x 2/2 b: 1.0 CPU, 4 requests/s, errors: read 3\n" in capsys.readouterr().out


def test_who_is_not_available_is_left_out_of_all_rounds() -> None:
    seen: list[str] = []

    def run(stage: Stage, contender: str, seconds: float) -> Sample:
        seen.append(contender)
        # Also when it fails only later.
        if contender == "b" and len(seen) > 2:
            raise Unavailable("no such flag")
        return Sample({"cpu_us": 1.0, "rate": 1.0})

    measured = measure(case_that(run), Cores(0, 1))
    assert measured.contenders == ("a",)
    assert measured.unavailable == {"b": "no such flag"}
    assert [set(each) for each in measured.rounds] == [{"a"}, {"a"}]


def test_what_fails_once_is_tried_again_and_stays_in_the_errors() -> None:
    seen: list[str] = []

    def run(stage: Stage, contender: str, seconds: float) -> Sample:
        seen.append(contender)
        if len(seen) == 2:
            raise BenchError("b was killed")
        return Sample({"cpu_us": 1.0, "rate": 1.0}, {"read": 1})

    measured = measure(case_that(run), Cores(0, 1))
    assert seen == ["a", "b", "b", "a", "b"]
    assert errors_of(measured.rounds, "b") == {"read": 2, "failed before": 1}
    assert errors_of(measured.rounds, "a") == {"read": 2}


def test_what_fails_twice_ends_the_run() -> None:
    seen: list[str] = []

    def run(stage: Stage, contender: str, seconds: float) -> Sample:
        seen.append(contender)
        raise BenchError("wrk is gone")

    with pytest.raises(BenchError, match="wrk is gone"):
        measure(case_that(run), Cores(0, 1))
    assert seen == ["a", "a"]
