"""Which peers are trusted."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.front.networks import Networks, plain_host

SOME = Networks(map(ip_network, ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128"]))


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.0",
        "10.255.255.255",
        "192.0.2.7",
        "fd00::1",
        "fdff::1%eth0",
        "::1",
        "::ffff:10.0.0.1",
    ],
)
def test_within(host: str) -> None:
    assert host in SOME


@pytest.mark.parametrize(
    "host",
    ["11.0.0.0", "192.0.2.8", "fe80::1", "::2", "::ffff:11.0.0.1", "10.1", "unknown", "", None],
)
def test_without(host: str | None) -> None:
    assert host not in SOME


def test_of_no_networks_nobody_is_trusted() -> None:
    nothing = Networks(())
    assert not nothing
    assert SOME
    assert "127.0.0.1" not in nothing


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("/tmp/socket", None),
        ("", None),
        (None, None),
    ],
)
def test_plain_hosts(host: str | None, plain: str | None) -> None:
    assert plain_host(host) == plain


@given(st.ip_addresses(v=4))
def test_everything_is_within_everything(address: object) -> None:
    everything = Networks([ip_network("0.0.0.0/0")])
    assert str(address) in everything
    assert f"::ffff:{address}" in everything
    assert str(address) not in Networks([ip_network("::/0")])
