"""Where AWS access is found, and how it is kept fresh without blocking the reactor."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.invoker.aws_lookup import AwsAccess, AwsLookup, AwsSettingsError
from lambdadispatch.invoker.credentials import CredentialsSource, private_threads
from tests.adapters.invoker_fakes import (
    ACCESS,
    KEYS,
    LATER_KEYS,
    FakeThreads,
    ThreadClock,
    aws_environment,
    logged,
)

ENV_KEYS = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "env-secret"}


class RegionTests(SynchronousTestCase):
    def region(self, *, given: str | None = None, **environment: str) -> str:
        aws_environment(self, **ENV_KEYS, **environment)
        return AwsLookup(region=given).first().region

    def test_each_way_to_set_it(self) -> None:
        self.assertEqual(self.region(AWS_REGION="eu-west-1"), "eu-west-1")
        self.assertEqual(self.region(AWS_DEFAULT_REGION="eu-west-2"), "eu-west-2")
        self.assertEqual(self.region(given="eu-west-3"), "eu-west-3")

    def test_their_order(self) -> None:
        both = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
        self.assertEqual(self.region(**both), "eu-west-1")
        self.assertEqual(self.region(given="eu-west-3", **both), "eu-west-3")

    def test_from_the_profile(self) -> None:
        config = Path(self.mktemp())
        config.write_text("[default]\nregion = eu-north-1\n[profile b]\nregion = eu-south-1\n")
        self.assertEqual(self.region(AWS_CONFIG_FILE=str(config)), "eu-north-1")
        self.assertEqual(self.region(AWS_CONFIG_FILE=str(config), AWS_PROFILE="b"), "eu-south-1")

    def test_none_is_an_error_that_says_what_to_set(self) -> None:
        error = self.assertRaises(AwsSettingsError, self.region)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "profile"):
            self.assertIn(name, str(error))

    def test_none_with_an_explicit_endpoint_is_assumed(self) -> None:
        aws_environment(self, **ENV_KEYS)
        access = AwsLookup(service_url="http://127.0.0.1:9001").first()
        self.assertEqual((access.region, access.region_assumed), ("us-east-1", True))
        for name in ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"):
            aws_environment(self, **ENV_KEYS, **{name: "http://127.0.0.1:9002"})
            access = AwsLookup().first()
            self.assertEqual((access.region, access.region_assumed), ("us-east-1", True))
            self.assertEqual(access.endpoint, "http://127.0.0.1:9002")

    def test_one_that_is_set_is_not_assumed(self) -> None:
        aws_environment(self, **ENV_KEYS, AWS_REGION="eu-west-1")
        access = AwsLookup(service_url="http://127.0.0.1:9001").first()
        self.assertEqual((access.region, access.region_assumed), ("eu-west-1", False))


class EndpointTests(SynchronousTestCase):
    def endpoint(self, region: str = "eu-west-1", url: str | None = None, **values: str) -> str:
        aws_environment(self, **ENV_KEYS, AWS_REGION=region, **values)
        return AwsLookup(service_url=url).first().endpoint

    def test_botocore_resolves_it(self) -> None:
        self.assertEqual(self.endpoint(), "https://lambda.eu-west-1.amazonaws.com")
        china = self.endpoint("cn-north-1")
        self.assertEqual(china, "https://lambda.cn-north-1.amazonaws.com.cn")
        fips = self.endpoint("us-east-1", AWS_USE_FIPS_ENDPOINT="true")
        self.assertEqual(fips, "https://lambda-fips.us-east-1.amazonaws.com")
        dual = self.endpoint(AWS_USE_DUALSTACK_ENDPOINT="true")
        self.assertEqual(dual, "https://lambda.eu-west-1.api.aws")

    def test_the_setting_goes_before_the_environment(self) -> None:
        own = {"AWS_ENDPOINT_URL_LAMBDA": "http://other.test:1"}
        self.assertEqual(self.endpoint(**own), "http://other.test:1")
        self.assertEqual(self.endpoint(url="http://own.test:2/", **own), "http://own.test:2")

    def test_settings_that_are_no_address_of_a_service(self) -> None:
        for url in (
            "lambda.test:9001",
            "ftp://lambda.test",
            "http://",
            "http://:9001",
            "http://lambda.test:0",
            "http://lambda.test:99999",
            "http://lambda.test:port",
            "http://local_lambda",
            "http://user:secret@lambda.test",
            "http://lambda.test/?a=b",
            "http://lambda.test/#a",
            "http://lambda test",
            "http://lämbda.test",
            "http://[::1",
        ):
            error = self.assertRaises(AwsSettingsError, AwsLookup, service_url=url)
            self.assertIn("AWS_LAMBDA_SERVICE_URL", str(error))
            self.assertIn(repr(url), str(error))

    def test_settings_that_are(self) -> None:
        for url in ("https://lambda.test", "http://[::1]:9001", "http://10.0.0.9:80/a/b"):
            self.assertEqual(self.endpoint(url=url), url)


class CredentialsTests(SynchronousTestCase):
    def test_from_the_environment(self) -> None:
        aws_environment(self, **ENV_KEYS, AWS_SESSION_TOKEN="tok", AWS_REGION="eu-west-1")
        found = AwsLookup().first().credentials
        self.assertEqual(found[:3], ("AKIDENV", "env-secret", "tok"))

    def test_from_a_session_of_the_caller(self) -> None:
        aws_environment(self)
        session = botocore.session.Session()
        session.set_credentials("AKIDOWN", "own-secret", "own-token")
        lookup = AwsLookup(session=lambda: session, region="eu-west-1")
        self.assertEqual(lookup.first().credentials.access_key, "AKIDOWN")

    def test_explicit_ones_go_before_all_others(self) -> None:
        aws_environment(self, **ENV_KEYS, AWS_REGION="eu-west-1")
        lookup = AwsLookup(static=KEYS)
        self.assertEqual(lookup.first().credentials, KEYS)
        self.assertEqual(lookup.credentials(), KEYS)

    def test_none_is_an_error_that_names_the_ways(self) -> None:
        aws_environment(self, AWS_REGION="eu-west-1")
        error = self.assertRaises(AwsSettingsError, AwsLookup().first)
        for way in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "WEB_IDENTITY", "ECS", "EKS", "EC2"):
            self.assertIn(way, str(error))

    def test_a_missing_profile_is_named(self) -> None:
        aws_environment(self, AWS_PROFILE="nobody", AWS_REGION="eu-west-1")
        error = self.assertRaises(AwsSettingsError, AwsLookup().first)
        self.assertIn("nobody", str(error))

    def test_a_credentials_program_that_fails_is_an_error(self) -> None:
        config = Path(self.mktemp())
        config.write_text("[default]\ncredential_process = /nonexistent/program\n")
        aws_environment(self, AWS_CONFIG_FILE=str(config), AWS_REGION="eu-west-1")
        error = self.assertRaises(AwsSettingsError, AwsLookup().first)
        self.assertIn("/nonexistent/program", str(error))

    def test_asking_again_before_the_first_time(self) -> None:
        self.assertRaises(AwsSettingsError, AwsLookup().credentials)

    def test_asking_again_gives_what_botocore_has_then(self) -> None:
        aws_environment(self)
        session = botocore.session.Session()
        session.set_credentials("AKIDONE", "one")
        lookup = AwsLookup(session=lambda: session, region="eu-west-1")
        self.assertEqual(lookup.first().credentials.access_key, "AKIDONE")
        session.set_credentials("AKIDTWO", "two")
        self.assertEqual(lookup.credentials().access_key, "AKIDTWO")


class FakeLookup:
    """Look-ups that answer, or raise, what they were told to."""

    def __init__(self) -> None:
        self.found: AwsAccess | Exception = ACCESS
        self.fresh: ReadOnlyCredentials | Exception = KEYS
        self.asked: list[str] = []

    def first(self) -> AwsAccess:
        self.asked.append("first")
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def credentials(self) -> ReadOnlyCredentials:
        self.asked.append("credentials")
        if isinstance(self.fresh, Exception):
            raise self.fresh
        return self.fresh


class SourceCase(SynchronousTestCase):
    """A source, the clock it runs on and every thread pool it has made."""

    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.lookup = FakeLookup()
        self.pools: list[FakeThreads] = []
        make: Callable[[], Any] = self.make_threads
        self.source = CredentialsSource(self.clock, self.lookup, threads=make)

    def make_threads(self) -> FakeThreads:
        self.pools.append(FakeThreads())
        return self.pools[-1]

    def started(self) -> FakeThreads:
        started = self.source.start()
        self.pools[-1].run()
        self.successResultOf(started)
        return self.pools[-1]


class StartTests(SourceCase):
    def test_access_is_there_once_the_thread_has_answered(self) -> None:
        started = self.source.start()
        self.assertNoResult(started)
        self.assertIsNone(self.source.access)
        self.assertEqual(self.lookup.asked, [])
        self.pools[0].run()
        self.assertIsNone(self.successResultOf(started))
        self.assertEqual(self.source.access, ACCESS)

    def test_a_failure_comes_through_the_deferred(self) -> None:
        self.lookup.found = AwsSettingsError("no AWS credentials found")
        started = self.source.start()
        self.pools[0].run()
        failure = self.failureResultOf(started, AwsSettingsError)
        self.assertIs(failure.value, self.lookup.found)
        self.assertIsNone(self.source.access)
        self.assertEqual(self.pools[0].events, ["start", "stop"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_can_be_started_again_after_a_failure(self) -> None:
        self.lookup.found = AwsSettingsError("not yet")
        first = self.source.start()
        self.pools[0].run()
        self.failureResultOf(first, AwsSettingsError)
        self.lookup.found = ACCESS
        self.started()
        self.assertEqual(self.source.access, ACCESS)
        self.assertEqual(len(self.pools), 2)

    def test_an_assumed_region_is_a_warning_in_the_log(self) -> None:
        lines = logged(self)
        self.lookup.found = replace(ACCESS, region="us-east-1", region_assumed=True)
        self.started()
        self.assertIn("no AWS region is set: signing for us-east-1", "\n".join(lines()))

    def test_a_region_that_was_set_is_none(self) -> None:
        lines = logged(self)
        self.started()
        self.assertNotIn("no AWS region", "\n".join(lines()))

    def test_several_users_share_one_look_up(self) -> None:
        first, second = self.source.start(), self.source.start()
        self.pools[0].run()
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(self.source.start())
        self.assertEqual(self.lookup.asked, ["first"])
        for _ in range(2):
            self.successResultOf(self.source.stop())
            self.assertEqual(self.source.access, ACCESS)
        self.successResultOf(self.source.stop())
        self.assertIsNone(self.source.access)


class RefreshTests(SourceCase):
    def test_every_minute_on_the_private_thread(self) -> None:
        threads = self.started()
        self.lookup.fresh = LATER_KEYS
        self.clock.advance(59)
        self.assertEqual(threads.waiting, 0)
        self.clock.advance(1)
        self.assertEqual(threads.waiting, 1)
        self.assertEqual(self.lookup.asked, ["first"])
        threads.run()
        self.assertEqual(self.source.access, replace(ACCESS, credentials=LATER_KEYS))
        for _ in range(3):
            self.clock.advance(60)
            threads.run()
        self.assertEqual(self.lookup.asked, ["first"] + ["credentials"] * 4)

    def test_a_slow_look_up_is_not_asked_for_twice(self) -> None:
        threads = self.started()
        self.clock.advance(60)
        self.clock.advance(600)
        self.assertEqual(threads.waiting, 1)
        self.assertEqual(self.source.access, ACCESS)
        threads.run()
        self.clock.advance(60)
        self.assertEqual(threads.waiting, 1)

    def test_after_a_failure_the_old_ones_stay_and_the_next_minute_counts(self) -> None:
        lines = logged(self)
        threads = self.started()
        self.lookup.fresh = CredentialRetrievalError(provider="p", error_msg="service away")
        for _ in range(2):
            self.clock.advance(60)
            threads.run()
            self.assertEqual(self.source.access, ACCESS)
        self.assertIn("service away", "\n".join(lines()))
        self.lookup.fresh = LATER_KEYS
        self.clock.advance(60)
        threads.run()
        self.assertEqual(self.source.access, replace(ACCESS, credentials=LATER_KEYS))

    def test_no_secret_is_logged(self) -> None:
        lines = logged(self)
        threads = self.started()
        self.lookup.fresh = LATER_KEYS
        self.clock.advance(60)
        threads.run()
        text = "\n".join(lines())
        self.assertIn("renewed", text)
        for keys in (KEYS, LATER_KEYS):
            self.assertNotIn(keys.secret_key, text)
            self.assertNotIn(keys.token or "", text)


class StopTests(SourceCase):
    def test_it_ends_timer_and_thread(self) -> None:
        threads = self.started()
        self.successResultOf(self.source.stop())
        self.assertEqual(threads.events, ["start", "stop"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(self.source.access)

    def test_stopping_what_is_not_running(self) -> None:
        self.successResultOf(self.source.stop())
        self.started()
        self.successResultOf(self.source.stop())
        self.successResultOf(self.source.stop())
        self.started()
        self.assertEqual(self.source.access, ACCESS)

    def test_it_waits_for_a_look_up_under_way(self) -> None:
        threads = self.started()
        self.clock.advance(60)
        stopped = self.source.stop()
        self.assertNoResult(stopped)
        self.assertEqual(threads.events, ["start"])
        threads.run()
        self.successResultOf(stopped)
        self.assertEqual(threads.events, ["start", "stop"])
        self.assertIsNone(self.source.access)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_does_not_wait_for_ever(self) -> None:
        threads = self.started()
        self.clock.advance(60)
        stopped = self.source.stop()
        self.clock.advance(5)
        self.successResultOf(stopped)
        self.assertEqual(threads.events, ["start"])
        threads.run()
        self.assertEqual(threads.events, ["start", "stop"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_starting_it_fails_the_start(self) -> None:
        started = self.source.start()
        stopped = self.source.stop()
        self.failureResultOf(started, CancelledError)
        self.pools[0].run()
        self.successResultOf(stopped)
        self.assertIsNone(self.source.access)

    def test_an_answer_for_an_earlier_start_is_dropped(self) -> None:
        started = self.source.start()
        self.source.stop()
        self.failureResultOf(started, CancelledError)
        again = self.source.start()
        self.pools[0].run()
        self.assertNoResult(again)
        self.pools[1].run()
        self.successResultOf(again)


class PrivateThreadsTests(SynchronousTestCase):
    def test_one_thread_of_its_own_that_does_not_keep_the_process_alive(self) -> None:
        pool = private_threads()
        pool.start()
        self.addCleanup(pool.stop)
        seen: list[threading.Thread] = []
        done = threading.Event()
        for _ in range(3):
            pool.callInThread(lambda: seen.append(threading.current_thread()))
        pool.callInThread(done.set)
        self.assertTrue(done.wait(30))
        self.assertEqual(len(set(seen)), 1)
        self.assertIsNot(seen[0], threading.current_thread())
        self.assertTrue(seen[0].daemon)
