"""An Invoke call as a signed HTTP request (AWS Signature Version 4, by botocore)."""

from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from lambdadispatch.invoker.aws_lookup import AwsAccess
from lambdadispatch.invoker.function_ref import FunctionRef


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A POST ready to be sent; ``url`` must go out exactly as it stands, it is signed."""

    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def signed_invoke(access: AwsAccess, function: FunctionRef, payload: bytes) -> SignedRequest:
    """Sign a synchronous Invoke (RequestResponse) of ``function`` with ``payload`` (JSON bytes).

    The signature carries the wall clock's time; AWS takes it for 5 minutes around that.
    """
    url = access.endpoint.rstrip("/") + function.target
    request = AWSRequest(
        method="POST", url=url, data=payload, headers={"X-Amz-Invocation-Type": "RequestResponse"}
    )
    SigV4Auth(access.credentials, "lambda", access.region).add_auth(request)
    return SignedRequest(url=url, headers=dict(request.headers.items()), body=payload)
