"""A WebSocket of aiohttp's client through the router."""

import asyncio
import importlib.util

import aiohttp
import pytest

from tests.interop.app import pattern
from tests.interop.site import Site
from tests.process.router import until

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("lambdadispatch.http11.tunnel") is None,
    reason="the router has no tunnels",
)

CASE = "websocket"
SOCKETS = 5
ROUNDS = 200
SIZE = 1_000_000


async def talk(url: str) -> tuple[list[str], bytes, int | None]:
    """What comes back of many short messages and a long one, and the code of the other side."""
    async with (
        aiohttp.ClientSession(headers={"X-Case": CASE}) as session,
        session.ws_connect(url, max_msg_size=0) as socket,
    ):
        texts = []
        for number in range(ROUNDS):
            await socket.send_str(f"message {number}")
            texts.append(await socket.receive_str())
        await socket.send_bytes(pattern(SIZE))
        long = await socket.receive_bytes()
        await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)
        return texts, long, socket.close_code


def test_messages_come_back_and_the_close_is_answered(site: Site) -> None:
    async def all_at_once() -> list[tuple[list[str], bytes, int | None]]:
        return await asyncio.gather(*(talk(f"ws://{site.host}/echo") for _ in range(SOCKETS)))

    expected = [f"message {number}" for number in range(ROUNDS)]
    for texts, long, code in asyncio.run(asyncio.wait_for(all_at_once(), 60)):
        assert texts == expected
        assert long == pattern(SIZE)
        assert code == aiohttp.WSCloseCode.OK

    def codes() -> list[int | None]:
        return [each.get("close_code") for each in site.seen(CASE)]

    until(
        lambda: len(codes()) == SOCKETS and None not in codes(),
        "the application has seen every end",
    )
    assert codes() == [aiohttp.WSCloseCode.GOING_AWAY] * SOCKETS
