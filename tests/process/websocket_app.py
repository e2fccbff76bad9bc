"""A WebSocket server: ``python -m tests.process.websocket_app PORT``.

``/echo`` sends back what comes, ``/flood`` sends without an end, ``/bye`` closes with 4000; other
paths are refused. It writes how each connection ended.
"""

import asyncio
import http
import os
import sys

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PATHS = ("/echo", "/flood", "/bye")


async def flood(connection: ServerConnection) -> None:
    while True:
        await connection.send(os.urandom(5000))
        # While nobody holds it back, sending lets nothing else have its turn.
        await asyncio.sleep(0)


async def read(connection: ServerConnection) -> None:
    async for message in connection:
        assert len(message) == 70_000


async def chat(connection: ServerConnection) -> None:
    request = connection.request
    assert request is not None
    try:
        if request.path == "/bye":
            await connection.close(4000, "bye")
        if request.path == "/flood":
            await asyncio.gather(read(connection), flood(connection))
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass
    await connection.wait_closed()
    print("ENDED", request.path, connection.close_code, flush=True)


def answer(connection: ServerConnection, request: Request) -> Response | None:
    if request.path == "/health":
        return connection.respond(http.HTTPStatus.OK, "ok\n")
    if request.path not in PATHS:
        return connection.respond(http.HTTPStatus.FORBIDDEN, "no such chat\n")
    return None


async def main() -> None:
    port = int(sys.argv[1])
    async with serve(
        chat,
        "127.0.0.1",
        port,
        process_request=answer,
        subprotocols=["second", "first"],  # type: ignore[list-item]
        max_size=None,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
