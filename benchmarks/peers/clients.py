"""One client, one verb, in a process of its own: runs rounds on demand and reports what they cost.

    python -m benchmarks.peers.clients CLIENT VERB LOOP PORT

Each line on standard input is a number of operations; each line out is `{"cpu": s, "wall": s}`. CPU
is that of the whole process, all of its threads.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.peers.items import ACCESS_KEY, ENDPOINT_REGION, KEY, MOMENT, PLAIN, SECRET_KEY, TABLE, WIRE

CONCURRENT = 64
Verb = Callable[[], Awaitable[object]]


@asynccontextmanager
async def ours(url: str, verb: str, transport: str = "fast") -> AsyncGenerator[Verb]:
    """The whole public verb: plan, limiter, retries, checks, model instance."""
    from benchmarks.peers.model import ORDER, Order
    from dynamorm_async import Credentials, connect

    keys = Credentials(ACCESS_KEY, SECRET_KEY)
    async with connect(url, region=ENDPOINT_REGION, credentials=keys, transport=transport) as db:
        orders = db.table(Order)
        if verb == "put":
            yield lambda: orders.put(ORDER)
        else:
            found = await orders.get(KEY["customer"], KEY["order"])
            assert (found.title, found.created) == (ORDER.title, MOMENT)
            yield lambda: orders.get(KEY["customer"], KEY["order"])


@asynccontextmanager
async def ours_through_aiobotocore(url: str, verb: str) -> AsyncGenerator[Verb]:
    async with ours(url, verb, "aiobotocore") as run:
        yield run


@asynccontextmanager
async def floor(url: str, verb: str) -> AsyncGenerator[Verb]:
    """Prebuilt bytes over the same protocol, and the same answer decoded with msgspec."""
    from urllib.parse import urlsplit

    import msgspec

    assert verb == "get"
    from dynamorm_async.transport.http1 import Connection
    from dynamorm_async.wire import Call

    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    _, connection = await loop.create_connection(
        lambda: Connection(loop, lambda _: None), parts.hostname, parts.port
    )
    call = Call(operation="GetItem", body=json.dumps({"TableName": TABLE, "Key": KEY}).encode())
    head = (
        f"POST / HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nAuthorization: {'x' * 200}\r\n"
        f"Content-Length: {len(call.body)}\r\n"
    ).encode()
    decode = msgspec.json.Decoder(dict[str, dict[str, dict[str, object]]]).decode

    async def run() -> object:
        return decode((await connection.send(call, head)).body)

    yield run
    connection.abort()


@asynccontextmanager
async def aiobotocore(url: str, verb: str) -> AsyncGenerator[Verb]:
    """Raw: dicts of tagged values in and out."""
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession

    creation = AioSession().create_client(
        "dynamodb",
        region_name=ENDPOINT_REGION,
        endpoint_url=url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=AioConfig(max_pool_connections=CONCURRENT),
    )
    key = {name: {"S": value} for name, value in KEY.items()}
    async with creation as client:
        if verb == "put":
            yield lambda: client.put_item(TableName=TABLE, Item=WIRE)
        else:
            yield lambda: client.get_item(TableName=TABLE, Key=key)


@asynccontextmanager
async def aiodynamo(url: str, verb: str) -> AsyncGenerator[Verb]:
    """Dicts of Python values in and out."""
    from aiodynamo.client import Client
    from aiodynamo.credentials import Key, StaticCredentials
    from aiodynamo.http.aiohttp import AIOHTTP
    from aiohttp import ClientSession
    from yarl import URL

    async with ClientSession() as session:
        credentials = StaticCredentials(Key(ACCESS_KEY, SECRET_KEY))
        client = Client(AIOHTTP(session), credentials, ENDPOINT_REGION, URL(url))
        table = client.table(TABLE)
        if verb == "put":
            yield lambda: table.put_item(PLAIN)
        else:
            yield lambda: table.get_item(KEY)


@asynccontextmanager
async def pydynox(url: str, verb: str) -> AsyncGenerator[Verb]:
    """Model instances over a Rust core."""
    from pydynox import DynamoDBClient, Model, ModelConfig
    from pydynox.attributes import (
        BooleanAttribute,
        DatetimeAttribute,
        DecimalAttribute,
        ListAttribute,
        MapAttribute,
        NumberAttribute,
        StringAttribute,
        StringSetAttribute,
    )

    client = DynamoDBClient(
        region=ENDPOINT_REGION, access_key=ACCESS_KEY, secret_key=SECRET_KEY, endpoint_url=url
    )

    class Order(Model):
        model_config = ModelConfig(table=TABLE, client=client)
        customer = StringAttribute(partition_key=True)
        order = StringAttribute(sort_key=True)
        title = StringAttribute()
        note = StringAttribute()
        status = StringAttribute()
        amount = NumberAttribute()
        price = DecimalAttribute()
        paid = BooleanAttribute()
        tags = StringSetAttribute()
        lines = ListAttribute()
        address = MapAttribute()
        created = DatetimeAttribute()
        updated = DatetimeAttribute()
        revision = NumberAttribute()

    order = Order(**{**PLAIN, "created": MOMENT, "updated": MOMENT})
    if verb == "put":
        yield lambda: order.save(full_replace=True)
    else:
        found = await Order.get(**KEY)
        assert found is not None
        assert found.title == PLAIN["title"]
        yield lambda: Order.get(**KEY)


@asynccontextmanager
async def boto3(url: str, verb: str) -> AsyncGenerator[Verb]:
    """The resource: dicts of Python values; it blocks, so it is never concurrent."""
    import boto3 as package

    table = package.resource(
        "dynamodb",
        region_name=ENDPOINT_REGION,
        endpoint_url=url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    ).Table(TABLE)

    async def run() -> object:
        return table.put_item(Item=PLAIN) if verb == "put" else table.get_item(Key=KEY)

    yield run


CLIENTS = {
    "ours": ours,
    "ours through aiobotocore": ours_through_aiobotocore,
    "floor": floor,
    "aiobotocore": aiobotocore,
    "aiodynamo": aiodynamo,
    "pydynox": pydynox,
    "boto3": boto3,
}


async def _in_turn(run: Verb, operations: int) -> None:
    for _ in range(operations):
        await run()


async def serve(client: str, verb: str, url: str) -> None:
    loop = asyncio.get_running_loop()
    async with CLIENTS[client](url, verb) as run:
        await _in_turn(run, 50)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            operations = int(line)
            wall, cpu = time.perf_counter(), time.process_time()
            if verb == "64 gets":
                await asyncio.gather(*(_in_turn(run, operations // CONCURRENT) for _ in range(CONCURRENT)))
            else:
                await _in_turn(run, operations)
            spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
            print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    _client, _verb, _loop, _port = sys.argv[1:]
    if _loop == "uvloop":
        from uvloop import run as _run
    else:
        _run = asyncio.run
    _run(serve(_client, _verb, f"http://127.0.0.1:{_port}"))
