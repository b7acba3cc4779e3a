"""Answer every request at once with what was made beforehand; the server's CPU is nobody's concern.

Prints its port. Runs until its standard input ends. A GET is answered with how many requests of each
operation came. A table that is asked page by page goes on where the request says, to its last page.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Any
from zlib import crc32

from benchmarks.peers.items import (
    KEY,
    MANY_KEYS,
    PAGE_SIZE,
    SCAN_PAGE_SIZE,
    SCAN_TABLE,
    SCANNED,
    SILENT_TABLE,
    STREAM_PAGE_SIZE,
    STREAM_READ,
    STREAM_TABLE,
    STREAMED,
    TABLE,
    WIRE,
    WIRE_PAGE,
)

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TARGET = re.compile(rb"x-amz-target: *[^\r]*\.(\w+)", re.IGNORECASE)
_TABLE = re.compile(rb'"TableName": *"([^"]+)"')
_PAGE = re.compile(rb'"ExclusiveStartKey".*?"page-(\d+)"', re.DOTALL)

# From a request's body to an answer, or to None for silence.
_Answering = Callable[[bytes], bytes | None]


def _http(text: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Sat, 21 Nov 2026 00:00:00 GMT\r\n"
        b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\nConnection: keep-alive\r\n"
        b"x-amzn-RequestId: 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF\r\nx-amz-crc32: %d\r\n\r\n%b"
    ) % (len(text), crc32(text), text)


def _text(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _always(body: object) -> _Answering:
    answer = _http(_text(body))
    return lambda _: answer


def _paged(items: list[Any], *, read: int, pages: int) -> _Answering:
    """Return an answering of pages that differ in nothing but where the next one starts."""
    start = _text({"Count": len(items), "ScannedCount": read, "Items": items})[:-1]

    def answer(request: bytes) -> bytes:
        found = _PAGE.search(request)
        page = int(found[1]) + 1 if found else 1
        last = {"customer": {"S": KEY["customer"]}, "order": {"S": f"page-{page}"}}
        more = b',"LastEvaluatedKey":%b' % _text(last) if page < pages else b""
        return _http(b"%b%b}" % (start, more))

    return answer


def _small(number: int) -> dict[str, Any]:
    return {
        "customer": {"S": KEY["customer"]},
        "order": {"S": f"order-{number:010d}"},
        "amount": {"N": str(number)},
    }


_SCANNED = _paged(
    [_small(number) for number in range(SCAN_PAGE_SIZE)], read=SCAN_PAGE_SIZE, pages=SCANNED // SCAN_PAGE_SIZE
)
_ONE_OF_MANY = re.compile(rb'"order-(\d{10})"')


def _batch(request: bytes) -> bytes:
    """Answer a batch of 100: of the page's keys, or of the hundred of many that its first key is among."""
    found = _ONE_OF_MANY.search(request)
    hundred = int(found[1]) // PAGE_SIZE if found else 0
    return _of_many(hundred) if hundred < len(MANY_KEYS) // PAGE_SIZE else _PAGE_OF_BATCH


@cache
def _of_many(hundred: int) -> bytes:
    keys = MANY_KEYS[hundred * PAGE_SIZE :][:PAGE_SIZE]
    items = [{**WIRE, "order": {"S": key["order"]}} for key in keys]
    return _http(_text({"Responses": {TABLE: items}, "UnprocessedKeys": {}}))


_PAGE_OF_BATCH = _http(_text({"Responses": {TABLE: WIRE_PAGE}, "UnprocessedKeys": {}}))
ANSWERS: dict[tuple[bytes, str], _Answering] = {
    (b"GetItem", TABLE): _always({"Item": WIRE}),
    (b"GetItem", SILENT_TABLE): lambda _: None,
    (b"Query", TABLE): _always({"Count": len(WIRE_PAGE), "ScannedCount": len(WIRE_PAGE), "Items": WIRE_PAGE}),
    # A batch names its tables otherwise, and only this one is asked so.
    (b"BatchGetItem", ""): _batch,
    (b"BatchWriteItem", ""): _always({"UnprocessedItems": {}}),
    (b"Query", STREAM_TABLE): _paged(
        [{**WIRE, "order": {"S": f"order-{number:010d}"}} for number in range(STREAM_PAGE_SIZE)],
        read=STREAM_READ,
        pages=STREAMED // STREAM_PAGE_SIZE,
    ),
    (b"Scan", SCAN_TABLE): _SCANNED,
    (b"Query", SCAN_TABLE): _SCANNED,
}
EMPTY = _always({})
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
            body = self._buffer[end + 4 : size]
            self._buffer = self._buffer[size:]
            answer = _answer(head, body)
            if answer is not None:
                self._transport.write(answer)


def _answer(head: bytes, body: bytes) -> bytes | None:
    target = _TARGET.search(head)
    if not target:
        return _http(_text(COUNTS))
    operation = target[1].decode()
    COUNTS[operation] = COUNTS.get(operation, 0) + 1
    table = _TABLE.search(body)
    return ANSWERS.get((target[1], table[1].decode() if table else ""), EMPTY)(body)


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
