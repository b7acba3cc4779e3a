"""aiodynamo: dicts of Python values in and out."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiodynamo.client import Client
from aiodynamo.credentials import Key, StaticCredentials
from aiodynamo.expressions import F, HashKey
from aiodynamo.http.aiohttp import AIOHTTP
from aiodynamo.models import BatchGetRequest
from aiohttp import ClientSession
from yarl import URL

from benchmarks.peers import Verb
from benchmarks.peers.items import (
    ACCESS_KEY,
    AMOUNT_ABOVE,
    ENDPOINT_REGION,
    KEY,
    KEYS,
    PLAIN,
    SECRET_KEY,
    STREAM_TABLE,
    TABLE,
)


@asynccontextmanager
async def aiodynamo(url: str) -> AsyncGenerator[dict[str, Verb]]:
    async with ClientSession() as session:
        credentials = StaticCredentials(Key(ACCESS_KEY, SECRET_KEY))
        client = Client(AIOHTTP(session), credentials, ENDPOINT_REGION, URL(url))
        table, streamed = client.table(TABLE), client.table(STREAM_TABLE)
        mine = HashKey("customer", KEY["customer"])

        async def query() -> object:
            return [item async for item in table.query(mine)]

        async def batch_get() -> object:
            return (await client.batch_get({TABLE: BatchGetRequest(keys=KEYS)})).items[TABLE]

        async def stream() -> int:
            count = 0
            async for _ in streamed.query(mine, filter_expression=F("amount").gt(AMOUNT_ABOVE)):
                count += 1
            return count

        yield {
            "get": lambda: table.get_item(KEY),
            "put": lambda: table.put_item(PLAIN),
            "query": query,
            "batch_get": batch_get,
            "stream": stream,
        }
