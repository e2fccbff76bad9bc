"""A Lambda runtime in plain Python: what it does with an event, the event says.

Run as a script under the local Lambda or under AWS's emulator. ``{"do": NAME, ...}`` picks a
behaviour below; TINY_INIT picks one for the start (``error``, ``exit:N``, ``sleep:N``).
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

BASE = "/2018-06-01/runtime"
JSON = {"Content-Type": "application/json"}


class Runtime:
    """One kept connection to the Runtime API, and the event in hand."""

    def __init__(self) -> None:
        self.connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        self.headers: dict[str, str] = {}
        self.event: Any = None
        self.served = 0

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = JSON
    ) -> tuple[int, dict[str, str], bytes]:
        self.connection.request(method, BASE + path, body, dict(headers))
        response = self.connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return response.status, found, response.read()

    def next(self) -> None:
        status, self.headers, body = self.call("GET", "/invocation/next")
        if status != 200:
            sys.exit(f"next: {status} {body!r}")
        self.event = json.loads(body)

    @property
    def request_id(self) -> str:
        return self.headers["lambda-runtime-aws-request-id"]

    def post(self, what: str, value: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.call("POST", f"/invocation/{self.request_id}/{what}", body, JSON | headers)


def echo(runtime: Runtime) -> None:
    answer = {
        "event": runtime.event,
        "headers": runtime.headers,
        "variables": dict(os.environ),
        "pid": os.getpid(),
        "directory": str(Path.cwd()),
        "served": runtime.served,
    }
    runtime.post("response", answer)


def sleep(runtime: Runtime) -> None:
    time.sleep(runtime.event["seconds"])
    echo(runtime)


def leave(runtime: Runtime) -> None:
    os._exit(runtime.event["code"])


def kill(runtime: Runtime) -> None:
    os.kill(os.getpid(), runtime.event["signal"])
    time.sleep(30)


def answer_and_leave(runtime: Runtime) -> None:
    echo(runtime)
    os._exit(4)


def error(runtime: Runtime) -> None:
    body = {"errorMessage": "it went wrong", "errorType": "TinyError", "stackTrace": []}
    headers = {"Lambda-Runtime-Function-Error-Type": "Runtime.TinyError"}
    runtime.call(
        "POST",
        f"/invocation/{runtime.request_id}/error",
        json.dumps(body).encode(),
        JSON | headers,
    )


def big(runtime: Runtime) -> None:
    filler = b"x" * (runtime.event["bytes"] - 2)
    status, _, body = runtime.post("response", b'"' + filler + b'"')
    print(f"big: {status} {body.decode()}", flush=True)


def write(runtime: Runtime) -> None:
    for line in runtime.event["lines"]:
        print(line)
    print("to stderr", file=sys.stderr, flush=True)
    sys.stdout.flush()
    runtime.post("response", len(runtime.event["lines"]))


def spawn(runtime: Runtime) -> None:
    started = subprocess.Popen(["sleep", "60"])
    runtime.post("response", {"pid": os.getpid(), "spawned": started.pid})


def misuse(runtime: Runtime) -> None:
    """Call what is not allowed, step by step; tell what came of it with the next event."""
    found: list[Any] = []

    def note(result: tuple[int, dict[str, str], bytes]) -> None:
        status, headers, body = result
        try:
            value = json.loads(body)
        except ValueError:
            value = body.decode()
        found.append([status, headers.get("content-type"), value])

    note(runtime.call("POST", "/init/error", b"{}"))
    note(runtime.call("POST", "/invocation/not-this-one/response", b"{}"))
    note(runtime.call("POST", "/invocation/not-this-one/error", b"{}"))
    note(runtime.call("GET", "/no-such-thing"))
    again = runtime.call("GET", "/invocation/next")
    found.append([again[0], again[1]["lambda-runtime-aws-request-id"] == runtime.request_id])
    note(runtime.post("response", {}))
    note(runtime.post("response", {}))
    note(runtime.post("error", {}))
    runtime.next()
    runtime.post("response", found)


BEHAVIOURS: dict[str, Callable[[Runtime], None]] = {
    "echo": echo,
    "sleep": sleep,
    "exit": leave,
    "kill": kill,
    "answer_and_exit": answer_and_leave,
    "error": error,
    "big": big,
    "print": write,
    "spawn": spawn,
    "misuse": misuse,
}


def start(runtime: Runtime) -> None:
    """Do what TINY_INIT says."""
    if os.environ.get("TINY_DEAF"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    what, _, number = os.environ.get("TINY_INIT", "").partition(":")
    if what == "sleep":
        time.sleep(float(number))
    elif what == "exit":
        sys.exit(int(number))
    elif what == "error":
        body = json.dumps({"errorMessage": "no start", "errorType": "TinyInitError"}).encode()
        headers = {"Lambda-Runtime-Function-Error-Type": "Runtime.TinyInitError"}
        runtime.call("POST", "/init/error", body, headers)
        sys.exit(1)


def main() -> None:
    runtime = Runtime()
    print(f"tiny runtime {os.getpid()} starts", flush=True)
    start(runtime)
    while True:
        runtime.next()
        runtime.served += 1
        event = runtime.event
        BEHAVIOURS[event.get("do", "echo") if isinstance(event, dict) else "echo"](runtime)


if __name__ == "__main__":
    main()
