"""Answer every request at once with what was made beforehand; the server's CPU is nobody's concern.

Prints its port. Runs until its standard input ends.
"""

import asyncio
import json
import re
import sys
from zlib import crc32

from benchmarks.peers.items import WIRE

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"x-amz-target: *[^\r]*\.(\w+)", re.IGNORECASE)


def _canned(body: object) -> bytes:
    text = json.dumps(body, separators=(",", ":")).encode()
    return (
        b"HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Sat, 21 Nov 2026 00:00:00 GMT\r\n"
        b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\nConnection: keep-alive\r\n"
        b"x-amzn-RequestId: 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF\r\nx-amz-crc32: %d\r\n\r\n%b"
    ) % (len(text), crc32(text), text)


ANSWERS = {b"GetItem": _canned({"Item": WIRE})}
EMPTY = _canned({})
COUNTS: dict[str, int] = {}


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < size:
                return
            self._buffer = self._buffer[size:]
            target = _TARGET.search(head)
            name = target[1] if target else b""
            if name:
                COUNTS[name.decode()] = COUNTS.get(name.decode(), 0) + 1
                self._transport.write(ANSWERS.get(name, EMPTY))
            else:
                self._transport.write(_canned(COUNTS))


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    try:
        from uvloop import run
    except ImportError:
        run = asyncio.run
    run(main())
