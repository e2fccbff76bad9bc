"""The application as a child process, with processes that the test plays."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from lambda_side.hosts.child import LAUNCHER, ChildHost, split_command
from lambda_side.hosts.host import HostError
from lambda_side.hosts.port import PortHost
from tests.adapters.hosts_rig import AppConnection, ScriptedApp
from tests.memory.network import MemoryNetwork

PORT = 3001


class PlayedProcess:
    """A process that does what the test says. No process, nor group, has its pid."""

    pid = 1 << 30

    def __init__(self, protocol: Any, arguments: list[str], spawned: dict[str, Any]) -> None:
        self.protocol = protocol
        self.arguments = arguments
        self.spawned = spawned
        self.signals: list[str] = []
        self.over = False
        protocol.makeConnection(self)

    def signalProcess(self, name: str) -> None:
        if self.over:
            raise ProcessExitedAlready
        self.signals.append(name)

    def exit(self, code: int = 0, signal: int | None = None) -> None:
        self.over = True
        reason = ProcessTerminated(code, signal) if code or signal else ProcessDone(0)
        self.protocol.processEnded(Failure(reason))


class ChildClock(Clock):
    """A clock that starts played processes."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[PlayedProcess] = []
        self.error: OSError | None = None

    def spawnProcess(
        self, protocol: Any, executable: str, arguments: list[str], **spawned: Any
    ) -> PlayedProcess:
        if self.error is not None:
            raise self.error
        self.processes.append(PlayedProcess(protocol, arguments, spawned))
        return self.processes[-1]


class ChildTests(SynchronousTestCase):
    """``ChildHost``."""

    def setUp(self) -> None:
        self.clock = ChildClock()
        self.network = MemoryNetwork(self.clock)
        self.app = ScriptedApp()
        self.exits: list[str] = []
        self.host = self.make_host("sh -c 'exec app \"$0\"' 'an argument'")

    def make_host(self, command: str) -> ChildHost:
        reactor: Any = self.clock
        endpoint = self.network.connect_endpoint("127.0.0.1", PORT)
        port_host = PortHost(self.clock, endpoint, PORT, ready_limit=3)
        return ChildHost(
            reactor,
            command,
            PORT,
            port_host,
            environ={"PATH": "/bin", "PORT": "1"},
            on_exit=self.exits.append,
        )

    def started(self) -> PlayedProcess:
        """Start, and let the application listen."""
        self.network.listen_endpoint(PORT).listen(self.app)
        started = self.host.start()
        self.network.pump()
        self.successResultOf(started)
        return self.clock.processes[0]

    def test_what_is_started(self) -> None:
        process = self.started()
        self.assertEqual(process.arguments[1:4], ["-I", "-S", LAUNCHER])
        self.assertEqual(process.arguments[5:], ["sh", "-c", 'exec app "$0"', "an argument"])
        self.assertEqual(process.spawned["env"], {"PATH": "/bin", "PORT": "3001"})
        outputs = process.spawned["childFDs"]
        self.assertEqual((outputs[1], outputs[2]), (1, 2))
        self.assertGreater(outputs[0], 2)

    def test_exit_during_start(self) -> None:
        started = self.host.start()
        self.network.advance(1)
        self.assertNoResult(started)
        self.clock.processes[0].exit(3)
        error = self.failureResultOf(started, HostError)
        said = "the application exited with code 3 before it was ready"
        self.assertEqual((str(error.value), self.exits), (said, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ways_to_end(self) -> None:
        for ending, said in [((0,), "exited with code 0"), ((0, 11), "was ended by SIGSEGV")]:
            self.setUp()
            started = self.host.start()
            self.clock.processes[0].exit(*ending)
            self.assertIn(said, str(self.failureResultOf(started, HostError).value))

    def test_exit_after_start(self) -> None:
        self.started().exit(7)
        self.assertEqual(self.exits, ["the application exited with code 7"])
        self.successResultOf(self.host.stop())

    def test_not_ready_in_time(self) -> None:
        started = self.host.start()
        self.network.advance(3)
        self.assertIn("not ready within 3 s", str(self.failureResultOf(started, HostError).value))
        stopped = self.host.stop()
        self.clock.processes[0].exit()
        self.successResultOf(stopped)
        self.assertEqual(self.exits, [])

    def test_stop(self) -> None:
        process = self.started()
        stopped = self.host.stop()
        self.assertEqual(process.signals, ["TERM"])
        self.network.advance(1.9)
        self.assertNoResult(stopped)
        process.exit()
        self.successResultOf(stopped)
        self.assertEqual((self.exits, self.clock.getDelayedCalls()), ([], []))

    def test_stop_of_a_child_that_does_not_end(self) -> None:
        process = self.started()
        stopped = self.host.stop()
        self.network.advance(2)
        self.assertEqual(process.signals, ["TERM", "KILL"])
        self.assertNoResult(stopped)
        process.exit(0, 9)
        self.successResultOf(stopped)

    def test_stop_during_start(self) -> None:
        started = self.host.start()
        stopped = self.host.stop()
        self.failureResultOf(started)
        self.clock.processes[0].exit(0, 15)
        self.successResultOf(stopped)
        self.assertEqual((self.exits, self.clock.getDelayedCalls()), ([], []))

    def test_start_can_be_cancelled(self) -> None:
        started = self.host.start()
        started.cancel()
        self.failureResultOf(started)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_commands_that_cannot_be_run(self) -> None:
        for command, said in [
            ("", "the command that starts the application is empty"),
            ("no-such-program --x", "command 'no-such-program' is no program"),
            ("sh 'open", "cannot be read: No closing quotation"),
        ]:
            error = self.failureResultOf(self.make_host(command).start(), HostError)
            self.assertIn(said, str(error.value))
        self.assertEqual(self.clock.processes, [])

    def test_system_that_refuses_a_process(self) -> None:
        self.clock.error = OSError(11, "Resource temporarily unavailable")
        error = self.failureResultOf(self.host.start(), HostError)
        self.assertIn("command 'sh' could not be started", str(error.value))
        self.successResultOf(self.host.stop())

    def test_words_of_a_command(self) -> None:
        self.assertEqual(split_command("sh -c 'a b' \"c d\""), ["sh", "-c", "a b", "c d"])

    def test_exchanges_go_to_the_port(self) -> None:
        self.app.script = AppConnection.answer
        process = self.started()
        self.assertEqual(len(self.app.heads), 1)
        self.host.stop()
        self.network.pump()
        self.assertTrue(self.app.connections[0].lost)
        process.exit()
