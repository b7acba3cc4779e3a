"""Tables as values: what models and settings need, and what is refused before I/O. R87."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from dynamorm_async import (
    Attr,
    GlobalIndex,
    InvalidModel,
    InvalidRequest,
    LocalIndex,
    OnDemand,
    Provisioned,
    TableSettings,
    Throughput,
    WarmThroughput,
    attribute,
    model,
    partition_key,
    sort_key,
    ttl,
)
from dynamorm_async.admin import IndexShape, TableShape, wanted
from dynamorm_async.admin.requests import create_request
from dynamorm_async.admin.shapes import wanted_with_claims
from dynamorm_async.codecs import default_codecs
from dynamorm_async.plan import Target, claims_table


@model(table="readings")
class Reading:
    sensor: Attr[bytes] = partition_key()
    at: Attr[int] = sort_key(name="time")
    room: Attr[str | None] = attribute(default=None)
    floor: Attr[int | None] = attribute(default=None)
    value: Attr[float] = attribute(default=0.0, name="v")
    until: Attr[datetime | None] = ttl(default=None)

    by_room = GlobalIndex("by-room", partition_key=("room", "floor"), sort_key="at", projection="KEYS_ONLY")
    by_floor = LocalIndex("by-floor", sort_key="floor", projection=["value", "room"])


def shape(*models: type[Any], settings: TableSettings | None = None) -> TableShape:
    return wanted([Target(default_codecs().record(each), "readings") for each in models], settings)


READINGS = shape(Reading)


def test_a_models_table_has_its_keys_types_indexes_and_expiry() -> None:
    assert (
        TableShape(
            name="readings",
            keys=(("sensor", "HASH"), ("time", "RANGE")),
            types={"sensor": "B", "time": "N", "room": "S", "floor": "N"},
            indexes={
                "by-room": IndexShape(
                    name="by-room",
                    kind="global",
                    keys=(("room", "HASH"), ("floor", "HASH"), ("time", "RANGE")),
                    projection="KEYS_ONLY",
                ),
                "by-floor": IndexShape(
                    name="by-floor",
                    kind="local",
                    keys=(("sensor", "HASH"), ("floor", "RANGE")),
                    projection=("room", "v"),
                ),
            },
            ttl="until",
        )
        == READINGS
    )


def test_an_index_may_project_the_entity() -> None:
    @model(table="readings", entity="alarm")
    class Alarm:
        sensor: Attr[bytes] = partition_key()
        at: Attr[int] = sort_key(name="time")
        level: Attr[int]

        by_level = GlobalIndex("by-level", partition_key="level", projection=["_entity"])

    assert shape(Alarm).indexes["by-level"].projection == ("_entity",)


def test_unique_values_are_claimed_in_a_table_of_their_own() -> None:
    """N10."""

    @model(table="arn:aws:dynamodb:eu-west-1:123456789012:table/people")
    class Person:
        id: Attr[int] = partition_key()
        email: Attr[str] = attribute(unique=True)

    record = default_codecs().record(Person)
    targets = [Target(record, "people")]

    assert wanted_with_claims(targets)[1] == TableShape(
        name="people-unique", keys=(("unique", "HASH"),), types={"unique": "S"}, indexes={}
    )
    assert len(wanted_with_claims([Target(default_codecs().record(Reading), "readings")])) == 1
    assert claims_table(record.spec.table).endswith(":table/people-unique")


def test_the_request_names_local_and_global_indexes_with_their_projections() -> None:
    request = create_request(READINGS)

    assert request["LocalSecondaryIndexes"] == [
        {
            "IndexName": "by-floor",
            "KeySchema": [
                {"AttributeName": "sensor", "KeyType": "HASH"},
                {"AttributeName": "floor", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["room", "v"]},
        }
    ]
    assert request["GlobalSecondaryIndexes"][0]["Projection"] == {"ProjectionType": "KEYS_ONLY"}


@model(table="readings", entity="alarm")
class Alarm:
    sensor: Attr[bytes] = partition_key()
    at: Attr[int] = sort_key(name="time")
    level: Attr[int] = attribute(default=0)

    by_level = GlobalIndex("by-level", partition_key="level")


def test_models_of_one_table_add_up() -> None:
    both = shape(Alarm, Reading)

    assert set(both.indexes) == {"by-room", "by-floor", "by-level"}
    assert both.types["level"] == "N"
    assert both.ttl == "until"


@model(table="readings")
class OtherKeys:
    id: Attr[str] = partition_key()


@model(table="readings")
class OtherType:
    sensor: Attr[str] = partition_key()
    at: Attr[int] = sort_key(name="time")


@model(table="readings")
class OtherIndex:
    sensor: Attr[bytes] = partition_key()
    at: Attr[int] = sort_key(name="time")
    room: Attr[str] = attribute(default="-")

    by_room = GlobalIndex("by-room", partition_key="room")


@model(table="readings")
class OtherExpiry:
    sensor: Attr[bytes] = partition_key()
    at: Attr[int] = sort_key(name="time")
    gone: Attr[int | None] = ttl(default=None)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (OtherKeys, "OtherKeys and Reading name the keys differently"),
        (OtherType, "OtherType stores the key 'sensor' as S"),
        (OtherIndex, "OtherIndex has another index 'by-room'"),
        (OtherExpiry, "OtherExpiry expires by 'gone', another model by 'until'"),
    ],
)
def test_models_that_disagree_are_refused(other: type[Any], words: str) -> None:
    with pytest.raises(InvalidModel, match=words):
        shape(Reading, other)


EVERYTHING = TableSettings(
    capacity=Provisioned(read=5, write=6, indexes={"by-room": Throughput(7, 8)}),
    warm=WarmThroughput(read=15_000, write=5_000, indexes={"by-room": Throughput(16_000, 6_000)}),
    stream="NEW_IMAGE",
    encryption="arn:aws:kms:eu-west-1:123456789012:key/ab-12",
    table_class="STANDARD_INFREQUENT_ACCESS",
    deletion_protection=True,
    tags={"team": "data", "cost": ""},
    recovery_days=7,
    resource_policy='{"Version": "2012-10-17"}',
)


def test_the_request_says_what_the_settings_say() -> None:
    request = create_request(shape(Reading, settings=EVERYTHING))

    assert request["BillingMode"] == "PROVISIONED"
    assert request["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    assert request["WarmThroughput"] == {"ReadUnitsPerSecond": 15_000, "WriteUnitsPerSecond": 5_000}
    assert request["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert request["SSESpecification"] == {
        "Enabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": "arn:aws:kms:eu-west-1:123456789012:key/ab-12",
    }
    assert request["ResourcePolicy"] == '{"Version": "2012-10-17"}'
    assert request["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    assert request["DeletionProtectionEnabled"] is True
    assert request["Tags"] == [{"Key": "cost", "Value": ""}, {"Key": "team", "Value": "data"}]
    (index,) = request["GlobalSecondaryIndexes"]
    assert index["ProvisionedThroughput"] == {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8}
    assert index["WarmThroughput"] == {"ReadUnitsPerSecond": 16_000, "WriteUnitsPerSecond": 6_000}


def test_an_index_without_capacity_of_its_own_has_the_tables() -> None:
    request = create_request(shape(Reading, settings=TableSettings(capacity=Provisioned(read=5, write=6))))

    assert request["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == request["ProvisionedThroughput"]


def test_the_most_of_a_table_on_demand_stands_in_the_request() -> None:
    capacity = OnDemand(max_read=100, indexes={"by-room": Throughput(10, 20)})

    request = create_request(shape(Reading, settings=TableSettings(capacity=capacity)))

    assert request["BillingMode"] == "PAY_PER_REQUEST"
    assert request["OnDemandThroughput"] == {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": -1}
    assert request["GlobalSecondaryIndexes"][0]["OnDemandThroughput"] == {
        "MaxReadRequestUnits": 10,
        "MaxWriteRequestUnits": 20,
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (TableSettings(capacity=Provisioned(read=0, write=1)), "capacity=0.*\n.*whole numbers"),
        (TableSettings(capacity=Provisioned(read=True, write=1)), "capacity=True"),
        (TableSettings(capacity=OnDemand(max_write=0)), "capacity=0"),
        (TableSettings(capacity=OnDemand(indexes={"by-room": Throughput(1, 0)})), "index by-room=0"),
        (TableSettings(warm=WarmThroughput(read=1, write=-1)), "warm=-1"),
        (TableSettings(warm=WarmThroughput(read=1, write=1, indexes={"by-x": Throughput(1, 1)})), "by-x"),
        (TableSettings(capacity=OnDemand(indexes={"by-floor": Throughput(1, 1)})), "'by-floor'.*\n.*by-room"),
        (TableSettings(recovery_days=36), "recovery_days=36.*\n.*1 to 35 days"),
        (TableSettings(recovery_days=-1), "recovery_days=-1"),
        (TableSettings(stream="ALL"), "stream='ALL'"),  # pyright: ignore[reportArgumentType]
        (TableSettings(table_class="COLD"), "table_class='COLD'"),  # pyright: ignore[reportArgumentType]
        (TableSettings(time_to_live="ON"), "time_to_live='ON'"),  # pyright: ignore[reportArgumentType]
        (TableSettings(insights="ALL"), "insights='ALL'"),  # pyright: ignore[reportArgumentType]
        (TableSettings(resource_policy="[1]"), "resource_policy='.1.'.*\\n.*JSON object"),
        (TableSettings(resource_policy="{"), "resource_policy='.'"),
        (TableSettings(resource_policy=" " * 20_481), "20481 bytes.*\\n.*at most 20480"),
        (TableSettings(encryption="alias/mine"), "encryption='alias/mine'.*\n.*can't be compared"),
        (TableSettings(tags={"aws:x": "1"}), "tags='aws:x'"),
        (TableSettings(tags={"": "1"}), "tags=.*\n.*1 to 128 characters"),
        (TableSettings(tags={"a": "1" * 257}), "tags=.*\n.*at most 256"),
        (TableSettings(tags={str(n): "" for n in range(51)}), "51 of them.*\n.*at most 50"),
    ],
)
def test_settings_that_the_service_would_refuse_are_refused_with_the_numbers(
    settings: TableSettings, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        shape(Reading, settings=settings)


NAMED = ["a", "b", "c", "d", "e", "f"]


def numbered(first: int, count: int, projection: Any = "KEYS_ONLY") -> type[Any]:
    """Return a model of readings with so many global indexes."""
    indexes = {
        f"index_{n}": GlobalIndex(f"by-{n}", partition_key="room", projection=projection)
        for n in range(first, first + count)
    }
    body: dict[str, Any] = {
        "__annotations__": {
            "sensor": Attr[bytes],
            "at": Attr[int],
            "room": Attr[str],
            **dict.fromkeys(NAMED, Attr[int]),
        },
        "sensor": partition_key(),
        "at": sort_key(name="time"),
        "room": attribute(default="-"),
        **{name: attribute(default=0) for name in NAMED},
        **indexes,
    }
    return model(table="readings")(type(f"Numbered{first}", (), body))


def test_models_that_have_too_many_indexes_together_are_refused_with_the_number() -> None:
    assert len(shape(numbered(0, 15), numbered(10, 10)).indexes) == 20
    with pytest.raises(InvalidModel) as caught:
        shape(numbered(0, 15), numbered(11, 10))

    assert caught.value.what == "the table readings of Numbered0 and Numbered11 has 21 global indexes"
    assert caught.value.why == "the service takes 20"


def test_models_that_name_too_many_attributes_together_are_refused_with_the_number() -> None:
    with pytest.raises(InvalidModel) as caught:
        shape(numbered(0, 10, NAMED), numbered(10, 7, NAMED))

    assert caught.value.what == (
        "the table readings of Numbered0 and Numbered10 has indexes that project 102 fields by name"
    )
    assert caught.value.why == "the service takes 100 over all indexes"
