"""A local Lambda with real processes, and real boto3 clients to call it."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.service import LocalLambda, address_of

TINY = (sys.executable, str(Path(__file__).with_name("tiny_runtime.py")))
LIMIT = 20.0  # seconds any one wait may take
_SESSION = boto3.Session(
    aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="secret", region_name="us-east-1"
)


def lambda_client(url: str) -> Any:
    """Return a client that calls once and waits long enough."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=LIMIT, max_pool_connections=10)
    return _SESSION.client("lambda", endpoint_url=url, config=config)


@dataclass
class Called:
    """An Invoke answer with its payload read."""

    answer: dict[str, Any]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def headers(self) -> dict[str, str]:
        found: dict[str, str] = self.answer["ResponseMetadata"]["HTTPHeaders"]
        return found


@dataclass
class Rig:
    """One service, its client and every line its environments wrote."""

    reactor: Any
    service: LocalLambda
    url: str
    client: Any
    lines: list[tuple[str, str]] = field(default_factory=list)

    def invoke(self, event: Any = None, name: str = "tiny", **options: Any) -> Deferred[Called]:
        """Invoke in a thread, as a program with boto3 would; fails as boto3 does."""

        def call() -> Called:
            payload = event if isinstance(event, bytes) else json.dumps(event)
            answer = self.client.invoke(FunctionName=name, Payload=payload, **options)
            return Called(answer, answer["Payload"].read())

        return deferToThread(call).addTimeout(LIMIT, self.reactor)

    async def seen(self, text: str) -> str:
        """Wait for a line that holds ``text`` and return it."""
        await until(self.reactor, lambda: any(text in line for _, line in self.lines), text)
        return next(line for _, line in self.lines if text in line)


async def until(reactor: Any, condition: Callable[[], bool], what: str) -> None:
    """Wait until a fact about another process holds; fails after LIMIT seconds."""
    for _ in range(int(LIMIT / 0.02)):
        if condition():
            return
        await deferLater(reactor, 0.02)
    raise AssertionError(f"did not come about: {what}")


def alive(pid: int) -> bool:
    """Whether a process exists and is more than an unreaped entry."""
    return process_state(pid) not in {"", "Z", "X"}


def process_state(pid: int) -> str:
    """Return the state letter of a process, or nothing when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]


@asynccontextmanager
async def running(
    reactor: Any, function: LocalFunction | None = None, **settings: Any
) -> AsyncIterator[Rig]:
    """Run a local Lambda for the length of a block; stop it and its processes after."""
    lines: list[tuple[str, str]] = []
    service = LocalLambda(
        reactor,
        [function or LocalFunction("tiny", TINY)],
        endpoint=TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"),
        write_log=lambda identity, line: lines.append((identity, line)),
        **settings,
    )
    port = await service.listen()
    url = f"http://{address_of(port)}"
    rig = Rig(reactor, service, url, lambda_client(url), lines)
    try:
        yield rig
    finally:
        rig.client.close()
        await service.stopService().addTimeout(LIMIT, reactor)


def kill_quietly(pid: int, number: int) -> None:
    """Send a signal to a process of the test's own that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
