"""Which Lambda function to invoke, and where its Invoke call lies below the endpoint."""

import re
from dataclasses import dataclass
from urllib.parse import quote

_NAME = re.compile(r"[A-Za-z0-9_.:$-]{1,256}")
_QUALIFIER = re.compile(r"[A-Za-z0-9_.$-]{1,128}")


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function by name, partial ARN or ARN, and optionally its version or alias.

    Source: ``FunctionName`` and ``Qualifier`` of Invoke in the AWS Lambda API reference. Raises
    ValueError for a name or qualifier that no function can have.
    """

    name: str
    qualifier: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"function name {self.name!r} is not allowed: give a name, a partial ARN or an ARN"
                " of 1 to 256 letters, digits and _ - . : $"
            )
        if self.qualifier is not None and not _QUALIFIER.fullmatch(self.qualifier):
            raise ValueError(
                f"qualifier {self.qualifier!r} of function {self.name} is not allowed: give a"
                " version, an alias or $LATEST, of 1 to 128 letters, digits and _ - . $"
            )

    def __str__(self) -> str:
        return self.name if self.qualifier is None else f"{self.name}:{self.qualifier}"

    @property
    def target(self) -> str:
        """Path and query of the Invoke call, percent-encoded as it is signed and sent."""
        # Colons of an ARN must go out as %3A: the signature covers the path encoded once more.
        path = f"/2015-03-31/functions/{quote(self.name, safe='-._~')}/invocations"
        if self.qualifier is None:
            return path
        return f"{path}?Qualifier={quote(self.qualifier, safe='-._~')}"
