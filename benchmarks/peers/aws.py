"""The clients on botocore: raw aiobotocore, its resource style, and boto3's resource."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

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
    PLAIN,
    SECRET_KEY,
    STREAM_TABLE,
    TABLE,
    WIRE,
    WIRE_PAGE,
    WRITES_IN_FLIGHT,
)

CONNECTIONS = 64
BATCH = {TABLE: {"Keys": KEYS}}


def _options(url: str) -> dict[str, Any]:
    return {
        "region_name": ENDPOINT_REGION,
        "endpoint_url": url,
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": SECRET_KEY,
    }


def _aio_client(url: str) -> Any:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession

    config = AioConfig(max_pool_connections=CONNECTIONS)
    return AioSession().create_client("dynamodb", config=config, **_options(url))


@asynccontextmanager
async def aiobotocore(url: str) -> AsyncGenerator[dict[str, Verb]]:
    """Raw: tagged values in and out; many items go through boto3's TypeDeserializer and TypeSerializer."""
    from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

    read, write = TypeDeserializer().deserialize, TypeSerializer().serialize
    key = {name: {"S": value} for name, value in KEY.items()}
    gone = {**key, "order": {"S": "gone"}}
    two = [{"Put": {"TableName": TABLE, "Item": item}} for item in (WIRE, WIRE_PAGE[0])]
    of_many = [{**PLAIN, **each} for each in MANY_KEYS]
    batch = {TABLE: {"Keys": [{name: {"S": value} for name, value in each.items()} for each in KEYS]}}
    question = {
        "KeyConditionExpression": "customer = :c",
        "ExpressionAttributeValues": {":c": {"S": KEY["customer"]}},
    }
    filtered = {
        "KeyConditionExpression": "customer = :c",
        "FilterExpression": "amount > :a",
        "ExpressionAttributeValues": {":c": {"S": KEY["customer"]}, ":a": {"N": str(AMOUNT_ABOVE)}},
    }

    def plain(items: list[Any]) -> list[dict[str, Any]]:
        return [{name: read(value) for name, value in item.items()} for item in items]

    async with _aio_client(url) as client:

        async def query() -> object:
            return plain((await client.query(TableName=TABLE, **question))["Items"])

        async def batch_get() -> object:
            return plain((await client.batch_get_item(RequestItems=batch))["Responses"][TABLE])

        def get_many(in_flight: int) -> Verb:
            async def asked(some: list[Any], room: asyncio.Semaphore) -> list[Any]:
                found: list[Any] = []
                while some:
                    async with room:
                        answer = await client.batch_get_item(RequestItems={TABLE: {"Keys": some}})
                    found += plain(answer["Responses"][TABLE])
                    some = answer["UnprocessedKeys"].get(TABLE, {}).get("Keys", [])
                return found

            async def get() -> object:
                room = asyncio.Semaphore(in_flight)
                keys = [{name: {"S": value} for name, value in each.items()} for each in MANY_KEYS]
                calls = [asked(keys[first : first + 100], room) for first in range(0, len(keys), 100)]
                return [item for found in await asyncio.gather(*calls) for item in found]

            return get

        async def put_many() -> None:
            async def put(some: list[Any]) -> None:
                async with room:
                    requests = [
                        {"PutRequest": {"Item": {name: write(value) for name, value in item.items()}}}
                        for item in some
                    ]
                    while requests:
                        answer = await client.batch_write_item(RequestItems={TABLE: requests})
                        requests = answer["UnprocessedItems"].get(TABLE, [])

            room = asyncio.Semaphore(WRITES_IN_FLIGHT)
            await asyncio.gather(*(put(of_many[first : first + 25]) for first in range(0, len(of_many), 25)))

        def transact(operations: int) -> Verb:
            puts = [
                {"Put": {"TableName": TABLE, "Item": {**WIRE, "order": {"S": each["order"]}}}}
                for each in MANY_KEYS[:operations]
            ]
            return lambda: client.transact_write_items(TransactItems=puts)

        async def stream() -> int:
            count = 0
            async for page in client.get_paginator("query").paginate(TableName=STREAM_TABLE, **filtered):
                count += len(plain(page["Items"]))
            return count

        yield {
            "get": lambda: client.get_item(TableName=TABLE, Key=key),
            "put": lambda: client.put_item(TableName=TABLE, Item=WIRE),
            "update": lambda: client.update_item(TableName=TABLE, Key=key, **_update()),
            "delete": lambda: client.delete_item(TableName=TABLE, Key=gone),
            "transact": lambda: client.transact_write_items(TransactItems=two),
            "query": query,
            "batch_get": batch_get,
            "stream": stream,
            **{f"get_many_{in_flight}": get_many(in_flight) for in_flight in IN_FLIGHT},
            "put_many": put_many,
            **{f"transact_{operations}": transact(operations) for operations in OPERATIONS},
        }


def _update() -> dict[str, Any]:
    """Return what our update sends: a change, the time of it, and the version's step."""
    now = datetime.now(UTC).isoformat()
    return {
        "UpdateExpression": "SET amount = :a, updated = :u, revision = if_not_exists(revision, :z) + :o",
        "ConditionExpression": "attribute_exists(customer)",
        "ExpressionAttributeValues": {
            ":a": {"N": "7"},
            ":u": {"S": now},
            ":z": {"N": "-1"},
            ":o": {"N": "1"},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


@asynccontextmanager
async def resource_style(url: str) -> AsyncGenerator[dict[str, Verb]]:
    """Plain dicts through an aiobotocore client, turned into tagged values and back by boto3's resource.

    aioboto3 does just this to boto3's Table, but asks for one old release of aiobotocore, and can't be
    installed beside the one measured here. So boto3's own handlers are registered on the client.
    """
    from boto3.dynamodb.conditions import Attr, Key
    from boto3.dynamodb.transform import TransformationInjector, copy_dynamodb_params

    mine, filters = Key("customer").eq(KEY["customer"]), Attr("amount").gt(AMOUNT_ABOVE)
    async with _aio_client(url) as client:
        injector, events = TransformationInjector(), client.meta.events
        events.register("provide-client-params.dynamodb", copy_dynamodb_params)
        events.register("before-parameter-build.dynamodb", injector.inject_condition_expressions)
        events.register("before-parameter-build.dynamodb", injector.inject_attribute_value_input)
        events.register("after-call.dynamodb", injector.inject_attribute_value_output)

        async def get() -> object:
            return (await client.get_item(TableName=TABLE, Key=KEY))["Item"]

        async def query() -> object:
            return (await client.query(TableName=TABLE, KeyConditionExpression=mine))["Items"]

        async def batch_get() -> object:
            return (await client.batch_get_item(RequestItems=BATCH))["Responses"][TABLE]

        async def stream() -> int:
            count = 0
            asked = {"TableName": STREAM_TABLE, "KeyConditionExpression": mine, "FilterExpression": filters}
            async for page in client.get_paginator("query").paginate(**asked):
                count += len(page["Items"])
            return count

        assert (await get())["title"] == PLAIN["title"]
        yield {
            "get": get,
            "put": lambda: client.put_item(TableName=TABLE, Item=PLAIN),
            "query": query,
            "batch_get": batch_get,
            "stream": stream,
        }


@asynccontextmanager
async def boto3(url: str) -> AsyncGenerator[dict[str, Verb]]:
    """The resource: plain dicts; it blocks, so it is never concurrent."""
    import boto3 as package
    from boto3.dynamodb.conditions import Attr, Key

    resource = package.resource("dynamodb", **_options(url))
    table, streamed = resource.Table(TABLE), resource.Table(STREAM_TABLE)
    mine, filters = Key("customer").eq(KEY["customer"]), Attr("amount").gt(AMOUNT_ABOVE)

    async def get() -> object:
        return table.get_item(Key=KEY)["Item"]

    async def put() -> object:
        return table.put_item(Item=PLAIN)

    async def query() -> object:
        return table.query(KeyConditionExpression=mine)["Items"]

    async def batch_get() -> object:
        return resource.batch_get_item(RequestItems=BATCH)["Responses"][TABLE]

    async def stream() -> int:
        asked: dict[str, Any] = {"KeyConditionExpression": mine, "FilterExpression": filters}
        count = 0
        while True:
            page = streamed.query(**asked)
            count += len(page["Items"])
            if "LastEvaluatedKey" not in page:
                return count
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    yield {"get": get, "put": put, "query": query, "batch_get": batch_get, "stream": stream}
