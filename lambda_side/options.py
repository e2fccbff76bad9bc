"""The command line of ``python -m lambda_side``; every flag has an environment variable too."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lambdadispatch.transports.choose import AUTO, CHOICES

PREFIX = "LAMBDA_DISPATCH_"


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """``app``, or ``app_port`` and perhaps ``command``; ``health_path``, ``app_start_timeout``.

    ``router_ca``, ``client_certificate`` and ``client_key`` are files that can be read.
    """
    flags = parser(environ)
    options = flags.parse_args(arguments)
    if options.command[:1] == ["--"]:
        del options.command[0]
    if not options.command and environ.get(PREFIX + "APP_COMMAND"):
        options.command = [environ[PREFIX + "APP_COMMAND"]]
    if options.client_key and not options.client_certificate:
        flags.error(f"--client-key {options.client_key} needs --client-certificate beside it")
    if options.app and options.command:
        flags.error(f"--app {options.app} and a command were both given: give one of them")
    return options


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """The flags; ``environ`` gives defaults."""
    found = argparse.ArgumentParser(
        prog="python -m lambda_side",
        description="Serve an application to a lambdadispatch router from inside AWS Lambda.",
        epilog="Each flag can be given as an environment variable: --app-port as "
        "LAMBDA_DISPATCH_APP_PORT, and so on.",
    )

    def add(flag: str, default: str | None, text: str, kind: Callable[[str], Any] = str) -> None:
        variable = PREFIX + flag.upper().replace("-", "_")
        default = environ.get(variable, default)
        found.add_argument(f"--{flag}", type=kind, default=default, help=text)

    add("app", None, "twisted.web Resource or WSGI callable in process, as package.module:name")
    add("app-port", "3001", "loopback port the application listens on (without --app)", _port)
    add("health-path", "/health", "path that tells when the application takes requests", _path)
    add("app-start-timeout", "30", "seconds the application may take to start", _seconds)
    add("transport", AUTO, f"what carries connections: {', '.join(CHOICES)}", _transport)
    add("threads", "10", "threads of a WSGI callable: requests it runs at once", _threads)
    add("router-ca", None, "file of the authorities that may vouch for the router's host", _file)
    add("client-certificate", None, "file of a certificate to show to the router", _file)
    add("client-key", None, "file of its key, if that is another one", _file)
    found.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        help="after --: command that starts the application; without it, it is already running",
    )
    return found


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _threads(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads from 1 to 1000")
    return int(text)


def _transport(text: str) -> str:
    if text not in CHOICES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(CHOICES)}")
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a path that begins with /")
    return text


def _file(text: str) -> str:
    try:
        with Path(text).open("rb"):
            return text
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be read: {error.strerror}") from None


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 900:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 900")
    return value
