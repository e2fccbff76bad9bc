"""Function names as the Invoke API takes them: plain, with qualifier, partial ARN, full ARN.

Source: AWS Lambda API reference, Invoke, FunctionName and Qualifier.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LATEST = "$LATEST"
MAX_NAME = 64
MAX_TEXT = 256

_REFERENCE = re.compile(
    r"""
    (?: arn: aws [A-Za-z-]* :lambda: )?
    (?: (?:eusc-)? [a-z]{2} (?: -gov | -iso[a-z]? )? -[a-z]+ -\d : )?
    (?: \d{12} : )?
    (?: function: )?
    (?P<name> [A-Za-z0-9_.-]+ )
    (?: : (?P<qualifier> \$LATEST (?:\.PUBLISHED)? | [A-Za-z0-9_-]+ ) )?
    """,
    re.VERBOSE,
)
_QUALIFIER = re.compile(r"\$LATEST(?:\.PUBLISHED)?|[A-Za-z0-9$_-]{1,128}")


class InvalidReference(ValueError):
    """The text is not a function reference. ``member`` and ``text`` name what was wrong."""

    def __init__(self, member: str, text: str, pattern: str) -> None:
        super().__init__(f"{member} {text!r} does not match {pattern}")
        self.member = member
        self.text = text
        self.pattern = pattern


class QualifierConflict(ValueError):
    """The name carries one qualifier and the query another."""


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A function by name, with the version or alias asked for, if any."""

    name: str
    qualifier: str | None = None

    @property
    def executed_version(self) -> str:
        """What ``X-Amz-Executed-Version`` says: the qualifier, or ``$LATEST``."""
        return self.qualifier or LATEST

    def arn(self, region: str, account: str) -> str:
        """Return the ARN as invoked; the qualifier is part of it when one was given."""
        arn = f"arn:aws:lambda:{region}:{account}:function:{self.name}"
        return f"{arn}:{self.qualifier}" if self.qualifier else arn


def parse_reference(text: str, qualifier: str | None = None) -> FunctionReference:
    """Parse the path segment and the ``Qualifier`` of an Invoke call.

    Region and account of an ARN are checked in form only: here a function is its name. Raises
    InvalidReference or QualifierConflict.
    """
    found = _REFERENCE.fullmatch(text) if len(text) <= MAX_TEXT else None
    if found is None or len(found["name"]) > MAX_NAME:
        raise InvalidReference("functionName", text, " ".join(_REFERENCE.pattern.split()))
    if qualifier is not None and not _QUALIFIER.fullmatch(qualifier):
        raise InvalidReference("qualifier", qualifier, _QUALIFIER.pattern)
    named = found["qualifier"]
    if named and qualifier and named != qualifier:
        raise QualifierConflict(
            f"function name {text!r} carries qualifier {named!r}, Qualifier says {qualifier!r}"
        )
    return FunctionReference(found["name"], named or qualifier)
