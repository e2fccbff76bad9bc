"""The command line of ``twistd lambdadispatch``, the file it names, and the page on both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from twisted.python import usage

from lambdadispatch.options import Options
from lambdadispatch.settings import CONFIG, SETTINGS, Setting, SettingsError, load, settings_from
from lambdadispatch.settings.page import settings_page

VALUED = [setting for setting in (CONFIG, *SETTINGS) if not setting.kind.flag]
UNKNOWN = "option --prot not recognized; perhaps --port; --help shows all"
FLAGS = [setting for setting in SETTINGS if setting.kind.flag]


def parsed(*arguments: str, environ: dict[str, str] | None = None) -> Options:
    options = Options(environ=environ or {})
    options.parseOptions(arguments)
    return options


def refused(*arguments: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(usage.UsageError) as caught:
        parsed(*arguments, environ=environ)
    return str(caught.value).splitlines()


def test_flags_become_settings() -> None:
    settings = parsed(
        "--function-name", "web:live", "--max-concurrent-count=20", "--admin-port", "off"
    ).settings
    assert settings.function_name == "web:live"
    assert (settings.max_concurrent_count, settings.channel_count) == (20, 40)
    assert settings.admin_port is None


def test_no_flags_give_the_defaults() -> None:
    environ = {"LAMBDA_DISPATCH_FUNCTION_NAME": "web"}
    options = parsed(environ=environ)
    assert (options.settings, options.warnings) == settings_from({}, environ, None)


@pytest.mark.parametrize("setting", FLAGS, ids=lambda setting: str(setting.name))
def test_a_bool_is_a_flag_without_a_value(setting: Setting) -> None:
    function = ("--function-name", "web")
    assert getattr(parsed(*function, f"--{setting.flag}").settings, setting.name) is True
    assert getattr(parsed(*function).settings, setting.name) is False
    by_environ = parsed(*function, environ={setting.variables[0]: "yes"})
    assert getattr(by_environ.settings, setting.name) is True
    assert refused(*function, f"--{setting.flag}=false") == [
        f"option --{setting.flag} must not have an argument"
    ]


@pytest.mark.parametrize("setting", VALUED, ids=lambda setting: setting.name)
def test_every_other_setting_takes_a_value(setting: Setting) -> None:
    (told, *_) = refused("--local", "app", f"--{setting.flag}=\x00")
    assert told.startswith(f"--{setting.flag}: '\\x00' is refused")
    assert told.endswith(f"; allowed: {setting.kind.allowed}")
    assert refused(f"--{setting.flag}") == [f"option --{setting.flag} requires argument"]


def test_an_empty_value_is_a_value() -> None:
    assert parsed("--local", "app", "--interface", "").settings.interface == ""
    assert refused("--local", "app", "--port", "") == [
        "--port: '' is refused; allowed: a whole number from 0 to 65535, or off"
    ]


@limits(deadline=None)
@given(st.integers(0, 65535), st.integers(0, 65535))
def test_flag_outranks_environment(flag: int, variable: int) -> None:
    environ = {"LAMBDA_DISPATCH_CALLBACK_PORT": str(variable or 1)}
    settings = parsed(
        "--function-name", "web", "--callback-port", str(flag or 1), environ=environ
    ).settings
    assert settings.callback_port == (flag or 1)


def test_flag_and_environment_outrank_the_file(tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_text('function-name = "file"\nqueue-limit = 1\nmax-instances = 1\nport = 1\n')
    settings = parsed(
        "--config",
        str(file),
        "--queue-limit",
        "3",
        environ={"LAMBDA_DISPATCH_QUEUE_LIMIT": "2", "LAMBDA_DISPATCH_MAX_INSTANCES": "2"},
    ).settings
    assert settings.function_name == "file"
    assert (settings.queue_limit, settings.max_instances, settings.port) == (3, 2, 1)


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "router.toml"
    file.write_text('local = "python -m app"\n')
    settings = parsed(environ={"LAMBDA_DISPATCH_CONFIG": str(file)}).settings
    assert settings.local == "python -m app"


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.startswith(("LAMBDA_DISPATCH_", "AWS_LAMBDA_SERVICE_URL")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("LAMBDA_DISPATCH_FunctionName", "from-the-process")
    monkeypatch.setenv("LAMBDA_DISPATCH_PROT", "1")
    options = Options()
    options.parseOptions([])
    assert options.settings.function_name == "from-the-process"
    assert options.warnings == (
        "LAMBDA_DISPATCH_PROT: no such setting: ignored; nearest: LAMBDA_DISPATCH_PORT",
    )


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("LAMBDA_DISPATCH_PROT", "; nearest: LAMBDA_DISPATCH_PORT"),
        ("LAMBDA_DISPATCH_ChanelCount", "; nearest: LAMBDA_DISPATCH_CHANNEL_COUNT"),
        ("LAMBDA_DISPATCH_port", "; nearest: LAMBDA_DISPATCH_PORT"),
        ("LAMBDA_DISPATCH_ZZZ", ""),
    ],
)
def test_unknown_variable_is_a_warning(variable: str, near: str) -> None:
    options = parsed("--function-name", "web", environ={variable: "1", "PATH": "/bin"})
    assert options.settings == parsed("--function-name", "web").settings
    assert options.warnings == (f"{variable}: no such setting: ignored{near}",)


def test_variables_kubernetes_puts_in_for_a_service_of_our_name() -> None:
    environ = {
        "LAMBDA_DISPATCH_SERVICE_HOST": "10.0.0.1",
        "LAMBDA_DISPATCH_PORT": "tcp://10.0.0.1:80",
        "LAMBDA_DISPATCH_PORT_80_TCP": "tcp://10.0.0.1:80",
    }
    options = parsed("--function-name", "web", environ=environ)
    assert options.settings.port == 5002
    assert [warning.split(":")[0] for warning in options.warnings] == list(environ)
    (problem,) = refused("--local", "app", environ={"LAMBDA_DISPATCH_Port": "tcp://10.0.0.1:80"})
    assert problem.startswith("LAMBDA_DISPATCH_Port: 'tcp://10.0.0.1:80' is refused")


def test_all_problems_come_in_one_error() -> None:
    assert refused(
        "--port",
        "x",
        "--queue-timeout",
        "1h",
        "more",
        environ={"LAMBDA_DISPATCH_FunctionName": "we b"},
    ) == [
        "'more' is refused; allowed: flags only",
        "--port: 'x' is refused; allowed: a whole number from 0 to 65535, or off",
        "--queue-timeout: '1h' is refused; allowed: "
        "0.1 to 900 seconds; a suffix ms, s or m may name the unit",
        "LAMBDA_DISPATCH_FunctionName: 'we b' is refused; allowed: "
        "the name of an AWS Lambda function, name:qualifier, or an ARN",
    ]


def test_unknown_flag() -> None:
    assert refused("--prot", "1") == [UNKNOWN]
    assert refused("--zzz", "1") == ["option --zzz not recognized; --help shows all"]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["--local", "app", "--port", "x", "--head-limit", "1"],
            [
                "--port: 'x' is refused; allowed: a whole number from 0 to 65535, or off",
                "--head-limit: '1' is refused; allowed: a whole number from 1024 to 1048576",
            ],
        ),
        (["--prot", "1"], [UNKNOWN]),
    ],
)
def test_under_twistd_problems_go_to_standard_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], lines: list[str]
) -> None:
    options = Options(environ={})
    options.parent = usage.Options()  # type: ignore[no-untyped-call]
    with pytest.raises(SystemExit) as caught:
        options.parseOptions(arguments)
    assert caught.value.code == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == lines


@pytest.mark.parametrize("setting", [CONFIG, *SETTINGS], ids=lambda setting: str(setting.name))
def test_help_shows_every_setting(setting: Setting) -> None:
    shown = Options(environ={}).getUsage(width=120)
    ending = " " if setting.kind.flag else "= "
    assert f"  --{setting.flag}{ending}" in shown
    assert " ".join(setting.help.split()) in " ".join(shown.split())


def test_help_tells_defaults() -> None:
    shown = " ".join(Options(environ={}).getUsage(width=120).split())
    for default in ("5002", "60 s", "2 x max_concurrent_count", "false", "none"):
        assert f"[default: {default}]" in shown


def test_load_reads_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('function-name = "web"\nqueue_timeout = 5\nport = 1\nadmin_port = "off"\n')
    other = tmp_path / "b.toml"
    other.write_text('function-name = "other"')
    for name in ("LAMBDA_DISPATCH_CONFIG", "LAMBDA_DISPATCH_Config"):
        settings, warnings = load({"port": "2"}, {name: str(file)})
        assert (settings.function_name, settings.queue_timeout, settings.port) == ("web", 5.0, 2)
        assert settings.admin_port is None
        assert warnings == ()
    settings, _ = load({"config": str(other)}, {"LAMBDA_DISPATCH_CONFIG": str(file)})
    assert settings.function_name == "other"


def test_load_names_the_file_in_its_errors(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('function-name = "web"\nprot = 1\nport = "x"\n')
    with pytest.raises(SettingsError) as caught:
        load({"config": str(file)}, {})
    assert caught.value.problems == (
        f"prot in {file}: no such setting; nearest: port",
        f"port in {file}: 'x' is refused; allowed: a whole number from 0 to 65535, or off",
    )


@pytest.mark.parametrize("content", [None, b"port = ", b"port = 1\nport = 2", b"\xff"])
def test_file_that_cannot_be_read_is_reported_with_the_rest(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "a.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load({"port": "x"}, {"LAMBDA_DISPATCH_CONFIG": str(file)})
    first, second = caught.value.problems
    assert first.startswith("--port: 'x' is refused")
    assert second.startswith(f"LAMBDA_DISPATCH_CONFIG: {str(file)!r} cannot be read: ")
    assert second.endswith("; allowed: a TOML file")
    assert "\n" not in second


def test_name_of_the_file_is_checked() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"config": ""}, {})
    assert caught.value.problems == ("--config: '' is refused; allowed: the name of a TOML file",)


def test_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page(), (
        "write it anew: python -m lambdadispatch.settings.page > docs/settings.md"
    )


def test_page_has_a_row_for_every_setting() -> None:
    rows = [line for line in settings_page().splitlines() if line.startswith("| `--")]
    for setting, row in zip((CONFIG, *SETTINGS), rows, strict=True):
        assert row.startswith(f"| `--{setting.flag}` | `{setting.variables[0]}`")
        assert row.endswith(f"| {setting.kind.allowed} | {setting.help} |")
