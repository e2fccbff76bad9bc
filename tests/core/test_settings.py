"""Settings: what each one takes by each source, precedence, and the words of the errors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from lambdadispatch.core.routes import Route
from lambdadispatch.core.schedule import Window
from lambdadispatch.settings import (
    CONFIG,
    SETTINGS,
    Derived,
    Setting,
    Settings,
    SettingsError,
    settings_from,
)

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:web"
PARTIAL_ARN = "123456789012:function:web"
GOV_ARN = ARN.replace("aws", "aws-us-gov", 1)
BY_NAME = {setting.name: setting for setting in SETTINGS}
NEEDED = {"function_name": "web"}

OFFICE = Window(5, 36_000, "0 8 * * 1-5")
NOON = Window(9, 3600, "0 12 * * *")

WORDS = ["x", "", "1_000", "-1", "+1", " 1", "1 ", "1e3", "0x10", "\u0661", "nan", "inf", "9" * 30]
SECONDS = [*WORDS, "1h", "1 s", "1S", ".5", "5.", "1,5", "s", "ms", "-0.5"]
NOT_TEXT: list[object] = [1, 1.5, True, ["web"], {"a": "b"}]
NOT_WHOLE: list[object] = [10.0, 10.5, True, math.nan, ["10"], {"a": 1}]
NOT_SECONDS: list[object] = [True, math.nan, math.inf, -math.inf, 10**400, ["1"], {"a": 1}]

BAD_URLS = ["http://u:p@x", "http://x?a", "http://x#a", "http://a b", "http://[::1"]
YES = ("true", "True", "yes", "1", 1)

Case = tuple[list[tuple[object, object]], list[object]]


def whole(least: int, most: int, *bad: object) -> Case:
    """Good (given, read) pairs, by text and by TOML value, and bad ones, for an int."""
    good: list[tuple[object, object]] = [(least, least), (most, most), (f"0{most}", most)]
    good += [(str(each), each) for each in (least, most)]
    return good, [*WORDS, str(most + 1), least - 1, most + 1, *NOT_WHOLE, *bad]


def optional(least: int, most: int) -> Case:
    good, bad = whole(least, most, "none", "offf")
    return [*good, ("off", None), ("OFF", None)], bad


def port() -> Case:
    return optional(0, 65535)


def seconds(least: float, most: float) -> Case:
    good: list[tuple[object, object]] = [
        (f"{least:g}", float(least)),
        (f"{least * 1000:g}ms", float(least)),
        (f"{most:g}s", float(most)),
        (f"{most / 60:g}m", float(most)),
        (least, float(least)),
        (most, float(most)),
    ]
    bad: list[object] = [f"{most + 1:g}", f"{most * 1000 + 1:.0f}ms", most + 1, least - 0.001]
    return good, [*SECONDS, *bad, *NOT_SECONDS]


def text(good: list[str], bad: list[str]) -> Case:
    return [(each, each) for each in good], [*bad, "a\nb", "\x00", "\udcff", *NOT_TEXT]


CASES: dict[str, Case] = {
    "local": text(["python -m app", "run 'a b'"], ["", "  ", "run 'a"]),
    "routes": (
        [
            ("*/=web", (Route("*", "", "web"),)),
            ("*=web", (Route("*", "", "web"),)),
            (
                " API.example.com./v1/=orders:live,[0::1]/a=b=web ",
                (Route("api.example.com", "/v1", "orders:live"), Route("[::1]", "/a=b", "web")),
            ),
            ({"*.x.org": ARN}, (Route("*.x.org", "", ARN),)),
            ("", ()),
            ({}, ()),
        ],
        [1, True, [1], [["*"]], 1.5],
    ),
    "function_name": text(
        ["web", "web:7", "web:$LATEST", "w" * 64, ARN, f"{ARN}:live", PARTIAL_ARN, GOV_ARN],
        ["", "we b", "web:", "web/x", "w" * 65, "arn:aws:s3:::x", f"{ARN}:a:b", "12:function:web"],
    ),
    "max_concurrent_count": whole(1, 1000),
    "channel_count": ([("10", 10), ("2000", 2000), (2000, 2000)], whole(1, 2000)[1]),
    "instance_count_multiplier": whole(1, 1000),
    "scaling_algorithm": text(["simple", "windows", "ewma"], ["", "ema", "Simple"]),
    "workers": whole(1, 64),
    "max_instances": whole(1, 100_000),
    "min_instances": ([("0", 0), ("1000", 1000), (7, 7)], whole(0, 100_000)[1]),
    "min_instances_schedule": (
        [
            ("5 for 10h from 0 8 * * 1-5", (OFFICE,)),
            (" 5 for 600m from 0 8 * * 1-5 ;9 for 1h from 0 12 * * *", (OFFICE, NOON)),
            (["5 for 10h from 0 8 * * 1-5", "9 for 1h from 0 12 * * *"], (OFFICE, NOON)),
        ],
        [[], {}, 5, True, [5], [["5 for 1h from * * * * *"]]],
    ),
    "time_zone": text(["UTC", "Europe/Berlin"], ["", "Berlin", "europe/nowhere", "../UTC", "/x"]),
    "scale_in_delay": seconds(0, 3600),
    "start_rate": whole(1, 100_000),
    "start_burst": whole(1, 100_000),
    "budget_invocations_per_minute": whole(1, 10_000_000, "off"),
    "budget_gb_seconds_per_hour": (
        [],
        whole(1, 1_000_000_000)[1],
    ),
    "function_memory_mb": whole(128, 10_240),
    "port": ([*port()[0][:-2]], port()[1]),
    # What needs others beside it has no value that is good by itself.
    "tls_port": ([("off", None)], port()[1]),
    "tls_certificate": ([], text([], [""])[1]),
    "tls_key": ([], text([], [""])[1]),
    "allow_insecure_control_channel": (
        [(each, each in YES) for each in (*YES, True, "false", "NO", "0", 0, False)],
        ["", "on", "off", "2", "y", "tru", 2, 1.0, [True], {}],
    ),
    "control_port": port(),
    "control_tls_port": ([*port()[0][:-2], ("5443", 5443)], port()[1]),
    "control_tls_certificate": ([], text([], [""])[1]),
    "control_tls_key": ([], text([], [""])[1]),
    "control_tls_verify": ([("pin", "pin")], text([], ["", "Chain", "off"])[1]),
    "control_tls_client_ca": text(["ca.pem", "/etc/a b.pem"], [""]),
    "control_connection_limit": whole(1, 10_000_000),
    "admin_port": port(),
    "interface": text(
        ["", "0.0.0.0", "127.0.0.1", "::1"], ["localhost", "1.2.3", "1.2.3.4:80", "[::1]"]
    ),
    "admin_interface": text(["", "127.0.0.1", "::"], ["all", "256.0.0.1"]),
    "callback_host": text(
        ["router", "a.b-c.example", "my_router", "10.0.0.1", "fd00::1"],
        ["", "http://x", "a b", "a:80", "[::1]", "-a", "a/b", "x" * 254],
    ),
    "env_var_for_callback_ip": text(["POD_IP", "_x1"], ["", "1X", "A-B", "A=B"]),
    "callback_port": whole(1, 65535, "off"),
    "lambda_service_url": text(
        ["http://127.0.0.1:3001", "https://lambda.example/", "http://[::1]:8080/x"],
        ["", "127.0.0.1:3001", "ftp://x", "http://", "http://x:99999", "http://x:y", *BAD_URLS],
    ),
    "queue_timeout": seconds(0.1, 900),
    "queue_limit": whole(1, 10_000_000),
    "queue_bytes_limit": whole(0, 1 << 40),
    "priority_header": text(["X-Class", "p"], ["", "X Class", "X:", "x" * 65]),
    "priority_classes": text(["a,b", "high, low, none"], ["", "a", "a,a", "a,,b", "a,b c", ",a"]),
    "first_byte_timeout": seconds(0, 900),
    "idle_timeout": seconds(0, 900),
    "total_timeout": seconds(0, 86400),
    "tunnel_idle_timeout": seconds(0, 86400),
    "retry_limit": whole(0, 100),
    "head_limit": whole(1024, 1_048_576),
    "header_count_limit": whole(1, 10_000),
    "instance_idle": seconds(0.05, 900),
    "deadline_margin": seconds(1, 300),
    "start_timeout": seconds(1, 900),
    "drain_timeout": seconds(0, 900),
    "ping_interval": seconds(0.1, 60),
    "backoff_first": ([("60", 60.0), ("10ms", 0.01)], seconds(0.01, 900)[1]),
    "backoff_most": ([("1", 1.0), ("60m", 3600.0)], seconds(0.01, 3600)[1]),
    "front_health_path": text(
        ["/", "/health", "/a/b~%20"], ["", "health", "/a b", "/a?b", "/a#b", "/\u00e9"]
    ),
    "keep_alive_timeout": seconds(1, 3600),
    "trusted_proxies": (
        [
            ("10.0.0.0/8", (ip_network("10.0.0.0/8"),)),
            ("10.1.2.3,fd00::/8", (ip_network("10.1.2.3/32"), ip_network("fd00::/8"))),
            ("::1, 0.0.0.0/0", (ip_network("::1/128"), ip_network("0.0.0.0/0"))),
            (["10.0.0.0/8"], (ip_network("10.0.0.0/8"),)),
            ("", ()),
            ([], ()),
        ],
        ["10.0.0.1/8", "10.0.0.0/33", "proxy", ",", "10.0.0.1;10.0.0.2", 1, True, [1], [""], {}],
    ),
    "forwarding": text(["x-forwarded", "forwarded", "both", "off"], ["", "on", "X-Forwarded"]),
    "request_id_header": (
        [("x-request-id", "x-request-id"), ("X-Id", "X-Id"), ("off", None), ("OFF", None)],
        ["", "a b", "a:", "a_b", "Host", "x-forwarded-for", "Content-Length", "x" * 65, *NOT_TEXT],
    ),
    "trace": text(["pass", "x-amzn-trace-id", "traceparent", "both"], ["", "on", "off"]),
    "proxy_protocol": text(["off", "on"], ["", "true", "v1", "optional"]),
    "upgrades": (
        [
            ("websocket", ("websocket",)),
            ("websocket, Chat/2", ("websocket", "Chat/2")),
            (["x"], ("x",)),
            ("", ()),
            ([], ()),
        ],
        ["a b", "a/b/c", "a;b", ",", "websocket,", "x" * 65, 1, True, [1], {}],
    ),
    "uri_limit": whole(64, 1_048_576),
    "body_limit": optional(0, 1 << 50),
    "head_timeout": seconds(0, 900),
    "body_rate_minimum": whole(0, 1_000_000_000),
    "client_stall_timeout": seconds(0, 3600),
    "connection_limit": optional(1, 10_000_000),
    "connections_per_address_limit": optional(1, 10_000_000),
    "requests_per_connection_limit": optional(1, 10_000_000),
    "http2": text(["on", "off"], ["", "On", "h2c"]),
    "http2_stream_limit": whole(1, 1000),
    "transport": text(["auto", "uvloop", "twisted"], ["", "libuv", "epoll"]),
    "access_log": (
        [(each, each in YES) for each in (*YES, True, "false", "NO", "0", 0, False)],
        ["", "on", "off", "2"],
    ),
    "local_function_timeout": seconds(0.1, 900),
    "local_concurrency": whole(1, 100_000),
}

HTTPS = {"tls-port": "5443", "tls-certificate": "c.pem", "tls-key": "k.pem"}
CONTROL_FILES = {"control-tls-certificate": "c.pem", "control-tls-key": "k.pem"}

DOTNET = {
    "FunctionName": ("function_name", "web"),
    "ChannelCount": ("channel_count", "20"),
    "MaxConcurrentCount": ("max_concurrent_count", "7"),
    "InstanceCountMultiplier": ("instance_count_multiplier", "3"),
    "ScalingAlgorithm": ("scaling_algorithm", "simple"),
    "EnvVarForCallbackIp": ("env_var_for_callback_ip", "MY_IP"),
    "AllowInsecureControlChannel": ("allow_insecure_control_channel", "true"),
}


def settle(
    flags: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Mapping[str, object] | None = None,
) -> Settings:
    """Give the settings, a function name being given unless one of the arguments has it."""
    settings, warnings = settings_from(flags or {}, environ or {}, NEEDED | dict(file or {}))
    assert warnings == ()
    return settings


def problems(
    flags: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Mapping[str, object] | None = None,
) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        settle(flags, environ, file)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def sources(setting: Setting, value: object) -> list[tuple[str, tuple[Any, Any, Any]]]:
    """Give (name as the user has it, arguments of `settle`) for each way to give ``value``."""
    by_file: list[tuple[str, tuple[Any, Any, Any]]] = [
        (f"{key} in the file", (None, None, {key: value})) for key in (setting.name, setting.flag)
    ]
    if not isinstance(value, str):
        return by_file
    by_variable = [(name, (None, {name: value}, None)) for name in setting.variables]
    return [*by_file, *by_variable, (f"--{setting.flag}", ({setting.flag: value}, None, None))]


def good_values() -> list[Any]:
    return [
        pytest.param(name, raw, read, id=f"{name}-{raw!r}")
        for name, (good, _) in CASES.items()
        for raw, read in good
    ]


def test_every_setting_has_cases() -> None:
    assert list(CASES) == [setting.name for setting in SETTINGS]


@pytest.mark.parametrize(("name", "raw", "read"), good_values())
def test_good_value_by_every_source(name: str, raw: object, read: object) -> None:
    for _, arguments in sources(BY_NAME[name], raw):
        if name == "function_name" and arguments[2]:
            arguments = (None, None, {"function_name": raw})
        found = getattr(settle(*arguments), name)
        assert found == read
        assert type(found) is type(read)


@pytest.mark.parametrize("name", CASES)
def test_bad_value_by_every_source_is_named_with_value_and_allowed(name: str) -> None:
    setting = BY_NAME[name]
    for raw in CASES[name][1]:
        for label, arguments in sources(setting, raw):
            if name == "function_name" and label == "function_name in the file":
                arguments = (None, None, {"function_name": raw})
            elif name == "function_name" and label == "function-name in the file":
                continue  # a second spelling beside the one `settle` gives
            (problem,) = problems(*arguments)
            if len(repr(raw)) <= 200:
                assert problem == f"{label}: {raw!r} is refused; allowed: {setting.kind.allowed}"
            else:
                assert problem.startswith(f"{label}: {repr(raw)[:200]}... is refused; allowed: ")


def test_number_too_long_to_write_is_refused() -> None:
    (problem,) = problems(file={"port": 1 << 20_000})
    assert problem.startswith("port in the file: a very large number is refused; allowed: ")


def test_dataclass_and_table_agree() -> None:
    hints = get_type_hints(Settings)
    assert [field.name for field in dataclasses.fields(Settings)] == [*BY_NAME, "pools"]
    for setting in SETTINGS:
        kind: Any = setting.kind.type
        may_be_left = setting.default is None or setting.name == "function_name"
        assert hints[setting.name] == (kind | None if may_be_left else kind)


def test_default_is_itself_allowed() -> None:
    for setting in SETTINGS:
        if not isinstance(setting.default, Derived) and setting.default is not None:
            assert setting.kind.read(setting.default) == setting.default


def test_derived_default_stands_below_what_it_needs() -> None:
    seen: set[str] = set()
    for setting in SETTINGS:
        if isinstance(setting.default, Derived):
            assert seen >= set(setting.default.needs)
        seen.add(setting.name)


def test_defaults() -> None:
    settings = settle()
    for setting in SETTINGS:
        if not isinstance(setting.default, Derived):
            assert getattr(settings, setting.name) == setting.default
    assert settings.channel_count == 20
    assert (settings.port, settings.admin_port) == (5002, 5000)
    assert (settings.control_port, settings.control_tls_port) == (None, 5003)
    assert (settings.interface, settings.admin_interface) == ("", "127.0.0.1")


def test_defaults_of_local_mode() -> None:
    settings, _ = settings_from({"local": "python -m app"}, {}, None)
    assert settings.function_name == "local"
    assert (settings.control_port, settings.control_tls_port) == (5001, None)
    assert settings.interface == "127.0.0.1"


def test_given_values_outrank_those_of_local_mode() -> None:
    settings, _ = settings_from(
        {"local": "app", "function-name": "web", "interface": "", "control-port": "off"},
        {"LAMBDA_DISPATCH_CONTROL_TLS_PORT": "0"},
        None,
    )
    assert settings.function_name == "web"
    assert settings.interface == ""
    assert (settings.control_port, settings.control_tls_port) == (None, 0)


def test_clear_text_is_opened_only_when_asked_for() -> None:
    allow = {"allow-insecure-control-channel": "true"}
    assert settle(allow).control_port == 5001
    assert settle(allow).control_tls_port == 5003
    assert settle(allow | {"control-port": "off"}).control_port is None
    assert settle(allow | {"control-port": "6001"}).control_port == 6001
    assert settle({"control-port": "6001"}).control_port == 6001


@limits(deadline=None)
@given(st.integers(1, 1000))
def test_channels_default_to_twice_the_requests(count: int) -> None:
    assert settle({"max-concurrent-count": str(count)}).channel_count == 2 * count


def test_settings_are_frozen() -> None:
    settings = settle()
    for field in dataclasses.fields(Settings):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(settings, field.name, None)


COUNT = st.none() | st.integers(1, 1000)


@limits(deadline=None)
@given(COUNT, COUNT, COUNT)
def test_flag_over_environment_over_file_over_default(
    flag: int | None, variable: int | None, key: int | None
) -> None:
    settings = settle(
        {} if flag is None else {"max-instances": str(flag)},
        {} if variable is None else {"LAMBDA_DISPATCH_MAX_INSTANCES": str(variable)},
        {} if key is None else {"max-instances": key},
    )
    ranked = [flag, variable, key, BY_NAME["max_instances"].default]
    assert settings.max_instances == next(each for each in ranked if each is not None)


def test_bad_value_is_refused_even_where_it_is_outranked() -> None:
    found = problems({"port": "1"}, {"LAMBDA_DISPATCH_PORT": "b"}, {"port": "c"})
    assert [line.split(": allowed")[0].split(" is refused")[0] for line in found] == [
        "LAMBDA_DISPATCH_PORT: 'b'",
        "port in the file: 'c'",
    ]


@limits(deadline=None)
@given(st.lists(st.sampled_from(SETTINGS), unique_by=lambda setting: setting.name))
def test_all_problems_are_reported_together(chosen: list[Setting]) -> None:
    bad = {setting.flag: "\x00" for setting in chosen}
    if not chosen:
        assert settle(bad) == settle()
        return
    found = problems(bad)
    assert [line.split(":")[0] for line in found] == [f"--{setting.flag}" for setting in chosen]
    assert not any("\n" in line or "\x00" in line for line in found)


@limits(deadline=None)
@given(st.sampled_from([each for each in SETTINGS if each.kind.type is int]), st.text())
def test_any_text_is_read_as_a_number_or_refused(setting: Setting, value: str) -> None:
    try:
        found = setting.kind.read(value)
    except ValueError:
        return
    assert isinstance(found, int)
    assert value.isascii()
    assert value.lstrip("0") == str(found).lstrip("0")


@limits(deadline=None)
@given(st.integers(1, 900_000))
def test_units_of_time_mean_the_same(milliseconds: int) -> None:
    read = BY_NAME["first_byte_timeout"].kind.read
    assert read(f"{milliseconds}ms") == milliseconds / 1000
    assert read(f"{milliseconds // 1000}s") == read(str(milliseconds // 1000))
    assert read(f"{milliseconds // 60_000}m") == read(f"{milliseconds // 60_000 * 60}s")


@pytest.mark.parametrize("suffix", DOTNET)
def test_variables_of_the_dotnet_router(suffix: str) -> None:
    name, value = DOTNET[suffix]
    expected = BY_NAME[name].kind.read(value)
    assert getattr(settle(environ={f"LAMBDA_DISPATCH_{suffix}": value}), name) == expected


def test_every_setting_has_a_variable_in_capitals_and_one_in_camel_case() -> None:
    for setting in (CONFIG, *SETTINGS):
        capitals, camel = setting.variables[:2]
        assert capitals == f"LAMBDA_DISPATCH_{setting.name.upper()}"
        bare = camel.removeprefix("LAMBDA_DISPATCH_")
        assert bare.isalnum()
        assert bare.lower() == setting.name.replace("_", "")
    every = [variable for setting in (CONFIG, *SETTINGS) for variable in setting.variables]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("schedule", "part"),
    [
        ("5 for 10h from 0 8 * *", "the cron expression '0 8 * *' has 4 fields instead of 5"),
        ("1 for 1h from 0 8 * * *; x", "'x' has not the form 'COUNT for LENGTH from CRON'"),
        ("1 for 1h from 0 8 * * *;", "'' has not the form 'COUNT for LENGTH from CRON'"),
        ("1 for 1h from 0 99 * * *", "the cron expression '0 99 * * *': bad hour"),
        ("1 for 1y from 0 9 * * *", "the length '1y' is not from 1m to 366d, in m, h or d"),
    ],
)
def test_the_part_of_a_schedule_that_is_wrong_is_named(schedule: str, part: str) -> None:
    (problem,) = problems({"min-instances-schedule": schedule})
    allowed = BY_NAME["min_instances_schedule"].kind.allowed
    assert problem == (
        f"--min-instances-schedule: {schedule!r} is refused ({part}); allowed: {allowed}"
    )


def test_a_budget_of_gb_seconds_has_the_memory() -> None:
    settings = settle({"budget-gb-seconds-per-hour": "100000", "function-memory-mb": "1769"})
    assert (settings.budget_gb_seconds_per_hour, settings.function_memory_mb) == (100_000, 1769)


def test_spellings_of_one_variable_may_agree() -> None:
    both = {"LAMBDA_DISPATCH_QUEUE_TIMEOUT": "2s", "LAMBDA_DISPATCH_QueueTimeout": "2000ms"}
    assert settle(environ=both).queue_timeout == 2.0


@pytest.mark.parametrize(
    ("one", "other", "values"),
    [
        ("LAMBDA_DISPATCH_PORT", "LAMBDA_DISPATCH_Port", ("1", "2")),
        ("LAMBDA_DISPATCH_LAMBDA_SERVICE_URL", "AWS_LAMBDA_SERVICE_URL", ("http://a", "http://b")),
    ],
)
def test_spellings_of_one_variable_that_disagree(
    one: str, other: str, values: tuple[str, str]
) -> None:
    (problem,) = problems(environ=dict(zip((one, other), values, strict=True)))
    assert problem.startswith(f"{one}: {values[0]!r} and {other}: {values[1]!r} disagree; allowed:")


def test_keys_of_the_file_that_disagree() -> None:
    (problem,) = problems(file={"queue-limit": 1, "queue_limit": 2})
    assert problem.startswith("queue-limit in the file: 1 and queue_limit in the file: 2 disagree")


def test_unknown_key_and_unknown_flag_are_errors() -> None:
    assert problems({"prot": "1"}, None, {"max-instance": 1, "config": "x", "a\nb": 1}) == (
        "--prot: no such flag; nearest: --port",
        "max-instance in the file: no such setting; nearest: max_instances",
        "config in the file: no such setting",
        "'a\\nb' in the file: no such setting",
    )


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (
            {"channel-count": "5"},
            "--channel-count: '5' is refused; allowed: "
            "at least that of max_concurrent_count (default) (10)",
        ),
        (
            {"backoff-first": "2m"},
            "backoff_most (default): 60.0 is refused; allowed: "
            "at least that of --backoff-first ('2m')",
        ),
        (
            {"min-instances": "5", "max-instances": "4"},
            "--max-instances: '4' is refused; allowed: at least that of --min-instances ('5')",
        ),
        (
            {"min-instances-schedule": "2000 for 1h from 0 8 * * *"},
            "--min-instances-schedule: '2000 for 1h from 0 8 * * *' is refused "
            "(2000 for '0 8 * * *'); allowed: counts up to that of max_instances (default) (1000)",
        ),
        (
            {"budget-gb-seconds-per-hour": "100"},
            "--budget-gb-seconds-per-hour: '100' needs function_memory_mb, which is not given; "
            "allowed: both, or neither",
        ),
        (
            {"control-tls-port": "off"},
            "control_port (default) and --control-tls-port: both are off; allowed: "
            "at least one of them with a port, or no function can call back",
        ),
        (
            {"port": "off"},
            "--port and tls_port (default): both are off; allowed: at least one of them with a "
            "port, or no client can connect",
        ),
        (
            {"tls-port": "5443", "tls-key": "key.pem"},
            "--tls-port: '5443' needs tls_certificate beside it; allowed: all of them, or none",
        ),
        (
            {"tls-certificate": "c.pem"},
            "--tls-certificate: 'c.pem' needs tls_port and tls_key beside it; allowed: all of "
            "them, or none",
        ),
        (
            HTTPS | {"proxy-protocol": "on"},
            "--proxy-protocol: 'on' is refused with --tls-port open; allowed: off, for a PROXY "
            "header before the TLS handshake is not read",
        ),
        (
            HTTPS | {"tls-port": "5002"},
            "--tls-port: '5002' is refused; allowed: a port other than that of port (default)",
        ),
        (
            {"control-tls-key": "k.pem"},
            "--control-tls-key: 'k.pem' needs control_tls_certificate beside it; allowed: all of "
            "them, or none",
        ),
        (
            CONTROL_FILES | {"control-tls-port": "off", "control-port": "5001"},
            "--control-tls-certificate: 'c.pem' needs --control-tls-port, which is off; allowed: "
            "both, or neither",
        ),
        (
            {"control-tls-verify": "chain", "callback-host": "router.example"},
            "--control-tls-verify: 'chain' needs control_tls_certificate, which is not given; "
            "allowed: pin, for a certificate that the router makes has no chain",
        ),
        (
            CONTROL_FILES | {"control-tls-verify": "chain"},
            "--control-tls-verify: 'chain' needs a host name that the certificate is for, and "
            "callback_host is None; allowed: a callback_host that is a name, or pin",
        ),
        (
            CONTROL_FILES | {"control-tls-verify": "chain", "callback-host": "10.0.0.1"},
            "--control-tls-verify: 'chain' needs a host name that the certificate is for, and "
            "--callback-host is '10.0.0.1'; allowed: a callback_host that is a name, or pin",
        ),
        (
            {"control-tls-client-ca": "ca.pem", "control-port": "5001"},
            "--control-tls-client-ca: 'ca.pem' is refused with --control-port open, where no "
            "certificate is asked for; allowed: control_port off",
        ),
        (
            {"control-port": "5002"},
            "--control-port: '5002' is refused; allowed: a port other than that of port (default)",
        ),
        (
            {"admin-port": "5003", "admin-interface": ""},
            "--admin-port: '5003' is refused; allowed: "
            "a port other than that of control_tls_port (default)",
        ),
        (
            {"workers": "3", "max-instances": "2"},
            "--max-instances: '2' is refused; allowed: at least that of --workers ('3')",
        ),
        (
            {"workers": "3", "queue-limit": "2"},
            "--queue-limit: '2' is refused; allowed: at least that of --workers ('3')",
        ),
        (
            {"workers": "2", "control-port": "5001"},
            "--control-port: '5001' (5001 to 5002 for 2 workers) is refused; allowed: "
            "a port other than that of port (default)",
        ),
        (
            {"workers": "4", "control-port": "5006", "admin-port": "off"},
            "control_tls_port (default): 5003 (5003 to 5006 for 4 workers) is refused; allowed: "
            "a port other than those of --control-port (5006 to 5009)",
        ),
        (
            {"workers": "2", "admin-port": "5004"},
            "--admin-port: '5004' is refused; allowed: "
            "a port other than those of control_tls_port (default) (5003 to 5004)",
        ),
        (
            {"workers": "64", "control-tls-port": "65473"},
            "--control-tls-port: '65473' is refused; allowed: at most 65472, "
            "since 64 workers take a port each from there on",
        ),
        (
            {"workers": "2", "callback-port": "65535"},
            "--callback-port: '65535' is refused; allowed: at most 65534, "
            "since 2 workers take a port each from there on",
        ),
    ],
)
def test_settings_that_do_not_go_together(flags: dict[str, str], problem: str) -> None:
    assert problems(flags) == (problem,)


def test_settings_of_certificates_that_go_together() -> None:
    settings = settle(HTTPS | {"port": "off"})
    assert (settings.port, settings.tls_port) == (None, 5443)
    assert (settings.tls_certificate, settings.tls_key) == ("c.pem", "k.pem")
    chain = {"control-tls-verify": "chain", "callback-host": "router.example"}
    assert settle(CONTROL_FILES | chain).control_tls_verify == "chain"
    assert settle(CONTROL_FILES).control_tls_verify == "pin"
    assert settle({"control-tls-client-ca": "ca.pem"}).control_port is None


def test_ports_may_be_the_same_where_they_do_not_meet() -> None:
    free = {"port": "0", "control-port": "0", "control-tls-port": "0", "admin-port": "0"}
    assert settle(free).admin_port == 0
    apart = settle({"interface": "10.0.0.1", "admin-port": "5002"})
    assert apart.port == apart.admin_port == 5002


def test_by_default_the_ports_of_workers_do_not_meet() -> None:
    local = settings_from({"local": "app", "workers": "64"}, {}, None)[0]
    assert (local.port, local.control_port) == (5002, 5101)
    assert settings_from({"local": "app"}, {}, None)[0].control_port == 5001
    both = settle({"workers": "64", "allow-insecure-control-channel": "true"})
    assert (both.control_port, both.control_tls_port) == (5101, 5003)
    last = settle({"workers": "64", "control-tls-port": "65472", "callback-port": "65472"})
    assert last.control_tls_port == last.callback_port == 65472
    free = {"port": "0", "control-port": "0", "control-tls-port": "0", "admin-port": "0"}
    assert settle(free | {"workers": "64"}).workers == 64


def test_function_name_is_required_unless_local_is_given() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from({}, {}, None)
    (problem,) = caught.value.problems
    assert problem.startswith("--function-name or LAMBDA_DISPATCH_FUNCTION_NAME: nothing given; ")


def test_rules_are_not_judged_on_refused_values() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from({"local": "'", "channel-count": "x", "backoff-most": "x"}, {}, None)
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "--local",
        "--channel-count",
        "--backoff-most",
    ]
