"""The cases of TLS ports on libuv's transports."""

from tests.adapters.test_alpn import AlpnTests  # noqa: F401
from tests.adapters.test_control_tls import (  # noqa: F401
    ChainTests,
    ClientCertificateTests,
    PinTests,
)
from tests.adapters.test_tls_arrivals import ControlTests, FrontTests  # noqa: F401
