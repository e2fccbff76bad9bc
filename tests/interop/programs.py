"""Programs that take the steps of a plan (see ``plan.py``): curl, node, Java."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.interop.app import pattern
from tests.interop.python_clients import Order, Result, result

PROGRAMS = Path(__file__).parent / "programs"
LIMIT = 120.0
"""Seconds that a program may take for all its steps."""


def output(*command: str, given: str = "") -> str:
    """What a program prints; fails with what it says on standard error."""
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stderr}"
    return done.stdout


def with_fetch(base: str, orders: list[Order]) -> list[Result]:
    """The fetch of node."""
    printed = output("node", str(PROGRAMS / "fetch.mjs"), base, given=json.dumps(orders))
    return list(json.loads(printed)["results"])


def with_agent(base: str, orders: list[Order]) -> list[Result]:
    """The older http of node, which is to need one connection for all steps."""
    printed = json.loads(
        output("node", str(PROGRAMS / "agent.mjs"), base, given=json.dumps(orders))
    )
    assert printed["connections"] == 1, f"{printed['connections']} connections, not 1"
    return list(printed["results"])


def with_java(base: str, orders: list[Order]) -> list[Result]:
    """Java's HttpClient, which offers an upgrade to HTTP/2 with its requests."""
    plan = "".join("\t".join(_words(order)) + "\n" for order in orders)
    printed = output("java", str(PROGRAMS / "Steps.java"), base, given=plan)
    return [_read(line.split("\t")) for line in printed.splitlines()]


def _words(order: Order) -> list[str]:
    upload = "-" if order["upload"] is None else str(order["upload"])
    flags = [str(int(order[name])) for name in ("chunked", "expect")]
    fields = [word for field in order["fields"].items() for word in field]
    return [
        order["name"],
        order["method"],
        order["path"],
        upload,
        *flags,
        order["release"],
        *fields,
    ]


def _read(words: list[str]) -> Result:
    name, status, length, sha256, *fields = words
    return {
        "name": name,
        "status": int(status),
        "length": int(length),
        "sha256": sha256,
        "fields": dict(zip([each.lower() for each in fields[::2]], fields[1::2], strict=True)),
    }


def with_curl(base: str, orders: list[Order]) -> list[Result]:
    """A curl for each step, with one jar of cookies."""
    with TemporaryDirectory() as scratch:
        return [_curl(base, order, Path(scratch)) for order in orders]


def _curl(base: str, order: Order, scratch: Path) -> Result:
    heads = scratch / "heads"
    command = curl(base + order["path"], "--dump-header", str(heads), *_curl_words(order, scratch))
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    body = b""
    if order["release"]:
        body = process.stdout.readline()
        subprocess.run(curl(base + order["release"], "--data", ""), check=True, capture_output=True)
    body += process.stdout.read()
    assert process.wait(LIMIT) == 0, f"{command}: {process.returncode}"
    first, *_, last = ["", *heads.read_text().strip().split("\n\n")][-2:]
    if order["expect"]:
        assert first.startswith("HTTP/") and first.split()[1] == "100", (
            f"no 100 came, but {first!r}"
        )
    status, *lines = last.splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    return result(order, int(status.split()[1]), fields, body)


def curl(url: str, *options: str) -> list[str]:
    """A command that fails loudly, and shows pieces as they come."""
    return [
        "curl",
        "--disable",
        "--silent",
        "--show-error",
        "--no-buffer",
        "--path-as-is",
        "--noproxy",
        "*",
        "--max-time",
        "60",
        *options,
        url,
    ]


def _curl_words(order: Order, scratch: Path) -> list[str]:
    jar, body = str(scratch / "jar"), scratch / "body"
    words = ["--location", "--compressed", "--cookie", jar, "--cookie-jar", jar]
    fields = {**order["fields"], **({"Expect": "100-continue"} if order["expect"] else {})}
    words += [word for name, value in fields.items() for word in ("--header", f"{name}: {value}")]
    if order["method"] == "HEAD":
        return [*words, "--head", "--output", "/dev/null"]
    if order["method"] not in {"GET", "POST"}:
        words += ["--request", order["method"]]
    if order["upload"] is None:
        return words
    body.write_bytes(pattern(order["upload"]))
    if order["chunked"]:
        return [*words, "--header", "Transfer-Encoding: chunked", "--upload-file", str(body)]
    return [*words, "--data-binary", f"@{body}"]
