"""Several models by one query, on every engine (N1): order, types, pages, policies, shared indexes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    BudgetSpent,
    Client,
    GlobalIndex,
    InvalidCursor,
    InvalidModel,
    InvalidRequest,
    InvalidValue,
    LocalIndex,
    NoUsableIndex,
    Size,
    Statistics,
    attribute,
    count,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.client import Collection
from dynamorm_async.client.known import Known
from dynamorm_async.client.query import Asking
from dynamorm_async.observe import CallFinished, Event
from dynamorm_async.testing import Engine
from tests.client.given import put_raw
from tests.plan.given import target
from tests.scripted_send import ScriptedSend
from tests.shapes import NOW, Note


@model(table="crm", entity="customer")
class Customer:
    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="PROFILE")
    customer: Attr[str]
    name: Attr[str] = attribute(default="")
    day: Attr[str]
    at: Attr[int]

    by_day = GlobalIndex("by-day", partition_key="day", sort_key="at")


@model(table="crm", entity="invoice")
class Invoice:
    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="INVOICE#{number}")
    customer: Attr[str]
    number: Attr[int]
    total: Attr[int] = attribute(default=0)
    day: Attr[str]
    at: Attr[int]

    by_day = GlobalIndex("by-day", partition_key="day", sort_key="at")


@model(table="crm", entity="letter")
class Letter:
    """It may have no day, so that the index lacks some letters."""

    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="LETTER#{number}")
    customer: Attr[str]
    number: Attr[int]
    day: Attr[str | None] = attribute(default=None)
    at: Attr[int] = attribute(default=0)

    by_day = GlobalIndex("by-day", partition_key="day", sort_key="at")


@model(table="crm", entity="note")
class Remark:
    """It knows nothing of the index."""

    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="REMARK#{number}")
    customer: Attr[str]
    number: Attr[int]


@model(table="crm", entity="twin", unknown="keep")
class Part:
    """Its index holds a part of its items."""

    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="PART#{number}")
    customer: Attr[str]
    number: Attr[int]
    day: Attr[str]
    at: Attr[int]

    by_day = GlobalIndex("by-day", partition_key="day", sort_key="at", projection="KEYS_ONLY")


@model(table="crm", entity="customer")
class Namesake:
    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key()
    customer: Attr[str]


@model(table="crm", entity="other")
class OtherKey:
    pk: Attr[str] = partition_key(template="OTHER#{customer}")
    sk: Attr[str] = sort_key()
    customer: Attr[str]


@model(table="crm", entity="both")
class Ordered:
    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="ORDERED#{number}")
    customer: Attr[str]
    number: Attr[int]
    at: Attr[int]

    by_at = LocalIndex("by-at", sort_key="at")


@model(table="crm", entity="red")
class Red:
    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="RED#{number}")
    customer: Attr[str]
    number: Attr[int]
    at: Attr[int]

    by_at = GlobalIndex("by-at", partition_key="pk", sort_key="at")


@model(table="crm", entity="blue")
class Blue:
    pk: Attr[str] = partition_key(template="C#{customer}")
    sk: Attr[str] = sort_key(template="BLUE#{number}")
    customer: Attr[str]
    number: Attr[int]
    at: Attr[int]

    by_at = GlobalIndex("by-at", partition_key="pk", sort_key="at")


@model(table="crm")
class Anonymous:
    pk: Attr[str] = partition_key()
    sk: Attr[str] = sort_key()


class Calls:
    def __init__(self) -> None:
        self.operations: list[str] = []

    def on_event(self, event: Event) -> None:
        if isinstance(event, CallFinished):
            self.operations.append(event.operation)


@pytest_asyncio.fixture(loop_scope="session")
async def crm(db: Client, table_name: str) -> Collection[Customer | Invoice]:
    """Ana with five invoices and a letter, Bob with one of each."""
    await db.admin.create_table(Customer, Invoice, name=table_name)
    customers, invoices = db.table(Customer, name=table_name), db.table(Invoice, name=table_name)
    for at, name in enumerate(("ana", "bob")):
        await customers.put(Customer(customer=name, name=name.title(), day="mon", at=at * 10))
    for number in range(5):
        await invoices.put(Invoice(customer="ana", number=number, total=number, day="mon", at=9 - number))
    await invoices.put(Invoice(customer="bob", number=0, day="tue", at=0))
    await db.table(Letter, name=table_name).put(Letter(customer="ana", number=0, day="mon", at=5))
    return db.collection(Customer, Invoice, name=table_name)


def told(items: Any) -> list[str]:
    return [item.name if isinstance(item, Customer) else f"#{item.number}" for item in items]


async def test_items_come_in_the_order_of_their_keys_each_of_its_own_model(
    crm: Collection[Customer | Invoice],
) -> None:
    found = await crm.where(Customer.customer == "ana").list()

    assert told(found) == ["#0", "#1", "#2", "#3", "#4", "Ana"]
    assert [type(item) for item in found] == [Invoice] * 5 + [Customer]
    assert (found[1].pk, found[1].sk, found[1].at) == ("C#ana", "INVOICE#1", 8)
    assert told(await crm.where(Invoice.customer == "ana").reverse().limit(2).list()) == ["Ana", "#4"]


async def test_a_part_of_the_sort_key_narrows_the_models(crm: Collection[Customer | Invoice]) -> None:
    query = crm.where(Customer.customer == "ana", Customer.sk >= "INVOICE#3")

    assert told(await query.list()) == ["#3", "#4", "Ana"]
    assert await query.count() == 3
    assert await crm.where(Customer.customer == "ana", Customer.sk.begins_with("INVOICE#")).count() == 5


async def test_a_page_is_one_request_and_its_cursors_lead_both_ways(
    engine: Engine, crm: Collection[Customer | Invoice], table_name: str
) -> None:
    calls = Calls()
    async with engine.connect(observers=[calls]) as db:
        query = db.collection(Customer, Invoice, name=table_name).where(Customer.customer == "ana")
        first = await query.page(size=2)
        second = await query.page(size=2, cursor=first.next)
        third = await query.page(size=3, cursor=second.next)
        whole = [told(page.items) for page in (first, second, third)]
        asked = list(calls.operations)
        back = await query.page(size=2, cursor=third.previous)

    assert whole == [["#0", "#1"], ["#2", "#3"], ["#4", "Ana"]]
    assert asked == ["Query"] * 3
    assert told(back.items) == ["#2", "#3"]
    assert back.previous is not None


async def test_a_walk_goes_on_behind_an_item_of_either_model(crm: Collection[Customer | Invoice]) -> None:
    query = crm.where(Customer.customer == "ana")
    items = await query.list()

    assert told(await query.start(query.cursor_after(items[3])).list()) == ["#4", "Ana"]
    assert told(await query.start(query.cursor_after(items[5])).list()) == []


async def test_a_budget_stops_with_a_cursor(crm: Collection[Customer | Invoice]) -> None:
    query = crm.where(Customer.customer == "ana").page_size(4)

    with pytest.raises(BudgetSpent) as caught:
        await query.budget(requests=1).list()

    rest = told(await query.start(caught.value.cursor).list())
    # The letter is among the first four or the last, and is not given either way.
    assert rest == ["#4", "Ana"]


async def test_items_of_other_entities_are_left_out_by_the_service(
    crm: Collection[Customer | Invoice],
) -> None:
    query = crm.where(Customer.customer == "ana")

    analysis = await query.analyze()

    assert (analysis.rows, analysis.items) == (7, 6)


async def test_items_of_other_entities_are_refused_where_this_is_asked_for(
    db: Client, crm: Collection[Customer | Invoice], table_name: str
) -> None:
    strict = db.collection(Customer, Invoice, name=table_name, unknown="refuse")
    all_three = db.collection(Customer, Invoice, Letter, name=table_name, unknown="refuse")

    with pytest.raises(InvalidValue, match="an item of the entity 'letter'"):
        await strict.where(Customer.customer == "ana").list()
    with pytest.raises(InvalidValue, match="an item of the entity 'letter'"):
        await strict.where(Customer.customer == "ana").count()
    assert await strict.where(Customer.customer == "bob").count() == 2
    assert len(await all_three.where(Customer.customer == "ana").list()) == 7


async def test_an_item_without_an_entity_is_refused_or_left_out(
    db: Client, crm: Collection[Customer | Invoice], table_name: str
) -> None:
    await put_raw(db, table_name, {"pk": {"S": "C#eve"}, "sk": {"S": "x"}})
    strict = db.collection(Customer, Invoice, name=table_name, unknown="refuse")

    assert await crm.where(Customer.customer == "eve").list() == []
    with pytest.raises(InvalidValue, match="an item without an entity"):
        await strict.where(Customer.customer == "eve").list()


async def test_an_item_that_its_model_cannot_read_is_an_error_that_names_it(
    db: Client, crm: Collection[Customer | Invoice], table_name: str
) -> None:
    item = {"pk": {"S": "C#eve"}, "sk": {"S": "INVOICE#1"}, "_entity": {"S": "invoice"}, "number": {"S": "x"}}
    await put_raw(db, table_name, item)

    with pytest.raises(InvalidValue, match=r"Invoice\.number"):
        await crm.where(Customer.customer == "eve").list()


async def test_an_index_that_all_models_share_is_used(crm: Collection[Customer | Invoice]) -> None:
    query = crm.where(Invoice.day == "mon", Invoice.at >= 1)

    assert query.explain().index == "by-day"
    assert told(await query.list()) == ["#4", "#3", "#2", "#1", "#0", "Bob"]
    page = await query.page(size=3)
    following = await query.page(size=9, cursor=page.next)
    assert told(following.items)[-1] == "Bob"
    assert told((await query.page(size=3, cursor=following.previous)).items) == told(page.items)


def collected(
    *models: type[Any],
    known: Known | None = None,
    unknown: Any = "drop",
    send: ScriptedSend | None = None,
) -> Collection[Any]:
    sending = (send or ScriptedSend([])).send
    asking = Asking(send=sending, now=lambda: NOW, known=known or Known(), cursor_keys=())
    targets = [target(each, "notes" if each is Note else "crm") for each in models]
    return Collection(targets, asking, unknown=unknown)


@pytest.mark.parametrize("other", [Letter, Remark, Part], ids=lambda cls: cls.__name__)
async def test_an_index_that_lacks_a_model_or_some_of_its_items_is_not_used(other: type[Any]) -> None:
    query = collected(Customer, other).where(Customer.day == "mon")

    with pytest.raises(NoUsableIndex, match="by-day: not all of the models have it, whole, alike") as caught:
        await query.list()

    assert "table: needs customer == …" in str(caught.value)


def test_an_index_that_lacks_items_is_used_where_the_condition_says_that_they_are_not_meant() -> None:
    query = collected(Letter, Customer).where(Letter.day == "mon", Letter.at.exists())

    assert query.explain().index == "by-day"


def test_what_the_models_do_not_share_is_told_by_the_plan() -> None:
    printed = str(collected(Customer, Remark).where(Customer.customer == "ana").explain())

    assert "by-day  not all of the models have it, whole, alike and for every item" in printed


def test_a_local_index_of_one_model_is_not_used() -> None:
    with pytest.raises(NoUsableIndex):
        collected(Ordered, Customer).where(Ordered.customer == "ana").order_by(Ordered.at).explain()


def test_keys_made_in_another_way_are_not_shared() -> None:
    with pytest.raises(NoUsableIndex, match="table: not all of the models have it"):
        collected(Customer, OtherKey).where(Customer.customer == "ana").explain()


async def test_a_cursor_keeps_to_its_index_whatever_is_learned() -> None:
    item = {
        "pk": {"S": "C#ana"},
        "sk": {"S": "RED#1"},
        "_entity": {"S": "red"},
        "at": {"N": "1"},
        "number": {"N": "1"},
    }
    send = ScriptedSend([{"Items": [item], "LastEvaluatedKey": {"pk": {"S": "C#ana"}, "sk": {"S": "RED#1"}}}])
    known = Known()
    query = collected(Red, Blue, known=known, send=send).where(Red.customer == "ana")
    page = await query.page(size=1)

    small, large = Size(items=10, bytes=1000), Size(items=1000, bytes=10**9)
    known.refresh("crm", Statistics(table=large, indexes={"by-at": small}))
    await query.page(size=1, cursor=page.next)

    assert query.explain().index == "by-at"
    assert ["IndexName" in json.loads(call.body) for call in send.calls] == [False, False]


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ((Customer.customer == "ana", Customer.name == "Ana"), "name = 'Ana'"),
        ((Customer.customer == "ana", Invoice.total > 3), "Invoice"),
    ],
)
async def test_a_filter_on_one_model_is_refused_before_io(conditions: Any, match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        await collected(Customer, Invoice).where(*conditions).list()


async def test_what_is_no_query_by_key_is_refused_before_io() -> None:
    both = collected(Customer, Invoice)

    with pytest.raises(NoUsableIndex):
        await both.where().list()
    with pytest.raises(NoUsableIndex, match="a collection is no scan"):
        await both.where().allow_scan().list()
    with pytest.raises(InvalidRequest, match="gives whole items"):
        await both.where(Customer.customer == "ana").select("customer").list()
    with pytest.raises(InvalidRequest, match="gives whole items"):
        await both.where(Customer.customer == "ana").not_expired().list()
    with pytest.raises(InvalidRequest, match="gives whole items"):
        await both.where(Customer.customer == "ana").aggregate(n=count())
    with pytest.raises(InvalidRequest, match="for scans"):
        both.where(Customer.customer == "ana").segments(2)
    with pytest.raises(InvalidCursor):
        await both.where(Customer.customer == "ana").page(cursor="rubbish")


@pytest.mark.parametrize(
    ("models", "match"),
    [
        pytest.param((Customer, Note), "models of one table", id="other tables"),
        pytest.param((Customer, Anonymous), "it has no entity", id="no entity"),
        pytest.param((Customer, Namesake), "another model has the entity 'customer'", id="the same entity"),
        pytest.param((Customer, Customer), "another model has the entity 'customer'", id="the same model"),
        pytest.param((), "none was given", id="none"),
    ],
)
def test_models_that_cannot_be_collected_are_refused(models: tuple[type[Any], ...], match: str) -> None:
    with pytest.raises(InvalidModel, match=match):
        collected(*models)


def test_a_policy_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="unknown="):
        collected(Customer, Invoice, unknown="keep")
