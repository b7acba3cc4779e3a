"""Numbers over items on every engine (R83–R86): groups, having, budgets, and what is read for them."""

from __future__ import annotations

import json
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from dynamorm_async import (
    ABSENT,
    Attr,
    BudgetSpent,
    Client,
    Table,
    attribute,
    avg,
    connect,
    count,
    max_,
    min_,
    model,
    partition_key,
    sort_key,
    sum_,
)
from dynamorm_async.wire import Call, Reply, Send
from tests.client.given import put_raw

ROWS = 12_000


@model(table="sales")
class Sale:
    shop: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    amount: Attr[Decimal] = attribute(default=Decimal(0))
    weight: Attr[float] = attribute(default=0.0)
    took: Attr[timedelta] = attribute(default=timedelta(0))
    label: Attr[str | int | bool | None] = attribute(default=None)
    note: Attr[str] = attribute(default="")


@pytest_asyncio.fixture(loop_scope="session")
async def sales(db: Client, table_name: str) -> Table[Sale]:
    await db.admin.create_table(Sale, name=table_name)
    return db.table(Sale, name=table_name)


async def fill(sales: Table[Sale]) -> None:
    for shop, number, amount in (
        ("north", 1, "0.12345678901234567890123456789012345678"),
        ("north", 2, "99999999999999999999999999999999999999"),
        ("south", 3, "0"),
        ("south", 4, "5"),
        ("south", 5, "1"),
    ):
        await sales.put(
            Sale(
                shop=shop,
                number=number,
                amount=Decimal(amount),
                weight=0.1,
                took=timedelta(minutes=number),
            )
        )


async def test_numbers_are_worked_out_for_each_group(sales: Table[Sale]) -> None:
    await fill(sales)

    rows = await (
        sales.scan(consistent=True)
        .group_by(Sale.shop)
        .aggregate(
            n=count(),
            total=sum_(Sale.amount),
            mean=avg(Sale.amount),
            weight=sum_(Sale.weight),
            took=sum_(Sale.took),
            first=min_(Sale.number),
            last=max_(Sale.number),
        )
    )

    assert sorted([dict(row) for row in rows], key=lambda row: row["shop"]) == [
        {
            "shop": "north",
            "n": 2,
            "total": Decimal("99999999999999999999999999999999999999.12345678901234567890123456789012345678"),
            "mean": Decimal(50000000000000000000000000000000000000),
            "weight": 0.2,
            "took": timedelta(minutes=3),
            "first": 1,
            "last": 2,
        },
        {
            "shop": "south",
            "n": 3,
            "total": Decimal(6),
            "mean": Decimal(2),
            "weight": 0.3,
            "took": timedelta(minutes=12),
            "first": 3,
            "last": 5,
        },
    ]


async def test_zero_empty_false_null_and_absent_are_different_groups(db: Client, sales: Table[Sale]) -> None:
    labels: list[Any] = [{"N": "0"}, {"S": ""}, {"BOOL": False}, {"NULL": True}, None, None]
    for number, label in enumerate(labels):
        item = {"shop": {"S": "north"}, "number": {"N": str(number)}}
        await put_raw(db, sales.name, item if label is None else {**item, "label": label})

    query = sales.where(Sale.shop == "north").consistent()
    rows = await query.group_by(Sale.label).aggregate(n=count(), labelled=count(Sale.label))

    assert [(repr(row.label), row.n, row.labelled) for row in rows] == [
        ("0", 1, 1),
        ("''", 1, 1),
        ("False", 1, 1),
        ("None", 1, 0),
        ("<absent>", 2, 0),
    ]
    assert rows[-1].label is ABSENT


async def test_having_and_filters_and_limits_narrow_the_rows(sales: Table[Sale]) -> None:
    await fill(sales)

    scan = sales.scan(Sale.number > 1, consistent=True)
    rows = await scan.group_by("shop").aggregate(n=count()).having(lambda g: g.n > 1)
    few = await sales.where(Sale.shop == "south").limit(2).aggregate(last=max_(Sale.number))

    assert rows == [{"shop": "south", "n": 3}]
    assert few == [{"last": 4}]


async def test_an_empty_table_has_no_groups_and_one_row_of_all(sales: Table[Sale]) -> None:
    assert await sales.scan().group_by(Sale.shop).aggregate(n=count()) == []
    assert await sales.scan().aggregate(n=count(), s=sum_(Sale.amount), a=avg(Sale.amount)) == [
        {"n": 0, "s": 0, "a": None}
    ]


async def test_a_budget_stops_a_runaway_with_a_cursor(sales: Table[Sale]) -> None:
    await fill(sales)
    query = sales.where(Sale.shop == "south").page_size(1)

    with pytest.raises(BudgetSpent) as caught:
        await query.budget(items=2).aggregate(n=count())

    rest = await query.start(caught.value.cursor).aggregate(n=count())
    assert rest == [{"n": 1}]


class Endless:
    """A middleware that answers each scan with pages of generated items, and keeps the requests."""

    def __init__(self, items: int) -> None:
        self.left = items
        self.requests: list[dict[str, Any]] = []

    async def __call__(self, call: Call, send: Send) -> Reply:
        del send
        self.requests.append(json.loads(call.body))
        self.left -= 1000
        items = ",".join(
            f'{{"shop":{{"S":"shop {n % 3}"}},"number":{{"N":"{self.left + n}"}},"amount":{{"N":"{n}"}}}}'
            for n in range(1000)
        )
        last = f',"LastEvaluatedKey":{{"number":{{"N":"{self.left}"}}}}' if self.left else ""
        return Reply(body=f'{{"Items":[{items}],"ScannedCount":1000{last}}}'.encode())


async def test_only_what_the_numbers_need_is_asked_for() -> None:
    answers = Endless(1000)

    async with connect("memory://", middleware=[answers]) as db:
        await db.table(Sale).scan().group_by(Sale.label).aggregate(s=sum_(Sale.amount))

    (request,) = answers.requests
    names = request["ExpressionAttributeNames"]
    asked = {names[name] for name in request["ProjectionExpression"].split(", ")}
    assert asked == {"shop", "number", "label", "amount"}  # the key says where a page ends


async def test_memory_grows_with_the_groups_and_not_with_the_items() -> None:
    async def peak(items: int) -> int:
        async with connect("memory://", middleware=[Endless(items)]) as db:
            query = db.table(Sale).scan().group_by(Sale.shop).aggregate(s=sum_(Sale.amount))
            tracemalloc.start()
            rows = await query
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert len(rows) == 3
            return most

    await peak(1000)

    assert await peak(ROWS) < 2 * await peak(2000)
