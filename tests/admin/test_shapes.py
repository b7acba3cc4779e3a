"""Tables as values: what models need, what an answer says, how they differ."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from dynamorm_async import (
    Attr,
    GlobalIndex,
    InvalidModel,
    LocalIndex,
    attribute,
    model,
    partition_key,
    sort_key,
    ttl,
)
from dynamorm_async.admin import IndexShape, TableShape, described, differences, wanted
from dynamorm_async.admin.shapes import create_request, wanted_claims
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


def shape(*models: type[Any]) -> TableShape:
    return wanted([Target(default_codecs().record(each), "readings") for each in models])


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

    assert wanted_claims(targets) == TableShape(
        name="people-unique", keys=(("unique", "HASH"),), types={"unique": "S"}, indexes={}
    )
    assert wanted_claims([Target(default_codecs().record(Reading), "readings")]) is None
    assert claims_table(record.spec.table).endswith(":table/people-unique")


def test_the_request_names_local_and_global_indexes_with_their_projections() -> None:
    request = json.loads(create_request(READINGS))

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


def as_described() -> dict[str, Any]:
    table = json.loads(create_request(READINGS))
    table["TableStatus"] = "ACTIVE"
    return table


def test_a_table_as_asked_for_has_no_difference() -> None:
    assert differences(READINGS, described(as_described())) == ()


def test_a_table_with_more_than_the_model_needs_has_no_difference() -> None:
    table = as_described()
    table["GlobalSecondaryIndexes"].append(
        {
            "IndexName": "other",
            "KeySchema": [{"AttributeName": "z", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    )

    assert differences(READINGS, described(table)) == ()


def test_every_difference_has_a_line() -> None:
    table = as_described()
    table["KeySchema"].pop()
    table["AttributeDefinitions"][0]["AttributeType"] = "S"
    table["GlobalSecondaryIndexes"][0]["KeySchema"].pop()
    table["GlobalSecondaryIndexes"][0]["Projection"] = {"ProjectionType": "ALL"}
    del table["LocalSecondaryIndexes"]

    assert differences(READINGS, described(table)) == (
        "the key is sensor (partition), wanted sensor (partition), time (sort)",
        (
            "the index 'by-room' is global on room (partition), floor (partition), "
            "wanted global on room (partition), floor (partition), time (sort)"
        ),
        "the index 'by-room' projects ALL, wanted KEYS_ONLY",
        "the local index 'by-floor' is missing",
        "the key attribute 'floor' is S, wanted N",
    )


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
