"""Several entities in one table, and attributes without a field, on every engine. N1, N2."""

from __future__ import annotations

from typing import Literal

import pytest

from dynamorm_async import (
    Attr,
    Client,
    ConditionFailed,
    InvalidKey,
    InvalidValue,
    Key,
    Table,
    attribute,
    evolve,
    model,
    partition_key,
)
from tests.client.given import put_raw, raw_item
from tests.shapes import Order, User

Shop = tuple[Table[User], Table[Order]]


async def test_templates_fill_the_keys_and_are_read_back(db: Client, shop: Shop) -> None:
    users, orders = shop
    user = await users.create(User(user="ana", name="Ana"))
    order = await orders.create(Order(user="ana", number=7, city="Rome"))

    assert (user.pk, user.sk) == ("USER#ana", "PROFILE")
    assert await users.get("ana") == user
    assert await orders.get("ana", 7) == order
    assert await raw_item(db, users.name, pk={"S": "USER#ana"}, sk={"S": "ORDER#7"}) == {
        "pk": {"S": "USER#ana"},
        "sk": {"S": "ORDER#7"},
        "user": {"S": "ana"},
        "number": {"N": "7"},
        "status": {"S": "new"},
        "city": {"S": "Rome"},
        "by_state": {"S": "new#Rome"},
        "by_user": {"S": "ana#new"},
        "_entity": {"S": "order"},
    }


async def test_every_verb_takes_the_fields_of_the_key(shop: Shop) -> None:
    _, orders = shop
    order = await orders.upsert(Order(user="ana", number=7))

    await orders.update(("ana", 7), Order.status.set("paid"), Order.city.set("Rome"))
    saved = await orders.save(evolve(await orders.get(order), status="sent"))
    await orders.delete(Key(Order, "ana", 7), when=Order.status == "sent")

    assert (saved.by_state, saved.by_user) == ("sent#Rome", "ana#sent")
    assert await orders.find("ana", 7) is None


async def test_save_of_all_parts_of_a_template_writes_it(shop: Shop) -> None:
    _, orders = shop
    await orders.create(Order(user="ana", number=7))

    saved = await orders.save(
        Order(user="ana", number=7, status="paid", city="Rome"), fields=[Order.status, Order.city]
    )

    assert (saved.by_state, saved.by_user) == ("paid#Rome", "ana#paid")


async def test_scan_gives_the_items_of_its_entity(shop: Shop) -> None:
    users, orders = shop
    await users.create(User(user="ana"))
    await users.create(User(user="bob", name="Bob"))
    await orders.create(Order(user="ana", number=1))

    assert sorted([user.user async for user in users.scan()]) == ["ana", "bob"]
    assert [user.user async for user in users.scan(User.name == "Bob")] == ["bob"]
    assert [order.number async for order in orders.scan()] == [1]


async def test_an_item_of_another_entity_is_never_read_as_this_one(db: Client, shop: Shop) -> None:
    users, _ = shop
    await put_raw(db, users.name, {"pk": {"S": "USER#x"}, "sk": {"S": "PROFILE"}, "_entity": {"S": "order"}})

    with pytest.raises(InvalidValue, match="another entity"):
        await users.get("x")


async def test_key_parts_come_from_the_key_where_no_attribute_says_them(db: Client, shop: Shop) -> None:
    _, orders = shop
    await put_raw(db, orders.name, {"pk": {"S": "USER#eve"}, "sk": {"S": "ORDER#12"}})

    found = await orders.get("eve", 12)

    assert (found.user, found.number) == ("eve", 12)


async def test_values_that_would_make_two_keys_one_are_refused(db: Client, table_name: str) -> None:
    @model(table="pairs")
    class Pair:
        pk: Attr[str] = partition_key(template="{left}#{right}")
        left: Attr[str]
        right: Attr[str]

    pairs = db.table(Pair, name=table_name)

    with pytest.raises(InvalidKey, match="cannot be told from what follows"):
        await pairs.get("a#b", "c")
    with pytest.raises(InvalidKey, match="cannot be told from what follows"):
        await pairs.create(Pair(left="a#b", right="c"))


def open_model(unknown: Literal["drop", "keep", "refuse"]) -> type[Named]:
    @model(table="named", unknown=unknown)
    class Open(Named):
        pass

    return Open


@model(table="named")
class Named:
    id: Attr[str] = partition_key()
    name: Attr[str] = attribute(default="")


EXTRA = {"id": {"S": "a"}, "name": {"S": "n"}, "extra": {"M": {"deep": {"L": [{"N": "1.50"}]}}}}


async def test_unknown_attributes_survive_a_save_of_every_model(db: Client, table_name: str) -> None:
    await db.admin.create_table(Named, name=table_name)
    named = db.table(Named, name=table_name)
    await put_raw(db, table_name, EXTRA)

    await named.save(evolve(await named.get("a"), name="new"))
    await named.upsert(Named(id="a", name="newer"))
    await named.update("a", Named.name.set("newest"))

    item = await raw_item(db, table_name, id={"S": "a"})
    assert (item["name"], item["extra"].keys()) == ({"S": "newest"}, {"M"})


async def test_unknown_attributes_that_are_kept_are_put_back(db: Client, table_name: str) -> None:
    keeping = open_model("keep")
    await db.admin.create_table(keeping, name=table_name)
    table = db.table(keeping, name=table_name)
    await put_raw(db, table_name, EXTRA)
    before = await raw_item(db, table_name, id={"S": "a"})

    put = await table.put(evolve(await table.get("a"), name="new"))
    await table.put(put)

    assert await raw_item(db, table_name, id={"S": "a"}) == {**before, "name": {"S": "new"}}


async def test_unknown_attributes_that_are_kept_go_with_a_copy(db: Client, table_name: str) -> None:
    keeping = open_model("keep")
    await db.admin.create_table(keeping, name=table_name)
    table = db.table(keeping, name=table_name)
    await put_raw(db, table_name, EXTRA)

    await table.create(evolve(await table.get("a"), id="b"))
    await table.upsert(evolve(await table.get("a"), id="c"))

    before = await raw_item(db, table_name, id={"S": "a"})
    assert await raw_item(db, table_name, id={"S": "b"}) == {**before, "id": {"S": "b"}}
    assert await raw_item(db, table_name, id={"S": "c"}) == {**before, "id": {"S": "c"}}


async def test_an_upsert_leaves_the_stored_unknown_attributes_as_they_are(
    db: Client, table_name: str
) -> None:
    keeping = open_model("keep")
    await db.admin.create_table(keeping, name=table_name)
    table = db.table(keeping, name=table_name)
    await put_raw(db, table_name, EXTRA)
    stale = await table.get("a")
    await put_raw(db, table_name, {**EXTRA, "extra": {"S": "new"}})

    await table.upsert(stale)

    assert (await raw_item(db, table_name, id={"S": "a"}))["extra"] == {"S": "new"}


async def test_unknown_attributes_can_be_refused(db: Client, table_name: str) -> None:
    refusing = open_model("refuse")
    await db.admin.create_table(refusing, name=table_name)
    table = db.table(refusing, name=table_name)
    await put_raw(db, table_name, EXTRA)

    with pytest.raises(InvalidValue, match="extra"):
        await table.get("a")
    with pytest.raises(ConditionFailed):
        await table.delete("a", when=refusing.name == "other")


@model(table="sparse")
class Sparse:
    id: Attr[str] = partition_key()
    state: Attr[str] = attribute(default="new")
    total: Attr[int | None] = attribute(default=None)
    group: Attr[str] = attribute(template="{state}#{total}")


async def test_a_template_with_a_part_that_is_none_is_left_out_by_every_verb(
    db: Client, table_name: str
) -> None:
    await db.admin.ensure_table(Sparse, name=table_name)
    items = db.table(Sparse, name=table_name)

    made = await items.create(Sparse(id="a", total=3))
    saved = await items.save(evolve(made, total=None))
    upserted = await items.upsert(Sparse(id="b"))
    filled = await items.update("a", Sparse.state.set("old"), Sparse.total.set(4), returning="ALL_NEW")
    emptied = await items.update("a", Sparse.state.set("new"), Sparse.total.set(None), returning="ALL_NEW")

    assert (made.group, filled.group) == ("new#3", "old#4")
    assert (saved.total, upserted.total, emptied.total) == (None, None, None)
    for key in ("a", "b"):
        assert "group" not in await raw_item(db, items.name, id={"S": key})
