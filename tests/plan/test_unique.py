"""Unique fields, compiled: what each verb claims and frees, and what its refusals mean. N10."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async import (
    UNSET,
    Attr,
    CancellationReason,
    ConditionFailed,
    InvalidExpression,
    InvalidModel,
    InvalidRequest,
    Key,
    LimitExceeded,
    Plan,
    Put,
    Repeat,
    ServiceError,
    TransactionConditionFailed,
    TransactionConflict,
    TransactionFailed,
    TransactionUniqueViolation,
    UniqueViolation,
    VersionConflict,
    attribute,
    created_at,
    model,
    partition_key,
    raw,
    sort_key,
    updated_at,
    version,
)
from dynamorm_async.client import Transaction
from dynamorm_async.client.mending import mend_claims
from dynamorm_async.codecs import canonical
from dynamorm_async.model import FieldSpec, spec_of
from dynamorm_async.plan import Stepwise, as_stored, batch_write, behind, claims_of_item, claims_page, mended
from dynamorm_async.plan.claims import name_of_value
from tests.plan.given import OLD_TEXT, plans, read, reply, target
from tests.plan.test_transact import cancelled, nowhere, reason, target_of, unmet
from tests.scripted_send import ScriptedSend, refused
from tests.shapes import NOW, NOW_TEXT


@model(table="members")
class Member:
    id: Attr[str] = partition_key()
    email: Attr[str] = attribute(unique=True)
    badge: Attr[int | None] = attribute(default=None, unique=True)
    name: Attr[str] = attribute(default="")
    secret: Attr[str | None] = attribute(default=None, null=True, unique=True, repr=False)


@model(table="tagged")
class Tagged:
    id: Attr[str] = partition_key()
    email: Attr[str] = attribute(unique=True)
    tags: Attr[list[str]] = attribute(factory=list[str])


@model(table="accounts")
class Account:
    id: Attr[str] = partition_key()
    login: Attr[str] = attribute(unique=True, name="l")
    name: Attr[str] = attribute(default="")
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()


@model(table="rooms")
class Room:
    floor: Attr[Decimal] = partition_key()
    door: Attr[bytes] = sort_key()
    house: Attr[str] = attribute(default="")
    label: Attr[str] = attribute(default="")
    place: Attr[str] = attribute(template="{house}#{label}", unique=True)


members, accounts, rooms = plans(Member, "members"), plans(Account, "accounts"), plans(Room, "rooms")

PINNED = "in each of 11 rounds, unique fields were others than just before; nothing was changed"

ACCOUNT = {
    "id": {"S": "1"},
    "l": {"S": "ana"},
    "name": {"S": "Ana"},
    "created": {"S": OLD_TEXT},
    "updated": {"S": OLD_TEXT},
    "revision": {"N": "3"},
}


def begun(token: str = "TOKEN-1", *, is_given: bool = False) -> Transaction:
    return Transaction(target_of, nowhere, now=lambda: NOW, token=token, is_given=is_given)


def held(**more: Any) -> Account:
    """Return an account as read, at version 3."""
    return read(Account, {**ACCOUNT, **more})


MARKS = {"Put": "+", "Delete": "-", "ConditionCheck": "="}


def what(plan: Plan[Any]) -> list[str]:
    """Return what a plan's first call does, item by item.

    `+` takes a value, `-` frees one, `=` leaves one to another item.
    """
    if plan.operation != "TransactWriteItems":
        return [plan.operation]
    found: list[str] = []
    for ((verb, each),) in (list(entry.items()) for entry in plan.request["TransactItems"]):
        if not each["TableName"].endswith("-unique"):
            found.append(verb)
            continue
        name = each["Item" if verb == "Put" else "Key"]["unique"]["S"]
        found.append(f"{MARKS[verb]}{name}")
    return found


def after(plan: Plan[Any], outcome: Any) -> Plan[Any] | None:
    assert isinstance(plan, Stepwise)
    return plan.then(outcome)


def followed(plan: Plan[Any], outcome: Any) -> Plan[Any]:
    following = after(plan, outcome)
    assert following is not None
    return following


def alone(item: object = None) -> ServiceError:
    """Return the refusal of a condition of a write that was sent by itself."""
    return refused(
        "ConditionalCheckFailedException", "no", item=item, operation="UpdateItem", table="members"
    )


# Names of values.


def field_of(cls: type[Any], name: str) -> FieldSpec:
    return spec_of(cls).fields[name]


def test_a_value_is_known_by_its_entity_attribute_and_type() -> None:
    name = name_of_value(spec_of(Account), field_of(Account, "login"), '{"S":"ana"}')

    assert name == '["","l",{"S":"ana"}]'


def test_nothing_stored_and_null_are_no_value() -> None:
    found = [
        name_of_value(spec_of(Member), field_of(Member, "secret"), text) for text in (None, '{"NULL":true}')
    ]

    assert found == [None, None]


def test_a_long_value_is_known_by_its_digest() -> None:
    texts = [canonical(json.dumps({"S": "é" * 1500 + end})) for end in ("a", "b")]

    one, other = [name_of_value(spec_of(Member), field_of(Member, "email"), text) or "" for text in texts]

    assert one.startswith('["","email",{"sha256":"')
    assert one != other
    assert len(one.encode()) < 100


@given(
    st.lists(st.tuples(st.text(), st.sampled_from(["email", "badge"])), min_size=2, max_size=2, unique=True)
)
def test_no_two_values_are_known_by_one_name(pairs: list[tuple[str, str]]) -> None:
    names = [
        name_of_value(spec_of(Member), field_of(Member, field), canonical(json.dumps({"S": value})))
        for value, field in pairs
    ]

    assert names[0] != names[1]


# What each verb sends first.


def test_a_create_takes_its_values_in_the_transaction_of_its_item() -> None:
    plan = members.create(Member(id="1", email="a@x", badge=7))

    assert what(plan) == ["Put", '+["","email",{"S":"a@x"}]', '+["","badge",{"N":"7"}]']
    assert plan.request["TransactItems"][1] == {
        "Put": {
            "TableName": "members-unique",
            "Item": {"unique": {"S": '["","email",{"S":"a@x"}]'}, "owner": {"S": '{"id":{"S":"1"}}'}},
            "ConditionExpression": "attribute_not_exists(#n) OR #o IN (:o0)",
            "ExpressionAttributeNames": {"#n": "unique", "#o": "owner"},
            "ExpressionAttributeValues": {":o0": {"S": '{"id":{"S":"1"}}'}},
        }
    }
    assert (plan.first.repeat, plan.first.tables) == (Repeat.ONCE, ("members", "members-unique"))
    assert plan.first.keys == ({"id": "1"},)
    assert plan.read(reply({})) == Member(id="1", email="a@x", badge=7)


def test_a_claim_costs_what_an_item_of_its_own_costs() -> None:
    assert members.create(Member(id="1", email="a@x")).estimate.write_units == 4
    assert members.create(Member(id="1", email="a@x", badge=7)).estimate.write_units == 6


def test_equal_numbers_are_one_value() -> None:
    @model(table="prices")
    class Price:
        id: Attr[str] = partition_key()
        amount: Attr[Decimal] = attribute(unique=True)

    of = plans(Price, "prices")
    found = {what(of.create(Price(id="1", amount=Decimal(text))))[1] for text in ("1.50", "1.5", "15E-1")}

    assert len(found) == 1


def test_a_table_of_any_keys_keeps_its_claims_in_a_table_of_its_own() -> None:
    plan = rooms.create(Room(floor=Decimal("1.0"), door=b"\x01", house="a", label="b"))

    claim = plan.request["TransactItems"][1]["Put"]["Item"]
    assert claim["unique"] == {"S": '["","place",{"S":"a#b"}]'}
    assert claim["owner"] == {"S": '{"floor":{"N":"1"},"door":{"B":"AQ=="}}'}


def test_entities_of_one_table_share_no_values_and_their_children_do() -> None:
    @model(table="shop", entity="user")
    class User:
        id: Attr[str] = partition_key()
        email: Attr[str] = attribute(unique=True)

    @model()
    class Admin(User):
        level: Attr[int] = attribute(default=0)

    @model(entity="guest")
    class Guest(User):
        pass

    found = [what(plans(cls, "shop").create(cls(id="1", email="a")))[1] for cls in (User, Admin, Guest)]

    assert found[0] == found[1] == '+["user","email",{"S":"a"}]'
    assert found[2] == '+["guest","email",{"S":"a"}]'


def test_a_put_of_an_instance_that_was_stored_assumes_that_its_values_are() -> None:
    plan = accounts.put(held())

    assert what(plan) == ["PutItem"]
    assert plan.request["ConditionExpression"] == "#dn0 = :dv0 AND #dn1 = :dv1"
    assert plan.request["ExpressionAttributeValues"] == {":dv0": {"N": "3"}, ":dv1": {"S": "ana"}}
    assert plan.first.repeat is Repeat.GUARDED


def test_a_put_of_an_instance_that_was_never_stored_assumes_that_nothing_is() -> None:
    plan = accounts.put(Account(id="1", login="ana"))

    assert what(plan) == ["Put", '+["","l",{"S":"ana"}]']
    assert plan.request["TransactItems"][0]["Put"]["ConditionExpression"] == "attribute_not_exists(#dn0)"


def test_a_save_that_leaves_unique_fields_out_is_what_it_always_was() -> None:
    plan = accounts.save(held(), fields=[Account.name])

    assert not isinstance(plan, Stepwise)
    assert "l" not in plan.request["ExpressionAttributeNames"].values()


def test_a_save_assumes_that_unique_fields_are_as_stored_and_returns_the_item() -> None:
    plan = accounts.save(held())

    assert what(plan) == ["UpdateItem"]
    assert plan.request["ReturnValues"] == "ALL_NEW"
    assert plan.condition == "revision = 3 AND l = …"


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_what_a_bare_key_frees_is_read_first(verb: str) -> None:
    plan = members.delete("1") if verb == "delete" else members.update("1", Member.email.set("b"))

    assert what(plan) == ["GetItem"]
    assert plan.request["ConsistentRead"] is True


def test_an_instance_as_key_says_what_is_freed() -> None:
    plan = members.delete(Member(id="1", email="a"))

    assert what(plan) == ["Delete", '-["","email",{"S":"a"}]']


def test_an_update_of_other_fields_is_what_it_always_was() -> None:
    plan = members.update("1", Member.name.set("x"), returning="ALL_NEW")

    assert not isinstance(plan, Stepwise)
    assert what(plan) == ["UpdateItem"]


def test_an_idempotent_write_without_claims_has_a_token_all_the_same() -> None:
    plan = accounts.put(held(), idempotent=True)

    assert what(plan) == ["Put"]
    assert plan.first.repeat is Repeat.ONCE


# What follows.


def test_an_update_frees_the_value_that_was_read_and_takes_the_new_one() -> None:
    plan = followed(
        members.update("1", Member.email.set("b"), Member.name.set("x")),
        reply({"Item": {"id": {"S": "1"}, "email": {"S": "a"}}}),
    )

    assert what(plan) == ["Update", '-["","email",{"S":"a"}]', '+["","email",{"S":"b"}]']
    assert plan.condition == "attribute_exists(id) AND email = …"
    update, freed, _ = (next(iter(each.values())) for each in plan.request["TransactItems"])
    assert {"S": "a"} in update["ExpressionAttributeValues"].values()
    assert freed["Key"] == {"unique": {"S": '["","email",{"S":"a"}]'}}


def test_an_update_to_the_stored_value_needs_no_claims() -> None:
    plan = followed(
        members.update("1", Member.email.set("a")), reply({"Item": {"id": {"S": "1"}, "email": {"S": "a"}}})
    )

    assert what(plan) == ["UpdateItem"]


def test_a_removed_value_is_freed() -> None:
    plan = followed(
        members.update("1", Member.badge.remove()), reply({"Item": {"id": {"S": "1"}, "badge": {"N": "7"}}})
    )

    assert what(plan) == ["Update", '-["","badge",{"N":"7"}]']


def test_a_template_is_unique_as_a_whole() -> None:
    plan = followed(
        rooms.update((Decimal(1), b"\x01"), Room.house.set("a"), Room.label.set("b")),
        reply({"Item": {"place": {"S": "a#a"}}}),
    )

    assert what(plan)[1:] == ['-["","place",{"S":"a#a"}]', '+["","place",{"S":"a#b"}]']


def test_a_delete_of_what_is_not_there_demands_that_it_stays_so() -> None:
    plan = followed(members.delete("1"), reply({}))

    assert what(plan) == ["DeleteItem"]
    assert plan.condition == "attribute_not_exists(id)"
    assert after(plan, reply({})) is None


def test_a_delete_that_met_an_item_meanwhile_frees_its_values() -> None:
    absent = followed(members.delete("1"), reply({}))

    plan = followed(absent, alone({"id": {"S": "1"}, "email": {"S": "a"}, "badge": {"N": "7"}}))

    assert what(plan) == ["Delete", '-["","email",{"S":"a"}]', '-["","badge",{"N":"7"}]']


def test_a_put_over_other_values_frees_them() -> None:
    plan = followed(accounts.put(held()), alone({**ACCOUNT, "l": {"S": "eva"}}))

    assert what(plan) == ["Put", '-["","l",{"S":"eva"}]', '+["","l",{"S":"ana"}]']


def test_a_put_of_an_item_that_is_not_there_takes_its_values() -> None:
    plan = followed(members.put(Member(id="1", email="a")), alone())

    assert what(plan) == ["Put", '+["","email",{"S":"a"}]']
    assert plan.condition == "attribute_not_exists(id)"


def test_a_changed_save_tells_what_is_then_stored() -> None:
    kept = {**ACCOUNT, "l": {"S": "eva"}, "name": {"S": "old"}}
    plan = followed(accounts.save(held()), alone(kept))

    assert what(plan) == ["Update", '-["","l",{"S":"eva"}]', '+["","l",{"S":"ana"}]']
    assert "ReturnValues" not in plan.request["TransactItems"][0]["Update"]
    saved = plan.read(reply({}))
    assert saved == held(updated={"S": NOW_TEXT}, revision={"N": "4"})


def test_a_save_of_some_fields_tells_the_others_as_they_were_read() -> None:
    kept = {**ACCOUNT, "l": {"S": "eva"}, "name": {"S": "theirs"}}
    plan = followed(accounts.save(held(), fields=["login"]), alone(kept))

    assert plan.read(reply({})).name == "theirs"


def test_an_upsert_of_a_new_item_tells_what_is_then_stored() -> None:
    plan = accounts.upsert(Account(id="1", login="ana"))

    assert what(plan) == ["Update", '+["","l",{"S":"ana"}]']
    made = plan.read(reply({}))
    assert (made.revision, made.created, made.updated) == (0, NOW, NOW)


def test_an_upsert_over_another_value_raises_the_very_version_that_it_read() -> None:
    plan = followed(accounts.upsert(Account(id="1", login="eva")), cancelled(unmet(ACCOUNT), reason()))

    assert what(plan) == ["Update", '-["","l",{"S":"ana"}]', '+["","l",{"S":"eva"}]']
    assert plan.condition == "l = … AND revision = 3"
    made = plan.read(reply({}))
    assert (made.login, made.revision, made.created) == ("eva", 4, held().created)


def test_each_round_has_a_token_of_its_own() -> None:
    first = accounts.upsert(Account(id="1", login="eva"))
    second = followed(first, cancelled(unmet(ACCOUNT), reason()))

    tokens = [plan.request["ClientRequestToken"] for plan in (first, second)]
    assert len(set(tokens)) == 2
    assert all(len(token) <= 36 for token in tokens)


def test_a_value_that_another_item_has_cannot_be_freed_and_stops_nothing() -> None:
    plan = members.delete(Member(id="1", email="a", badge=7))

    again = followed(plan, cancelled(reason(), unmet(), reason()))

    assert what(again) == ["Delete", '=["","email",{"S":"a"}]', '-["","badge",{"N":"7"}]']
    check = again.request["TransactItems"][1]["ConditionCheck"]
    assert check["ConditionExpression"] == "attribute_not_exists(#n) OR NOT #o IN (:o0)"


def test_a_value_that_is_its_own_after_all_is_freed() -> None:
    """What was seen in one round may be otherwise in the next: it is tested, and learned again."""
    plan = members.delete(Member(id="1", email="a"))
    left = followed(plan, cancelled(reason(), unmet()))

    freed = followed(left, cancelled(reason(), unmet()))

    assert what(left) == ["Delete", '=["","email",{"S":"a"}]']
    assert what(freed) == ["Delete", '-["","email",{"S":"a"}]']


def test_what_one_item_cannot_free_another_one_can() -> None:
    """The instance that is deleted is not stored, and what it would free is the other item's."""
    plan = begun().put(Member(id="1", email="b")).delete(Member(id="2", email="a")).plan()
    assert what(plan) == ["Put", "Delete", '-["","email",{"S":"a"}]']

    again = followed(plan, cancelled(unmet({"email": {"S": "a"}}), unmet(), unmet()))

    assert what(again) == ["Put", "Delete", '-["","email",{"S":"a"}]', '+["","email",{"S":"b"}]']
    assert again.request["TransactItems"][2]["Delete"]["ExpressionAttributeValues"] == {
        ":o0": {"S": '{"id":{"S":"1"}}'}
    }


def last_round(plan: Plan[Any], *more: CancellationReason) -> tuple[list[Plan[Any]], ServiceError]:
    """Return the plans of all rounds, each of which another writer wins, and the last refusal."""
    rounds = [plan]
    while True:
        item = {**ACCOUNT, "l": {"S": f"eva{len(rounds)}"}}
        is_alone = plan.operation != "TransactWriteItems"
        claims = 0 if is_alone else len(plan.request["TransactItems"]) - 1 - len(more)
        refusal = alone(item) if is_alone else cancelled(unmet(item), *more, *[reason()] * claims)
        following = after(plan, refusal)
        if following is None:
            return rounds, refusal
        rounds.append(plan := following)


def test_rounds_come_to_an_end_that_says_that_others_were_faster() -> None:
    rounds, refusal = last_round(accounts.put(Account(id="1", login="ana")))

    error = rounds[-1].refused(refusal)

    assert len(rounds) == 11
    assert type(error) is TransactionConflict
    assert error.what == "put of Account '1': other writers were faster"
    assert (error.retryable, error.key, error.attempts) == (True, {"id": "1"}, 3)
    assert error.item.login == "eva11"
    assert "ana" not in str(error)


def test_a_version_that_was_lost_in_all_rounds_is_a_version_conflict() -> None:
    rounds, _ = last_round(accounts.save(held(revision={"N": "2"})))

    assert len(rounds) == 11
    lost = cancelled(unmet({**ACCOUNT, "l": {"S": "bob"}}), reason(), reason())
    assert type(rounds[-1].refused(lost)) is VersionConflict


def test_a_condition_that_fails_in_the_last_round_is_a_failed_condition() -> None:
    rounds, _ = last_round(accounts.put(Account(id="1", login="ana"), when=Account.name == "x"))

    unchanged = cancelled(unmet({**ACCOUNT, "l": {"S": "eva10"}}), reason(), reason())
    assert type(rounds[-1].refused(unchanged)) is ConditionFailed


def test_a_transaction_whose_rounds_end_may_succeed_later() -> None:
    transaction = begun().put(Account(id="1", login="ana")).check(Key(Member, "7"))
    rounds, refusal = last_round(transaction.plan(), reason())

    error = rounds[-1].refused(refusal)

    assert len(rounds) == 11
    assert type(error) is TransactionFailed
    assert error.retryable
    assert [each.code for each in error.reasons] == ["TransactionConflict", "None"]
    assert (error.index, error.why) == (0, "put of Account '1': other writers were faster: " + PINNED)


def test_what_else_fails_in_the_last_round_is_told_first() -> None:
    rounds, _ = last_round(begun().put(Account(id="1", login="ana")).check(Key(Member, "7")).plan(), reason())

    both = cancelled(unmet({**ACCOUNT, "l": {"S": "bob"}}), unmet(), reason(), reason())
    error = rounds[-1].refused(both)

    assert (type(error), error.retryable) == (TransactionConditionFailed, False)


def test_a_key_that_is_taken_in_the_last_round_is_a_failed_condition() -> None:
    transaction = begun().put(Account(id="1", login="ana")).create(Member(id="7", email="a"))
    rounds, _ = last_round(transaction.plan(), reason())

    taken = {"id": {"S": "7"}, "email": {"S": "a"}}
    error = rounds[-1].refused(cancelled(reason(), unmet(taken), *[reason()] * 3))

    assert (type(error), error.key) == (TransactionConditionFailed, {"id": "7"})


def test_rounds_wait_for_each_other_from_the_second_on() -> None:
    rounds, _ = last_round(accounts.put(Account(id="1", login="ana")))

    waits = [each.wait for each in rounds if isinstance(each, Stepwise)]
    assert waits == [0, 0, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1]


# What a refusal means.


def test_a_taken_value_is_a_violation_that_names_field_and_key_and_no_value() -> None:
    plan = members.create(Member(id="1", email="swordfish", badge=7))

    error = plan.refused(cancelled(reason(), unmet(), reason()))

    assert type(error) is UniqueViolation
    assert error.what == "create of Member '1': its email is taken"
    assert (error.fields, error.key, error.table, error.item) == (("email",), {"id": "1"}, "members", None)
    assert (error.request_id, error.attempts, error.elapsed) == ("R-9", 3, 0.25)
    assert "swordfish" not in str(error)


def test_all_values_that_are_taken_are_named() -> None:
    error = members.create(Member(id="1", email="a", badge=7)).refused(cancelled(reason(), unmet(), unmet()))

    assert error.what.endswith("its email and its badge are taken")
    assert isinstance(error, UniqueViolation)
    assert error.fields == ("email", "badge")


def test_an_item_that_is_there_is_told_before_a_value_that_is_taken() -> None:
    plan = accounts.create(Account(id="1", login="ana"))

    error = plan.refused(cancelled(unmet(ACCOUNT), unmet()))

    assert type(error) is ConditionFailed
    assert error.item == held()
    assert after(plan, cancelled(unmet(ACCOUNT), unmet())) is None


def test_a_lost_version_is_a_version_conflict_where_values_are_as_assumed() -> None:
    plan = accounts.save(held())
    newer = alone({**ACCOUNT, "revision": {"N": "5"}})

    assert after(plan, newer) is None
    assert type(plan.refused(newer)) is VersionConflict


def test_an_update_of_what_is_not_there_fails_as_ever() -> None:
    plan = followed(members.update("1", Member.email.set("b")), reply({}))

    error = plan.refused(cancelled(unmet(), reason()))

    assert type(error) is ConditionFailed
    assert "no item with this key is stored" in error.what


def test_a_conflict_about_a_claim_is_the_conflict_of_the_write() -> None:
    plan = members.create(Member(id="1", email="a"))

    error = plan.refused(cancelled(reason(), reason("TransactionConflict")))

    assert type(error) is TransactionConflict


def test_other_errors_of_the_service_stay_what_they_are() -> None:
    error = refused("ResourceNotFoundException", "no", operation="TransactWriteItems", table="members")

    assert members.create(Member(id="1", email="a")).refused(error) is error


def test_a_value_is_not_shown_in_a_condition() -> None:
    plan = members.delete(Member(id="1", email="a", secret="swordfish"))

    assert "swordfish" not in str(plan.condition)


# What cannot be said.


@pytest.mark.parametrize(
    "change",
    [
        Member.badge.add(1),
        Member.email.set(Member.name),
        Member.email.set_if_absent("x"),
        raw("email = :v", values={":v": "x"}),
        raw("#e = :v", names={"#e": "email"}, values={":v": "x"}),
    ],
    ids=["add", "copy", "if absent", "raw", "raw by placeholder"],
)
def test_a_change_to_a_value_that_nobody_knows_is_refused(change: Any) -> None:
    with pytest.raises(InvalidExpression) as caught:
        members.update("1", change)

    assert caught.value.code == "plan.unique-change"


def test_a_raw_change_of_other_fields_is_sent() -> None:
    assert what(members.update("1", raw("#n = :v", names={"#n": "name"}, values={":v": "x"}))) == [
        "UpdateItem"
    ]


def test_an_update_of_a_unique_field_returns_nothing() -> None:
    with pytest.raises(InvalidRequest) as caught:
        members.update("1", Member.email.set("b"), returning="ALL_NEW")

    assert caught.value.code == "plan.unique-returning"


def test_a_batch_takes_no_model_with_unique_fields() -> None:
    item = Member(id="1", email="a")
    for make in (
        lambda: members.batch_put([item]),
        lambda: members.batch_put([item], unchecked=True),
        lambda: members.batch_delete(["1"]),
        lambda: batch_write(
            [(target(Member, "members"), Put(item))], now=NOW, duplicates="refuse", unchecked=True
        ),
    ):
        with pytest.raises(InvalidRequest) as caught:
            make()
        assert caught.value.code == "plan.batch-unique"
        assert "email and badge and secret" in caught.value.what


def test_a_type_that_is_no_scalar_is_refused_with_the_table_handle() -> None:
    @model(table="odd")
    class Odd:
        id: Attr[str] = partition_key()
        where: Attr[Any] = attribute(unique=True)

    with pytest.raises(InvalidModel) as caught:
        target(Odd, "odd")

    assert caught.value.code == "codecs.unique-type"


# Transactions.


def test_a_transaction_holds_the_claims_of_its_operations_behind_them() -> None:
    plan = begun().create(Member(id="1", email="a")).create(Account(id="2", login="b")).plan()

    assert what(plan) == ["Put", "Put", '+["","email",{"S":"a"}]', '+["","l",{"S":"b"}]']
    assert plan.read(reply({}))[0] == Member(id="1", email="a")
    assert plan.estimate.write_units == 8


def test_what_bare_keys_free_is_read_at_one_moment_first() -> None:
    tx = begun().update(Key(Member, "1"), Member.email.set("b")).create(Member(id="3", email="c"))
    first = tx.delete(Key(Account, "2")).plan()

    assert first.operation == "TransactGetItems"
    plan = followed(first, reply({"Responses": [{"Item": {"email": {"S": "a"}}}, {"Item": ACCOUNT}]}))

    assert what(plan) == [
        "Update",
        "Put",
        "Delete",
        '-["","email",{"S":"a"}]',
        '+["","email",{"S":"b"}]',
        '+["","email",{"S":"c"}]',
        '-["","l",{"S":"ana"}]',
    ]


def test_a_value_passes_from_item_to_item_in_one_request() -> None:
    first = begun().update(Key(Member, "1"), Member.email.set("b")).create(Member(id="2", email="a")).plan()

    plan = followed(first, reply({"Responses": [{"Item": {"email": {"S": "a"}}}]}))

    assert what(plan)[2:] == ['+["","email",{"S":"a"}]', '+["","email",{"S":"b"}]']
    claim = plan.request["TransactItems"][2]["Put"]
    assert claim["ConditionExpression"] == "attribute_not_exists(#n) OR #o IN (:o0, :o1)"
    assert claim["ExpressionAttributeValues"] == {
        ":o0": {"S": '{"id":{"S":"2"}}'},
        ":o1": {"S": '{"id":{"S":"1"}}'},
    }


def test_one_value_for_two_items_is_refused_before_anything_is_sent() -> None:
    tx = begun().create(Member(id="1", email="a")).create(Member(id="2", email="a"))

    with pytest.raises(InvalidRequest) as caught:
        tx.plan()

    assert caught.value.what == "operations 0 and 1 give two items one email, which is unique"


def test_claims_count_among_the_hundred() -> None:
    tx = begun()
    for number in range(51):
        tx.create(Account(id=str(number), login=str(number)))

    with pytest.raises(LimitExceeded) as caught:
        tx.plan()

    assert caught.value.what == "a transaction of 51 operations and 51 claims on unique values"


def test_a_token_of_the_callers_is_for_what_does_not_depend_on_what_is_stored() -> None:
    assert begun(is_given=True).create(Member(id="1", email="a")).plan().first.token == "TOKEN-1"

    with pytest.raises(InvalidRequest) as caught:
        begun(is_given=True).delete(Member(id="1", email="a")).plan()

    assert caught.value.code == "plan.unique-token"


def told(plan: Plan[Any], *reasons: CancellationReason) -> TransactionFailed:
    error = plan.refused(cancelled(*reasons))
    assert isinstance(error, TransactionFailed)
    return error


def test_a_taken_value_is_tied_to_the_operation_and_not_to_its_claim() -> None:
    plan = begun().create(Account(id="2", login="b")).create(Member(id="1", email="a", badge=7)).plan()

    error = told(plan, reason(), reason(), reason(), reason(), unmet())

    assert type(error) is TransactionUniqueViolation
    assert (error.index, error.fields, error.key) == (1, ("badge",), {"id": "1"})
    assert [(each.index, each.verb, each.code, each.unique) for each in error.reasons] == [
        (0, "create", "None", ()),
        (1, "create", "ConditionalCheckFailed", ("badge",)),
    ]
    assert error.what == "operation 1 of 2, create of Member '1', stopped the transaction"
    assert "its badge is taken" in (error.why or "")


def test_what_an_item_did_not_meet_is_told_before_a_taken_value() -> None:
    plan = begun().create(Member(id="1", email="a")).create(Account(id="2", login="b")).plan()

    error = told(plan, reason(), unmet(ACCOUNT), unmet(), reason())

    assert type(error) is TransactionConditionFailed
    assert error.index == 1
    assert error.reasons[0].unique == ("email",)


def test_a_transaction_is_planned_anew_with_what_its_refusal_shows() -> None:
    plan = begun().save(held()).put(Member(id="1", email="a")).plan()
    assert what(plan) == ["Update", "Put"]

    again = followed(plan, cancelled(unmet({**ACCOUNT, "l": {"S": "eva"}}), reason()))

    assert what(again) == ["Update", "Put", '-["","l",{"S":"eva"}]', '+["","l",{"S":"ana"}]']
    assert again.read(reply({}))[0] is None


@pytest.mark.parametrize("verb", ["create", "put", "save", "upsert", "update", "delete"])
def test_what_an_instance_becomes_after_it_was_handed_in_is_never_sent(verb: str) -> None:
    tags = ["a"]
    item = Tagged(id="1", email="ana", tags=tags)
    more: Any = (Tagged.email.set("bob"), Tagged.tags.set(tags)) if verb == "update" else ()
    when = Tagged.tags == tags
    transaction = begun()
    getattr(transaction, verb)(item, *more, when=when)
    theirs = cancelled(unmet({"id": {"S": "1"}, "email": {"S": "eva"}}), *[reason()] * 2)
    first = transaction.plan()
    second = after(first, theirs)

    item.id, item.email = "2", "zoe"
    tags.append("b")

    assert transaction.plan().request == first.request
    following = after(first, theirs)
    assert (None if following is None else following.request) == (None if second is None else second.request)
    assert (second is None) == (verb == "create")


def test_what_a_changed_save_tells_is_what_was_handed_in() -> None:
    item = held()
    plan = accounts.save(item)
    item.login = "zoe"

    again = followed(plan, alone({**ACCOUNT, "l": {"S": "eva"}}))

    assert what(again) == ["Update", '-["","l",{"S":"eva"}]', '+["","l",{"S":"ana"}]']
    assert again.read(reply({})).login == "ana"


def test_an_instance_that_was_never_stored_holds_no_version() -> None:
    assert Account(id="1", login="x").revision is UNSET


# Claims are mended.


def claim_item(name: str, owner: str) -> dict[str, Any]:
    return {"unique": {"S": name}, "owner": {"S": owner}}


def test_a_page_of_claims_gives_those_of_the_model_and_where_the_next_begins() -> None:
    mine = claim_item('["","email",{"S":"a"}]', '{"id":{"S":"1"}}')
    others = [claim_item('["dog","email",{"S":"a"}]', "{}"), claim_item('["","phone",{"S":"a"}]', "{}")]
    plan = claims_page(target(Member, "members"), None)

    page = plan.read(reply({"Items": [mine, *others], "LastEvaluatedKey": {"unique": {"S": "x"}}}))

    assert [(claim.field, claim.owner, claim.verb) for claim in page.claims] == [
        ("email", '{"id":{"S":"1"}}', "free")
    ]
    following = claims_page(target(Member, "members"), page.last_key)
    assert following.request["ExclusiveStartKey"] == {"unique": {"S": "x"}}
    assert following.read(reply({"Items": []})).last_key is None


def test_a_claim_is_mended_while_its_item_is_what_it_was() -> None:
    of = target(Member, "members")
    (claim,) = claims_of_item(of, Member(id="1", email="a"))
    before = behind(of, claim).read(reply({"Item": {"id": {"S": "1"}, "email": {"S": "a"}}}))

    plan = mended(of, claim, before, "TOKEN-1")

    check, put = plan.request["TransactItems"]
    assert check["ConditionCheck"]["ConditionExpression"] == "#dn0 = :dv0"
    assert check["ConditionCheck"]["Key"] == {"id": {"S": "1"}}
    assert put["Put"]["Item"] == claim_item('["","email",{"S":"a"}]', '{"id":{"S":"1"}}')
    assert type(plan.refused(cancelled(unmet(), reason()))) is ConditionFailed
    assert type(plan.refused(cancelled(reason(), unmet()))) is UniqueViolation


def test_a_value_in_another_form_is_claimed_as_it_is_stored() -> None:
    @model(table="stays")
    class Stay:
        id: Attr[str] = partition_key()
        since: Attr[datetime] = attribute(unique=True)

    of = target(Stay, "stays")
    (claim,) = claims_of_item(of, Stay(id="1", since=NOW))
    before = behind(of, claim).read(reply({"Item": {"since": {"S": "2024-05-06T07:08:09.123456Z"}}}))

    found = as_stored(of, claim, before)

    assert found is not None
    assert found.name == '["","since",{"S":"2024-05-06T07:08:09.123456Z"}]'
    assert as_stored(of, claim, behind(of, claim).read(reply({}))) is None


async def test_mending_follows_the_pages_of_claims() -> None:
    key = {"unique": {"S": "x"}}
    page = {"Items": [claim_item('["","email",{"S":"a"}]', '{"id":{"S":"1"}}')]}
    script = ScriptedSend(
        [{**page, "LastEvaluatedKey": key}, {"Item": {"id": {"S": "1"}, "email": {"S": "a"}}}, page, {}, {}]
    )

    async def nothing() -> AsyncGenerator[Member]:
        for item in list[Member]():
            yield item

    found = await mend_claims(
        target(Member, "members"), nothing(), script.send, token=lambda: "TOKEN-1", concurrency=1
    )

    assert script.operations == ["Scan", "GetItem", "Scan", "GetItem", "TransactWriteItems"]
    assert json.loads(script.calls[2].body)["ExclusiveStartKey"] == key
    assert (found.freed, found.claimed) == (1, 0)
