"""The clients with models: pydynox, over a Rust core, and PynamoDB, which blocks."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.peers import MANY, Verb
from benchmarks.peers.items import (
    ACCESS_KEY,
    AMOUNT_ABOVE,
    ENDPOINT_REGION,
    IN_FLIGHT,
    KEY,
    KEYS,
    MANY_KEYS,
    MOMENT,
    OPERATIONS,
    PLAIN,
    SECRET_KEY,
    STREAM_TABLE,
    TABLE,
)


@asynccontextmanager
async def pydynox(url: str, *, as_dict: bool = False) -> AsyncGenerator[dict[str, Verb]]:
    from pydynox import BatchWriter, DynamoDBClient, Model, ModelConfig, Transaction
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

    class Streamed(Order):
        model_config = ModelConfig(table=STREAM_TABLE, client=client)

    order = Order(**{**PLAIN, "created": MOMENT, "updated": MOMENT})
    customer = KEY["customer"]
    found = await Order.get(**KEY)
    assert found is not None
    assert found.title == PLAIN["title"]

    orders = [Order(**{**PLAIN, "created": MOMENT, "updated": MOMENT, **each}) for each in MANY_KEYS]

    async def put_many() -> None:
        async with BatchWriter(client, TABLE) as batch:
            for each in orders:
                batch.put(each.to_dict())

    def transact(operations: int) -> Verb:
        async def commit() -> None:
            async with Transaction(client) as tx:
                for each in orders[:operations]:
                    tx.put(TABLE, each.to_dict())

        return commit

    async def query() -> object:
        return [item async for item in Order.query(partition_key=customer, as_dict=as_dict)]

    async def stream() -> int:
        count = 0
        question = Streamed.query(
            partition_key=customer, filter_condition=Streamed.amount > AMOUNT_ABOVE, as_dict=as_dict
        )
        async for _ in question:
            count += 1
        return count

    yield {
        "get": lambda: Order.get(**KEY),
        "put": lambda: order.save(full_replace=True),
        "query": query,
        "batch_get": lambda: Order.batch_get(KEYS, as_dict=as_dict),
        # How many calls are in flight is its own matter.
        **{f"get_many_{number}": lambda: Order.batch_get(MANY_KEYS, as_dict=as_dict) for number in IN_FLIGHT},
        "put_many": put_many,
        "transact": transact(2),
        **{f"transact_{operations}": transact(operations) for operations in OPERATIONS},
        "stream": stream,
    }


@asynccontextmanager
async def pydynox_dicts(url: str) -> AsyncGenerator[dict[str, Verb]]:
    """Many items as plain dicts, which the Rust core makes alone: several times as fast as instances."""
    async with pydynox(url, as_dict=True) as verbs:
        yield {verb: verbs[verb] for verb in MANY}


@asynccontextmanager
async def pynamodb(url: str) -> AsyncGenerator[dict[str, Verb]]:
    """It has no decimals and no time of nine digits: the price is a float, the times stay texts."""
    from pynamodb.attributes import (
        BooleanAttribute,
        ListAttribute,
        MapAttribute,
        NumberAttribute,
        UnicodeAttribute,
        UnicodeSetAttribute,
    )
    from pynamodb.models import Model
    from pynamodb.transactions import TransactWrite

    class Address(MapAttribute):
        city = UnicodeAttribute()
        street = UnicodeAttribute()
        number = NumberAttribute()

    class Connected:
        host, region = url, ENDPOINT_REGION
        aws_access_key_id, aws_secret_access_key = ACCESS_KEY, SECRET_KEY

    class Order(Model):
        class Meta(Connected):
            table_name = TABLE

        customer = UnicodeAttribute(hash_key=True)
        order = UnicodeAttribute(range_key=True)
        title = UnicodeAttribute()
        note = UnicodeAttribute()
        status = UnicodeAttribute()
        amount = NumberAttribute()
        price = NumberAttribute()
        paid = BooleanAttribute()
        tags = UnicodeSetAttribute()
        lines = ListAttribute(of=UnicodeAttribute)
        address = Address()
        created = UnicodeAttribute()
        updated = UnicodeAttribute()
        revision = NumberAttribute()

    class Streamed(Order):
        class Meta(Connected):
            table_name = STREAM_TABLE

    customer, pairs = KEY["customer"], [(each["customer"], each["order"]) for each in KEYS]
    order = Order(**{**PLAIN, "price": float(PLAIN["price"]), "address": Address(**PLAIN["address"])})

    async def get() -> object:
        return Order.get(customer, KEY["order"])

    async def put() -> object:
        return order.save()

    async def query() -> object:
        return list(Order.query(customer))

    async def batch_get() -> object:
        return list(Order.batch_get(pairs))

    of_many = [(each["customer"], each["order"]) for each in MANY_KEYS]
    connection = Order._get_connection().connection  # one of its own has no way to be given these keys
    fields = {**PLAIN, "price": float(PLAIN["price"]), "address": Address(**PLAIN["address"])}
    orders = [Order(**{**fields, **each}) for each in MANY_KEYS]

    async def get_many() -> object:
        return list(Order.batch_get(of_many))

    async def put_many() -> None:
        with Order.batch_write() as batch:
            for each in orders:
                batch.save(each)

    def transact(operations: int) -> Verb:
        async def commit() -> None:
            with TransactWrite(connection=connection) as tx:
                for each in orders[:operations]:
                    tx.save(each)

        return commit

    async def stream() -> int:
        return sum(1 for _ in Streamed.query(customer, filter_condition=Streamed.amount > AMOUNT_ABOVE))

    assert (await get()).title == PLAIN["title"]
    yield {
        "get": get,
        "put": put,
        "query": query,
        "batch_get": batch_get,
        "stream": stream,
        "get_many_1": get_many,
        "put_many": put_many,
        "transact": transact(2),
        **{f"transact_{operations}": transact(operations) for operations in OPERATIONS},
    }
