"""What a refusal of the service means: a failed condition, a lost version, or what it says itself."""

from typing import Any

import pytest

from dynamorm_async import ConditionFailed, DynamormError, Plan, VersionConflict
from tests.plan.given import STORED, bookmarks, condition_failed, fresh, held, notes, read
from tests.scripted_send import refused
from tests.shapes import Bookmark, Note

AT_3 = STORED
AT_5 = {**STORED, "revision": {"N": "5"}}
UNVERSIONED = {name: value for name, value in STORED.items() if name != "revision"}
UNREADABLE = {**AT_5, "visits": {"S": "many"}}

CREATE = bookmarks.create(fresh())
CREATE_WHEN = bookmarks.create(fresh(), when=Bookmark.visits.not_exists())
PUT = bookmarks.put(held())
PUT_WHEN = bookmarks.put(held(), when=Bookmark.visits < 3)
PUT_NEW_WHEN = bookmarks.put(fresh(), when=Bookmark.visits < 3)
SAVE = bookmarks.save(held())
SAVE_NEW = bookmarks.save(fresh())
SAVE_NOTE = notes.save(Note(id="a"))
UPSERT = bookmarks.upsert(held())
UPSERT_WHEN = bookmarks.upsert(held(), when=Bookmark.visits.exists())
UPDATE = bookmarks.update(("ana", "aws"), Bookmark.visits.add(1))
UPDATE_WHEN = bookmarks.update(("ana", "aws"), Bookmark.visits.add(1), when=Bookmark.visits < 3)
UPDATE_HELD = bookmarks.update(held(), Bookmark.visits.add(1))
DELETE = bookmarks.delete(held())
DELETE_WHEN = bookmarks.delete("ana", "aws", when=Bookmark.visits == 0)

LOST = "another writer was faster"
GONE = "the item is gone"
TAKEN = "an item with this key is already stored"
NOBODY = "no item with this key is stored"
UNMET = "the condition does not hold"

CASES = [
    pytest.param(CREATE, AT_5, ConditionFailed, TAKEN, id="create, stored"),
    pytest.param(CREATE_WHEN, AT_5, ConditionFailed, TAKEN, id="create when, stored"),
    pytest.param(CREATE_WHEN, None, ConditionFailed, UNMET, id="create when, absent"),
    pytest.param(PUT, AT_5, VersionConflict, LOST, id="put, another version"),
    pytest.param(PUT, UNVERSIONED, VersionConflict, LOST, id="put, no version"),
    pytest.param(PUT, None, VersionConflict, GONE, id="put, gone"),
    pytest.param(PUT_WHEN, AT_3, ConditionFailed, UNMET, id="put when, same version"),
    pytest.param(PUT_WHEN, AT_5, VersionConflict, LOST, id="put when, another version"),
    pytest.param(PUT_NEW_WHEN, AT_5, ConditionFailed, UNMET, id="put of no version when"),
    pytest.param(PUT_NEW_WHEN, None, ConditionFailed, UNMET, id="put of no version when, absent"),
    pytest.param(SAVE, AT_5, VersionConflict, LOST, id="save, another version"),
    pytest.param(SAVE, UNREADABLE, VersionConflict, LOST, id="save, another version, unreadable"),
    pytest.param(SAVE, None, VersionConflict, GONE, id="save, gone"),
    pytest.param(SAVE_NEW, None, ConditionFailed, NOBODY, id="save of no version, absent"),
    pytest.param(SAVE_NEW, AT_5, ConditionFailed, "has a version and the instance holds none", id="save new"),
    pytest.param(SAVE_NOTE, None, ConditionFailed, NOBODY, id="save without a version field, absent"),
    pytest.param(UPSERT, AT_5, VersionConflict, LOST, id="upsert, another version"),
    pytest.param(UPSERT_WHEN, AT_3, ConditionFailed, UNMET, id="upsert when, same version"),
    pytest.param(UPSERT_WHEN, None, ConditionFailed, UNMET, id="upsert when, absent"),
    pytest.param(UPDATE, None, ConditionFailed, NOBODY, id="update, absent"),
    pytest.param(UPDATE_WHEN, AT_5, ConditionFailed, UNMET, id="update when"),
    pytest.param(UPDATE_HELD, AT_5, VersionConflict, LOST, id="update, another version"),
    pytest.param(UPDATE_HELD, None, VersionConflict, GONE, id="update of an instance, gone"),
    pytest.param(DELETE, AT_5, VersionConflict, LOST, id="delete, another version"),
    pytest.param(DELETE, None, VersionConflict, GONE, id="delete of an instance, gone"),
    pytest.param(DELETE_WHEN, AT_5, ConditionFailed, UNMET, id="delete when"),
    pytest.param(DELETE_WHEN, None, ConditionFailed, UNMET, id="delete when, absent"),
]


@pytest.mark.parametrize(("plan", "stored", "cls", "words"), CASES)
def test_a_failed_condition_says_what_it_met(
    plan: Plan[Any], stored: object, cls: type[DynamormError], words: str
) -> None:
    error = plan.refused(condition_failed(stored))

    assert type(error) is cls
    assert words in error.what


def test_a_lost_version_says_both_versions_and_carries_the_stored_item() -> None:
    error = SAVE.refused(condition_failed(AT_5))

    assert error.why == "version 3 is held, and version 5 is stored"
    assert error.item == read(Bookmark, AT_5)
    assert error.condition == "revision = 3"


def test_a_failed_condition_carries_every_fact_of_the_call() -> None:
    refusal = condition_failed(AT_3)
    refusal.elapsed = 0.25

    error = UPDATE_WHEN.refused(refusal)

    assert (error.operation, error.table) == ("UpdateItem", "bookmarks")
    assert error.key == {"user": "ana", "slug": "aws"}
    assert error.condition == "attribute_exists(user) AND visits < 3"
    assert (error.service_code, error.request_id) == ("ConditionalCheckFailedException", "R-7")
    assert (error.attempts, error.elapsed) == (1, 0.25)
    assert error.item == read(Bookmark, AT_3)


def test_an_item_that_the_model_cannot_read_does_not_hide_the_failed_condition() -> None:
    error = UPDATE_WHEN.refused(condition_failed(UNREADABLE))

    assert type(error) is ConditionFailed
    assert error.item is None


@pytest.mark.parametrize("item", [3, {"revision": 3}, {"revision": {}}, {"revision": {"S": "x"}}])
def test_an_item_of_no_shape_at_all_does_not_hide_the_failed_condition(item: object) -> None:
    error = SAVE.refused(condition_failed(item))

    assert type(error) is VersionConflict
    assert error.item is None


def test_versions_are_compared_as_numbers() -> None:
    error = PUT_WHEN.refused(condition_failed({**STORED, "revision": {"N": "3.0"}}))

    assert type(error) is ConditionFailed


def test_every_other_refusal_stays_what_it_is() -> None:
    error = refused("ValidationException")

    assert SAVE.refused(error) is error


def test_a_failed_condition_of_a_write_that_demanded_nothing_stays_what_it_is() -> None:
    error = condition_failed()

    assert notes.put(Note(id="a")).refused(error) is error


def test_a_create_that_meets_an_item_says_what_to_do() -> None:
    error = CREATE.refused(condition_failed(AT_5, operation="PutItem"))

    assert str(error) == (
        "PutItem of Bookmark ('ana', 'aws'): an item with this key is already stored\n"
        "  why: demanded attribute_not_exists(user)\n"
        "  fix: choose another key, or write over it with put(...) or upsert(...)\n"
        "  [plan.condition-failed] operation PutItem, table bookmarks, "
        "service code ConditionalCheckFailedException, request id R-7, attempts 1"
    )
