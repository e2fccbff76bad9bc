"""A WSGI application's answer between its thread and the reactor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from threading import Condition
from types import TracebackType
from typing import Any, Final, TypeAlias

from lambda_side.hosts.answer import Answer, own_head
from lambdadispatch.wire.errors import LocalProtocolError
from lambdadispatch.wire.heads import CHUNKED, ResponseHead

HELD_OCTETS: Final = 65536
"""The application's thread waits while this much or more is waiting to be sent."""

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)
Write: TypeAlias = Callable[[bytes], None]


class AnswerOutput:
    """Takes the answer from the application's thread and writes it in the reactor's.

    Thread: ``start_response``, ``write``, ``pass_all``, ``finish``, ``fail``. Reactor: ``slow``,
    ``ready``, ``lost``. At most HELD_OCTETS and one piece wait here, however large the answer.
    ``call_in_reactor`` calls what it is given in the reactor's thread; ``complete`` is called
    there when the whole answer has been written.
    """

    def __init__(
        self,
        call_in_reactor: Callable[[Callable[[], None]], None],
        answer: Answer,
        complete: Callable[[], None],
    ) -> None:
        self._call_in_reactor = call_in_reactor
        self._answer = answer
        self._complete = complete
        self._changed = Condition()
        self._own_head: ResponseHead | None = None
        self._head_passed = False
        self._head: ResponseHead | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._last: Callable[[], None] | None = None
        self._called = False
        self._slow = False
        self._lost = False

    # -- in the application's thread

    def start_response(
        self,
        status: str,
        headers: Iterable[tuple[str, str]],
        exc_info: ExcInfo | None = None,
    ) -> Write:
        """PEP 3333: set status and headers. Raises LocalProtocolError for what HTTP forbids."""
        if exc_info is not None:
            try:
                if self._head_passed and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._own_head is not None:
            raise AssertionError("start_response was called a second time without exc_info")
        code, _, reason = status.partition(" ")
        if not (code.isascii() and code.isdigit()):
            raise LocalProtocolError("bad_status", f"status {status!r} is not like '200 OK'")
        pairs = [(_octets(name), _octets(value)) for name, value in headers]
        self._own_head = own_head(int(code), _octets(reason), pairs)
        return self.write

    def write(self, data: bytes) -> None:
        """PEP 3333: send a piece, waiting while the client is slow; BrokenPipeError if it left."""
        if not isinstance(data, bytes):
            raise TypeError(f"an answer is made of bytes, not of {type(data).__name__}")
        if not data:
            return
        with self._changed:
            while self._held >= HELD_OCTETS and not self._lost:
                self._changed.wait()
            if self._lost:
                raise BrokenPipeError("the client is gone")
            self._pass_head()
            self._pieces.append(data)
            self._held += len(data)
            self._call()

    def pass_all(self, pieces: Iterable[Any]) -> None:
        """Send what the application returned. A single piece gives the length of the answer."""
        single = isinstance(pieces, Sized) and len(pieces) == 1
        for data in pieces:
            if single and isinstance(data, bytes):
                self._declare(len(data))
            self.write(data)

    def finish(self) -> None:
        """The answer is complete."""
        if not self._head_passed:
            self._declare(0)
        with self._changed:
            self._pass_head()
            self._last = self._complete
            self._call()

    def fail(self) -> None:
        """The application raised: 500, or what was sent is cut."""
        with self._changed:
            if self._last is None:
                self._last = self._failed
                self._call()

    def _failed(self) -> None:
        self._answer.fail("application_error")

    def _declare(self, length: int) -> None:
        head = self._own_head
        if not self._head_passed and head is not None and head.body == CHUNKED:
            self._own_head = head._replace(body=length)

    def _pass_head(self) -> None:
        if self._head_passed:
            return
        if self._own_head is None:
            raise AssertionError("the application answers without having called start_response")
        self._head = self._own_head
        self._head_passed = True

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._call_in_reactor(self._pass_on)

    # -- in the reactor's thread

    def _pass_on(self) -> None:
        with self._changed:
            self._called = False
            if self._slow or self._lost:
                return
            head, self._head = self._head, None
            pieces, self._pieces = self._pieces, []
            self._held = 0
            last = self._last
            self._changed.notify()
        if head is not None:
            self._answer.begin(head)
        if pieces:
            self._answer.write(b"".join(pieces))
        if last is not None:
            last()

    def slow(self) -> None:
        """The client reads slower than the answer is written."""
        self._slow = True

    def ready(self) -> None:
        """The client has caught up."""
        self._slow = False
        self._pass_on()

    def lost(self) -> None:
        """Nothing can be sent any more."""
        with self._changed:
            self._lost = True
            self._pieces.clear()
            self._changed.notify()


def _octets(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise LocalProtocolError("bad_field_value", f"{text!r} is not latin-1 text") from None
