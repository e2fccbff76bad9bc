"""A load loop: ``python -m tests.process.load PORT PATH CONNECTIONS REQUESTS``.

Sends the requests over that many kept connections, on each the next when the last is answered,
and prints as JSON how often each status came, how many connections were made, and what failed.
"""

import asyncio
import json
import sys
from collections import Counter


class Load:
    """What is left to send, and what has come back."""

    def __init__(self, port: int, path: str, requests: int) -> None:
        self._port = port
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self._left = requests
        self.statuses: Counter[str] = Counter()
        self.connections = 0
        self.errors: list[str] = []

    async def run(self, connections: int) -> None:
        await asyncio.gather(*[self._connection() for _ in range(connections)])

    async def _connection(self) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            self.connections += 1
            while self._left:
                self._left -= 1
                writer.write(self._request)
                self.statuses[await read_answer(reader)] += 1
            writer.close()
            await writer.wait_closed()
        except (OSError, EOFError, ValueError, LookupError) as error:
            self.errors.append(repr(error))


async def read_answer(reader: asyncio.StreamReader) -> str:
    """The status of one answer, which must declare its length."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    named = dict(field.lower().split(": ", 1) for field in fields if field)
    await reader.readexactly(int(named["content-length"]))
    return status.split(" ")[1]


def main(port: str, path: str, connections: str, requests: str) -> None:
    load = Load(int(port), path, int(requests))
    asyncio.run(load.run(int(connections)))
    print(
        json.dumps(
            {
                "statuses": load.statuses,
                "connections": load.connections,
                "errors": load.errors,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
