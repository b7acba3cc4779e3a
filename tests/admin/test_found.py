"""Tables as they are found: what the service's answers say. R90."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dynamorm_async import OnDemand, Provisioned, TableSettings, Throughput, WarmThroughput
from dynamorm_async.admin import IndexShape, described, found_table

PLAIN: dict[str, Any] = {
    "TableName": "readings",
    "TableStatus": "ACTIVE",
    "TableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/readings",
    "KeySchema": [{"AttributeName": "sensor", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "sensor", "AttributeType": "B"},
        {"AttributeName": "room", "AttributeType": "S"},
    ],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
BY_ROOM: dict[str, Any] = {
    "IndexName": "by-room",
    "KeySchema": [{"AttributeName": "room", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["z", "a"]},
    "IndexStatus": "ACTIVE",
}


def test_a_plain_table_has_the_services_defaults() -> None:
    shape = described(PLAIN)

    assert shape.keys == (("sensor", "HASH"),)
    assert shape.types == {"sensor": "B", "room": "S"}
    assert shape.indexes == {}
    assert shape.settings == TableSettings(
        capacity=OnDemand(),
        stream="OFF",
        encryption="AWS_OWNED",
        table_class="STANDARD",
        deletion_protection=False,
    )


def test_every_setting_is_read() -> None:
    table = {
        **PLAIN,
        "BillingModeSummary": {"BillingMode": "PROVISIONED"},
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        "WarmThroughput": {"ReadUnitsPerSecond": 100, "WriteUnitsPerSecond": 200, "Status": "ACTIVE"},
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
        "SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "arn:x"},
        "TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
        "DeletionProtectionEnabled": True,
        "GlobalSecondaryIndexes": [
            {
                **BY_ROOM,
                "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 8},
                "WarmThroughput": {"ReadUnitsPerSecond": 300, "WriteUnitsPerSecond": 400},
            }
        ],
    }

    assert described(table).settings == TableSettings(
        capacity=Provisioned(read=5, write=6, indexes={"by-room": Throughput(7, 8)}),
        warm=WarmThroughput(read=100, write=200, indexes={"by-room": Throughput(300, 400)}),
        stream="OLD_IMAGE",
        encryption="arn:x",
        table_class="STANDARD_INFREQUENT_ACCESS",
        deletion_protection=True,
    )


def test_a_table_without_a_summary_of_its_billing_is_provisioned() -> None:
    table = {
        **PLAIN,
        "BillingModeSummary": None,
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
    }

    assert described(table).settings.capacity == Provisioned(read=1, write=2)


def test_the_most_of_a_table_on_demand_is_read() -> None:
    table = {
        **PLAIN,
        "OnDemandThroughput": {"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": -1},
        "GlobalSecondaryIndexes": [
            {**BY_ROOM, "OnDemandThroughput": {"MaxReadRequestUnits": 1, "MaxWriteRequestUnits": 2}}
        ],
    }

    assert described(table).settings.capacity == OnDemand(max_read=100, indexes={"by-room": Throughput(1, 2)})


def test_names_that_an_index_holds_are_compared_in_one_order() -> None:
    table = {**PLAIN, "GlobalSecondaryIndexes": [BY_ROOM]}

    assert described(table).indexes == {
        "by-room": IndexShape(name="by-room", kind="global", keys=(("room", "HASH"),), projection=("a", "z"))
    }


def test_a_table_is_ready_when_all_its_indexes_are() -> None:
    building = {**BY_ROOM, "IndexStatus": "CREATING"}

    ready = found_table({**PLAIN, "GlobalSecondaryIndexes": [BY_ROOM]})
    busy = found_table({**PLAIN, "TableStatus": "UPDATING", "GlobalSecondaryIndexes": [building]})

    assert (ready.is_ready, ready.state) == (True, "ACTIVE")
    assert (busy.is_ready, busy.state) == (False, "UPDATING (index by-room CREATING)")


def test_what_other_operations_say_is_added() -> None:
    found = (
        found_table(PLAIN)
        .with_ttl({"TimeToLiveStatus": "ENABLING", "AttributeName": "until"})
        .with_tags({"team": "data"})
        .with_backups(
            {
                "PointInTimeRecoveryDescription": {
                    "PointInTimeRecoveryStatus": "ENABLED",
                    "RecoveryPeriodInDays": 7,
                    "EarliestRestorableDateTime": 0,
                    "LatestRestorableDateTime": 60.5,
                }
            }
        )
    )

    assert (found.shape.ttl, found.ttl_state) == ("until", "ENABLING")
    assert found.shape.settings.tags == {"team": "data"}
    assert found.shape.settings.recovery_days == 7
    assert found.restorable == (
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 1, 0, 500_000, tzinfo=UTC),
    )


def test_an_attribute_whose_expiry_is_being_turned_off_expires_nothing() -> None:
    going = found_table(PLAIN).with_ttl({"TimeToLiveStatus": "DISABLING", "AttributeName": "until"})
    off = found_table(PLAIN).with_backups(
        {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}
    )

    assert (going.shape.ttl, going.ttl_state) == (None, "DISABLING")
    assert off.shape.settings.recovery_days == 0
