"""Where the callback host is found, with the metadata services in memory."""

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.invoker.callback import (
    CallbackHost,
    CallbackHostError,
    CallbackSource,
    callback_host,
    checked_host,
)
from lambdadispatch.invoker.connections import invoke_agent
from tests.adapters.invoker_fakes import Answer, FakeService, MemoryNetwork

ECS = "http://169.254.170.2/v4/0123-task"
AWSVPC = {"NetworkMode": "awsvpc", "IPv4Addresses": ["10.1.2.3"], "IPv6Addresses": ["fd00::7"]}


def metadata(*networks: Any) -> Answer:
    return Answer(body=json.dumps({"DockerId": "x", "Networks": list(networks)}).encode())


class HostCase(SynchronousTestCase):
    """The metadata services and the network to them."""

    def setUp(self) -> None:
        self.service = FakeService()
        self.network = MemoryNetwork(self.service)
        self.addCleanup(self.network.close)

    def ask(
        self, *, host: str | None = None, local: bool = False, **environ: str
    ) -> Deferred[CallbackHost]:
        return callback_host(
            self.network.reactor,
            host=host,
            environ=environ,
            local=local,
            agent=invoke_agent(self.network.reactor),
        )

    def find(self, *answers: Answer, **asked: Any) -> CallbackHost:
        """The host, with ``answers`` as what the metadata services say one after the other."""
        self.service.answers.extend(answers)
        found = self.ask(**asked)
        while self.network.reactor.tcpClients:
            self.network.accept()
        return self.successResultOf(found)

    def error(self, *answers: Answer, **asked: Any) -> str:
        self.service.answers.extend(answers)
        found = self.ask(**asked)
        while self.network.reactor.tcpClients:
            self.network.accept()
        return str(self.failureResultOf(found, CallbackHostError).value)

    def urls(self) -> list[str]:
        return [f"{c.method} {c.headers['host']}{c.uri}" for c in self.service.calls]


class SettingTests(HostCase):
    def test_the_setting_goes_before_everything(self) -> None:
        for local in (False, True):
            found = self.find(
                host="router.test",
                local=local,
                K8S_POD_IP="10.0.0.1",
                ECS_CONTAINER_METADATA_URI_V4=ECS,
            )
            self.assertEqual(found, CallbackHost("router.test", CallbackSource.SETTING))
        self.assertEqual(self.service.calls, [])

    def test_a_bad_setting_is_named(self) -> None:
        message = self.error(host="http://router.test:5003", K8S_POD_IP="10.0.0.1")
        self.assertIn("setting callback_host", message)
        self.assertIn("'http://router.test:5003'", message)
        self.assertIn("allowed is", message)

    def test_an_empty_setting_is_not_taken_for_none(self) -> None:
        self.assertIn("setting callback_host", self.error(host="", K8S_POD_IP="10.0.0.1"))


class EnvironmentTests(HostCase):
    def test_the_variable_goes_before_metadata_and_loopback(self) -> None:
        for local in (False, True):
            found = self.find(local=local, K8S_POD_IP="10.0.0.1", ECS_CONTAINER_METADATA_URI_V4=ECS)
            self.assertEqual(found, CallbackHost("10.0.0.1", CallbackSource.ENVIRONMENT))
        self.assertEqual(self.service.calls, [])

    def test_the_name_of_the_variable_is_a_setting(self) -> None:
        found = callback_host(
            self.network.reactor,
            host=None,
            env_var_name="MY_ADDRESS",
            environ={"MY_ADDRESS": "fd00::1", "K8S_POD_IP": "10.0.0.1"},
            local=False,
        )
        self.assertEqual(
            self.successResultOf(found), CallbackHost("fd00::1", CallbackSource.ENVIRONMENT)
        )

    def test_a_bad_value_is_an_error_that_names_variable_and_value(self) -> None:
        for local in (False, True):
            for value in ("", "10.0.0", "10.0.0.1:5003", "a b"):
                message = self.error(local=local, K8S_POD_IP=value)
                self.assertIn("environment variable K8S_POD_IP", message)
                self.assertIn(repr(value), message)
                self.assertIn("IP address", message)
                self.assertIn("host name", message)


class LocalTests(HostCase):
    def test_loopback_without_asking_metadata(self) -> None:
        found = self.find(local=True, ECS_CONTAINER_METADATA_URI_V4=ECS)
        self.assertEqual(found, CallbackHost("127.0.0.1", CallbackSource.LOOPBACK))
        self.assertEqual(self.service.calls, [])
        self.assertEqual(self.network.reactor.connectors, [])


class EcsTests(HostCase):
    def ecs(self, answer: Answer) -> CallbackHost:
        return self.find(answer, ECS_CONTAINER_METADATA_URI_V4=ECS)

    def test_the_first_ipv4_address(self) -> None:
        found = self.ecs(metadata(AWSVPC))
        self.assertEqual(found, CallbackHost("10.1.2.3", CallbackSource.ECS))
        self.assertEqual(self.urls(), ["GET 169.254.170.2/v4/0123-task"])

    def test_ipv6_where_there_is_no_ipv4(self) -> None:
        found = self.ecs(metadata({"NetworkMode": "awsvpc", "IPv6Addresses": ["fd00:0::7"]}))
        self.assertEqual(found, CallbackHost("fd00::7", CallbackSource.ECS))
        self.assertEqual(found.in_url, "[fd00::7]")

    def test_a_later_network_where_the_first_has_no_address(self) -> None:
        empty = {"NetworkMode": "awsvpc", "IPv4Addresses": [""], "IPv6Addresses": None}
        self.assertEqual(self.ecs(metadata(empty, AWSVPC)).host, "10.1.2.3")

    def test_the_bridge_network_is_passed_over_for_the_instance(self) -> None:
        bridge = {"NetworkMode": "bridge", "IPv4Addresses": ["172.17.0.2"]}
        found = self.find(
            metadata(bridge),
            Answer(body=b"token"),
            Answer(body=b"10.0.5.6"),
            ECS_CONTAINER_METADATA_URI_V4=ECS,
        )
        self.assertEqual(found, CallbackHost("10.0.5.6", CallbackSource.EC2))

    def test_answers_that_name_no_address(self) -> None:
        for answer in (
            Answer(404),
            Answer(body=b""),
            Answer(body=b"not json"),
            Answer(body=b"[" * 100_000),
            Answer(body=b"{}"),
            Answer(body=b'{"Networks": 7}'),
            metadata(),
            metadata("text"),
            metadata({"IPv4Addresses": 7}),
            metadata({"IPv4Addresses": ["not an address"]}),
        ):
            message = self.error(
                answer, ECS_CONTAINER_METADATA_URI_V4=ECS, AWS_EC2_METADATA_DISABLED="true"
            )
            self.assertIn(ECS, message)
            self.assertIn("AWS_EC2_METADATA_DISABLED is true", message)

    def test_no_answer_within_two_seconds(self) -> None:
        found = self.ask(ECS_CONTAINER_METADATA_URI_V4=ECS, AWS_EC2_METADATA_DISABLED="true")
        self.network.accept()
        self.network.reactor.advance(1.9)
        self.assertNoResult(found)
        self.network.reactor.advance(0.1)
        message = str(self.failureResultOf(found, CallbackHostError).value)
        self.assertIn("gave no answer in 2 s", message)
        self.network.flush()
        self.assertTrue(self.network.transports[0].disconnected)


class Ec2Tests(HostCase):
    TOKEN = Answer(body=b"the-token")

    def test_a_token_first_then_the_address(self) -> None:
        found = self.find(self.TOKEN, Answer(body=b"10.0.5.6\n"))
        self.assertEqual(found, CallbackHost("10.0.5.6", CallbackSource.EC2))
        self.assertEqual(
            self.urls(),
            [
                "PUT 169.254.169.254/latest/api/token",
                "GET 169.254.169.254/latest/meta-data/local-ipv4",
            ],
        )
        put, get = self.service.calls
        self.assertTrue(1 <= int(put.headers["x-aws-ec2-metadata-token-ttl-seconds"]) <= 21600)
        self.assertEqual(get.headers["x-aws-ec2-metadata-token"], "the-token")

    def test_the_service_may_be_elsewhere(self) -> None:
        for base in ("http://imds.test:8080/", "http://imds.test:8080", "http://[fd00:ec2::254]"):
            self.service.calls.clear()
            address = Answer(body=b"10.0.5.6")
            self.find(self.TOKEN, address, AWS_EC2_METADATA_SERVICE_ENDPOINT=base)
            host = base.removeprefix("http://").rstrip("/")
            self.assertEqual(
                self.urls(),
                [f"PUT {host}/latest/api/token", f"GET {host}/latest/meta-data/local-ipv4"],
            )

    def test_it_is_not_asked_where_it_is_disabled(self) -> None:
        message = self.error(AWS_EC2_METADATA_DISABLED="True")
        self.assertIn("AWS_EC2_METADATA_DISABLED is true", message)
        self.assertEqual(self.network.reactor.connectors, [])

    def test_any_other_value_disables_nothing(self) -> None:
        address = Answer(body=b"10.0.5.6")
        found = self.find(self.TOKEN, address, AWS_EC2_METADATA_DISABLED="false")
        self.assertEqual(found.source, CallbackSource.EC2)

    def test_it_refuses_or_answers_something_else(self) -> None:
        self.assertIn("answered 403", self.error(Answer(403)))
        self.assertIn("answered 401", self.error(self.TOKEN, Answer(401)))
        self.assertIn("'<html>'", self.error(self.TOKEN, Answer(body=b"<html>")))
        self.assertIn("not an IP address", self.error(self.TOKEN, Answer(body=b"")))
        forged = Answer(body=b"a\r\nX-Forged: 1")
        self.error(forged, self.TOKEN)
        self.assertNotIn("x-forged", self.service.calls[-1].headers)

    def test_each_step_has_one_second(self) -> None:
        found = self.ask()
        self.network.accept()
        self.network.reactor.advance(0.9)
        self.assertNoResult(found)
        self.service.answer(self.service.calls[0].request, self.TOKEN)
        self.network.flush()
        self.network.accept()
        self.network.reactor.advance(0.9)
        self.assertNoResult(found)
        self.network.reactor.advance(0.1)
        self.failureResultOf(found, CallbackHostError)

    def test_nobody_is_there(self) -> None:
        found = self.ask()
        self.network.reactor.advance(1)
        message = str(self.failureResultOf(found, CallbackHostError).value)
        self.assertIn("PUT http://169.254.169.254/latest/api/token gave no answer in 1 s", message)

    def test_the_connection_is_refused(self) -> None:
        found = self.ask()
        self.network.refuse()
        message = str(self.failureResultOf(found, CallbackHostError).value)
        self.assertIn("latest/api/token failed: ConnectionRefusedError", message)

    def test_the_error_names_every_way(self) -> None:
        message = self.error(Answer(403))
        for way in ("callback_host", "K8S_POD_IP", "ECS", "EC2", "is not set"):
            self.assertIn(way, message)


class CheckedHostTests(SynchronousTestCase):
    def test_addresses_and_names(self) -> None:
        for text in ("10.0.0.1", "fd00::1", "localhost", "a-b.c1.test", "router.test.", "1a.b2"):
            self.assertEqual(checked_host(text, "it"), text)

    def test_brackets_are_taken_off(self) -> None:
        self.assertEqual(checked_host("[fd00::1]", "it"), "fd00::1")

    def test_what_is_neither(self) -> None:
        for text in (
            " 10.0.0.1",
            "10.0.0.1/24",
            "10.0.0.256",
            "[10.0.0.1]",
            "[router]",
            "fd00::1%eth0",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "a..b",
            ".",
            "-a.test",
            "a-.test",
            "a_b",
            "grün.test",
            "a" * 64,
            ".".join(["abcdefg"] * 40),
            "a\n",
        ):
            error = self.assertRaises(CallbackHostError, checked_host, text, "the setting")
            self.assertIn(f"the setting is {text!r}", str(error))

    def test_in_a_url(self) -> None:
        self.assertEqual(CallbackHost("10.0.0.1", CallbackSource.ECS).in_url, "10.0.0.1")
        self.assertEqual(CallbackHost("::1", CallbackSource.ECS).in_url, "[::1]")
