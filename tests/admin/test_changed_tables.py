"""Tables that are changed while they hold items, on every engine. R11, R87, R88, R89, R90."""

from __future__ import annotations

import json

import pytest

from dynamorm_async import (
    Attr,
    Client,
    GlobalIndex,
    OnDemand,
    Provisioned,
    TableMismatch,
    TableNotFound,
    TableProtected,
    TableSettings,
    Throughput,
    WarmThroughput,
    attribute,
    model,
    partition_key,
    sort_key,
    ttl,
)
from dynamorm_async.testing import Engine


@model(table="places")
class Bare:
    country: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    city: Attr[str] = attribute(default="-")
    people: Attr[int] = attribute(default=0)


@model(table="places")
class Place:
    country: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    city: Attr[str] = attribute(default="-")
    people: Attr[int] = attribute(default=0)
    until: Attr[int | None] = ttl(default=None)

    by_city = GlobalIndex("by-city", partition_key="city", sort_key="people")
    by_people = GlobalIndex("by-people", partition_key="people", projection=["city"])


@model(table="places")
class Other:
    country: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    city: Attr[str] = attribute(default="-")
    people: Attr[int] = attribute(default=0)
    gone: Attr[int | None] = ttl(default=None)

    by_city = GlobalIndex("by-city", partition_key="city", projection="KEYS_ONLY")


async def filled(db: Client, table: str) -> None:
    await db.admin.create_table(Bare, name=table)
    items = [Bare(country="no", number=n, city="oslo" if n % 2 else "bergen", people=n) for n in range(10)]
    await db.table(Bare, name=table).batch_put(items)


async def test_indexes_are_added_to_a_table_with_items_which_they_then_hold(
    db: Client, table_name: str
) -> None:
    await filled(db, table_name)

    changes = await db.admin.ensure_table(Place, name=table_name)

    assert [step.name for step in changes.steps] == [
        "create_index by-city",
        "create_index by-people",
        "enable_ttl until",
    ]
    places = db.table(Place, name=table_name)
    found = await places.where(Place.city == "oslo", Place.people > 4).using("by-city").list()
    assert [place.number for place in found] == [5, 7, 9]
    assert (await db.admin.ensure_table(Place, name=table_name)).steps == ()


async def test_an_index_is_replaced_and_another_dropped_where_that_is_allowed(
    db: Client, table_name: str
) -> None:
    await filled(db, table_name)
    await db.admin.ensure_table(Place, name=table_name)
    with pytest.raises(TableMismatch, match=r"drop_index by-city.*was not allowed"):
        await db.admin.ensure_table(Other, name=table_name, allow={"change_ttl"})

    changes = await db.admin.ensure_table(Other, name=table_name, allow={"drop_index", "change_ttl"})

    assert [step.name for step in changes.steps] == [
        "drop_index by-city",
        "drop_index by-people",
        "create_index by-city",
        "change_ttl until",
        "enable_ttl gone",
    ]
    found = await db.admin.inspect_table(Other, name=table_name)
    assert {index.name: index.projection for index in found.shape.global_indexes} == {"by-city": "KEYS_ONLY"}
    assert found.shape.ttl == "gone"
    assert (await db.admin.ensure_table(Other, name=table_name)).steps == ()


async def test_a_dry_run_leaves_the_table_as_it_is(db: Client, table_name: str) -> None:
    await filled(db, table_name)

    changes = await db.admin.ensure_table(Place, name=table_name, dry_run=True)

    assert len(changes.to_do) == 3
    assert (await db.admin.inspect_table(Bare, name=table_name)).shape.indexes == {}


async def test_a_missing_table_is_not_updated(db: Client, table_name: str) -> None:
    with pytest.raises(TableNotFound):
        await db.admin.update_table(Place, name=table_name)


async def test_time_to_live_is_turned_off(db: Client, table_name: str) -> None:
    await db.admin.create_table(Place, name=table_name)

    off = TableSettings(time_to_live="OFF")
    changes = await db.admin.update_table(Place, name=table_name, settings=off)

    assert [step.name for step in changes.steps] == ["disable_ttl until"]
    assert (await db.admin.inspect_table(table_name)).ttl_state == "DISABLED"


async def test_a_protected_table_is_deleted_only_when_it_is_protected_no_more(
    db: Client, table_name: str
) -> None:
    await db.admin.create_table(Bare, name=table_name, settings=TableSettings(deletion_protection=True))

    with pytest.raises(TableProtected):
        await db.admin.delete_table(table_name)
    off = TableSettings(deletion_protection=False)
    await db.admin.update_table(Bare, name=table_name, settings=off, allow={"unprotect"})
    await db.admin.delete_table(table_name)

    assert await db.admin.list_tables(starting_with=table_name) == []


async def test_tables_are_listed_by_what_they_begin_with(db: Client, table_name: str) -> None:
    for ending in ("-b", "-a"):
        await db.admin.create_table(Bare, name=f"{table_name}{ending}")

    assert await db.admin.list_tables(starting_with=table_name) == [f"{table_name}-a", f"{table_name}-b"]


async def test_many_tables_are_ensured_at_once(engine: Engine, table_name: str) -> None:
    @model(table="shops")
    class Shop:
        id: Attr[str] = partition_key()
        kind: Attr[str] = attribute(default="-")

        by_kind = GlobalIndex("by-kind", partition_key="kind")

    async with engine.connect(table_prefix=f"{table_name}-") as db:
        done = await db.admin.ensure_tables(Bare, Shop, Place)

        assert list(done) == [f"{table_name}-places", f"{table_name}-shops"]
        assert await db.admin.list_tables(starting_with=table_name) == list(done)
        assert all(
            changes.steps == () for changes in (await db.admin.ensure_tables(Bare, Shop, Place)).values()
        )


POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})
SETTINGS = [
    pytest.param(TableSettings(capacity=Provisioned(read=2, write=3)), id="provisioned"),
    pytest.param(
        TableSettings(capacity=Provisioned(read=2, write=3, indexes={"by-city": Throughput(1, 2)})),
        id="an index's capacity",
    ),
    pytest.param(TableSettings(capacity=OnDemand(max_read=100, max_write=50)), id="a maximum"),
    pytest.param(TableSettings(warm=WarmThroughput(read=13_000, write=5_000)), id="warm throughput"),
    pytest.param(TableSettings(stream="NEW_AND_OLD_IMAGES"), id="a stream"),
    pytest.param(TableSettings(encryption="AWS_MANAGED"), id="a key of KMS"),
    pytest.param(TableSettings(table_class="STANDARD_INFREQUENT_ACCESS"), id="a class"),
    pytest.param(TableSettings(deletion_protection=True), id="protection"),
    pytest.param(TableSettings(tags={"team": "data", "cost": "7"}), id="tags"),
    pytest.param(TableSettings(recovery_days=7), id="recovery"),
    pytest.param(TableSettings(insights="THROTTLED_KEYS"), id="insights"),
    pytest.param(TableSettings(resource_policy=POLICY), id="a resource policy"),
]


@pytest.mark.parametrize("settings", SETTINGS)
async def test_a_setting_is_changed_and_then_as_it_should_be(
    db: Client, table_name: str, settings: TableSettings
) -> None:
    await db.admin.create_table(Place, name=table_name)

    changes = await db.admin.update_table(Place, name=table_name, settings=settings, timeout=20)

    assert len(changes.steps) == 1
    assert (await db.admin.update_table(Place, name=table_name, settings=settings)).steps == ()


async def test_what_was_turned_on_is_turned_off_where_that_is_allowed(db: Client, table_name: str) -> None:
    on = TableSettings(stream="NEW_IMAGE", deletion_protection=True)
    off = TableSettings(stream="OFF", deletion_protection=False)
    await db.admin.create_table(Bare, name=table_name, settings=on)

    with pytest.raises(TableMismatch):
        await db.admin.update_table(Bare, name=table_name, settings=off)
    changes = await db.admin.update_table(
        Bare, name=table_name, settings=off, allow={"disable_stream", "unprotect"}
    )

    assert [step.name for step in changes.steps] == ["unprotect", "disable_stream"]
    settings = (await db.admin.inspect_table(table_name)).shape.settings
    assert (settings.stream, settings.deletion_protection) == ("OFF", False)
