"""What each verb sends, to the letter: operation, members, expressions, price."""

from typing import Any

import pytest

from dynamorm_async import Plan, raw
from tests.plan.given import OLD_TEXT, bookmarks, fresh, held, notes, orders, users
from tests.shapes import NOW_TEXT, Bookmark, Note, Order, User

KEY = {"user": {"S": "ana"}, "slug": {"S": "aws"}}
OLD_ITEM = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def test_get_asks_for_the_key_and_nothing_else() -> None:
    plan = bookmarks.get("ana", "aws")

    assert plan.operation == "GetItem"
    assert plan.request == {"TableName": "bookmarks", "Key": KEY}
    assert (plan.estimate.read_units, plan.estimate.write_units) == (0.5, 0)


def test_a_consistent_read_says_so_and_costs_twice() -> None:
    plan = bookmarks.find("ana", "aws", consistent=True)

    assert plan.request == {"TableName": "bookmarks", "Key": KEY, "ConsistentRead": True}
    assert plan.estimate.read_units == 1


def test_create_puts_the_item_where_no_item_is() -> None:
    plan = bookmarks.create(fresh())

    assert plan.operation == "PutItem"
    assert plan.request == {
        "TableName": "bookmarks",
        "Item": {
            **KEY,
            "url": {"S": "https://x"},
            "title": {"S": ""},
            "visits": {"N": "0"},
            "created": {"S": NOW_TEXT},
            "updated": {"S": NOW_TEXT},
            "revision": {"N": "0"},
        },
        **OLD_ITEM,
        "ConditionExpression": "attribute_not_exists(#dn0)",
        "ExpressionAttributeNames": {"#dn0": "user"},
    }
    assert plan.condition == "attribute_not_exists(user)"


def test_create_takes_a_further_condition() -> None:
    plan = notes.create(Note(id="a"), when=Note.text == "x")

    assert plan.request["ConditionExpression"] == "attribute_not_exists(#dn0) AND #dn1 = :dv0"
    assert plan.request["ExpressionAttributeNames"] == {"#dn0": "id", "#dn1": "text"}
    assert plan.condition == "attribute_not_exists(id) AND text = 'x'"


def test_put_of_a_new_instance_has_no_condition() -> None:
    plan = notes.put(Note(id="a", names={"x"}))

    assert plan.request == {
        "TableName": "notes",
        "Item": {
            "id": {"S": "a"},
            "text": {"S": ""},
            "count": {"N": "0"},
            "names": {"SS": ["x"]},
            "lines": {"L": []},
            "facts": {"M": {}},
        },
    }
    assert plan.condition is None


def test_put_under_not_exists_is_the_same_as_create() -> None:
    put = bookmarks.put(fresh(), when=Bookmark.user.not_exists())

    assert put.request == bookmarks.create(fresh()).request


def test_put_of_a_held_version_checks_and_raises_it_and_keeps_created() -> None:
    plan = bookmarks.put(held())

    assert plan.request["Item"]["revision"] == {"N": "4"}
    assert plan.request["Item"]["created"] == {"S": OLD_TEXT}
    assert plan.request["Item"]["updated"] == {"S": NOW_TEXT}
    assert plan.request["ConditionExpression"] == "#dn0 = :dv0"
    assert plan.request["ExpressionAttributeValues"] == {":dv0": {"N": "3"}}
    assert plan.condition == "revision = 3"


def test_the_price_of_a_put_is_that_of_the_item_and_not_of_its_json() -> None:
    plan = notes.put(Note(id="a", lines=["x"] * 150))

    assert len(plan.first.body) > 1024
    assert plan.estimate.write_units == 1
    assert notes.put(Note(id="a", text="x" * 1024)).estimate.write_units == 2


def test_save_writes_all_fields_but_keys_and_created_under_the_held_version() -> None:
    plan = bookmarks.save(held())

    assert plan.operation == "UpdateItem"
    assert plan.request == {
        "TableName": "bookmarks",
        "Key": KEY,
        "ReturnValues": "ALL_NEW",
        **OLD_ITEM,
        "UpdateExpression": "SET #dn0 = :dv0, #dn1 = :dv1, #dn2 = :dv2, #dn3 = :dv3, #dn4 = :dv4 "
        "REMOVE #dn5, #dn6",
        "ConditionExpression": "#dn4 = :dv5",
        "ExpressionAttributeNames": {
            "#dn0": "url",
            "#dn1": "title",
            "#dn2": "visits",
            "#dn3": "updated",
            "#dn4": "revision",
            "#dn5": "tags",
            "#dn6": "expires",
        },
        "ExpressionAttributeValues": {
            ":dv0": {"S": "https://x"},
            ":dv1": {"S": ""},
            ":dv2": {"N": "0"},
            ":dv3": {"S": NOW_TEXT},
            ":dv4": {"N": "4"},
            ":dv5": {"N": "3"},
        },
    }


def test_save_of_an_instance_without_a_version_demands_that_none_is_stored() -> None:
    plan = bookmarks.save(fresh(), fields=[Bookmark.title])

    assert plan.request["UpdateExpression"] == "SET #dn0 = :dv0, #dn1 = :dv1, #dn2 = :dv2"
    assert plan.request["ConditionExpression"] == "attribute_exists(#dn3) AND attribute_not_exists(#dn2)"
    assert plan.request["ExpressionAttributeNames"] == {
        "#dn0": "title",
        "#dn1": "updated",
        "#dn2": "revision",
        "#dn3": "user",
    }
    assert plan.request["ExpressionAttributeValues"][":dv2"] == {"N": "0"}


def test_save_takes_fields_by_name_and_each_once() -> None:
    plan = notes.save(Note(id="a", text="t"), fields=["text", Note.text])

    assert plan.request["UpdateExpression"] == "SET #dn0 = :dv0"
    assert plan.request["ExpressionAttributeNames"] == {"#dn0": "text", "#dn1": "id"}


def test_upsert_starts_the_version_or_raises_it_and_keeps_created() -> None:
    plan = bookmarks.upsert(fresh())

    assert plan.request == {
        "TableName": "bookmarks",
        "Key": KEY,
        "ReturnValues": "ALL_NEW",
        "UpdateExpression": "SET #dn0 = :dv0, #dn1 = :dv1, #dn2 = :dv2, #dn3 = :dv3, "
        "#dn4 = if_not_exists(#dn4, :dv4), #dn5 = if_not_exists(#dn5, :dv5) + :dv6 REMOVE #dn6, #dn7",
        "ExpressionAttributeNames": {
            "#dn0": "url",
            "#dn1": "title",
            "#dn2": "visits",
            "#dn3": "updated",
            "#dn4": "created",
            "#dn5": "revision",
            "#dn6": "tags",
            "#dn7": "expires",
        },
        "ExpressionAttributeValues": {
            ":dv0": {"S": "https://x"},
            ":dv1": {"S": ""},
            ":dv2": {"N": "0"},
            ":dv3": {"S": NOW_TEXT},
            ":dv4": {"S": NOW_TEXT},
            ":dv5": {"N": "-1"},
            ":dv6": {"N": "1"},
        },
    }


def test_upsert_of_a_held_version_demands_this_one_or_no_item() -> None:
    plan = bookmarks.upsert(held(), when=Bookmark.visits < 5)

    assert plan.condition == "(attribute_not_exists(user) OR revision = 3) AND visits < 5"
    assert (
        plan.request["ConditionExpression"] == "(attribute_not_exists(#dn8) OR #dn5 = :dv7) AND #dn2 < :dv8"
    )


def test_upsert_writes_entity_and_templates() -> None:
    plan = users.upsert(User(user="ana"))

    assert plan.request["Key"] == {"pk": {"S": "USER#ana"}, "sk": {"S": "PROFILE"}}
    assert plan.request["ExpressionAttributeNames"]["#dn2"] == "_entity"
    assert plan.request["ExpressionAttributeValues"][":dv2"] == {"S": "user"}


def test_update_demands_the_item_and_raises_its_version() -> None:
    plan = bookmarks.update(
        ("ana", "aws"), Bookmark.visits.add(1), when=Bookmark.tags.contains("x"), returning="UPDATED_NEW"
    )

    assert plan.request == {
        "TableName": "bookmarks",
        "Key": KEY,
        "ReturnValues": "UPDATED_NEW",
        **OLD_ITEM,
        "UpdateExpression": "SET #dn0 = :dv0, #dn1 = if_not_exists(#dn1, :dv1) + :dv2 ADD #dn2 :dv3",
        "ConditionExpression": "attribute_exists(#dn3) AND contains(#dn4, :dv4)",
        "ExpressionAttributeNames": {
            "#dn0": "updated",
            "#dn1": "revision",
            "#dn2": "visits",
            "#dn3": "user",
            "#dn4": "tags",
        },
        "ExpressionAttributeValues": {
            ":dv0": {"S": NOW_TEXT},
            ":dv1": {"N": "-1"},
            ":dv2": {"N": "1"},
            ":dv3": {"N": "1"},
            ":dv4": {"S": "x"},
        },
    }


def test_update_of_an_instance_checks_and_raises_the_version_it_holds() -> None:
    plan = bookmarks.update(held(), Bookmark.title.set("x"))

    assert plan.request["UpdateExpression"] == "SET #dn0 = :dv0, #dn1 = :dv1, #dn2 = :dv2"
    assert plan.request["ExpressionAttributeValues"][":dv2"] == {"N": "4"}
    assert plan.condition == "revision = 3"


def test_update_to_what_is_left_out_removes() -> None:
    plan = bookmarks.update(("ana", "aws"), Bookmark.expires.set(None), Bookmark.tags.set(set()))

    assert plan.request["UpdateExpression"].endswith("REMOVE #dn2, #dn3")
    assert plan.request["ExpressionAttributeNames"]["#dn2"] == "expires"


def test_update_of_all_parts_of_a_template_computes_it_anew() -> None:
    plan = orders.update(("ana", 7), Order.status.set("paid"), Order.city.set("Rome"))

    assert plan.request["UpdateExpression"] == "SET #dn0 = :dv0, #dn1 = :dv1, #dn2 = :dv2, #dn3 = :dv3"
    assert plan.request["ExpressionAttributeNames"]["#dn2"] == "by_state"
    assert plan.request["ExpressionAttributeValues"] == {
        ":dv0": {"S": "paid"},
        ":dv1": {"S": "Rome"},
        ":dv2": {"S": "paid#Rome"},
        ":dv3": {"S": "ana#paid"},
    }


def test_a_removed_part_of_a_template_counts_as_its_default() -> None:
    plan = orders.update(("ana", 7), Order.status.remove(), Order.city.set("Rome"))

    assert plan.request["ExpressionAttributeValues"][":dv1"] == {"S": "new#Rome"}


def test_a_raw_change_and_a_raw_condition_stand_beside_the_typed_ones() -> None:
    plan = notes.update(
        "a",
        raw("#c = #c * :two", names={"#c": "count"}, values={":two": 2}),
        when=raw("size(#t) > :n", names={"#t": "text"}, values={":n": 1}),
    )

    assert plan.request["UpdateExpression"] == "SET #c = #c * :two"
    assert plan.request["ConditionExpression"] == "attribute_exists(#dn0) AND (size(#t) > :n)"


def test_delete_by_key_demands_nothing() -> None:
    plan = bookmarks.delete("ana", "aws")

    assert plan.operation == "DeleteItem"
    assert plan.request == {"TableName": "bookmarks", "Key": KEY}
    assert plan.estimate.write_units == 1


def test_delete_of_an_instance_demands_the_version_it_holds() -> None:
    plan = bookmarks.delete(held())

    assert plan.request == {
        "TableName": "bookmarks",
        "Key": KEY,
        **OLD_ITEM,
        "ConditionExpression": "#dn0 = :dv0",
        "ExpressionAttributeNames": {"#dn0": "revision"},
        "ExpressionAttributeValues": {":dv0": {"N": "3"}},
    }


def test_scan_joins_its_filters() -> None:
    plan = bookmarks.scan(Bookmark.visits > 3, Bookmark.title == "x", consistent=True)

    assert plan.operation == "Scan"
    assert plan.request == {
        "TableName": "bookmarks",
        "ConsistentRead": True,
        "FilterExpression": "#dn0 > :dv0 AND #dn1 = :dv1",
        "ExpressionAttributeNames": {"#dn0": "visits", "#dn1": "title"},
        "ExpressionAttributeValues": {":dv0": {"N": "3"}, ":dv1": {"S": "x"}},
    }


def test_scan_of_an_entity_asks_for_its_items_only() -> None:
    plan = users.scan(User.name == "x")

    assert plan.request["FilterExpression"] == "#dn0 = :dv0 AND #dn1 = :dv1"
    assert plan.request["ExpressionAttributeNames"] == {"#dn0": "_entity", "#dn1": "name"}
    assert plan.request["ExpressionAttributeValues"][":dv0"] == {"S": "user"}


def test_a_plan_prints_operation_price_and_request() -> None:
    assert str(notes.get("é", consistent=True)) == (
        "GetItem (at least 1 read units; repeat: harmless)\n"
        '{\n  "TableName": "notes",\n  "Key": {\n    "id": {\n      "S": "é"\n    }\n  },\n'
        '  "ConsistentRead": true\n}'
    )


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(notes.scan(), id="scan"),
        pytest.param(notes.put(Note(id="a")), id="put"),
        pytest.param(notes.delete("a"), id="delete"),
    ],
)
def test_a_plan_knows_table_and_key_without_reading_its_bytes(plan: Plan[Any]) -> None:
    assert plan.first.table == "notes"
    assert plan.first.key in (None, {"id": "a"})


def test_two_plans_of_one_shape_share_their_text() -> None:
    first = notes.update("a", Note.count.add(1))
    second = notes.update("b", Note.count.add(2))

    assert first.request["UpdateExpression"] is not None
    assert first.request["UpdateExpression"] == second.request["UpdateExpression"]
    assert second.request["ExpressionAttributeValues"] == {":dv0": {"N": "2"}}
