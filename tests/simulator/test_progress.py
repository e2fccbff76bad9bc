from __future__ import annotations

from io import StringIO

from lambdadispatch.simulator.progress import STEP, Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


ARRIVALS = [(float(index), 1.0) for index in range(2 * STEP + 1)]


def test_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    progress = Progress(stream)
    assert list(progress.watch("  a row", 4 * STEP, iter(ARRIVALS))) == ARRIVALS
    shown = stream.getvalue().split("\r\x1b[K")[1:]
    assert shown == [
        f"a row [{'':30}] 0 requests",
        f"a row [{'########':30}] 5,000 requests",
        f"a row [{'#' * 15:30}] 10,000 requests",
    ]
    progress.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_more_than_were_expected_fill_the_bar() -> None:
    stream = Terminal()
    list(Progress(stream).watch("a row", 10, iter(ARRIVALS)))
    assert "[" + "#" * 30 + "] 5,000 requests" in stream.getvalue()


def test_nothing_where_there_is_no_terminal() -> None:
    stream = StringIO()
    progress = Progress(stream)
    arrivals = iter(ARRIVALS)
    assert progress.watch("a row", 10, arrivals) is arrivals
    progress.clear()
    assert not stream.getvalue()
