"""Our side: the whole public verb, with plan, limiter, retries, checks and model instances."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.peers import Verb
from benchmarks.peers.items import (
    ACCESS_KEY,
    AMOUNT_ABOVE,
    ENDPOINT_REGION,
    KEY,
    KEYS,
    SECRET_KEY,
    STREAM_TABLE,
)
from benchmarks.peers.model import ORDER, OTHER, Order
from dynamorm_async import Credentials, connect


@asynccontextmanager
async def fast(url: str, transport: str = "fast") -> AsyncGenerator[dict[str, Verb]]:
    keys = Credentials(ACCESS_KEY, SECRET_KEY)
    async with connect(url, region=ENDPOINT_REGION, credentials=keys, transport=transport) as db:
        orders, streamed = db.table(Order), db.table(Order, name=STREAM_TABLE)
        customer, order = KEY["customer"], KEY["order"]
        key, keys_of_page = (customer, order), [(each["customer"], each["order"]) for each in KEYS]
        found = await orders.get(*key)
        assert found.title == ORDER.title
        assert found.created.tzinfo is not None

        async def stream() -> int:
            count = 0
            async for _ in streamed.where(Order.customer == customer, Order.amount > AMOUNT_ABOVE):
                count += 1
            return count

        yield {
            "get": lambda: orders.get(customer, order),
            "put": lambda: orders.put(ORDER),
            "update": lambda: orders.update(key, Order.amount.set(7)),
            "delete": lambda: orders.delete(customer, "gone"),
            "transact": lambda: db.transaction().put(ORDER).put(OTHER).commit(),
            "query": lambda: orders.where(Order.customer == customer).list(),
            "batch_get": lambda: orders.batch_get(keys_of_page),
            "stream": stream,
        }


@asynccontextmanager
async def through_aiobotocore(url: str) -> AsyncGenerator[dict[str, Verb]]:
    async with fast(url, "aiobotocore") as verbs:
        yield verbs
