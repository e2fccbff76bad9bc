"""Blocking look-ups of AWS credentials, region and Lambda endpoint, by botocore.

Everything here may read files, run programs and wait for the network: call it on a private thread
only (``credentials.CredentialsSource`` does).
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import botocore.session
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

ASSUMED_REGION = "us-east-1"
"""Signed for when an explicit endpoint is set and no region is."""

_URL = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[!-~]*)?")

_NO_CREDENTIALS = (
    "no AWS credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and"
    " AWS_SESSION_TOKEN where they are temporary), or AWS_PROFILE or a default profile in the AWS"
    " config files, or AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, or run with an ECS task"
    " role, an EKS pod identity or an EC2 instance role"
)
_NO_REGION = (
    "no AWS region found: set AWS_REGION or AWS_DEFAULT_REGION, or `region` in the AWS profile"
)


class AwsSettingsError(Exception):
    """AWS access cannot be had as things are set; the text says what to set."""


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """What signing and sending an Invoke call needs."""

    credentials: ReadOnlyCredentials = field(repr=False)
    region: str
    endpoint: str
    region_assumed: bool = False
    """Whether ``region`` is ASSUMED_REGION for want of a setting."""


class AwsLookup:
    """Finds AWS access the way botocore does, with a few settings on top. Every method blocks.

    ``service_url`` (setting AWS_LAMBDA_SERVICE_URL) replaces botocore's endpoint. ``static`` are
    credentials to use instead of looking for any. ``region`` goes before every other source.
    ``session`` makes the botocore session, on the thread that calls ``first``. ``environ`` is where
    AWS_REGION and the endpoint variables are read; botocore itself always reads ``os.environ``.
    """

    def __init__(
        self,
        *,
        service_url: str | None = None,
        static: ReadOnlyCredentials | None = None,
        region: str | None = None,
        session: Callable[[], botocore.session.Session] = botocore.session.get_session,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._service_url = checked_service_url(service_url) if service_url else None
        self._static = static
        self._given_region = region
        self._make_session = session
        self._environ = environ
        self._session: botocore.session.Session | None = None

    def first(self) -> AwsAccess:
        """Credentials, region and endpoint. Raises AwsSettingsError."""
        try:
            self._session = self._make_session()
            region = self._region(self._session)
            credentials = self.credentials()
            endpoint = self._service_url or _endpoint(
                self._session, region or ASSUMED_REGION, credentials
            )
        except (BotoCoreError, ClientError, OSError, ValueError) as exc:
            raise AwsSettingsError(f"AWS access failed: {type(exc).__name__}: {exc}") from exc
        return AwsAccess(credentials, region or ASSUMED_REGION, endpoint, region is None)

    def credentials(self) -> ReadOnlyCredentials:
        """Credentials good now; botocore fetches fresh ones when these near their expiry.

        Call ``first`` before. Raises AwsSettingsError where there are none, or what botocore
        raises where fetching fails.
        """
        if self._static is not None:
            return self._static
        if self._session is None:
            raise AwsSettingsError("AWS credentials asked for before the first look-up")
        found = self._session.get_credentials()
        if found is None:
            raise AwsSettingsError(_NO_CREDENTIALS)
        return found.get_frozen_credentials()

    def _region(self, session: botocore.session.Session) -> str | None:
        # botocore knows AWS_DEFAULT_REGION and the profile; ECS and the other SDKs AWS_REGION.
        region = (
            self._given_region
            or self._environ.get("AWS_REGION")
            or session.get_config_variable("region")
        )
        if region:
            return str(region)
        explicit = ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL")
        if self._service_url or any(self._environ.get(name) for name in explicit):
            return None
        raise AwsSettingsError(_NO_REGION)


def checked_service_url(url: str) -> str:
    """``url`` of a Lambda service, without a slash at its end. Raises AwsSettingsError."""
    try:
        # Reading the port checks its range.
        good = _URL.fullmatch(url) and urlsplit(url).port != 0
    except ValueError:
        good = None
    if not good or "?" in url or "#" in url:
        raise AwsSettingsError(
            f"AWS_LAMBDA_SERVICE_URL {url!r} is not allowed: give http:// or https://, a host,"
            " and where needed a port and a path"
        )
    return url.rstrip("/")


def _endpoint(
    session: botocore.session.Session, region: str, credentials: ReadOnlyCredentials
) -> str:
    # The keys keep the client from looking for credentials of its own.
    client = session.create_client(
        "lambda",
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
    )
    return str(client.meta.endpoint_url)
