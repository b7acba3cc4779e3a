"""Unique fields on every engine: no two items share a value, and claims are those of live items. N10."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import anyio
import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    Client,
    ConditionFailed,
    InvalidRequest,
    InvalidValue,
    Key,
    MendedClaims,
    Table,
    TableNotFound,
    TransactionUniqueViolation,
    UniqueViolation,
    VersionConflict,
    attribute,
    count,
    created_at,
    evolve,
    model,
    partition_key,
    sort_key,
    updated_at,
    version,
)
from tests.client.given import answer, put_raw
from tests.shapes import Note


@model(table="people")
class Person:
    id: Attr[str] = partition_key()
    email: Attr[str] = attribute(unique=True)
    badge: Attr[int | None] = attribute(default=None, unique=True)
    name: Attr[str] = attribute(default="")
    tags: Attr[set[str]] = attribute(factory=set[str])
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()


class Colour(Enum):
    RED = "red"


@model(table="places")
class Place:
    floor: Attr[Decimal] = partition_key()
    door: Attr[bytes] = sort_key()
    code: Attr[bytes | None] = attribute(default=None, unique=True)
    size: Attr[Decimal | None] = attribute(default=None, unique=True)
    token: Attr[UUID | None] = attribute(default=None, unique=True)
    colour: Attr[Colour | None] = attribute(default=None, unique=True)
    since: Attr[datetime | None] = attribute(default=None, unique=True)


@model(table="animals", entity="cat")
class Cat:
    id: Attr[str] = partition_key()
    call: Attr[str] = attribute(unique=True)


@model(table="animals", entity="dog")
class Dog:
    id: Attr[str] = partition_key()
    call: Attr[str] = attribute(unique=True)


@pytest_asyncio.fixture(loop_scope="session")
async def people(db: Client, table_name: str) -> Table[Person]:
    await db.admin.create_table(Person, name=table_name)
    return db.table(Person, name=table_name)


def person(id: str, email: str, **more: Any) -> Person:
    return Person(id=id, email=email, **more)


async def claims(db: Client, people: Table[Person]) -> dict[str, str]:
    """Return which item claims which value."""
    found = await answer(db, "Scan", f"{people.name}-unique", ConsistentRead=True)
    return {
        "".join(map(str, json.loads(item["unique"]["S"])[2].values())): json.loads(item["owner"]["S"])["id"][
            "S"
        ]
        for item in found["Items"]
    }


async def check(db: Client, people: Table[Person]) -> list[Person]:
    """Return the items, having seen that the claims are exactly theirs."""
    items = await people.scan(consistent=True).list()
    values = [
        (str(value), item.id) for item in items for value in (item.email, item.badge) if value is not None
    ]
    assert len(dict(values)) == len(values), "two items share a value"
    assert await claims(db, people) == dict(values)
    return items


# One value, one item.


async def test_a_create_with_a_taken_value_stores_nothing(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "ana@x", badge=7))

    with pytest.raises(UniqueViolation) as caught:
        await people.create(person("2", "eva@x", badge=7))

    assert (caught.value.fields, caught.value.key) == (("badge",), {"id": "2"})
    assert [item.id for item in await check(db, people)] == ["1"]


async def test_of_fifty_creates_with_one_value_exactly_one_wins(db: Client, people: Table[Person]) -> None:
    outcomes: Counter[str] = Counter()

    async def create(number: int) -> None:
        try:
            await people.create(person(str(number), "ana@x"))
            outcomes["won"] += 1
        except UniqueViolation:
            outcomes["lost"] += 1

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(create, number)

    assert outcomes == {"won": 1, "lost": 49}
    assert len(await check(db, people)) == 1


async def test_a_key_that_is_taken_is_told_before_a_value_that_is(people: Table[Person]) -> None:
    await people.create(person("1", "ana@x"))
    await people.create(person("2", "eva@x"))

    with pytest.raises(ConditionFailed) as caught:
        await people.create(person("2", "ana@x"))

    assert type(caught.value) is ConditionFailed
    assert caught.value.item.email == "eva@x"


async def test_any_number_of_items_may_have_no_value(db: Client, people: Table[Person]) -> None:
    for number in range(3):
        await people.create(person(str(number), f"{number}@x", badge=None))

    assert len(await check(db, people)) == 3


async def test_values_with_separators_and_of_any_length_are_told_apart(
    db: Client, people: Table[Person]
) -> None:
    emails = ['a"]', '["","badge",{"N":"7"}]', "a#b", "é" * 1500 + "a", "é" * 1500 + "b", "A", "a"]
    for number, email in enumerate(emails):
        await people.create(person(str(number), email, badge=number))

    with pytest.raises(UniqueViolation):
        await people.create(person("x", "é" * 1500 + "b"))

    assert len(await claims(db, people)) == 14


async def test_every_kind_of_value_and_of_key_is_kept(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(Place, name=table_name)
    places = db.table(Place, name=table_name)
    values: dict[str, Any] = {
        "code": b"\x00\xff",
        "size": Decimal("1.50"),
        "token": UUID(int=7),
        "colour": Colour.RED,
        "since": datetime.fromisoformat("2024-05-06T07:08:09+00:00"),
    }
    await places.create(Place(floor=Decimal("1.0"), door=b"\x01", **values))

    values["size"] = Decimal("1.5")
    for name, value in values.items():
        with pytest.raises(UniqueViolation) as caught:
            await places.create(Place(floor=Decimal(2), door=b"\x01", **{name: value}))
        assert caught.value.fields == (name,)
    await places.delete(Decimal("1.00"), b"\x01")

    assert (await answer(db, "Scan", f"{table_name}-unique"))["Count"] == 0


# Changes and deletes free what was taken.


async def by_save(people: Table[Person], item: Person) -> object:
    return await people.save(evolve(item, email="new@x"))


async def by_save_of_one_field(people: Table[Person], item: Person) -> object:
    return await people.save(evolve(item, email="new@x"), fields=[Person.email])


async def by_put(people: Table[Person], item: Person) -> object:
    return await people.put(evolve(item, email="new@x"))


async def by_put_of_another(people: Table[Person], item: Person) -> object:
    return await people.put(person(item.id, "new@x", badge=item.badge))


async def by_upsert(people: Table[Person], item: Person) -> object:
    return await people.upsert(evolve(item, email="new@x"))


async def by_upsert_of_another(people: Table[Person], item: Person) -> object:
    return await people.upsert(person(item.id, "new@x", badge=item.badge))


async def by_update(people: Table[Person], item: Person) -> object:
    return await people.update(item.id, Person.email.set("new@x"))


async def by_update_of_an_instance(people: Table[Person], item: Person) -> object:
    return await people.update(item, Person.email.set("new@x"))


Change = Callable[[Table[Person], Person], Awaitable[object]]
CHANGES: list[Change] = [
    by_save,
    by_save_of_one_field,
    by_put,
    by_put_of_another,
    by_upsert,
    by_upsert_of_another,
    by_update,
    by_update_of_an_instance,
]


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_value_is_taken_and_the_old_one_free(
    db: Client, people: Table[Person], change: Change
) -> None:
    item = await people.create(person("1", "old@x", badge=7))

    given = await change(people, item)

    stored = await people.get("1", consistent=True)
    assert (stored.email, stored.badge) == ("new@x", 7)
    assert given in (None, stored)
    await people.create(person("2", "old@x"))
    await check(db, people)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_to_a_taken_value_changes_nothing(
    db: Client, people: Table[Person], change: Change
) -> None:
    item = await people.create(person("1", "old@x", badge=7))
    await people.create(person("2", "new@x"))

    with pytest.raises(UniqueViolation) as caught:
        await change(people, item)

    assert (caught.value.fields, caught.value.key) == (("email",), {"id": "1"})
    assert await people.get("1") == item
    await check(db, people)


async def test_a_removed_value_is_free(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "ana@x", badge=7))

    await people.update("1", Person.badge.remove())

    await people.create(person("2", "eva@x", badge=7))
    await check(db, people)


@pytest.mark.parametrize("by", ["key", "instance", "stale instance", "idempotent"])
async def test_a_delete_frees_every_value(db: Client, people: Table[Person], by: str) -> None:
    item = await people.create(person("1", "ana@x", badge=7))
    if by == "instance":
        await people.delete(item)
    elif by == "stale instance":
        await people.delete(person("1", "other@x", badge=8))
    else:
        await people.delete("1", idempotent=by == "idempotent")

    assert await people.find("1") is None
    assert await claims(db, people) == {}


async def test_a_delete_of_what_is_not_there_is_fine(people: Table[Person]) -> None:
    await people.delete("1")
    await people.delete(person("1", "ana@x"))


async def test_a_delete_whose_condition_fails_frees_nothing(db: Client, people: Table[Person]) -> None:
    item = await people.create(person("1", "ana@x"))

    with pytest.raises(ConditionFailed) as caught:
        await people.delete("1", when=Person.name == "eva")

    assert caught.value.item == item
    await check(db, people)


async def test_a_lost_version_is_a_conflict_whatever_else_was_changed(
    db: Client, people: Table[Person]
) -> None:
    stale = await people.create(person("1", "ana@x"))
    await people.save(evolve(stale, email="eva@x"))

    for change in (people.save(evolve(stale, name="x")), people.put(stale), people.delete(stale)):
        with pytest.raises(VersionConflict):
            await change
    await check(db, people)


async def test_what_is_not_changed_costs_no_transaction(people: Table[Person]) -> None:
    item = await people.create(person("1", "ana@x"))

    saved = await people.save(evolve(item, name="Ana"))
    again = await people.put(evolve(saved, name="A"))

    assert (saved.name, saved.revision, again.name, again.revision) == ("Ana", 1, "A", 2)
    assert people.plan.save(again).operation == "UpdateItem"


async def test_writers_of_one_item_leave_one_value_and_one_claim(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "0@x"))

    async def change(number: int) -> None:
        await people.update("1", Person.email.set(f"{number}@x"))

    async with anyio.create_task_group() as tasks:
        for number in range(1, 9):
            tasks.start_soon(change, number)

    (item,) = await check(db, people)
    assert item.revision == 8


@pytest.mark.parametrize("seed", range(4))
async def test_many_writers_at_once_leave_claims_as_items_are(
    db: Client, people: Table[Person], seed: int
) -> None:
    dice = Random(seed)
    ids, emails, badges = ["1", "2", "3"], ["a@x", "b@x", "c@x", "d@x"], [None, 1, 2]
    outcomes: Counter[str] = Counter()

    async def write() -> None:
        for _ in range(8):
            id, email, badge = dice.choice(ids), dice.choice(emails), dice.choice(badges)
            item = person(id, email, badge=badge)
            verbs: list[Callable[[], Awaitable[object]]] = [
                partial(people.create, item),
                partial(people.put, item),
                partial(people.upsert, item),
                partial(people.update, id, Person.email.set(email)),
                partial(people.delete, id),
                db.transaction().delete(Key(Person, id), name=people.name).commit,
                db.transaction()
                .update(Key(Person, ids[0]), Person.email.set(email), name=people.name)
                .put(person(ids[1], emails[0]), name=people.name)
                .commit,
            ]
            try:
                await dice.choice(verbs)()
                outcomes["done"] += 1
            except (ConditionFailed, InvalidRequest) as error:
                outcomes[type(error).__name__] += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(write)

    await check(db, people)
    assert outcomes["done"] > 5
    assert outcomes["UniqueViolation"] > 0


async def test_a_taken_value_is_no_conflict_to_be_retried(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "ana@x"))
    await people.create(person("2", "eva@x"))
    tried: list[str] = []

    def change(item: Person) -> Person:
        tried.append(item.email)
        return evolve(item, email="eva@x")

    with pytest.raises(UniqueViolation):
        await db.retry_on_conflict(Key(Person, "1"), change, name=people.name)

    assert tried == ["ana@x"]


# What is read.


async def test_reads_see_items_alone(people: Table[Person]) -> None:
    for number in range(5):
        await people.create(person(str(number), f"{number}@x", badge=number))

    assert len(await people.scan().list()) == 5
    assert await people.scan().count() == 5
    async with people.scan().segments(3).stream() as items:
        assert len([item async for item in items]) == 5
    (group,) = await people.scan().group_by(Person.name).aggregate(n=count())
    assert group.n == 5


# Transactions.


async def test_two_items_exchange_their_values(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "ana@x"))
    await people.create(person("2", "eva@x"))

    async with db.transaction() as tx:
        tx.update(Key(Person, "1"), Person.email.set("eva@x"), name=people.name)
        tx.update(Key(Person, "2"), Person.email.set("ana@x"), name=people.name)

    assert {item.id: item.email for item in await check(db, people)} == {"1": "eva@x", "2": "ana@x"}


async def test_a_transaction_that_fails_changes_no_claim(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "ana@x"))
    await people.create(person("2", "eva@x"))
    tx = db.transaction().delete(Key(Person, "1"), name=people.name)
    tx.create(person("3", "eva@x"), name=people.name)

    with pytest.raises(TransactionUniqueViolation) as caught:
        await tx.commit()

    assert (caught.value.index, caught.value.fields) == (1, ("email",))
    assert len(await check(db, people)) == 2


async def test_a_stale_instance_in_a_transaction_frees_what_is_stored(
    db: Client, people: Table[Person]
) -> None:
    await people.create(person("1", "ana@x", badge=7))
    tx = db.transaction().put(person("1", "new@x"), name=people.name)

    await tx.upsert(person("2", "ana@x", badge=7), name=people.name).commit()

    assert {item.id: item.email for item in await check(db, people)} == {"1": "new@x", "2": "ana@x"}


async def test_what_was_changed_after_it_was_handed_in_stays_out_of_a_transaction(
    db: Client, people: Table[Person]
) -> None:
    gone, moved = await people.create(person("1", "ana@x")), await people.create(person("2", "eva@x"))
    moved.email = "bob@x"
    tx = db.transaction().delete(gone, name=people.name).put(moved, name=people.name)

    gone.id, moved.email = "2", "zoe@x"
    await tx.commit()

    assert {item.id: item.email for item in await check(db, people)} == {"2": "bob@x"}


# Items and claims of others.


async def test_an_item_without_claims_is_changed_and_deleted(db: Client, people: Table[Person]) -> None:
    """It was stored before the field was unique."""
    for id in ("1", "2"):
        await put_raw(db, people.name, {"id": {"S": id}, "email": {"S": "old@x"}})
    await people.update("1", Person.email.set("new@x"))
    await people.create(person("3", "old@x"))

    await people.delete("2")  # whose value is claimed by another item

    assert {item.id for item in await check(db, people)} == {"1", "3"}


async def test_a_claim_that_was_left_behind_is_its_items_own(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "ana@x"))
    await answer(db, "DeleteItem", people.name, Key={"id": {"S": "1"}})

    await people.create(person("1", "ana@x"))

    await check(db, people)


async def test_without_the_table_of_claims_nothing_is_stored(db: Client, table_name: str) -> None:
    people = db.table(Person, name=table_name)
    await db.admin.create_table(Person, name=table_name)
    await answer(db, "DeleteTable", f"{table_name}-unique")

    with pytest.raises(TableNotFound):
        await people.create(person("1", "ana@x"))

    assert await people.find("1") is None


async def test_tables_of_models_with_unique_fields_come_and_go_with_their_claims(
    db: Client, table_name: str
) -> None:
    await db.admin.ensure_table(Person, name=table_name)
    await db.admin.ensure_table(Person, name=table_name)
    assert (await answer(db, "DescribeTable", f"{table_name}-unique"))["Table"]["KeySchema"] == [
        {"AttributeName": "unique", "KeyType": "HASH"}
    ]

    await db.admin.delete_table(Person, name=table_name)

    with pytest.raises(TableNotFound):
        await answer(db, "DescribeTable", f"{table_name}-unique")


async def test_a_batch_writer_takes_no_model_with_unique_fields(people: Table[Person]) -> None:
    async with people.batch_writer() as writer:
        with pytest.raises(InvalidRequest):
            await writer.put(person("1", "ana@x"))


# Claims are mended.


async def test_items_from_before_a_field_was_unique_are_claimed(db: Client, people: Table[Person]) -> None:
    stored: dict[str, Any] = {"name": {"S": ""}}
    await put_raw(db, people.name, {"id": {"S": "1"}, "email": {"S": "ana@x"}, "badge": {"N": "7"}, **stored})
    await put_raw(db, people.name, {"id": {"S": "2"}, "email": {"S": "eva@x"}, **stored})
    await people.create(person("3", "bob@x", badge=8))

    mended = await people.mend_claims()

    assert mended == MendedClaims(items=3, claimed=3, freed=0, conflicts=())
    await check(db, people)
    assert await people.mend_claims(concurrency=1) == MendedClaims(items=3, claimed=0, freed=0, conflicts=())


async def test_claims_that_no_item_is_behind_are_freed(db: Client, people: Table[Person]) -> None:
    await people.create(person("1", "ana@x", badge=7))
    await people.create(person("2", "eva@x"))
    await answer(db, "DeleteItem", people.name, Key={"id": {"S": "1"}})
    await put_raw(db, people.name, {"id": {"S": "2"}, "email": {"S": "new@x"}})

    mended = await people.mend_claims()

    assert (mended.freed, mended.claimed) == (3, 1)
    await check(db, people)


async def test_two_items_that_share_a_value_are_told_and_left(db: Client, people: Table[Person]) -> None:
    for id in ("1", "2"):
        await put_raw(db, people.name, {"id": {"S": id}, "email": {"S": "ana@x"}})

    mended = await people.mend_claims()

    assert (mended.claimed, len(mended.conflicts)) == (1, 1)
    ((field, key),) = mended.conflicts
    (owner,) = (await claims(db, people)).values()
    assert field == "email"
    assert {owner, *key.values} == {"1", "2"}


async def test_claims_of_other_entities_are_left_alone(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(Cat, Dog, name=table_name)
    cats, dogs = db.table(Cat, name=table_name), db.table(Dog, name=table_name)
    await cats.create(Cat(id="1", call="Tom"))
    await dogs.create(Dog(id="2", call="Tom"))

    mended = await cats.mend_claims()

    assert mended == MendedClaims(items=1, claimed=0, freed=0, conflicts=())
    assert (await answer(db, "Scan", f"{table_name}-unique"))["Count"] == 2


async def test_mending_under_way_takes_nothing_from_writers(db: Client, people: Table[Person]) -> None:
    for number in range(8):
        await put_raw(db, people.name, {"id": {"S": str(number)}, "email": {"S": f"{number}@x"}})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(people.mend_claims)
        for number in range(8):
            change = Person.email.set(f"new{number}@x")
            tasks.start_soon(people.update, str(number), change)

    await check(db, people)


async def test_the_first_error_ends_the_mending(db: Client, people: Table[Person]) -> None:
    await put_raw(db, people.name, {"id": {"S": "1"}, "email": {"L": []}})

    with pytest.raises(InvalidValue):
        await people.mend_claims()


async def test_a_model_without_unique_fields_has_no_claims(notes: Table[Note]) -> None:
    with pytest.raises(InvalidRequest, match="has no unique field"):
        await notes.mend_claims()


async def test_a_dry_run_says_that_claims_need_a_table_too(db: Client, table_name: str) -> None:
    before = await db.admin.ensure_table(Person, name=table_name, dry_run=True)
    done = await db.admin.ensure_table(Person, name=table_name)
    after = await db.admin.ensure_table(Person, name=table_name)

    plans = (before, before.claims, done, done.claims, after, after.claims)
    assert [[step.name for step in plan.to_do] for plan in plans if plan is not None] == [
        ["create_table"],
        ["create_table"],
        ["create_table"],
        ["create_table"],
        [],
        [],
    ]
    assert f"{table_name}-unique: 1 to do" in str(before)
    assert json.loads(before.to_json())["claims"]["table"] == f"{table_name}-unique"
