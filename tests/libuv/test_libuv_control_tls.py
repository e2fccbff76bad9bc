"""The cases of control over TLS on libuv's transports."""

from tests.adapters.test_control_tls import (  # noqa: F401
    ChainTests,
    ClientCertificateTests,
    PinTests,
)
