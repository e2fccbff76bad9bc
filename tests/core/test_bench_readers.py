"""Readers of heads side by side: that what is timed is read, and which bad input each takes."""

import pytest

pytest.importorskip("httptools")
pytest.importorskip("h11")

from bench import parsers, smuggling
from bench.readers import READERS
from lambdadispatch.wire.heads import RequestHead


@pytest.mark.parametrize("name", READERS)
def test_readers_read_the_messages_they_are_timed_with(name: str) -> None:
    reader = READERS[name]
    for make in (parsers.known_requests, parsers.new_targets, parsers.new_fields):
        messages = make(3)
        for read, data in zip(reader.requests(3), messages, strict=True):
            found = read(data)
            target = found.target if name == "h11" else found[1]
            assert target == data.split()[1]
    for make in (parsers.known_responses, parsers.new_responses):
        for read, data in zip(reader.responses(3), make(3), strict=True):
            assert b"200" in repr(read(data)).encode()


def test_new_messages_are_new_and_of_the_same_length() -> None:
    for make in (parsers.new_fields, parsers.new_responses):
        messages = make(5)
        assert len(set(messages)) == 5
        assert len({len(each) for each in messages}) == 1
    assert len(set(parsers.known_requests(5))) == 1
    assert len(set(parsers.new_targets(5))) == 5


def test_this_projects_reader_reads_what_is_timed_as_whole_heads() -> None:
    (read,) = READERS["wire"].requests(1)
    (data,) = parsers.new_targets(1)
    assert isinstance(read(data), RequestHead)


@pytest.mark.parametrize("name", READERS)
def test_readers_count_good_requests(name: str) -> None:
    good = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert READERS[name].count(good) == 1
    assert READERS[name].count(b"BROKEN\r\n\r\n") is None


def test_this_projects_reader_is_fooled_by_nothing() -> None:
    count = READERS["wire"].count
    assert [bad.what for bad in smuggling.INPUTS if smuggling.is_fooled(count, bad)] == []
    assert smuggling.fooled("wire") == 0
    assert smuggling.fooled("httptools") > 0


def test_bad_inputs_are_on_one_page() -> None:
    whats = [bad.what for bad in smuggling.INPUTS]
    assert len(set(whats)) == len(whats) >= 12
    page = smuggling.page()
    assert page.startswith(f"| {len(whats)} bad inputs | wire | httptools | h11 |")
    assert "| body of an Upgrade that passes for a request | - | taken | - |" in page
