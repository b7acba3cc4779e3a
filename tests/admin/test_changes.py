"""Which steps lie between what is wanted and what was found. R87, R88, R89, R96."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from dynamorm_async import (
    InvalidRequest,
    OnDemand,
    Provisioned,
    TableChanges,
    TableSettings,
    Throughput,
    WarmThroughput,
)
from dynamorm_async.admin import changes
from dynamorm_async.admin.changes import mismatch
from tests.admin.shapes_for_changes import BY_FLOOR, BY_ROOM, BY_TIME, found, index, table

Named = list[tuple[str, str]]


def verdicts(plan: TableChanges) -> Named:
    return [(step.name, step.verdict) for step in plan.steps]


def of_settings(settings: TableSettings, *, allow: set[str] | None = None, **have: Any) -> TableChanges:
    """Return the changes of a table with an index, from some settings to others."""
    return changes(table(BY_ROOM, settings=settings), found(table(BY_ROOM), **have), allow=allow or set())


def sent(plan: TableChanges) -> list[dict[str, Any]]:
    """Return the requests of the steps that are done, without the table's name."""
    return [
        {name: value for name, value in step.request.items() if name != "TableName"} for step in plan.to_do
    ]


def test_a_table_that_is_as_it_should_be_needs_nothing() -> None:
    plan = changes(table(BY_ROOM, BY_FLOOR), found(table(BY_ROOM, BY_FLOOR)))

    assert plan.steps == ()
    assert str(plan) == "readings: nothing to do"


def test_a_missing_table_is_created_and_then_what_creation_cannot_say() -> None:
    settings = TableSettings(recovery_days=7, tags={"team": "data"})

    plan = changes(table(BY_ROOM, settings=settings, ttl="until"), None)

    assert verdicts(plan) == [("create_table", "do"), ("enable_ttl until", "do"), ("set_recovery", "do")]
    assert [step.operation for step in plan.steps] == [
        "CreateTable",
        "UpdateTimeToLive",
        "UpdateContinuousBackups",
    ]


# Indexes.


def test_a_missing_index_is_created_with_every_definition_that_is_then_used() -> None:
    plan = changes(table(BY_ROOM, BY_TIME), found(table(BY_FLOOR, BY_ROOM)))

    assert verdicts(plan) == [("create_index by-time", "do")]
    assert plan.steps[0].effect == "additive"
    assert sent(plan) == [
        {
            "AttributeDefinitions": [
                {"AttributeName": "floor", "AttributeType": "N"},
                {"AttributeName": "room", "AttributeType": "S"},
                {"AttributeName": "sensor", "AttributeType": "B"},
                {"AttributeName": "time", "AttributeType": "N"},
            ],
            "GlobalSecondaryIndexUpdates": [
                {
                    "Create": {
                        "IndexName": "by-time",
                        "KeySchema": [
                            {"AttributeName": "room", "KeyType": "HASH"},
                            {"AttributeName": "time", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["value"]},
                    }
                }
            ],
        }
    ]


def test_each_index_is_a_step_of_its_own() -> None:
    plan = changes(table(BY_ROOM, BY_TIME), found(table()))

    assert verdicts(plan) == [("create_index by-room", "do"), ("create_index by-time", "do")]


def test_an_index_of_other_models_stays_unless_it_is_allowed_to_go() -> None:
    have = found(table(BY_ROOM, BY_TIME))

    left, dropped = changes(table(BY_ROOM), have), changes(table(BY_ROOM), have, allow={"drop_index"})

    assert verdicts(left) == [("drop_index by-time", "leave")]
    assert mismatch(left) is None
    assert verdicts(dropped) == [("drop_index by-time", "do")]
    assert sent(dropped) == [{"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "by-time"}}]}]


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(index("by-room", "room", "time"), id="other keys"),
        pytest.param(index("by-room", "room", projection="KEYS_ONLY"), id="another projection"),
    ],
)
def test_an_index_that_is_another_is_dropped_and_created_where_that_is_allowed(there: Any) -> None:
    refused = changes(table(BY_ROOM), found(table(there)))
    allowed = changes(table(BY_ROOM), found(table(there)), allow={"drop_index"})

    assert verdicts(refused) == [("drop_index by-room", "refuse"), ("create_index by-room", "do")]
    assert verdicts(allowed) == [("drop_index by-room", "do"), ("create_index by-room", "do")]
    assert [step.effect for step in allowed.steps] == ["replacing", "replacing"]


def test_an_index_whose_key_has_another_type_is_another() -> None:
    have = found(table(BY_ROOM, types={"sensor": "B", "time": "N", "room": "N"}))

    plan = changes(table(BY_ROOM), have, allow={"drop_index"})

    assert verdicts(plan) == [("drop_index by-room", "do"), ("create_index by-room", "do")]
    assert {"AttributeName": "room", "AttributeType": "S"} in plan.steps[1].request["AttributeDefinitions"]


def test_an_index_whose_attribute_is_wanted_with_another_type_is_in_the_way() -> None:
    have = found(table(index("old", "room"), types={"sensor": "B", "time": "N", "room": "N"}))

    plan = changes(table(BY_ROOM), have)

    assert verdicts(plan) == [("drop_index old", "refuse"), ("create_index by-room", "do")]
    assert "its key 'room' is N, and S in a wanted index" in plan.steps[0].reason


def test_indexes_that_leave_no_place_for_the_wanted_ones_are_in_the_way() -> None:
    others = [index(f"old-{n}", "room") for n in range(20)]

    plan = changes(table(BY_ROOM), found(table(*others)))

    assert len(plan.refused) == 20
    assert "over 20 global indexes" in plan.refused[0].reason
    assert changes(table(BY_ROOM), found(table(*others[:19]))).refused == ()


def test_indexes_that_name_too_many_attributes_are_in_the_way() -> None:
    many = index("old", "room", projection=tuple(f"a{n}" for n in range(100)))

    plan = changes(table(BY_TIME), found(table(many, index("older", "room"))))

    assert [step.name for step in plan.refused] == ["drop_index old"]


def test_protection_keeps_indexes_although_they_are_allowed_to_go() -> None:
    have = found(table(BY_ROOM, BY_TIME), deletion_protection=True)

    plan = changes(table(BY_ROOM), have, allow={"drop_index"})

    assert verdicts(plan) == [("drop_index by-time", "refuse")]
    assert "deletion protection" in plan.steps[0].reason


def test_protection_is_lifted_first_where_that_is_wanted_and_allowed() -> None:
    have = found(table(BY_ROOM, BY_TIME), deletion_protection=True)
    want = table(BY_ROOM, settings=TableSettings(deletion_protection=False))

    plan = changes(want, have, allow={"drop_index", "unprotect"})
    refused = changes(want, have, allow={"drop_index"})

    assert verdicts(plan) == [("unprotect", "do"), ("drop_index by-time", "do")]
    assert verdicts(refused) == [("unprotect", "refuse"), ("drop_index by-time", "refuse")]


def test_a_new_index_of_a_provisioned_table_has_capacity() -> None:
    have = found(table(), capacity=Provisioned(read=5, write=6))

    (request,) = sent(changes(table(BY_ROOM), have))

    created = request["GlobalSecondaryIndexUpdates"][0]["Create"]
    assert created["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}


# What can't be done.


@pytest.mark.parametrize(
    ("want", "have", "step"),
    [
        pytest.param(table(keys=(("sensor", "HASH"),)), table(), "change_keys", id="keys"),
        pytest.param(
            table(types={"sensor": "S", "time": "N"}), table(), "change_key_type sensor", id="type of a key"
        ),
        pytest.param(
            table(BY_FLOOR, types={"sensor": "B", "time": "N", "floor": "S"}),
            table(BY_FLOOR),
            "change_key_type floor",
            id="type of a local index",
        ),
        pytest.param(
            table(index("x", "floor"), types={"sensor": "B", "time": "N", "floor": "S"}),
            table(BY_FLOOR),
            "change_key_type floor",
            id="type of another's local index",
        ),
        pytest.param(table(BY_FLOOR), table(), "create_local_index by-floor", id="a missing local index"),
        pytest.param(
            table(BY_FLOOR),
            table(index("by-floor", "sensor", "floor", kind="local", projection="KEYS_ONLY")),
            "change_local_index by-floor",
            id="another local index",
        ),
        pytest.param(
            table(index("by-floor", "room")),
            table(BY_FLOOR),
            "change_local_index by-floor",
            id="local to global",
        ),
        pytest.param(
            table(BY_FLOOR),
            table(index("by-floor", "room")),
            "change_local_index by-floor",
            id="global to local",
        ),
    ],
)
def test_what_the_service_cannot_change_is_impossible_whatever_is_allowed(
    want: Any, have: Any, step: str
) -> None:
    plan = changes(want, found(have), allow={"drop_index", "unprotect"})

    assert [each.name for each in plan.refused] == [step]
    assert plan.refused[0].effect == "impossible"
    assert plan.refused[0].risk == "only a new table, to which the items are copied, can have it"


def test_a_local_index_of_other_models_is_no_difference() -> None:
    assert changes(table(), found(table(BY_FLOOR))).steps == ()


def test_a_refused_plan_is_an_error_that_names_each_difference_and_what_to_allow() -> None:
    want = table(BY_ROOM, keys=(("sensor", "HASH"),))

    error = mismatch(changes(want, found(table(index("by-room", "time")))))

    assert error is not None
    assert error.differences == (
        (
            "change_keys: sensor (partition), time (sort) → sensor (partition) "
            "(a table keeps the keys it was created with)"
        ),
        (
            "drop_index by-room: global on time (partition); ALL → gone "
            "(it is another than the models', and an index can't be changed; it was not allowed)"
        ),
    )
    assert "allow={'drop_index'}" in (error.fix or "")
    assert error.table == "readings"


# Settings.


@pytest.mark.parametrize(
    ("want", "have", "step", "request_"),
    [
        pytest.param(
            {"capacity": Provisioned(read=5, write=6)},
            {},
            "set_capacity",
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
                "GlobalSecondaryIndexUpdates": [
                    {
                        "Update": {
                            "IndexName": "by-room",
                            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
                        }
                    }
                ],
            },
            id="to provisioned",
        ),
        pytest.param(
            {"capacity": OnDemand()},
            {"capacity": Provisioned(read=5, write=6)},
            "set_capacity",
            {"BillingMode": "PAY_PER_REQUEST"},
            id="to on demand",
        ),
        pytest.param(
            {"capacity": Provisioned(read=5, write=6, indexes={"by-room": Throughput(1, 1)})},
            {"capacity": Provisioned(read=5, write=6, indexes={"by-room": Throughput(2, 2)})},
            "set_capacity",
            {
                "GlobalSecondaryIndexUpdates": [
                    {
                        "Update": {
                            "IndexName": "by-room",
                            "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
                        }
                    }
                ]
            },
            id="an index's capacity alone",
        ),
        pytest.param(
            {"capacity": OnDemand(max_read=10)},
            {"capacity": OnDemand(max_write=5)},
            "set_maximum",
            {"OnDemandThroughput": {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": -1}},
            id="another maximum",
        ),
        pytest.param(
            {"warm": WarmThroughput(read=10, write=300)},
            {"warm": WarmThroughput(read=100, write=200)},
            "raise_warm_throughput",
            {"WarmThroughput": {"ReadUnitsPerSecond": 100, "WriteUnitsPerSecond": 300}},
            id="more warm throughput, and none of it less",
        ),
        pytest.param(
            {"stream": "NEW_IMAGE"},
            {},
            "enable_stream",
            {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}},
            id="a stream",
        ),
        pytest.param(
            {"encryption": "AWS_MANAGED"},
            {},
            "set_encryption",
            {"SSESpecification": {"Enabled": True, "SSEType": "KMS"}},
            id="a key of KMS",
        ),
        pytest.param(
            {"encryption": "AWS_OWNED"},
            {"encryption": "arn:x"},
            "set_encryption",
            {"SSESpecification": {"Enabled": False}},
            id="no key of KMS",
        ),
        pytest.param(
            {"table_class": "STANDARD_INFREQUENT_ACCESS"},
            {},
            "set_table_class",
            {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
            id="a class",
        ),
        pytest.param(
            {"deletion_protection": True}, {}, "protect", {"DeletionProtectionEnabled": True}, id="protection"
        ),
        pytest.param(
            {"recovery_days": 7},
            {"recovery_days": 1},
            "set_recovery",
            {
                "PointInTimeRecoverySpecification": {
                    "PointInTimeRecoveryEnabled": True,
                    "RecoveryPeriodInDays": 7,
                }
            },
            id="longer recovery",
        ),
        pytest.param(
            {"insights": "THROTTLED_KEYS"},
            {"insights": "ACCESSED_AND_THROTTLED_KEYS"},
            "set_insights",
            {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": "THROTTLED_KEYS"},
            id="other insights",
        ),
        pytest.param(
            {"insights": "OFF"},
            {"insights": "THROTTLED_KEYS"},
            "set_insights",
            {"ContributorInsightsAction": "DISABLE"},
            id="no insights",
        ),
    ],
)
def test_a_setting_is_one_step_with_one_request(
    want: dict[str, Any], have: dict[str, Any], step: str, request_: dict[str, Any]
) -> None:
    plan = of_settings(TableSettings(**want), **have)

    assert verdicts(plan) == [(step, "do")]
    assert sent(plan) == [request_]


@pytest.mark.parametrize(
    ("want", "have"),
    [
        pytest.param({}, {"stream": "NEW_IMAGE", "tags": {"a": "b"}, "recovery_days": 9}, id="nothing said"),
        pytest.param({"encryption": "AWS_MANAGED"}, {"encryption": "arn:x"}, id="a key is there"),
        pytest.param(
            {"warm": WarmThroughput(read=1, write=1)},
            {"warm": WarmThroughput(read=2, write=2)},
            id="warm enough",
        ),
        pytest.param({"tags": {}}, {"tags": {"aws:stack": "x"}}, id="tags of the service's own"),
        pytest.param(
            {"resource_policy": '{"b": 1, "a": 2}'},
            {"resource_policy": '{ "a":2,"b":1 }'},
            id="the same policy",
        ),
    ],
)
def test_what_is_as_it_should_be_or_not_said_is_no_step(want: dict[str, Any], have: dict[str, Any]) -> None:
    assert of_settings(TableSettings(**want), **have).steps == ()


@pytest.mark.parametrize(
    ("want", "have", "action", "request_"),
    [
        pytest.param(
            {"stream": "OFF"},
            {"stream": "NEW_IMAGE"},
            "disable_stream",
            {"StreamSpecification": {"StreamEnabled": False}},
            id="a stream",
        ),
        pytest.param(
            {"deletion_protection": False},
            {"deletion_protection": True},
            "unprotect",
            {"DeletionProtectionEnabled": False},
            id="protection",
        ),
        pytest.param(
            {"recovery_days": 0},
            {"recovery_days": 35},
            "shorten_recovery",
            {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}},
            id="recovery",
        ),
    ],
)
def test_what_takes_something_away_is_refused_unless_it_is_allowed(
    want: dict[str, Any], have: dict[str, Any], action: str, request_: dict[str, Any]
) -> None:
    refused = of_settings(TableSettings(**want), **have)
    allowed = of_settings(TableSettings(**want), allow={action}, **have)

    assert verdicts(refused) == [(action, "refuse")]
    assert verdicts(allowed) == [(action, "do")]
    assert sent(allowed) == [request_]


def test_recovery_is_not_shortened_under_deletion_protection() -> None:
    plan = of_settings(
        TableSettings(recovery_days=1), allow={"shorten_recovery"}, recovery_days=9, deletion_protection=True
    )

    assert verdicts(plan) == [("shorten_recovery", "refuse")]


def test_another_view_of_a_stream_is_another_stream() -> None:
    plan = of_settings(TableSettings(stream="NEW_IMAGE"), allow={"disable_stream"}, stream="KEYS_ONLY")

    assert verdicts(plan) == [("disable_stream", "do"), ("enable_stream", "do")]


def test_tags_are_set_by_name_and_others_stay_unless_they_may_go() -> None:
    settings = TableSettings(tags={"team": "data", "new": "1"})
    have = {"team": "web", "old": "2", "aws:stack": "x"}

    left = of_settings(settings, tags=have)
    gone = of_settings(settings, tags=have, allow={"untag"})

    assert verdicts(left) == [("tag new, team", "do"), ("untag old", "leave")]
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/readings"
    assert sent(gone) == [
        {"ResourceArn": arn, "Tags": [{"Key": "new", "Value": "1"}, {"Key": "team", "Value": "data"}]},
        {"ResourceArn": arn, "TagKeys": ["old"]},
    ]


def test_a_policy_is_changed_only_where_it_is_still_the_one_that_was_found() -> None:
    have = attrs.evolve(found(table(), resource_policy='{"a":1}'), policy_revision="r-7")
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/readings"

    other = changes(table(settings=TableSettings(resource_policy='{"a":2}')), have)
    first = changes(table(settings=TableSettings(resource_policy='{"a":2}')), found(table()))
    kept = changes(table(settings=TableSettings(resource_policy="OFF")), have)
    gone = changes(table(settings=TableSettings(resource_policy="OFF")), have, allow={"drop_policy"})

    assert sent(other) == [{"ResourceArn": arn, "ExpectedRevisionId": "r-7", "Policy": '{"a":2}'}]
    assert sent(first) == [{"ResourceArn": arn, "ExpectedRevisionId": "NO_POLICY", "Policy": '{"a":2}'}]
    assert verdicts(kept) == [("drop_policy", "refuse")]
    assert sent(gone) == [{"ResourceArn": arn, "ExpectedRevisionId": "r-7"}]


def test_protection_comes_after_everything_else() -> None:
    settings = TableSettings(deletion_protection=True, recovery_days=7, stream="NEW_IMAGE")

    plan = changes(table(BY_ROOM, settings=settings), found(table(BY_TIME)), allow={"drop_index"})

    assert [step.name for step in plan.to_do] == [
        "drop_index by-time",
        "enable_stream",
        "create_index by-room",
        "set_recovery",
        "protect",
    ]


def test_every_index_that_stays_gets_capacity_where_there_was_none() -> None:
    want = table(BY_ROOM, settings=TableSettings(capacity=Provisioned(read=1, write=1)))
    have = found(table(BY_ROOM, BY_TIME))

    left = changes(want, have)
    dropped = changes(want, have, allow={"drop_index"})

    def indexes(plan: TableChanges) -> list[str]:
        step = next(step for step in plan.to_do if step.action == "set_capacity")
        return [each["Update"]["IndexName"] for each in step.request["GlobalSecondaryIndexUpdates"]]

    assert indexes(left) == ["by-room", "by-time"]
    assert indexes(dropped) == ["by-room"]


# Time-to-live.


def test_time_to_live_is_turned_on_for_the_models_field_and_off_where_the_settings_say_so() -> None:
    on = changes(table(ttl="until"), found(table()))
    off = changes(table(settings=TableSettings(time_to_live="OFF")), found(table(ttl="until")))

    assert verdicts(on) == [("enable_ttl until", "do")]
    assert verdicts(off) == [("disable_ttl until", "do")]
    assert sent(off) == [{"TimeToLiveSpecification": {"Enabled": False, "AttributeName": "until"}}]


def test_time_to_live_on_another_attribute_is_changed_where_that_is_allowed() -> None:
    refused = changes(table(ttl="until"), found(table(ttl="gone")))
    allowed = changes(table(ttl="until"), found(table(ttl="gone")), allow={"change_ttl"})

    assert verdicts(refused) == [("change_ttl gone", "refuse"), ("enable_ttl until", "do")]
    assert verdicts(allowed) == [("change_ttl gone", "do"), ("enable_ttl until", "do")]


def test_time_to_live_of_a_table_whose_models_have_none_stays() -> None:
    assert changes(table(), found(table(ttl="until"))).steps == ()


# Reading the steps.


@pytest.mark.parametrize("allow", [{"create_index"}, {"drop-index"}, "drop_index"])
def test_a_name_that_allows_nothing_is_refused(allow: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"allow=.*\n.*change_ttl, disable_stream, drop_index"):
        changes(table(), None, allow=allow)


def test_changes_are_read_as_a_table_of_steps() -> None:
    plan = changes(table(BY_ROOM, ttl="until"), found(table(index("old", "room"))))

    assert str(plan) == (
        "readings: 2 to do, 1 left, 0 refused\n"
        "  leave  removing  drop_index old        global on room (partition); ALL → gone\n"
        "    why: no model given here has it\n"
        "    risk: whoever still queries it fails\n"
        "  do     additive  create_index by-room  missing → global on room (partition); ALL\n"
        "    why: the models have it\n"
        "    risk: reads and writes go on while it is filled; it answers nothing until then, "
        "and filling it costs writes\n"
        "  do     additive  enable_ttl until      off → on\n"
        "    why: the models have a ttl field\n"
        "    risk: items whose time has passed are deleted, within a few days"
    )


def test_changes_are_read_as_json() -> None:
    plan = changes(table(BY_ROOM), found(table()))

    assert json.loads(plan.to_json()) == {
        "table": "readings",
        "steps": [
            {
                "action": "create_index",
                "subject": "by-room",
                "effect": "additive",
                "before": "missing",
                "after": "global on room (partition); ALL",
                "reason": "the models have it",
                "risk": (
                    "reads and writes go on while it is filled; it answers nothing until then, "
                    "and filling it costs writes"
                ),
                "verdict": "do",
                "operation": "UpdateTable",
            }
        ],
    }


def test_changes_are_drawn_as_a_graph() -> None:
    plan = changes(table(BY_ROOM, ttl="until"), found(table(index("old", "room"))))

    assert plan.to_mermaid() == (
        "flowchart TD\n"
        '  table[("readings")]\n'
        '  s1["drop_index old<br/>removing"]\n'
        "  table -. leave .-> s1\n"
        '  s2["create_index by-room<br/>additive"]\n'
        "  table --> s2\n"
        '  s3["enable_ttl until<br/>additive"]\n'
        "  s2 --> s3"
    )
