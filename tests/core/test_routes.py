"""Routes: what is taken, which of several wins, what cannot be read; and against a naive model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from lambdadispatch.core.routes import Route, RouteError, RouteTable, parse_route, plain_host


def table(**patterns: str) -> RouteTable:
    """A table from NAME=PATTERN."""
    return RouteTable([parse_route(pattern, name) for name, pattern in patterns.items()])


# -- prefixes


@pytest.mark.parametrize("prefix", ["/api", "/api/"])
@pytest.mark.parametrize(
    ("target", "taken"),
    [
        (b"/api", True),
        (b"/api/", True),
        (b"/api/x", True),
        (b"/api?x", True),
        (b"/api/?x=/other", True),
        (b"/api//x", True),
        (b"/api/../x", True),
        (b"/apix", False),
        (b"/ap", False),
        (b"/", False),
        (b"/?/api", False),
        (b"/API", False),
        (b"//api", False),
        (b"/./api", False),
        (b"/x/../api", False),
        (b"/%61pi", False),
        (b"/api%2Fx", False),
        (b"/api;v=1", False),
        (b"*", False),
    ],
)
def test_a_prefix_is_compared_as_it_stands_at_the_borders_of_segments(
    prefix: str, target: bytes, taken: bool
) -> None:
    found = table(api=f"*{prefix}").find(b"any", target)
    assert found == ("api" if taken else None)


@pytest.mark.parametrize("target", [b"/", b"/a", b"//", b"/?x", b"*", b"/%2F", b"/" * 9000])
@pytest.mark.parametrize("pattern", ["*", "*/"])
def test_a_slash_alone_takes_every_path(pattern: str, target: bytes) -> None:
    assert table(web=pattern).find(b"", target) == "web"


def test_a_prefix_may_have_what_a_path_may_have() -> None:
    routes = table(a="*/a%2Fb", b="*/a=b,c;d", c="*/@")
    assert routes.find(b"", b"/a%2Fb/x") == "a"
    assert routes.find(b"", b"/a%2fb/x") is None
    assert routes.find(b"", b"/a=b,c;d") == "b"
    assert routes.find(b"", b"/@") == "c"


def test_the_longer_prefix_wins_in_any_order() -> None:
    for routes in (table(a="*/", b="*/x", c="*/x/y"), table(c="*/x/y", b="*/x", a="*/")):
        found = [routes.find(b"h", path) for path in (b"/x/y/z", b"/x/yz", b"/x", b"/z")]
        assert found == ["c", "b", "b", "a"]


# -- hosts


@pytest.mark.parametrize(
    "host", [b"api.example.com", b"API.Example.COM", b"api.example.com:8080", b"api.example.com."]
)
def test_case_port_and_last_dot_of_a_host_mean_nothing(host: bytes) -> None:
    assert table(api="Api.example.com./x").find(host, b"/x") == "api"
    assert table(api="Api.example.com./x").find(host, b"/y") is None


@pytest.mark.parametrize("host", [b"[::1]", b"[::1]:80", b"[0:0::1]", b"[::0001]:"])
def test_an_ipv6_address_is_a_number(host: bytes) -> None:
    assert table(one="[0:0:0:0:0:0:0:1]", rest="*").find(host, b"/") == "one"


@pytest.mark.parametrize("host", [b"[::2]", b"[:::]", b"[1.2.3.4]", b"[::1", b"::1", b"1"])
def test_what_only_looks_like_it_is_another_host(host: bytes) -> None:
    assert table(one="[::1]", rest="*").find(host, b"/") == "rest"


def test_a_wildcard_takes_what_is_below_and_not_the_name_itself() -> None:
    routes = table(below="*.example.com")
    assert routes.find(b"a.example.com", b"/") == "below"
    assert routes.find(b"a.b.Example.com.:1", b"/") == "below"
    for host in (b"example.com", b".example.com", b"aexample.com", b"example.com.org", b""):
        assert routes.find(host, b"/") is None


def test_hosts_win_before_prefixes_and_the_longer_wildcard_first() -> None:
    routes = table(
        any="*/deep/path",
        wild="*.example.com/deep",
        longer="*.b.example.com",
        exact="b.example.com",
    )
    assert routes.find(b"b.example.com", b"/deep/path") == "exact"
    assert routes.find(b"a.b.example.com", b"/deep/path") == "longer"
    assert routes.find(b"c.example.com", b"/deep/path") == "wild"
    assert routes.find(b"c.example.com", b"/other") is None
    assert routes.find(b"example.org", b"/deep/path") == "any"


def test_a_host_whose_prefixes_do_not_take_a_path_leaves_it_to_the_others() -> None:
    routes = table(v1="api.example.com/v1", wild="*.example.com/v2", rest="*/")
    assert routes.find(b"api.example.com", b"/v1/x") == "v1"
    assert routes.find(b"api.example.com", b"/v2/x") == "wild"
    assert routes.find(b"api.example.com", b"/v3/x") == "rest"


def test_without_a_host_only_any_host_is_left() -> None:
    assert table(named="example.com", wild="*.com").find(b"", b"/") is None
    assert table(named="example.com", rest="*").find(b"", b"/") == "rest"


def test_an_empty_table_takes_nothing() -> None:
    assert RouteTable([]).find(b"example.com", b"/") is None


class Counted(bytes):
    """A path that counts how often it is cut."""

    cuts = 0

    def __getitem__(self, index: object) -> bytes:  # type: ignore[override]
        Counted.cuts += 1
        return super().__getitem__(index)  # type: ignore[index]

    def partition(self, sep: object) -> tuple[bytes, bytes, bytes]:  # type: ignore[override]
        return self, b"", b""


def test_what_a_look_up_costs_is_bounded_by_the_table() -> None:
    routes = table(a="*/a/b/c/d", b="*.example.com/a")
    Counted.cuts = 0
    assert routes.find(b"x." * 4000 + b"org", Counted(b"/a" * 4000)) is None
    assert Counted.cuts <= 8


# -- what cannot be read


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("", "the host ''"),
        ("/x", "the host ''"),
        ("example.com:80/x", "the host 'example.com:80'"),
        ("http://example.com", "the host 'http:'"),
        ("*example.com", "the host '*example.com'"),
        ("a.*.com", "the host 'a.*.com'"),
        ("**", "the host '**'"),
        ("*.", "the host '*.'"),
        ("a..b", "the host 'a..b'"),
        ("m\u00fcnchen.de", "the host 'm\u00fcnchen.de'"),
        ("[::1", "the host '[::1'"),
        ("[1.2.3.4]", "the host '[1.2.3.4]'"),
        ("*//", "the prefix '//'"),
        ("*/a//b", "the prefix '/a//b'"),
        ("*/a/../b", "the prefix '/a/../b'"),
        ("*/.", "the prefix '/.'"),
        ("*/a?b", "the prefix '/a?b'"),
        ("*/a#b", "the prefix '/a#b'"),
        ("*/a b", "the prefix '/a b'"),
        ("*/\u00e9", "the prefix '/\u00e9'"),
    ],
)
def test_the_part_that_is_wrong_is_named(pattern: str, part: str) -> None:
    with pytest.raises(RouteError) as caught:
        parse_route(pattern, "web")
    assert str(caught.value).startswith(f"{part} of {pattern!r} ")


# -- a naive model

LABELS = st.sampled_from(["a", "b", "com", "A"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
SEGMENTS = st.sampled_from(["x", "y", "xy", "%2F", ".."])
PATHS = st.lists(st.one_of(SEGMENTS, st.just("")), max_size=4).map("/".join)
HOST_PATTERNS = st.one_of(st.just("*"), NAMES, NAMES.map(lambda name: f"*.{name}"))
PREFIXES = st.lists(st.sampled_from(["x", "y", "xy", "%2F"]), max_size=3).map(
    lambda found: "".join(f"/{each}" for each in found)
)
PATTERNS = st.tuples(HOST_PATTERNS, PREFIXES)


def naive(routes: list[Route], host: str, path: str) -> str | None:
    """Every route is asked; the most specific of those that take it wins."""
    name = host.lower()

    def takes(route: Route) -> bool:
        named = route.host in {"*", name}
        below = route.host.startswith("*.") and name.endswith(route.host[1:])
        return (named or below) and f"{path}/".startswith(f"{route.prefix}/")

    def rank(route: Route) -> tuple[int, int, int]:
        kind = 0 if route.host == "*" else 1 if route.host.startswith("*.") else 2
        return kind, len(route.host), len(route.prefix)

    found = max(filter(takes, routes), key=rank, default=None)
    return None if found is None else found.pool


@limits(deadline=None, max_examples=500)
@given(st.lists(PATTERNS, max_size=8), NAMES, PATHS, st.randoms())
def test_the_table_finds_what_asking_each_route_finds(
    patterns: list[tuple[str, str]], host: str, path: str, chance: object
) -> None:
    parsed = {}
    for number, (name, prefix) in enumerate(patterns):
        route = parse_route(name + prefix, f"p{number}")
        parsed[route.host, route.prefix] = route
    routes = list(parsed.values())
    wanted = naive(routes, host, f"/{path}")
    chance.shuffle(routes)  # type: ignore[attr-defined]
    assert RouteTable(routes).find(host.encode(), f"/{path}?/x".encode()) == wanted


@given(st.binary())
def test_any_octets_have_a_plain_host(host: bytes) -> None:
    try:
        plain = plain_host(host)
    except UnicodeDecodeError:
        assert not host.isascii()  # no request with such a Host gets here
        return
    assert plain == plain.lower() or plain == host
