"""What a worker tells its parent, and what it is told: both ends of the pipes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import LogEvent, Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.router.certificate import KeyAndCertificate
from lambdadispatch.router.tls_files import TlsMaterial
from lambdadispatch.workers.liveness import BEAT, Silence
from lambdadispatch.workers.orders import ENDING, obey, patience, renewal
from lambdadispatch.workers.process import REPORTS, WorkerProcess
from lambdadispatch.workers.reports import Reports, beats
from tests.memory.system import make_settings

STDOUT, STDERR = 1, 2


class Keeping:
    """Keeps what a place would be told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def came_up(self) -> None:
        self.told.append(("up",))

    def became_ready(self) -> None:
        self.told.append(("ready",))

    def was_alive(self) -> None:
        self.told.append(("alive",))

    def failed(self, reason: str) -> None:
        self.told.append(("failed", reason))

    def exited(self, how: str, code: int) -> None:
        self.told.append(("exited", how, code))


class Transport:
    """A process transport that keeps what is written and sent."""

    pid = 4711

    def __init__(self) -> None:
        self.written = b""
        self.signals: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)


class BeatTests(SynchronousTestCase):
    def test_a_worker_whose_loop_takes_long_for_each_turn_is_alive(self) -> None:
        """As one that writes to a slow disk, or whose garbage collector has much to look at."""
        clock, stream, silence = Clock(), io.StringIO(), Silence()
        beating = beats(clock, BEAT, Reports(stream))
        beating.start()
        silence.began()
        for turn in range(1, 10):
            clock.advance(3 * BEAT + 1)
            self.assertEqual(stream.getvalue().count("alive"), turn)
            silence.heard()
            self.assertFalse(any(silence.looked() for _ in range(4)))
        beating.stop()


class ReportsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.keeping = Keeping()
        self.transport = Transport()
        self.process = WorkerProcess(1, b"the share\n", self.keeping)
        self.process.makeConnection(self.transport)
        self.stream = io.StringIO()
        self.reports = Reports(self.stream)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def pass_on(self) -> None:
        """Bring what was reported to the parent, byte by byte."""
        for byte in self.stream.getvalue().encode():
            self.process.childDataReceived(REPORTS, bytes([byte]))

    def logged(self) -> list[tuple[str, str, str]]:
        return [
            (each["log_level"].name, each["log_namespace"], each["text"])
            for each in self.events
            if each.get("worker") == 1
        ]


class TellingTests(ReportsCase):
    def test_each_report_arrives(self) -> None:
        self.reports.up()
        self.reports.ready()
        self.reports.alive()
        self.reports.failed("no credentials\nwere found")
        self.pass_on()
        told = [("up",), ("ready",), ("alive",), ("failed", "no credentials\nwere found")]
        self.assertEqual(self.keeping.told, told)
        self.assertEqual(self.logged(), [])

    def test_an_event_keeps_its_level_and_its_namespace(self) -> None:
        log = Logger(namespace="some.module", observer=self.reports)
        log.warn("{number} of {what}\nin two lines", number=3, what="\u00e9")
        log.info("{{braces}}")
        self.pass_on()
        self.assertEqual(
            self.logged(),
            [
                ("warn", "some.module", "3 of \u00e9\nin two lines"),
                ("info", "some.module", "{braces}"),
            ],
        )

    def test_a_failure_comes_with_its_traceback(self) -> None:
        log = Logger(namespace="some.module", observer=self.reports)
        try:
            raise ZeroDivisionError("by nothing")
        except ZeroDivisionError:
            log.failure("it went wrong")
        self.pass_on()
        [(level, _, text)] = self.logged()
        self.assertEqual(level, "critical")
        self.assertIn("it went wrong\nTraceback (most recent call last)", text)
        self.assertIn("by nothing", text)

    def test_an_event_may_be_long(self) -> None:
        Logger(namespace="a", observer=self.reports).info("{text}", text="x" * 200_000)
        self.process.childDataReceived(REPORTS, self.stream.getvalue().encode())
        self.assertEqual(self.logged(), [("info", "a", "x" * 200_000)])

    def test_an_event_without_text_is_passed_over(self) -> None:
        self.reports({"log_level": LogLevel.info, "log_format": ""})
        self.assertEqual(self.stream.getvalue(), "")

    def test_a_parent_that_is_gone_stops_nothing(self) -> None:
        self.stream.close()
        self.reports.up()

        class Broken(io.StringIO):
            def flush(self) -> None:
                raise BrokenPipeError

        Reports(Broken()).ready()

    def test_what_is_no_report_is_logged_as_it_is(self) -> None:
        lines = ["printed", "[]", '["other"]', '["up", "x"]', '{"up": 1}', "[1]", '["log", "a"]']
        for line in lines:
            self.process.childDataReceived(REPORTS, line.encode() + b"\n")
        self.assertEqual(self.logged(), [("info", "-", line) for line in lines])
        self.assertEqual(self.keeping.told, [])

    def test_an_unknown_level_is_info(self) -> None:
        self.process.childDataReceived(REPORTS, b'["log", "loud", "a", "b"]\n')
        self.assertEqual(self.logged(), [("info", "a", "b")])

    def test_what_is_printed_is_logged_even_without_an_end(self) -> None:
        self.process.childDataReceived(STDOUT, b"one\ntwo \xff")
        self.process.childDataReceived(STDERR, b"Fatal")
        self.process.childConnectionLost(STDOUT)
        self.process.childConnectionLost(STDERR)
        self.process.childConnectionLost(0)
        texts = [text for _, _, text in self.logged()]
        self.assertEqual(texts, ["one", "two \ufffd", "Fatal"])


class ProcessTests(ReportsCase):
    def test_it_is_told_its_share_and_then_orders(self) -> None:
        self.assertEqual(self.process.pid, 4711)
        self.process.drain()
        self.process.hurry()
        self.assertEqual(self.transport.written, b"the share\ndrain\nhurry\n")
        self.process.kill()
        self.assertEqual(self.transport.signals, ["KILL"])

    def end(self, reason: Exception) -> None:
        self.process.processExited(Failure(reason))
        self.process.drain()
        self.assertEqual(self.transport.written, b"the share\n")
        self.assertEqual(self.process.pid, None)
        self.process.processEnded(Failure(reason))

    def test_how_it_ended(self) -> None:
        self.end(ProcessDone(0))
        self.assertEqual(self.keeping.told, [("exited", "exited with code 0", 0)])

    def test_how_it_failed(self) -> None:
        self.end(ProcessTerminated(exitCode=3))
        self.assertEqual(self.keeping.told, [("exited", "exited with code 3", 3)])

    def test_which_signal_ended_it(self) -> None:
        self.end(ProcessTerminated(signal=9))
        self.assertEqual(self.keeping.told, [("exited", "was ended by SIGKILL", 1)])


class Obeying:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.renewed: list[TlsMaterial] = []

    def drain(self) -> None:
        self.told.append("drain")

    def hurry(self) -> None:
        self.told.append("hurry")

    def renew(self, material: TlsMaterial) -> None:
        self.told.append("renew")
        self.renewed.append(material)

    def leave(self) -> None:
        self.told.append("leave")


class OrdersTests(SynchronousTestCase):
    def obeyed(self, *orders: bytes) -> list[str]:
        obeying = Obeying()
        obey(orders, obeying, 0.001)
        return obeying.told

    def test_orders_are_obeyed_in_order(self) -> None:
        told = self.obeyed(b"drain\n", b"hurry\n")
        self.assertEqual(told, ["drain", "hurry", "drain", "leave"])

    def test_the_end_of_the_parent_is_an_order_to_drain_and_in_the_end_to_leave(self) -> None:
        self.assertEqual(self.obeyed(), ["drain", "leave"])

    def test_an_order_that_is_cut_or_unknown_is_one_to_drain(self) -> None:
        self.assertEqual(self.obeyed(b"hur"), ["drain", "drain", "leave"])

    def test_certificates_arrive_as_they_were(self) -> None:
        obeying = Obeying()
        material = TlsMaterial(KeyAndCertificate(b"a\nkey\n", b"a certificate\n"), None, b"a CA\n")
        obey([renewal(material), b"hurry\n"], obeying, 0.001)
        self.assertEqual(obeying.told, ["renew", "hurry", "drain", "leave"])
        self.assertEqual(obeying.renewed, [material])

    def test_certificates_that_are_cut_mean_that_the_parent_is_gone(self) -> None:
        order = renewal(TlsMaterial(client_ca=b"a CA"))
        for length in (len(order) - 1, len(order) - 5, 6, 1):
            self.assertEqual(self.obeyed(order[:length]), ["drain", "drain", "leave"])

    def test_each_is_obeyed_before_the_next_is_read(self) -> None:
        obeying = Obeying()

        def orders() -> Iterator[bytes]:
            yield b"drain\n"
            self.assertEqual(obeying.told, ["drain"])

        obey(orders(), obeying, 0.001)

    def test_patience_is_longer_than_a_drain_may_take(self) -> None:
        self.assertEqual(patience(make_settings(drain_timeout=40)), 40 + ENDING)
