"""The files of certificates: what is read from them, and what is told of those that are unfit."""

from __future__ import annotations

import pickle
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificates
from twisted.logger import LogEvent, globalLogPublisher

from lambdadispatch.router.tls_files import (
    NO_TLS,
    TlsFiles,
    TlsFilesError,
    fixed_name,
    is_for,
    read_again,
    read_pair,
)
from lambdadispatch.settings import Settings, settings_from
from lambdadispatch.transports.server_tls import IN_MEMORY, as_file, ssl_context
from tests.authority import Authority, key_pem, rsa_key, write_pair

ROOT = Authority()


def read(folder: Path) -> object:
    return read_pair("tls-certificate", str(folder / "own.pem"), "tls-key", str(folder / "own.key"))


def settings(**changes: str) -> Settings:
    given = {name.replace("_", "-"): value for name, value in changes.items()}
    return settings_from({"function-name": "web"} | given, {}, None)[0]


@pytest.fixture
def events() -> list[LogEvent]:
    seen: list[LogEvent] = []
    globalLogPublisher.addObserver(seen.append)
    return seen


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_key_is_in_a_file_for_a_moment_only(in_memory: bool) -> None:
    if in_memory and not IN_MEMORY:
        pytest.skip("there are no files in memory here")
    with as_file(b"a key", in_memory=in_memory) as name:
        assert Path(name).read_bytes() == b"a key"
        assert in_memory or Path(name).stat().st_mode & 0o077 == 0
        assert name.startswith("/proc/") == in_memory
    with pytest.raises(FileNotFoundError):
        Path(name).read_bytes()


def test_a_pair_with_its_chain(tmp_path: Path) -> None:
    between = Authority("between", ROOT)
    for key in (None, rsa_key(), ed25519.Ed25519PrivateKey.generate()):
        pair = between.issue("a.example", key=key)
        files = write_pair(tmp_path, pair)
        assert read_pair("tls-certificate", files[0], "tls-key", files[1]) == pair
        assert len(load_pem_x509_certificates(pair.certificate)) == 2


def test_one_file_for_both_and_the_key_never_stands_with_the_certificate(tmp_path: Path) -> None:
    pair = Authority("between", ROOT).issue("a.example")
    file = tmp_path / "both.pem"
    for text in (pair.key + pair.certificate, b"a word before\n" + pair.certificate + pair.key):
        file.write_bytes(text)
        found = read_pair("tls-certificate", str(file), "tls-key", str(file))
        assert found == pair
        assert b"PRIVATE" not in found.certificate
        assert b"CERTIFICATE" not in found.key
        assert "PRIVATE" not in repr(found)


def test_the_key_may_be_of_the_older_form(tmp_path: Path) -> None:
    pair = ROOT.issue("a.example", key=rsa_key())
    _, file = write_pair(tmp_path, pair)
    older = load_pem_private_key(pair.key, None).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, _no_encryption()
    )
    assert b"RSA PRIVATE" in older
    Path(file).write_bytes(older)
    assert read(tmp_path) == pair


def _no_encryption() -> object:
    from cryptography.hazmat.primitives.serialization import NoEncryption

    return NoEncryption()


def encrypted() -> bytes:
    key = load_pem_private_key(ROOT.issue("a.example").key, None)
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret words")
    )


UNFIT: list[tuple[str, Callable[[], bytes | None], str]] = [
    ("own.pem", lambda: None, "it cannot be read: No such file or directory"),
    ("own.key", lambda: None, "it cannot be read: No such file or directory"),
    ("own.pem", lambda: b"", "it is empty"),
    ("own.key", lambda: b" \n", "it is empty"),
    ("own.pem", lambda: b"\x30\x82\x01", "no certificate can be read from it: "),
    ("own.pem", lambda: ROOT.issue("a.example").key, "no certificate can be read from it: "),
    ("own.key", lambda: b"\x00\xff", "no key can be read from it: "),
    ("own.key", lambda: ROOT.certificate, "no key can be read from it: "),
    ("own.key", encrypted, "it is encrypted with a passphrase"),
    ("own.key", lambda: ROOT.issue("a.example").key, "it is not the key of --tls-certificate "),
    ("own.key", lambda: key_pem(dsa.generate_private_key(2048)), "it is not the key of "),
]


@pytest.mark.parametrize(("name", "text", "told"), UNFIT)
def test_an_unfit_file_is_named_with_what_is_wrong_and_what_is_allowed(
    tmp_path: Path, name: str, text: Callable[[], bytes | None], told: str
) -> None:
    write_pair(tmp_path, ROOT.issue("a.example"))
    content = text()
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TlsFilesError) as caught:
        read(tmp_path)
    setting = "tls-certificate" if name == "own.pem" else "tls-key"
    assert str(caught.value).startswith(f"--{setting} {str(tmp_path / name)!r}: {told}")
    assert "; allowed: a PEM file with " in str(caught.value)
    assert "PRIVATE" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    write_pair(tmp_path, ROOT.issue("a.example"))
    (tmp_path / "own.key").unlink()
    (tmp_path / "own.key").mkdir()
    with pytest.raises(TlsFilesError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_what_openssl_refuses_is_told_here(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    write_pair(tmp_path, ROOT.issue("a.example", key=weak))
    with pytest.raises(TlsFilesError, match=r"OpenSSL refuses it: .*TOO_SMALL"):
        read(tmp_path)


def test_what_is_loaded_is_told_and_that_it_is_out_of_date(
    tmp_path: Path, events: list[LogEvent]
) -> None:
    pair = ROOT.issue("a.example", "10.0.0.1")
    certificate, key = write_pair(tmp_path, pair)
    chosen = settings(tls_port="5443", tls_certificate=certificate, tls_key=key)
    now = datetime.now(UTC)
    material = TlsFiles(chosen, lambda: now)()
    assert (material.front, material.control, material.client_ca) == (pair, None, None)
    [told] = [each for each in events if "fingerprint" in each]
    assert (told["setting"], told["file"]) == ("tls-certificate", certificate)
    assert told["subject"] == "a.example, 10.0.0.1"
    assert len(told["fingerprint"]) == 64
    assert told["not_after"].startswith(str((now + timedelta(days=30)).date()))
    assert not [each for each in events if "not_before" in each]
    for moment in (now + timedelta(days=31), now - timedelta(days=61)):
        TlsFiles(chosen, lambda: moment)()  # noqa: B023
    warnings = [each for each in events if "not_before" in each]
    assert [each["log_level"].name for each in warnings] == ["warn", "warn"]


def test_all_that_is_configured_is_read_and_can_be_sent_to_workers(tmp_path: Path) -> None:
    front, control = ROOT.issue("www.example"), ROOT.issue("router.example")
    one, two = write_pair(tmp_path, front, "front"), write_pair(tmp_path, control, "control")
    ca = tmp_path / "ca.pem"
    other = Authority("another")
    ca.write_bytes(b"a comment, \xe4 \n" + ROOT.certificate + other.certificate)
    files = TlsFiles(
        settings(
            tls_port="5443",
            tls_certificate=one[0],
            tls_key=one[1],
            control_tls_certificate=two[0],
            control_tls_key=two[1],
            control_tls_client_ca=str(ca),
        ),
        lambda: datetime.now(UTC),
    )
    material = files()
    assert material == (front, control, ROOT.certificate + other.certificate)
    assert pickle.loads(pickle.dumps(material)) == material
    assert ssl_context(control, material.client_ca).verify_mode is ssl.CERT_REQUIRED
    ca.write_bytes(b"nothing")
    with pytest.raises(TlsFilesError, match=r"--control-tls-client-ca .*: no certificate can be"):
        files()


def test_names_that_functions_verify(tmp_path: Path) -> None:
    for names, name in (
        (("a.example", "b.example"), "a.example"),
        (("10.0.0.1", "b.example"), "b.example"),
        (("*.c.example",), "router.c.example"),
        (("10.0.0.1",), None),
    ):
        certificate = ROOT.issue(*names).certificate
        assert fixed_name(certificate) == name
        assert name is None or is_for(certificate, name)
    assert fixed_name(ROOT.certificate) is None
    assert is_for(ROOT.issue("*.c.example").certificate, "x.c.example")
    for names in (("a.example",), ("*.c.example",), ("*.example",), ("10.0.0.1",)):
        assert not is_for(ROOT.issue(*names).certificate, "c.example")
    assert not is_for(ROOT.certificate, "an authority")


@pytest.mark.parametrize(
    ("names", "verify", "told"),
    [
        (("10.0.0.1",), "pin", "it is for no host name that can be verified"),
        (("*.example",), "pin", "it is for no host name that can be verified"),
        (("a.example",), "chain", "it is not for router.example"),
    ],
)
def test_a_name_that_no_function_would_accept_is_refused_at_the_start(
    tmp_path: Path, names: tuple[str, ...], verify: str, told: str
) -> None:
    certificate, key = write_pair(tmp_path, ROOT.issue(*names))
    chosen = settings(
        control_tls_certificate=certificate,
        control_tls_key=key,
        control_tls_verify=verify,
        callback_host="router.example",
    )
    with pytest.raises(TlsFilesError, match=told):
        TlsFiles(chosen, lambda: datetime.now(UTC))()


def test_what_cannot_be_read_again_leaves_the_old(tmp_path: Path, events: list[LogEvent]) -> None:
    certificate, key = write_pair(tmp_path, ROOT.issue("a.example"))
    files = TlsFiles(
        settings(tls_port="5443", tls_certificate=certificate, tls_key=key),
        lambda: datetime.now(UTC),
    )
    old = files()
    new = ROOT.issue("a.example")
    write_pair(tmp_path, new)
    again = read_again(files, old)
    assert again is not None
    assert again.front == new
    Path(certificate).write_text("")
    assert read_again(files, old) is None
    [told] = [each for each in events if each["log_level"].name == "error"]
    assert f"--tls-certificate {certificate!r}: it is empty" in str(told["error"])
    assert read_again(files, NO_TLS) is None
