"""The command line inside the function."""

from __future__ import annotations

import pytest

from lambda_side.options import parse


def test_the_defaults() -> None:
    options = parse([], {})
    assert (options.app, options.app_port, options.health_path) == (None, 3001, "/health")
    assert (options.app_start_timeout, options.threads, options.command) == (30.0, 10, [])


def test_flags() -> None:
    options = parse(
        ["--app-port", "8000", "--health-path", "/up", "--app-start-timeout", "2.5"], {}
    )
    assert (options.app_port, options.health_path, options.app_start_timeout) == (8000, "/up", 2.5)
    assert parse(["--app", "m:a", "--threads", "3"], {}).threads == 3


def test_environment_variables_and_flags_over_them() -> None:
    environ = {"LAMBDA_DISPATCH_APP_PORT": "8000", "LAMBDA_DISPATCH_APP": "m:a"}
    assert parse([], environ).app_port == 8000
    assert parse([], environ).app == "m:a"
    assert parse(["--app-port", "9000"], environ).app_port == 9000


def test_a_command_after_two_dashes() -> None:
    options = parse(["--app-port", "8000", "--", "npm", "start", "--", "-x"], {})
    assert options.command == ["npm", "start", "--", "-x"]


def test_a_command_from_the_environment_is_one_text() -> None:
    environ = {"LAMBDA_DISPATCH_APP_COMMAND": "npm start --port 3001"}
    assert parse([], environ).command == ["npm start --port 3001"]
    assert parse(["--", "other"], environ).command == ["other"]


@pytest.mark.parametrize(
    ("arguments", "environ", "told"),
    [
        (["--app-port", "0"], {}, "'0' is not a port from 1 to 65535"),
        (["--app-port", "70000"], {}, "'70000' is not a port"),
        (["--app-port", "http"], {}, "'http' is not a port"),
        ([], {"LAMBDA_DISPATCH_APP_PORT": "x"}, "'x' is not a port"),
        (["--health-path", "health"], {}, "'health' is not a path that begins with /"),
        (["--app-start-timeout", "0"], {}, "'0' is not a number of seconds up to 900"),
        (["--app-start-timeout", "nan"], {}, "'nan' is not a number of seconds"),
        (["--app-start-timeout", "soon"], {}, "'soon' is not a number of seconds"),
        (["--app-start-timeout", "901"], {}, "'901' is not a number of seconds"),
        (["--threads", "0"], {}, "'0' is not a number of threads from 1 to 1000"),
        (["--transport", "pigeon"], {}, "'pigeon' is not one of"),
        (["--app", "m:a", "--", "npm"], {}, "--app m:a and a command were both given"),
        (["--app", "m:a"], {"LAMBDA_DISPATCH_APP_COMMAND": "npm"}, "were both given"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    arguments: list[str],
    environ: dict[str, str],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments, environ)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err
