"""The environment variables an execution environment starts with.

Source: AWS Lambda developer guide, "Defined runtime environment variables".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from lambdadispatch.local.function import LocalFunction
from lambdadispatch.local.names import LATEST

_DROPPED_PREFIXES = ("AWS_", "_AWS_", "LAMBDA_", "_LAMBDA_", "_X_AMZN_")
_DROPPED = frozenset({"_HANDLER", "BOTO_CONFIG"})


def inherited(parent: Mapping[str, str]) -> dict[str, str]:
    """Return what of the service's own variables a function may see.

    PATH, PYTHONPATH, HOME and the like stay, so that the command is found. Everything of AWS
    goes, credentials and profile above all: a function under test must not act as its developer.
    """
    return {
        name: value
        for name, value in parent.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }


def log_stream_name(started: datetime, unique: str) -> str:
    """Return a stream name in AWS's form, ``2026/01/31/[$LATEST]0123abcd``."""
    return f"{started:%Y/%m/%d}/[{LATEST}]{unique}"


def environment_variables(
    function: LocalFunction,
    *,
    parent: Mapping[str, str],
    runtime_api: str,
    region: str,
    task_root: str,
    log_stream: str,
) -> dict[str, str]:
    """Return all variables of one environment's process.

    ``runtime_api`` is ``host:port``. The function's own variables win over inherited ones and
    over the placeholder credentials; the names AWS reserves win over all.
    """
    credentials = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
    }
    reserved = {
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": region,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": task_root,
        "TZ": ":UTC",
        "_HANDLER": function.handler or function.command[-1],
    }
    return inherited(parent) | credentials | dict(function.environment) | reserved
