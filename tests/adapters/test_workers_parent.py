"""The parent: its start, its admin pages, and its end. Sockets are real, processes are not."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.router.counts import Counts
from lambdadispatch.router.ports import CannotListen
from lambdadispatch.router.tls_files import TlsFilesError, TlsMaterial
from lambdadispatch.settings import Settings
from lambdadispatch.workers.parent import ParentService
from lambdadispatch.workers.sockets import Sockets, open_sockets
from tests.adapters.hosts_rig import Answer, read_answers
from tests.adapters.workers_rig import FakeFetch, FakeLocal, Spawner, free_ports
from tests.memory.network import MemoryNetwork
from tests.memory.system import ADMIN, Client, MemoryEndpoints, get

GAUGES = (
    *("waiting", "running", "tunnels", "starting", "open_instances"),
    *("draining_instances", "idle_channels"),
)


def state(answered: int, running: int) -> bytes:
    """What a worker's /state says."""
    counts = Counts()
    counts.requests["answered"] += answered
    pool = dict.fromkeys(GAUGES, 0) | {"running": running, "instances": [{"instance": "i"}]}
    pool["since_start"] = counts.of_pool()
    whole = {"seconds": 2.0, "pools": {"web": pool}, "since_start": counts.as_mapping()}
    return json.dumps(whole).encode()


class ParentCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.spawner = Spawner()
        self.fetch = FakeFetch(self.clock)
        self.failures: list[tuple[str, int]] = []
        self.files: TlsMaterial | TlsFilesError = TlsMaterial()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def build(self, local: FakeLocal | None = None, **settings: Any) -> ParentService:
        self.local = local
        self.parent = ParentService(
            free_ports(**settings),
            self.clock,
            MemoryEndpoints(self.network),
            self.spawner,
            self.fetch,
            local,
            lambda reason, code: self.failures.append((reason, code)),
            self.open,
            files=self.read,
        )
        return self.parent

    def read(self) -> TlsMaterial:
        if isinstance(self.files, TlsFilesError):
            raise self.files
        return self.files

    def open(self, settings: Settings) -> list[Sockets]:
        places = open_sockets(settings)
        for place in places:
            for each in place.values():
                self.addCleanup(each.close)
        return places

    def start(self, **settings: Any) -> ParentService:
        """A parent of two workers that are ready."""
        self.build(**settings)
        self.parent.privilegedStartService()
        self.parent.startService()
        for process in self.spawner.started:
            process.ready()
        return self.parent

    def lines(self) -> list[str]:
        """What was logged by the parent's own modules."""
        return [
            each["log_format"].format(**each)
            for each in self.events
            if each.get("log_namespace", "").startswith("lambdadispatch.")
        ]

    def get(self, path: str, seconds: float = 1.0) -> Answer:
        client = Client()
        self.network.connect(client, ADMIN)
        client.transport.write(get(path))
        self.network.advance(seconds)
        [answer] = read_answers(client.received, eof=False)
        client.transport.loseConnection()
        self.network.pump()
        return answer


class CertificateTests(ParentCase):
    """The parent alone reads the files."""

    def test_workers_are_given_what_it_has_read(self) -> None:
        self.files = TlsMaterial(client_ca=b"first")
        self.start()
        self.assertEqual({each.share.tls for each in self.spawner.started}, {self.files})
        self.files = TlsMaterial(client_ca=b"second")
        self.parent.reload()
        self.assertEqual([each.orders for each in self.spawner.started], [["renew"]] * 2)
        self.assertEqual({each.renewed for each in self.spawner.started}, {self.files})

    def test_files_that_are_broken_by_then_change_nothing(self) -> None:
        self.files = first = TlsMaterial(client_ca=b"first")
        self.start()
        self.files = TlsFilesError("--tls-key 'k': it is empty; allowed: a key")
        self.parent.reload()
        self.assertIn(
            "the old certificates stay: --tls-key 'k': it is empty; allowed: a key", self.lines()
        )
        self.assertEqual([each.orders for each in self.spawner.started], [[], []])
        self.spawner.started[0].crash()
        self.clock.advance(10)
        self.assertEqual(self.spawner.last.share.tls, first)

    def test_files_that_are_broken_from_the_start_end_it_before_a_port_opens(self) -> None:
        self.files = TlsFilesError("--tls-key 'k': it is empty; allowed: a key")
        self.build()
        self.assertRaises(SystemExit, self.parent.privilegedStartService)
        self.assertEqual(
            self.failures, [("lambdadispatch: --tls-key 'k': it is empty; allowed: a key", 1)]
        )
        self.assertEqual(self.parent.places, [])

    def test_without_files_there_is_nothing_to_read(self) -> None:
        self.start()
        self.parent.reload()
        self.assertEqual([each.orders for each in self.spawner.started], [[], []])
        self.assertIn(
            "no certificate files are configured: there is nothing to read again", self.lines()
        )


class StartTests(ParentCase):
    def test_workers_start_when_all_ports_are_open(self) -> None:
        self.build()
        self.parent.privilegedStartService()
        self.assertEqual(self.spawner.started, [])
        self.parent.startService()
        self.assertEqual([each.worker for each in self.spawner.started], [0, 1])
        self.assertEqual(self.parent.ports["admin-port"], ADMIN)
        ports = [each.share.settings for each in self.spawner.started]
        self.assertEqual({each.port for each in ports}, {self.parent.ports["port"]})
        self.assertEqual([each.control_port for each in ports], self.parent.ports["control-port"])
        self.assertIn(f"listening: {self.parent.ports}", self.lines())

    def test_ready_is_said_once_when_all_are(self) -> None:
        self.build()
        self.parent.privilegedStartService()
        self.parent.startService()
        one, two = self.spawner.started
        two.ready()
        self.assertNotIn("ready: 2 workers", self.lines())
        one.ready()
        self.assertEqual(self.lines().count("ready: 2 workers"), 1)
        one.crash()
        self.clock.advance(0)
        self.spawner.last.ready()
        self.assertEqual(self.lines().count("ready: 2 workers"), 1)
        self.assertEqual([line for line in self.lines() if "try: curl" in line], [])

    def test_a_local_lambda_starts_first_and_is_shared(self) -> None:
        self.start(local=FakeLocal())
        self.assertEqual(self.spawner.started, [])
        self.local.started.callback("http://127.0.0.1:9")
        urls = [each.share.local_url for each in self.spawner.started]
        self.assertEqual(urls, ["http://127.0.0.1:9"] * 2)
        for process in self.spawner.started:
            process.ready()
        port = self.parent.ports["port"]
        self.assertIn(f"ready, try: curl http://localhost:{port}/fact", self.lines())

    def test_a_local_lambda_that_does_not_start(self) -> None:
        self.start(local=FakeLocal())
        self.local.started.errback(OSError("no port is left"))
        self.assertEqual(self.failures, [("lambdadispatch: no port is left", 1)])
        self.assertEqual(self.spawner.started, [])

    def test_a_port_that_is_taken_ends_it(self) -> None:
        def refused(settings: Settings) -> list[Sockets]:
            raise CannotListen("--port 1: cannot listen: no")

        self.open = refused  # type: ignore[method-assign]
        self.build()
        self.assertRaises(SystemExit, self.parent.privilegedStartService)
        self.assertEqual(self.failures, [("lambdadispatch: --port 1: cannot listen: no", 1)])
        self.network.pump()
        self.assertRaises(ConnectionRefusedError, self.network.connect, Client(), ADMIN)

    def test_the_admin_port_that_is_taken_ends_it_before_any_other_is_opened(self) -> None:
        self.successResultOf(self.network.listen_endpoint(ADMIN).listen(Factory()))
        self.open = self.fail  # type: ignore[method-assign]
        self.build()
        self.assertRaises(SystemExit, self.parent.privilegedStartService)
        [(reason, code)] = self.failures
        self.assertIn(f"lambdadispatch: --admin-port {ADMIN}: cannot listen: ", reason)
        self.assertEqual(code, 1)

    def test_a_worker_that_cannot_start_ends_it_and_is_told_once(self) -> None:
        self.build()
        self.parent.privilegedStartService()
        self.parent.startService()
        for process in self.spawner.started:
            process.keeper.failed("lambdadispatch: no credentials")
            process.end("exited with code 1", 1)
        self.assertEqual(self.failures, [("lambdadispatch: no credentials", 1)])

    def test_the_others_are_not_waited_for(self) -> None:
        self.build()
        self.parent.privilegedStartService()
        self.parent.startService()
        one, two = self.spawner.started
        two.ready()
        one.crash()
        stopped = self.parent.stopService()
        self.assertEqual(two.orders, ["drain", "hurry"])
        two.end()
        self.network.pump()
        self.successResultOf(stopped)
        self.assertEqual(len(self.failures), 1)


class PagesTests(ParentCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.admin = [place.ports["admin-port"] for place in self.parent.places]
        for port, (answered, running) in zip(self.admin, ((3, 1), (4, 2)), strict=True):
            self.fetch.bodies[port, "ready"] = b"ok\n"
            self.fetch.bodies[port, "state"] = state(answered, running)

    def metrics(self) -> dict[str, dict[str, float]]:
        answer = self.get("/metrics")
        self.assertEqual(answer.status, 200)
        found: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, {})[sample.labels["worker"]] = sample.value
        return found

    def test_all_is_well(self) -> None:
        for path in ("/health", "/ready"):
            self.assertEqual((self.get(path).status, self.get(path).body), (200, b"ok\n"))

    def test_not_ready_says_which_and_why(self) -> None:
        self.fetch.bodies[self.admin[1], "ready"] = b"start_failed\n"
        answer = self.get("/ready")
        self.assertEqual((answer.status, answer.body), (503, b"worker 1: start_failed\n"))
        self.spawner.started[0].crash()
        answer = self.get("/ready")
        self.assertEqual(answer.body, b"worker 0: not up\nworker 1: start_failed\n")
        del self.fetch.bodies[self.admin[1], "ready"]
        self.assertEqual(self.get("/ready").body, b"worker 0: not up\nworker 1: no answer\n")

    def test_a_parent_that_drains_is_not_ready(self) -> None:
        self.parent.stopService()
        answer = self.get("/ready")
        self.assertEqual((answer.status, answer.body), (503, b"draining\n"))

    def test_state_is_the_sum_and_each_part(self) -> None:
        whole = json.loads(self.get("/state").body)
        self.assertEqual(whole["pools"]["web"]["running"], 3)
        self.assertEqual(len(whole["pools"]["web"]["instances"]), 2)
        self.assertEqual(whole["since_start"]["requests"], {"answered": 7})
        parts = whole["workers"]
        self.assertEqual([each["worker"] for each in parts], [0, 1])
        self.assertEqual([each["pid"] for each in parts], [100, 101])
        self.assertEqual(
            [each["state"] for each in parts], [json.loads(state(3, 1)), json.loads(state(4, 2))]
        )

    def test_metrics_tell_workers_apart(self) -> None:
        found = self.metrics()
        self.assertEqual(found["lambdadispatch_running"], {"0": 1, "1": 2})
        self.assertEqual(found["lambdadispatch_worker_up"], {"0": 1, "1": 1})
        self.assertIn("parent", found["process_resident_memory_bytes"])

    def test_one_that_does_not_answer_is_left_out(self) -> None:
        del self.fetch.bodies[self.admin[0], "state"]
        found = self.metrics()
        self.assertEqual(found["lambdadispatch_running"], {"1": 2})
        self.assertEqual(found["lambdadispatch_worker_up"], {"0": 0, "1": 1})
        whole = json.loads(self.get("/state").body)
        self.assertEqual(whole["since_start"]["requests"], {"answered": 4})
        self.assertEqual(whole["workers"][0]["state"], None)
        self.assertTrue(whole["workers"][0]["up"])

    def test_one_that_is_not_up_is_not_asked(self) -> None:
        self.spawner.started[0].crash()
        self.fetch.asked.clear()
        self.assertEqual(self.metrics()["lambdadispatch_worker_up"], {"0": 0, "1": 1})
        self.assertEqual(self.fetch.asked, [(self.admin[1], "state")])
        self.assertEqual(self.metrics()["lambdadispatch_worker_starts_total"], {"0": 2, "1": 1})

    def test_no_worker_at_all(self) -> None:
        for process in self.spawner.started:
            process.crash()
        self.assertEqual(self.metrics()["lambdadispatch_worker_up"], {"0": 0, "1": 0})
        whole = json.loads(self.get("/state").body)
        self.assertEqual([each["up"] for each in whole["workers"]], [False, False])

    def test_a_client_that_leaves_before_the_answer(self) -> None:
        client = Client()
        self.network.connect(client, ADMIN)
        client.transport.write(get("/state"))
        self.network.pump()
        client.transport.abortConnection()
        self.network.advance(2)
        self.assertEqual(self.get("/health").status, 200)

    def test_what_cannot_be_read_is_an_error_of_this_page_only(self) -> None:
        self.fetch.bodies[self.admin[0], "state"] = b"{"
        self.assertEqual(self.get("/state").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.get("/ready").status, 200)


class EndTests(ParentCase):
    def test_all_drain_at_once_and_the_local_lambda_after_them(self) -> None:
        local = FakeLocal()
        local.started.callback("http://127.0.0.1:9")
        self.start(local=local)
        stopped = self.parent.stopService()
        one, two = self.spawner.started
        self.assertEqual((one.orders, two.orders), (["drain"], ["drain"]))
        one.end()
        self.assertFalse(local.stopping)
        two.end()
        self.assertTrue(local.stopping)
        self.assertNoResult(stopped)
        local.stopped.callback(None)
        self.network.pump()
        self.successResultOf(stopped)
        self.assertEqual(self.failures, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_parents_copies_are_closed_at_once(self) -> None:
        opened: list[Sockets] = []
        original = self.open
        self.open = lambda settings: opened.extend(original(settings)) or opened  # type: ignore
        self.start()
        self.parent.stopService()
        self.assertEqual({each.fileno() for place in opened for each in place.values()}, {-1})

    def test_a_second_signal_hurries_all(self) -> None:
        self.start()
        self.parent.stopService()
        self.parent.hurry()
        for process in self.spawner.started:
            self.assertEqual(process.orders, ["drain", "hurry"])

    def test_a_worker_that_did_not_end_in_order_is_told(self) -> None:
        self.start(drain_timeout=1)
        stopped = self.parent.stopService()
        one, two = self.spawner.started
        one.end()
        self.clock.advance(100)
        self.assertEqual(two.orders, ["drain", "kill"])
        two.crash()
        self.network.pump()
        self.successResultOf(stopped)
        reason = "lambdadispatch: worker 1 was ended by SIGKILL while draining"
        self.assertEqual(self.failures, [(reason, 1)])

    def test_a_local_lambda_that_starts_too_late_starts_no_worker(self) -> None:
        local = FakeLocal()
        self.start(local=local)
        self.parent.stopService()
        local.started.callback("http://127.0.0.1:9")
        self.assertEqual(self.spawner.started, [])
