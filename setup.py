"""Packaging, and the optional compilation of the hot modules.

``package_dir`` must name the root: without it an editable install does not put
``twisted/plugins`` on the path and the twistd plugin is silently missing.

With LAMBDADISPATCH_COMPILE=1 the pure layers, which need no change for it, are compiled by mypyc
(``make compile``); without it, or without a C compiler, the same modules are interpreted.
"""

import os
from pathlib import Path

from setuptools import find_packages, setup

# The path of a request, whole: a call from compiled to interpreted code and back costs what
# compiling saves. Nothing interpreted may extend a class of these.
COMPILED = [
    *map(str, Path("lambdadispatch/wire").glob("*.py")),
    *map(str, Path("lambdadispatch/core").glob("*.py")),
    "lambdadispatch/http11/stream.py",
    "lambdadispatch/http11/exchange.py",
    "lambdadispatch/http11/sinks.py",
    "lambdadispatch/http11/pace.py",
    "lambdadispatch/http11/server.py",
    "lambdadispatch/http11/watched_connection.py",
    "lambdadispatch/http11/server_connection.py",
    "lambdadispatch/http11/server_exchange.py",
    "lambdadispatch/http11/client.py",
    "lambdadispatch/http11/outcomes.py",
    "lambdadispatch/http11/relay.py",
    "lambdadispatch/http11/tunnel.py",
    "lambdadispatch/http11/resource.py",
    "lambdadispatch/http2/allowances.py",
    "lambdadispatch/http2/frames.py",
    "lambdadispatch/http2/rules.py",
    "lambdadispatch/http2/reading.py",
    "lambdadispatch/http2/exchange.py",
    "lambdadispatch/http2/watch.py",
    "lambdadispatch/http2/windows.py",
    "lambdadispatch/http2/writing.py",
    "lambdadispatch/http2/connection.py",
    "lambdadispatch/http2/negotiated.py",
    "lambdadispatch/http2/server.py",
    "lambdadispatch/front/admission.py",
    "lambdadispatch/front/answers.py",
    "lambdadispatch/front/forwarding.py",
    "lambdadispatch/front/priority.py",
    "lambdadispatch/front/proxied.py",
    "lambdadispatch/front/relay.py",
    "lambdadispatch/front/request.py",
    "lambdadispatch/front/request_ids.py",
    "lambdadispatch/front/resource.py",
    "lambdadispatch/front/routing.py",
    "lambdadispatch/front/traces.py",
    "lambdadispatch/front/tunnel.py",
    "lambdadispatch/control/channel.py",
    "lambdadispatch/control/server.py",
    "lambdadispatch/router/access_log.py",
    "lambdadispatch/router/counts.py",
    "lambdadispatch/router/pool.py",
    "lambdadispatch/router/router.py",
    "lambdadispatch/router/timers.py",
    "lambdadispatch/router/unrouted.py",
    "lambdadispatch/router/tunnels.py",
    "lambdadispatch/transports/turn.py",
    "lambdadispatch/transports/sending.py",
    "lambdadispatch/transports/face.py",
    "lambdadispatch/transports/tls.py",
    "lambda_side/channels.py",
    "lambda_side/hosts/port.py",
]


def extensions() -> list[object]:
    """The extension modules to build: none unless they are asked for."""
    if os.environ.get("LAMBDADISPATCH_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415

    return list(mypycify(COMPILED, opt_level="3"))


if __name__ == "__main__":
    setup(
        package_dir={"": "."},
        packages=[
            *find_packages(include=["lambdadispatch*", "lambda_side*"]),
            "twisted.plugins",
        ],
        ext_modules=extensions(),
    )
