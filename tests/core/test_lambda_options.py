"""The command line inside the function."""

from __future__ import annotations

from pathlib import Path

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


def test_files_for_tls(tmp_path: Path) -> None:
    for name in ("ca", "own", "key"):
        (tmp_path / name).write_text("PEM")
    ca, own, key = (str(tmp_path / name) for name in ("ca", "own", "key"))
    assert parse([], {}).router_ca is None
    options = parse(
        ["--router-ca", ca, "--client-key", key], {"LAMBDA_DISPATCH_CLIENT_CERTIFICATE": own}
    )
    assert (options.router_ca, options.client_certificate, options.client_key) == (ca, own, key)


def test_files_that_cannot_be_read_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "missing")
    for flag in ("--router-ca", "--client-certificate", "--client-key"):
        with pytest.raises(SystemExit):
            parse([flag, missing], {})
        assert f"argument {flag}: {missing!r} cannot be read: No such" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse(["--client-key", __file__], {})
    assert "needs --client-certificate beside it" in capsys.readouterr().err
