from __future__ import annotations

from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from lambdadispatch.simulator.distributions import distribution

MANY = 50_000


def drawn(text: str) -> list[float]:
    draw = distribution(text).draws(Random("test"))
    return [draw() for _ in range(MANY)]


@pytest.mark.parametrize(
    ("text", "mean", "within"),
    [
        ("250ms", 0.25, 1e-9),
        ("constant:8s", 8.0, 1e-9),
        ("uniform:1s,3s", 2.0, 0.02),
        ("exponential:500ms", 0.5, 0.02),
        ("lognormal:100ms,400ms", 0.1194, 0.02),
        ("pareto:100ms,3", 0.15, 0.02),
    ],
)
def test_the_mean_is_that_of_what_is_drawn(text: str, mean: float, within: float) -> None:
    assert distribution(text).mean == pytest.approx(mean, rel=1e-3)
    assert fmean(drawn(text)) == pytest.approx(mean, rel=within)


def test_lognormal_is_given_by_median_and_p99() -> None:
    values = sorted(drawn("lognormal:100ms,2s"))
    assert values[MANY // 2] == pytest.approx(0.1, rel=0.03)
    assert values[MANY * 99 // 100] == pytest.approx(2.0, rel=0.05)


def test_bounds_are_kept() -> None:
    assert 1.0 <= min(drawn("uniform:1s,3s")) < max(drawn("uniform:1s,3s")) <= 3.0
    assert min(drawn("pareto:100ms,2")) >= 0.1


def test_recorded_times(tmp_path: Path) -> None:
    file = tmp_path / "times"
    file.write_text("# measured\n100ms\n\n2s\n0.3\n")
    found = distribution(f"empirical:{file}")
    assert found.mean == pytest.approx(0.8)
    assert set(drawn(f"empirical:{file}")) == {0.1, 2.0, 0.3}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "-1s",
        "nan",
        "normal:1s,2s",
        "constant:",
        "constant:1s,2s",
        "uniform:1s",
        "uniform:3s,1s",
        "exponential:0s",
        "lognormal:2s,1s",
        "lognormal:0s,1s",
        "pareto:1s,1",
        "pareto:1s,x",
        "pareto:1s,nan",
    ],
)
def test_what_is_not_allowed_is_named_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"is refused; allowed: a time \(100ms") as caught:
        distribution(text)
    assert str(caught.value).startswith(repr(text))


def test_a_file_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read: .*No such file"):
        distribution(f"empirical:{tmp_path / 'none'}")
    file = tmp_path / "times"
    file.write_text("1s\nsoon\n")
    with pytest.raises(ValueError, match="line 2: 'soon' is refused; allowed: 0 to 86400 seconds"):
        distribution(f"empirical:{file}")
    file.write_text("# nothing\n")
    with pytest.raises(ValueError, match="holds no times"):
        distribution(f"empirical:{file}")
