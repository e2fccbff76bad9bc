"""The signed Invoke request, with a boto3 client of the same settings as the oracle."""

import datetime
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.auth
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import ReadOnlyCredentials
from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.invoker.aws_lookup import AwsAccess
from lambdadispatch.invoker.function_ref import FunctionRef
from lambdadispatch.invoker.invoker import Invoker
from lambdadispatch.invoker.signing import SignedRequest, signed_invoke
from tests.adapters.invoker_fakes import (
    ACCESS,
    KEYS,
    Answer,
    FakeService,
    FakeSource,
    MemoryNetwork,
    aws_environment,
)

NOW = datetime.datetime(2026, 3, 1, 12, 30, 45)
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:shop-front_1"
FUNCTIONS = [
    FunctionRef("shop"),
    FunctionRef("shop", "$LATEST"),
    FunctionRef("shop", "live-2"),
    FunctionRef("shop:live"),
    FunctionRef("123456789012:shop"),
    FunctionRef(ARN),
    FunctionRef(ARN, "7"),
    FunctionRef(ARN + ":$LATEST"),
    FunctionRef("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:a.b"),
]
PAYLOAD = '{"host": "10.0.0.9", "word": "grün"}'.encode()


class EmptyBody:
    def stream(self) -> Any:
        return iter([b"{}"])


def boto3_request(access: AwsAccess, function: FunctionRef, payload: bytes) -> Any:
    """What boto3 would send for the same call; it never gets to the network."""
    session = boto3.Session(
        aws_access_key_id=access.credentials.access_key,
        aws_secret_access_key=access.credentials.secret_key,
        aws_session_token=access.credentials.token,
    )
    client = session.client(
        "lambda", region_name=access.region, endpoint_url=access.endpoint or None
    )
    sent: list[Any] = []

    def before_send(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), EmptyBody())

    client.meta.events.register("before-send.lambda.Invoke", before_send)
    qualifier = {"Qualifier": function.qualifier} if function.qualifier else {}
    client.invoke(
        FunctionName=function.name,
        Payload=payload,
        InvocationType="RequestResponse",
        **qualifier,
    )
    return sent[0]


def text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


class OracleTests(SynchronousTestCase):
    def setUp(self) -> None:
        aws_environment(self)
        self.patch(botocore.auth, "get_current_datetime", lambda *_: NOW)

    def assert_as_boto3(
        self, access: AwsAccess, function: FunctionRef, payload: bytes
    ) -> SignedRequest:
        ours = signed_invoke(access, function, payload)
        theirs = boto3_request(access, function, payload)
        self.assertEqual(ours.url, theirs.url)
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Invocation-Type"):
            self.assertEqual(ours.headers[name], text(theirs.headers[name]), name)
        token = theirs.headers.get("X-Amz-Security-Token")
        self.assertEqual(ours.headers.get("X-Amz-Security-Token"), text(token) if token else None)
        return ours

    def test_url_and_signature_of_every_kind_of_name(self) -> None:
        for function in FUNCTIONS:
            ours = self.assert_as_boto3(ACCESS, function, PAYLOAD)
            self.assertIn("/20260301/eu-west-1/lambda/aws4_request", ours.headers["Authorization"])

    def test_an_empty_payload(self) -> None:
        self.assert_as_boto3(ACCESS, FUNCTIONS[0], b"")

    def test_lasting_credentials_send_no_token(self) -> None:
        lasting = replace(ACCESS, credentials=ReadOnlyCredentials("AKID", "secret", None))
        ours = self.assert_as_boto3(lasting, FUNCTIONS[5], PAYLOAD)
        self.assertNotIn("X-Amz-Security-Token", ours.headers)

    def test_endpoints_with_https_port_and_path(self) -> None:
        for endpoint in (
            "https://lambda.eu-west-1.amazonaws.com",
            "https://lambda.test:8443",
            "https://lambda.test:443",
            "http://lambda.test/base/path",
            "http://lambda.test/base/",
            "http://[::1]:9001",
        ):
            self.assert_as_boto3(replace(ACCESS, endpoint=endpoint), FUNCTIONS[6], PAYLOAD)

    def assert_sent_as_boto3(self, access: AwsAccess, function: FunctionRef) -> None:
        service = FakeService(Answer())
        network = MemoryNetwork(service)
        self.addCleanup(network.close)
        invoker = Invoker(network.reactor, FakeSource(access), function)
        self.successResultOf(invoker.start())
        ended = invoker.invoke(PAYLOAD, invocation="i-1")
        network.accept()
        self.assertEqual(self.successResultOf(ended).status, 200)
        theirs = boto3_request(access, function, PAYLOAD)
        parts = urlsplit(theirs.url)
        call = service.calls[0]
        self.assertEqual(call.uri, parts.path + (f"?{parts.query}" if parts.query else ""))
        self.assertEqual(call.headers["host"], parts.netloc)
        self.assertEqual(call.headers["authorization"], text(theirs.headers["Authorization"]))
        self.assertEqual(call.headers["content-length"], str(len(PAYLOAD)))
        self.assertEqual(call.body, PAYLOAD)

    def test_path_and_query_are_sent_as_they_were_signed(self) -> None:
        for function in FUNCTIONS:
            self.assert_sent_as_boto3(ACCESS, function)

    def test_host_and_path_of_the_endpoint_are_sent_as_they_were_signed(self) -> None:
        for endpoint in (
            "http://lambda.test",
            "http://lambda.test:8080/a/b",
            "http://[::1]:9001",
        ):
            self.assert_sent_as_boto3(replace(ACCESS, endpoint=endpoint), FUNCTIONS[6])

    def test_secrets_are_not_in_the_representation(self) -> None:
        shown = repr(signed_invoke(ACCESS, FUNCTIONS[0], PAYLOAD)) + repr(ACCESS)
        for secret in (KEYS.secret_key, KEYS.token or "", "Signature"):
            self.assertNotIn(secret, shown)


class FunctionRefTests(SynchronousTestCase):
    def test_names_that_no_function_can_have(self) -> None:
        for name in ("", "a b", "a/b", "a?b", "a%3Ab", "grün", "a\n", "x" * 257):
            error = self.assertRaises(ValueError, FunctionRef, name)
            self.assertIn(repr(name), str(error))

    def test_qualifiers_that_no_function_can_have(self) -> None:
        for qualifier in ("", "a:b", "a b", "a&b=c", "x" * 129):
            error = self.assertRaises(ValueError, FunctionRef, "shop", qualifier)
            self.assertIn(repr(qualifier), str(error))

    def test_text(self) -> None:
        self.assertEqual(str(FunctionRef("shop")), "shop")
        self.assertEqual(str(FunctionRef("shop", "live")), "shop:live")

    def test_target(self) -> None:
        self.assertEqual(FunctionRef("shop").target, "/2015-03-31/functions/shop/invocations")
        self.assertEqual(
            FunctionRef("1:shop", "$LATEST").target,
            "/2015-03-31/functions/1%3Ashop/invocations?Qualifier=%24LATEST",
        )
