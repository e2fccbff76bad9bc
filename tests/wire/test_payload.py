from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdadispatch.wire.payload import (
    PROTOCOL,
    Callback,
    InvokeAnswer,
    InvokePayload,
    PayloadError,
)

SECRET = bytes(range(32))
SHOWN = base64.b64encode(SECRET).decode()

PAYLOAD = InvokePayload(
    pool="web",
    invocation="i1",
    instance="n1",
    callback=Callback("router.example", 5003, tls=True, certificate="-----BEGIN", pin="0a" * 32),
    secret=SECRET,
    channels=12,
    concurrency=10,
    idle=30.0,
    deadline_margin=2.5,
    ping=10.0,
    expires=1767225600.0,
)

SECONDS = st.floats(min_value=1e-6, max_value=86400, allow_nan=False)


@st.composite
def payloads(draw: Any) -> InvokePayload:
    channels = draw(st.integers(1, 10_000))
    return InvokePayload(
        pool=draw(st.text()),
        invocation=draw(st.text()),
        instance=draw(st.from_regex(r"[A-Za-z0-9._~-]{1,128}", fullmatch=True)),
        callback=Callback(
            draw(st.from_regex(r"[A-Za-z0-9._:%-]{1,255}", fullmatch=True)),
            draw(st.integers(1, 65535)),
            draw(st.booleans()),
            draw(st.none() | st.text()),
            draw(st.none() | st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
            draw(st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}", fullmatch=True)),
        ),
        secret=draw(st.binary(min_size=32, max_size=32)),
        channels=channels,
        concurrency=draw(st.integers(1, channels)),
        idle=draw(SECONDS),
        deadline_margin=draw(SECONDS),
        ping=draw(SECONDS),
        nacks=draw(st.booleans()),
        expires=draw(st.none() | st.floats(1, 1e11)),
    )


@given(payloads())
def test_payload_written_and_read_again(payload: InvokePayload) -> None:
    assert InvokePayload.decode(payload.encode()) == payload


@given(st.text(), st.integers(0, 1 << 53))
def test_answer_written_and_read_again(reason: str, requests: int) -> None:
    answer = InvokeAnswer(reason, requests)
    assert InvokeAnswer.decode(answer.encode()) == answer


def with_value(key: str, value: object) -> bytes:
    """The payload with one value changed; ``key`` may be ``callback.host`` and the like."""
    values = json.loads(PAYLOAD.encode())
    *path, last = key.split(".")
    inner = values
    for each in path:
        inner = inner[each]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(values).encode()


TEXTS = ["pool", "invocation", "instance", "callback.host"]
WHOLE = {"channels": 10_000, "concurrency": 12, "callback.port": 65535}
TIMES = ["idle", "deadline_margin", "ping"]
NUMBERS: list[object] = [0, -1, True, "1", None, [], 1.5]

BAD: list[tuple[str, object, str]] = [
    *((key, value, "a text is needed") for key in TEXTS for value in (None, 1, [], {}, ...)),
    *(
        (key, value, f"a whole number from 1 to {most} is needed")
        for key, most in WHOLE.items()
        for value in [*NUMBERS, most + 1, ...]
    ),
    *(
        (key, value, "a number of seconds above 0 and at most 86400 is needed")
        for key in TIMES
        for value in [*NUMBERS[:-1], 86400.5, float("nan"), float("inf"), 10**400, ...]
    ),
    *(("callback.tls", value, "true or false is needed") for value in (0, 1, "true", None, ...)),
    *(
        ("expires", value, "a number of seconds since 1970 or null is needed")
        for value in ("1", -1, 0, 10**400, float("nan"), float("inf"), True)
    ),
    *(
        ("callback.pin", value, "64 hexadecimal digits are needed")
        for value in ("", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n")
    ),
    *(("callback.name", value, "a host name is needed") for value in ("", "a b", ".a", "a:1")),
    *(("callback.name", value, "a text or null is needed") for value in (1, [], True)),
    *(("callback.certificate", value, "a text or null is needed") for value in (1, [], True)),
    *(
        ("instance", value, "a name of letters, digits and ._~- is needed")
        for value in ("", "a/b", "a b", "a\r\nX: y", "\udc80", "x\n")
    ),
    *(
        ("callback.host", value, "a host name or an IP address is needed")
        for value in ("", "a/b", "a b", "a\r\nX: y", "\udc80", "a\n")
    ),
    *(("callback", value, "an object is needed") for value in ("x", None, [], 5003, ...)),
    *(("lambdadispatch", value, "a whole number from 1") for value in (0, "1", None, ...)),
]


@pytest.mark.parametrize(("key", "value", "wanted"), BAD)
def test_each_bad_value_is_named_with_what_fits(key: str, value: object, wanted: str) -> None:
    with pytest.raises(PayloadError) as error:
        InvokePayload.decode(with_value(key, value))
    text = str(error.value)
    shown = "None" if value is ... else repr(value)
    assert text.startswith(f"{key} is {shown}: ")
    assert wanted in text


def test_what_an_older_router_does_not_tell() -> None:
    values = json.loads(PAYLOAD.encode())
    del values["expires"], values["callback"]["pin"], values["callback"]["name"]
    read = InvokePayload.decode(json.dumps(values).encode())
    assert (read.expires, read.callback.pin, read.callback.name) == (None, None, None)


def test_a_protocol_of_later_days_is_refused_by_number() -> None:
    with pytest.raises(PayloadError, match=f"is 2: this side speaks {PROTOCOL}"):
        InvokePayload.decode(with_value("lambdadispatch", 2))


def test_a_key_that_is_not_known_is_passed_over() -> None:
    assert InvokePayload.decode(with_value("later", {"x": 1})) == PAYLOAD


SECRETS: list[tuple[object, str]] = [
    (SHOWN[:-4], "secret has 30 octets, 32 are needed"),
    (base64.b64encode(bytes(33)).decode(), "secret has 33 octets, 32 are needed"),
    ("", "secret has 0 octets"),
    (SHOWN[:-1], "secret is not base64"),
    ("!" + SHOWN[1:], "secret is not base64"),
    ("é" + SHOWN[1:], "secret is not base64"),
    (12345678, "secret is a value that is not shown: a text is needed"),
    (["hidden"], "secret is a value that is not shown: a text is needed"),
    (..., "secret is a value that is not shown: a text is needed"),
]


@pytest.mark.parametrize(("secret", "message"), SECRETS)
def test_a_bad_secret_is_not_shown(secret: object, message: str) -> None:
    with pytest.raises(PayloadError) as error:
        InvokePayload.decode(with_value("secret", secret))
    assert message in str(error.value)
    for part in (SHOWN[1:-4], "12345678", "hidden"):
        assert part not in str(error.value)


@pytest.mark.parametrize(("key", "value", "_wanted"), BAD)
def test_the_secret_is_in_no_error(key: str, value: object, _wanted: str) -> None:
    with pytest.raises(PayloadError) as error:
        InvokePayload.decode(with_value(key, value))
    assert SHOWN not in str(error.value)
    assert repr(SECRET) not in str(error.value)


def test_the_secret_is_in_no_repr() -> None:
    for text in (repr(PAYLOAD), str(PAYLOAD), f"{PAYLOAD}"):
        assert repr(SECRET) not in text
        assert SHOWN not in text
        assert "secret" not in text


NOT_OBJECTS = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b"\xff\xfe\xfd", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"[]", "list where a JSON object is needed"),
    (b"null", "NoneType where a JSON object is needed"),
    (b'"x"', "str where a JSON object is needed"),
]


@pytest.mark.parametrize(("data", "message"), NOT_OBJECTS)
def test_what_is_no_object(data: bytes, message: str) -> None:
    for decode in (InvokePayload.decode, InvokeAnswer.decode):
        with pytest.raises(PayloadError, match=message):
            decode(data)


@given(st.binary(max_size=40))
def test_bytes_are_a_payload_or_a_payload_error(data: bytes) -> None:
    for decode in (InvokePayload.decode, InvokeAnswer.decode):
        with pytest.raises(PayloadError):
            decode(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"requests": 1}', "reason is None: a text is needed"),
        (b'{"reason": 1, "requests": 1}', "reason is 1: a text is needed"),
        (b'{"reason": "x"}', "requests is None: a whole number from 0"),
        (b'{"reason": "x", "requests": -1}', "requests is -1: a whole number from 0"),
        (b'{"reason": "x", "requests": true}', "requests is True: a whole number from 0"),
        (b'{"errorMessage": "boom"}', "reason is None: a text is needed"),
    ],
)
def test_each_bad_key_of_an_answer_is_named(data: bytes, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        InvokeAnswer.decode(data)
