"""A WebSocket client, at the URL of its first argument: messages of several lengths, a ping, and a close code of its own."""

import asyncio
import sys

import websockets


async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as connection:
        for message in ("", "hello", "x" * 70_000, b"\x00\x01", b"y" * 1_000_000):
            await connection.send(message)
            assert await connection.recv() == message
        await (await connection.ping())
        await connection.close(code=3007, reason="enough")


asyncio.run(main())
