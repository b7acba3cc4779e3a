"""A tiny HTTP/1.1 server on a free port that answers as the test says, and keeps what it was sent."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from zlib import crc32

import attrs


@attrs.frozen
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


@attrs.define
class HttpServer:
    """What the server answers, and what it was asked. A script that returns closes the connection."""

    script: Script
    port: int = 0
    requests: list[Request] = attrs.field(factory=list[Request])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answering(
    body: bytes = b"{}",
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> Script:
    """Answer with a whole response; `length` may lie."""
    fields = {
        "Content-Length": str(len(body) if length is None else length),
        "Content-Type": "application/x-amz-json-1.0",
        "x-amz-crc32": str(crc32(body)),
        "x-amzn-RequestId": "REQUEST-1",
        "Connection": "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body)
        await writer.drain()

    return script


async def hanging(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await writer.drain()
    await asyncio.Event().wait()


async def closing(writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    await writer.drain()


async def resetting(writer: asyncio.StreamWriter) -> None:
    """Reset the connection without an answer."""
    taken = writer.get_extra_info("socket")
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST in place of FIN
    writer.transport.abort()


async def endless(writer: asyncio.StreamWriter) -> None:
    """Answer without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


@asynccontextmanager
async def serving(script: Script) -> AsyncGenerator[HttpServer]:
    """Serve until the block ends; each connection gets one answer."""
    server = HttpServer(script)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            server.requests.append(await _request(reader))
            await server.script(writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0].split(" ")[1], headers, body)
