"""A proxy that fails: `python proxy.py PORT TO WAY OFFSET`, once, after so many bytes of one direction over all connections.

WAY is `up` or `down` (then the connection is cut and what was under way in that direction is lost), or `deaf`: from then
on nothing of what the server says comes through on that connection, and it stays open. With an offset below 0 nothing ever fails.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

BLOCK = 1024


class Failing:
    def __init__(self, to: int, way: str, offset: int) -> None:
        self.to, self.way, self.left = to, way, offset
        self.deaf: set[int] = set()
        self.passed = {"up": 0, "down": 0}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        both = (writer, there_writer)
        await asyncio.gather(
            self.pass_on(reader, there_writer, "up", both), self.pass_on(there_reader, writer, "down", both)
        )
        print(f"passed {self.passed['up']} up, {self.passed['down']} down", flush=True)  # noqa: T201

    async def pass_on(self, reader: Any, writer: Any, way: str, both: tuple[Any, ...]) -> None:
        try:
            while block := await reader.read(BLOCK):
                if id(both) in self.deaf and way == "down":
                    continue
                if way == self.way or (self.way == "deaf" and way == "up"):
                    block = self.cut(block, both)
                self.passed[way] += len(block)
                writer.write(block)
                await writer.drain()
        except OSError:
            pass
        finally:
            if id(both) not in self.deaf:
                writer.close()

    def cut(self, block: bytes, both: tuple[Any, ...]) -> bytes:
        if self.left < 0:
            return block
        self.left -= len(block)
        if self.left >= 0:
            return block
        if self.way == "deaf":
            self.deaf.add(id(both))
            return block
        for writer in both:
            writer.transport.abort()
        raise ConnectionAbortedError


async def main(port: int, to: int, way: str = "up", offset: int = -1) -> None:
    failing = Failing(to, way, offset)
    server = await asyncio.start_server(failing.serve, "127.0.0.1", port)
    print("listening", flush=True)  # noqa: T201
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4], *map(int, sys.argv[4:5])))
