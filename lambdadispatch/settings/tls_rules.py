"""What the settings about certificates must keep to together."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from lambdadispatch.settings.rule import Rule, Value


def _are_together(*values: Value) -> Iterator[str]:
    """All are given, or none is; the error is told of the first one that is given."""
    missing = [each.label.removesuffix(" (default)") for each in values if each.value is None]
    given = [each for each in values if each.value is not None]
    if missing and given:
        yield (
            f"{given[0].label}: {given[0].shown} needs {' and '.join(missing)} beside it; allowed: "
            "all of them, or none"
        )


def _is_no_proxys(proxy: Value, tls: Value) -> Iterator[str]:
    if proxy.value == "on" and tls.value is not None:
        yield (
            f"{proxy.label}: {proxy.shown} is refused with {tls.label} open; allowed: off, for a "
            "PROXY header before the TLS handshake is not read"
        )


def _has_port(file: Value, port: Value) -> Iterator[str]:
    if file.value is not None and port.value is None:
        yield (
            f"{file.label}: {file.shown} needs {port.label}, which is off; allowed: both, or "
            "neither"
        )


def _has_chain(verify: Value, certificate: Value, host: Value) -> Iterator[str]:
    if verify.value != "chain":
        return
    if certificate.value is None:
        yield (
            f"{verify.label}: {verify.shown} needs control_tls_certificate, which is not given; "
            "allowed: pin, for a certificate that the router makes has no chain"
        )
    if host.value is None or _is_address(host.value):
        yield (
            f"{verify.label}: {verify.shown} needs a host name that the certificate is for, and "
            f"{host.label.removesuffix(' (default)')} is {host.shown}; allowed: a callback_host "
            "that is a name, or pin"
        )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_no_way_round(authority: Value, clear: Value) -> Iterator[str]:
    if authority.value is not None and clear.value is not None:
        yield (
            f"{authority.label}: {authority.shown} is refused with {clear.label} open, where no "
            "certificate is asked for; allowed: control_port off"
        )


TLS_RULES = (
    Rule(("tls_port", "tls_certificate", "tls_key"), _are_together),
    Rule(("proxy_protocol", "tls_port"), _is_no_proxys),
    Rule(("control_tls_certificate", "control_tls_key"), _are_together),
    Rule(("control_tls_certificate", "control_tls_port"), _has_port),
    Rule(("control_tls_verify", "control_tls_certificate", "callback_host"), _has_chain),
    Rule(("control_tls_client_ca", "control_tls_port"), _has_port),
    Rule(("control_tls_client_ca", "control_port"), _is_no_way_round),
)
