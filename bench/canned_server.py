"""The trivial application on a port: ``python -m bench.canned_server PORT``."""

from __future__ import annotations

import asyncio
import gc
import sys

import uvloop

from bench.canned_answers import CannedAnswers


async def serve(port: int) -> None:
    """Serve on a loopback port until stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(CannedAnswers, "127.0.0.1", port, backlog=4096)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
