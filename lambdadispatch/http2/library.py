"""The library h2 as it is used here: its settings, and what is taken out of its hands.

Not compiled, for it extends classes of the library.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import hpack
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from lambdadispatch.http2.frames import LARGEST_FRAME
from lambdadispatch.wire.reader import Limits

FIELD_OVERHEAD: Final = 32
"""Octets that a field counts beyond its name and value (RFC 9113 section 6.5.2)."""

LARGEST_TABLE: Final = 4096
"""Octets of the table by which answers' fields are compressed, however much a client allows: much
of what is put into it differs from one answer to the next, and would only fill it up."""

UNBOUNDED_STREAMS: Final = 1 << 30

_KNOWN: Final = frozenset(SettingCodes)


class LengthKeepingDecoder(hpack.Decoder):
    """Keeps the values of Content-Length to itself, in ``lengths``, of the block read last.

    The library takes a length that is no number, or that the body does not come to, for an error of
    the connection. It is one of the request (RFC 9113 section 8.1.1), and is found in
    ``http2.exchange``.
    """

    lengths: tuple[bytes, ...] = ()

    def decode(self, data: bytes, raw: bool = False) -> Any:
        """The fields but that one."""
        fields = super().decode(data, raw)
        self.lengths = tuple(each[1] for each in fields if each[0] == b"content-length")
        return [each for each in fields if each[0] != b"content-length"]


class KnownSettings(Settings):
    """Keeps those settings alone that the library knows: others mean nothing and are to be passed
    over (RFC 9113 section 6.5.2). The library keeps each of the 65,536 there can be, some 50 MB,
    and looks at all it has with every SETTINGS that comes.
    """

    def __setitem__(self, key: SettingCodes | int, value: int) -> None:
        """Keep one, if it is known."""
        if key in _KNOWN:
            super().__setitem__(key, value)


class Http2State(H2Connection):
    """The library's state of one connection, at the server's end.

    ``streams`` is how many may be open at once, for the client to know; that they are not more is
    seen to by the connection, which refuses one stream where the library would end them all.
    """

    MAX_CLOSED_STREAMS = 1024

    def __init__(self, streams: int, limits: Limits) -> None:
        config = H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_inbound_headers=False,
            normalize_inbound_headers=False,
            validate_outbound_headers=False,
            # Also marks credentials as not to be put into tables.
            normalize_outbound_headers=True,
        )
        super().__init__(config)
        largest = block_limit(limits)
        values = {
            SettingCodes.MAX_CONCURRENT_STREAMS: streams,
            SettingCodes.MAX_HEADER_LIST_SIZE: largest,
            SettingCodes.MAX_FRAME_SIZE: LARGEST_FRAME,
            SettingCodes.ENABLE_PUSH: 0,
        }
        self.local_settings = Settings(client=False, initial_values=values)
        self.remote_settings = KnownSettings(client=True)
        self.lengths_in = self.decoder = LengthKeepingDecoder()
        self.decoder.max_header_list_size = largest
        self.initiate_connection()
        values[SettingCodes.MAX_CONCURRENT_STREAMS] = UNBOUNDED_STREAMS
        self.local_settings = Settings(client=False, initial_values=values)

    def pairs_of(self, headers: Any) -> tuple[tuple[bytes, bytes], ...]:
        """The fields of the block that was read last, with those that the library is not shown."""
        lengths = [(b"content-length", value) for value in self.lengths_in.lengths]
        return (*[(bytes(name), bytes(value)) for name, value in headers], *lengths)

    def reset_all(self, numbers: Iterable[int], code: int) -> None:
        """Reset those of these streams that are open."""
        for number in numbers:
            with suppress(StreamClosedError):
                self.reset_stream(number, code)

    def bound_table(self) -> None:
        """The client has sent settings, which may allow any size of the encoder's table."""
        self.encoder.header_table_size = min(self.encoder.header_table_size, LARGEST_TABLE)


def block_limit(limits: Limits) -> int:
    """The largest block of fields that is decoded: one that is twice too large is still answered
    431, one beyond that ends the connection.
    """
    return 2 * (limits.head_octets + FIELD_OVERHEAD * limits.fields)


def goaway(last_stream: int, code: int) -> bytes:
    """A GOAWAY. The library's own would end what still runs."""
    return bytes(GoAwayFrame(0, last_stream_id=last_stream, error_code=code).serialize())
