"""Settings of single pools: what they take over, what they replace, what is refused and how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lambdadispatch.settings import (
    SETTINGS,
    PoolSettings,
    Settings,
    SettingsError,
    load,
    pools_of,
    settings_from,
)
from lambdadispatch.settings.page import settings_page
from lambdadispatch.settings.pool_tables import POOLED

TWO = {"routes": "a.org=orders, */static=assets"}


def settle(
    file: Mapping[str, object] | None = None, flags: Mapping[str, str] | None = None
) -> Settings:
    return settings_from(TWO if flags is None else flags, {}, file)[0]


def pools(settings: Settings) -> dict[str, PoolSettings]:
    return {pool.name: pool for pool in pools_of(settings)}


def problems(
    file: Mapping[str, object] | None = None, flags: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        settle(file, flags)
    return caught.value.problems


# -- which pools there are


def test_without_routes_there_is_one_pool_with_the_settings_themselves() -> None:
    settings = settle(flags={"function-name": "web:live"})
    assert settings.pools == ()
    assert pools_of(settings) == (PoolSettings("web:live", "web:live", settings),)


def test_there_is_a_pool_for_each_name_in_the_routes_and_one_for_the_rest() -> None:
    assert list(pools(settle())) == ["orders", "assets"]
    assert settle().function_name is None
    rest = settle(flags=TWO | {"function-name": "web"})
    assert {name: pool.function for name, pool in pools(rest).items()} == {
        "orders": "orders",
        "assets": "assets",
        "web": "web",
    }
    again = settle(flags={"routes": "a=web,b=web,c=x", "function-name": "x"})
    assert list(pools(again)) == ["web", "x"]


def test_local_alone_makes_no_pool_for_the_rest_where_there_are_routes() -> None:
    settings = settle(flags=TWO | {"local": "app"})
    assert list(pools(settings)) == ["orders", "assets"]
    assert settings.function_name is None
    assert {pool.settings.local for pool in settings.pools} == {"app"}
    assert list(pools(settle(flags={"local": "app"}))) == ["local"]


def test_a_pool_may_be_called_otherwise_than_its_function() -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders:live"
    found = pools(settle({"pools": {"orders": {"function-name": arn}}}))
    assert found["orders"].function == found["orders"].settings.function_name == arn


# -- what they have


def test_a_pool_has_what_is_set_for_all_and_its_own_in_place_of_it() -> None:
    file = {"max-instances": 7, "pools": {"orders": {"max_instances": 70, "queue-timeout": "3s"}}}
    for flags in (TWO, TWO | {"max-instances": "7"}):
        found = pools(settle(file, flags))
        assert found["orders"].settings.max_instances == 70
        assert found["orders"].settings.queue_timeout == 3.0
        assert found["assets"].settings.max_instances == 7
        assert found["assets"].settings.queue_timeout is None


def test_defaults_follow_from_what_the_pool_has_itself() -> None:
    file: dict[str, Any] = {"pools": {"orders": {"max-concurrent-count": 3}}}
    found = pools(settle(file))
    assert found["orders"].settings.channel_count == 6
    assert found["assets"].settings.channel_count == 20
    given = pools(settle(file | {"channel-count": 30}))
    assert given["orders"].settings.channel_count == 30


def test_the_control_port_has_room_for_all_pools() -> None:
    file = {"max-instances": 10, "pools": {"orders": {"max-instances": 1, "channel-count": 10}}}
    assert settle(file).control_connection_limit == 2 * 10 * 21 + 2 * 1 * 11
    assert settle(file | {"control-connection-limit": 5}).control_connection_limit == 5


def test_one_function_may_have_a_table_too() -> None:
    [pool] = settle({"pools": {"web": {"max-instances": 3}}}, {"function-name": "web"}).pools
    assert (pool.name, pool.settings.max_instances) == ("web", 3)


@pytest.mark.parametrize("name", POOLED)
def test_what_a_pool_can_have_is_a_setting_and_taken(name: str) -> None:
    good: dict[str, object] = {
        "local": "own",
        "function_name": "own",
        "scaling_algorithm": "ewma",
        "min_instances_schedule": "2 for 1h from 0 8 * * *",
        "time_zone": "Europe/Berlin",
        "function_memory_mb": 256,
        "channel_count": 60,
        "backoff_most": 61,
    }
    value = good.get(name, 20)
    own: dict[str, object] = {"function_memory_mb": 512} if "gb_seconds" in name else {}
    flags = TWO | {"local": "app"}
    found = pools(settle({"pools": {"orders": own | {name: value}}}, flags))
    kind = next(each.kind for each in SETTINGS if each.name == name)
    assert getattr(found["orders"].settings, name) == kind.read(value)
    assert getattr(found["assets"].settings, name) != kind.read(value)


# -- local commands


def test_each_pool_may_have_a_command_of_its_own() -> None:
    tables = {"orders": {"local": "serve orders"}, "assets": {"local": "serve assets"}}
    settings = settle({"pools": tables})
    assert [pool.settings.local for pool in settings.pools] == ["serve orders", "serve assets"]
    # So the router as a whole is local: nothing of it is open to others.
    assert settings.local == "serve orders"
    assert (settings.control_port, settings.control_tls_port) == (5001, None)
    assert settings.interface == "127.0.0.1"


def test_one_command_for_all_and_another_for_one() -> None:
    found = pools(settle({"local": "both", "pools": {"orders": {"local": "own"}}}))
    assert found["orders"].settings.local == "own"
    assert found["assets"].settings.local == "both"


def test_some_pools_at_aws_and_some_here_is_refused() -> None:
    assert problems({"pools": {"orders": {"local": "own"}}}) == (
        "local in [pools.orders] of the file: 'own' needs a command for every pool; "
        "allowed: local for assets too, or for all",
    )


def test_a_command_for_all_that_was_refused_is_not_missed() -> None:
    [found] = problems({"local": "'", "pools": {"orders": {"local": "own"}}})
    assert found.startswith("local in the file: ")


def test_a_local_function_has_a_plain_name() -> None:
    allowed = "allowed with --local: 1 to 64 letters, digits, - and _"
    assert problems(flags={"local": "app", "function-name": "web:7"}) == (
        f"--function-name: 'web:7' is refused; {allowed}",
    )
    assert problems(flags={"local": "app", "routes": "*=web:7"}) == (
        f"pool web:7: 'web:7' is refused; {allowed}",
    )


# -- what is refused


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"orders": {"max-instance": 1}}, "no such setting; nearest: max_instances"),
        ({"orders": {"max-instance": 1}}, "max-instance in [pools.orders] of the file: "),
        ({"orders": {"port": 1}}, "port in [pools.orders] of the file: it is set for all pools; "),
        ({"orders": {"routes": ""}}, "routes in [pools.orders] of the file: it is set for all"),
        ({"orders": {"max-instances": 0}}, "max-instances in [pools.orders] of the file: 0 is "),
        ({"order": {}}, "[pools.order] of the file: no such pool; allowed: orders, assets"),
        ({"orders": 3}, "[pools.orders] of the file: 3 is refused; allowed: a table of settings"),
        (3, "pools in the file: 3 is refused; allowed: [pools.NAME]"),
        ({"orders": {"function-name": "a b"}}, "function-name in [pools.orders] of the file: "),
        (
            {"assets": {"function-name": "orders"}},
            "function-name in [pools.assets] of the file: 'orders' is refused; allowed: a function "
            "that no other pool has (pool orders has it)",
        ),
        (
            {"orders": {"channel-count": 5}},
            "channel-count in [pools.orders] of the file: 5 is refused; allowed: at least that of "
            "max_concurrent_count (default) (10)",
        ),
        (
            {"orders": {"queue-limit": 1, "queue_limit": 2}},
            "queue-limit in [pools.orders] of the file: 1 and queue_limit in [pools.orders]",
        ),
    ],
)
def test_what_is_wrong_in_a_table_is_named(tables: object, problem: str) -> None:
    [found] = problems({"pools": tables})
    assert problem in found


def test_what_is_wrong_for_all_is_told_once_and_all_of_it_together() -> None:
    file = {"backoff-first": 100, "pools": {"orders": {"port": 1}, "assets": {"workers": 2}}}
    found = problems(file, TWO | {"queue-limit": "x"})
    assert [each.split(" is ")[0].split(": ")[0] for each in found] == [
        "--queue-limit",
        "port in [pools.orders] of the file",
        "workers in [pools.assets] of the file",
        "backoff_most (default)",
    ]


def test_a_table_is_not_judged_by_routes_that_were_refused() -> None:
    [found] = problems({"pools": {"orders": {}}}, {"routes": "x y"})
    assert found.startswith("--routes: 'x y' is refused ('x y' has not the form ")


@pytest.mark.parametrize(
    ("routes", "part"),
    [
        ("a.org:80=x", "the host 'a.org:80' of 'a.org:80' is not a name without port, *.name or *"),
        ("*=x,", "'' has not the form HOST/PREFIX=FUNCTION"),
        ("web", "'web' has not the form HOST/PREFIX=FUNCTION"),
        ("*/=a b", "'a b' at '*/' is not the name of an AWS Lambda function, "),
        ("a.org/x=f, A.org./x/=g", "'a.org/x' is there twice"),
        ({"a": {"org": "f"}}, "{'org': 'f'} at 'a' is not the name of an AWS Lambda function, "),
        ({"*/": 3}, "3 at '*/' is not the name of an AWS Lambda function, "),
    ],
)
def test_the_route_that_is_wrong_is_named(routes: object, part: str) -> None:
    [found] = problems({"routes": routes}, {})
    assert found.startswith(f"routes in the file: {routes!r} is refused ({part}")


def test_the_file_of_the_documentation(tmp_path: Path) -> None:
    example = settings_page().rpartition("```toml\n")[2].partition("```")[0]
    assert "[pools.orders]" in example
    file = tmp_path / "routes.toml"
    file.write_text(example)
    settings, warnings = load({"config": str(file)}, {})
    assert warnings == ()
    assert [pool.name for pool in settings.pools] == ["orders", "assets", "web"]
    assert settings.pools[0].settings.max_concurrent_count == 5
    assert settings.pools[0].function.endswith(":function:orders:live")


def test_every_setting_that_a_pool_can_have_is_on_the_page() -> None:
    listed = settings_page().rpartition("can have for itself: ")[2]
    assert all(f"`{name.replace('_', '-')}`" in listed for name in POOLED)
