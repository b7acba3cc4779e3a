"""What nothing can be faster than: prebuilt bytes over the same protocol, the same answer decoded.

msgspec decodes it into structs of tagged values, which is the fastest that it has; there is no
signature, no check, no limit, no deadline, no retry, and no instance.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec

from benchmarks.peers import Verb
from benchmarks.peers.items import KEY, TABLE, WIRE
from dynamorm_async.transport.http1 import Connection
from dynamorm_async.wire import Call

TEXT, NUMBER = msgspec.defstruct("TEXT", [("S", str)]), msgspec.defstruct("NUMBER", [("N", str)])
BOOLEAN = msgspec.defstruct("BOOLEAN", [("BOOL", bool)])
TEXTS = msgspec.defstruct("TEXTS", [("SS", list[str])])
LIST = msgspec.defstruct("LIST", [("L", list[TEXT])])
ADDRESS = msgspec.defstruct("ADDRESS", [("city", TEXT), ("street", TEXT), ("number", NUMBER)])
MAP = msgspec.defstruct("MAP", [("M", ADDRESS)])
TYPES = {"S": TEXT, "N": NUMBER, "BOOL": BOOLEAN, "SS": TEXTS, "L": LIST, "M": MAP}
ITEM = msgspec.defstruct("ITEM", [(name, TYPES[next(iter(value))]) for name, value in WIRE.items()])
ONE = msgspec.defstruct("ONE", [("Item", ITEM)])
PAGE = msgspec.defstruct("PAGE", [("Items", list[ITEM])])

REQUESTS: dict[str, dict[str, Any]] = {
    "GetItem": {"TableName": TABLE, "Key": {name: {"S": value} for name, value in KEY.items()}},
    "Query": {
        "TableName": TABLE,
        "KeyConditionExpression": "customer = :c",
        "ExpressionAttributeValues": {":c": {"S": KEY["customer"]}},
    },
}


@asynccontextmanager
async def floor(url: str) -> AsyncGenerator[dict[str, Verb]]:
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    _, connection = await loop.create_connection(
        lambda: Connection(loop, lambda _: None), parts.hostname, parts.port
    )
    get, query = msgspec.json.Decoder(ONE).decode, msgspec.json.Decoder(PAGE).decode
    get_call, get_head = _request("GetItem", parts.netloc)
    query_call, query_head = _request("Query", parts.netloc)

    async def send_get() -> object:
        return get((await connection.send(get_call, get_head)).body)

    async def send_query() -> object:
        return query((await connection.send(query_call, query_head)).body).Items

    yield {"get": send_get, "query": send_query}
    connection.abort()


def _request(operation: str, host: str) -> tuple[Call, bytes]:
    call = Call(operation=operation, body=json.dumps(REQUESTS[operation]).encode())
    head = (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nAuthorization: {'x' * 200}\r\n"
        f"Content-Length: {len(call.body)}\r\n"
    )
    return call, head.encode()
