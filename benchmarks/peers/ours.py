"""Our side: the whole public verb, with plan, limiter, retries, checks and model instances."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.peers import Verb
from benchmarks.peers.items import (
    ACCESS_KEY,
    AMOUNT_ABOVE,
    ENDPOINT_REGION,
    IN_FLIGHT,
    KEY,
    KEYS,
    MANY_KEYS,
    OPERATIONS,
    SECRET_KEY,
    STREAM_TABLE,
    WRITES_IN_FLIGHT,
)
from benchmarks.peers.model import ORDER, OTHER, Order, order_of
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

        many = [(each["customer"], each["order"]) for each in MANY_KEYS]
        of_many = [order_of(each) for each in MANY_KEYS]

        def get_many(in_flight: int) -> Verb:
            return lambda: orders.batch_get(many, concurrency=in_flight)

        def transact(operations: int) -> Verb:
            async def commit() -> None:
                async with db.transaction() as tx:
                    for item in of_many[:operations]:
                        tx.put(item)

            return commit

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
            **{f"get_many_{in_flight}": get_many(in_flight) for in_flight in IN_FLIGHT},
            "put_many": lambda: orders.batch_put(of_many, concurrency=WRITES_IN_FLIGHT),
            **{f"transact_{operations}": transact(operations) for operations in OPERATIONS},
        }


@asynccontextmanager
async def through_aiobotocore(url: str) -> AsyncGenerator[dict[str, Verb]]:
    async with fast(url, "aiobotocore") as verbs:
        yield verbs
