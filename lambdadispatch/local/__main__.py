"""Run the local Lambda alone: ``python -m lambdadispatch.local --function-name NAME -- cmd``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorCore
from twisted.internet.task import react
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from lambdadispatch.local.function import LocalFunction, split_command
from lambdadispatch.local.service import LocalLambda, LocalReactor, address_of


class MainReactor(LocalReactor, IReactorCore):
    """What a run of its own needs of a reactor."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with 2 and a usage line when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m lambdadispatch.local",
        description="Offer the AWS Lambda Invoke API and run the function as local processes.",
    )
    parser.add_argument("--function-name", required=True, help="name callers invoke")
    parser.add_argument("--port", type=int, default=9001, help="0 picks a free port (%(default)s)")
    parser.add_argument("--interface", default="127.0.0.1", help="address (%(default)s)")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds (%(default)s)")
    parser.add_argument("--memory", type=int, default=1024, help="MB told to it (%(default)s)")
    parser.add_argument("--concurrency", type=int, default=1000, help="at once (%(default)s)")
    parser.add_argument("--no-freeze", action="store_true", help="let idle environments run")
    parser.add_argument("command", nargs="+", help="after --: the program and its arguments")
    return parser.parse_args(arguments)


def function_of(options: argparse.Namespace) -> LocalFunction:
    """Return the function of a command line. Raises ValueError for a value out of range."""
    command = options.command
    return LocalFunction(
        name=options.function_name,
        # One word may be a whole command in quotes.
        command=split_command(command[0] if len(command) == 1 else command),
        timeout=options.timeout,
        memory_mb=options.memory,
        concurrency=options.concurrency,
    )


def write_line(identity: str, line: str) -> None:
    """Print a line of an environment."""
    print(f"{identity} {line}", flush=True)


def announce(port: IListeningPort, name: str) -> None:
    """Print where the service listens and how to call it."""
    url = f"http://{address_of(port)}"
    print(f"local Lambda: function {name} at {url}")
    print(
        f"try: aws lambda invoke --endpoint-url {url} --function-name {name} "
        "--cli-binary-format raw-in-base64-out --payload '{}' /dev/stdout",
        flush=True,
    )


def run(clock: MainReactor, arguments: Sequence[str]) -> Deferred[None]:
    """Run until stopped; fails with SystemExit when it cannot start."""
    options = parse(arguments)
    try:
        function = function_of(options)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error
    endpoint = TCP4ServerEndpoint(clock, options.port, interface=options.interface)
    service = LocalLambda(
        clock, [function], endpoint=endpoint, freeze=not options.no_freeze, write_log=write_line
    )
    until_stopped: Deferred[None] = Deferred()

    def listening(port: IListeningPort) -> Deferred[None]:
        clock.addSystemEventTrigger("before", "shutdown", service.stopService)
        announce(port, function.name)
        return until_stopped

    def refused(failure: Failure) -> None:
        failure.trap(CannotListenError)
        where = f"{options.interface}:{options.port}"
        reason = getattr(failure.value, "socketError", failure.value)
        print(f"error: cannot listen on {where}: {reason}", file=sys.stderr)
        raise SystemExit(1)

    return service.listen().addCallbacks(listening, refused)


def main() -> None:
    """Run with the process's own arguments."""
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    react(lambda clock: run(cast(MainReactor, clock), sys.argv[1:]))


if __name__ == "__main__":
    main()
