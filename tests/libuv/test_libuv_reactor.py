"""The reactor that was chosen: child processes, names, threads and what it says of itself."""

from __future__ import annotations

import sys

from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from lambdadispatch.transports.choose import AUTO, TWISTED, UVLOOP, install, loop_of
from tests.libuv.case import own_loop


class Watching(ProcessProtocol):
    """Fires ``ended`` with the reason."""

    def __init__(self) -> None:
        self.ended: Deferred[BaseException] = Deferred()
        self.output = b""

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(reason.value)


def spawned(code: str) -> Watching:
    watching = Watching()
    reactor.spawnProcess(watching, sys.executable, [sys.executable, "-c", code], {})
    return watching


class ReactorTests(TestCase):
    timeout = 20

    async def test_end_of_a_child_is_noticed(self) -> None:
        # trial runs the reactor anew for each test: it has to hold for more than the first run.
        watching = spawned("print('hello')")
        reason = await watching.ended
        self.assertIsInstance(reason, ProcessDone)
        self.assertEqual(watching.output, b"hello\n")

    async def test_end_of_a_second_child_is_noticed(self) -> None:
        reason = await spawned("raise SystemExit(3)").ended
        assert isinstance(reason, ProcessTerminated)
        self.assertEqual(reason.exitCode, 3)

    async def test_children_that_end_together(self) -> None:
        both = [spawned("pass") for _ in range(3)]
        for watching in both:
            self.assertIsInstance(await watching.ended, ProcessDone)

    async def test_threads_wake_the_loop(self) -> None:
        self.assertEqual(await threads.deferToThread(sum, (1, 2)), 3)

    def test_it_is_chosen_already(self) -> None:
        self.assertIs(loop_of(reactor), own_loop())
        self.assertIsNone(loop_of(object()))
        for choice in (AUTO, UVLOOP, TWISTED):
            install(choice)
        self.assertIs(loop_of(reactor), own_loop())
