"""What a reply means: an instance, None, changed fields, a page; and what has no meaning."""

from datetime import UTC, datetime

import pytest

from dynamorm_async import InvalidValue, ItemNotFound, ProtocolError
from tests.plan.given import OLD_TEXT, STORED, bookmarks, fresh, held, notes, reply, users
from tests.shapes import NOW, Bookmark, Note


def test_get_of_an_absent_item_names_table_and_key() -> None:
    with pytest.raises(ItemNotFound) as caught:
        bookmarks.get("ana", "nope").read(reply({}))

    assert caught.value.what == "no Bookmark has the key ('ana', 'nope')"
    assert (caught.value.operation, caught.value.table) == ("GetItem", "bookmarks")
    assert caught.value.key == {"user": "ana", "slug": "nope"}


def test_find_of_an_absent_item_is_none() -> None:
    assert notes.find("nope").read(reply({})) is None


def test_create_returns_what_was_sent() -> None:
    stored = bookmarks.create(fresh()).read(reply({}))

    assert stored.created == stored.updated == NOW
    assert stored.revision == 0


def test_put_returns_what_was_sent_and_leaves_the_instance_alone() -> None:
    before = held()

    after = bookmarks.put(before).read(reply({}))

    assert (after.revision, after.created, after.updated) == (4, datetime(2020, 1, 1, tzinfo=UTC), NOW)
    assert before == held()


def test_save_returns_what_the_service_says() -> None:
    found = bookmarks.save(held()).read(reply({"Attributes": {**STORED, "title": {"S": "theirs"}}}))

    assert found.title == "theirs"


def test_update_returns_nothing_where_nothing_is_asked() -> None:
    assert notes.update("a", Note.count.add(1)).read(reply({})) is None


def test_update_returns_changed_fields_by_their_python_names() -> None:
    plan = notes.update("a", Note.count.add(1), returning="UPDATED_NEW")

    assert plan.read(reply({"Attributes": {"count": {"N": "2"}, "other": {"N": "1"}}})) == {"count": 2}


def test_a_part_of_a_field_comes_as_a_plain_value() -> None:
    plan = notes.update("a", Note.facts["x"][0].set(7), returning="UPDATED_NEW")

    found = plan.read(reply({"Attributes": {"facts": {"M": {"x": {"L": [{"N": "7"}]}}}}}))

    assert found == {"facts": {"x": [7]}}


def test_delete_returns_nothing() -> None:
    assert notes.delete("a").read(reply({})) is None


def test_an_item_that_does_not_fit_names_the_field() -> None:
    with pytest.raises(InvalidValue, match=r"Bookmark\.visits"):
        bookmarks.get("ana", "aws").read(reply({"Item": {**STORED, "visits": {"S": "x"}}}))


def test_an_answer_of_another_shape_is_no_answer() -> None:
    with pytest.raises(ProtocolError):
        notes.get("a").read(reply({"Item": [1]}))


def test_an_item_of_another_entity_is_refused() -> None:
    item = {"pk": {"S": "USER#ana"}, "sk": {"S": "PROFILE"}, "user": {"S": "ana"}, "_entity": {"S": "order"}}

    with pytest.raises(InvalidValue, match="another entity"):
        users.get("ana").read(reply({"Item": item}))


def test_a_page_with_a_last_key_is_followed_from_there() -> None:
    plan = notes.scan(Note.count > 1)

    page = plan.read(reply({"Items": [], "ScannedCount": 7, "LastEvaluatedKey": {"id": {"S": "g"}}}))
    following = plan.follow(page)

    assert (page.items, page.scanned) == ([], 7)
    assert following is not None
    assert following.body.endswith(b',"ExclusiveStartKey":{"id": {"S": "g"}}}')


@pytest.mark.parametrize("last", [{}, {"LastEvaluatedKey": {}}, {"LastEvaluatedKey": None}])
def test_a_page_without_a_last_key_is_the_last(last: dict[str, object]) -> None:
    plan = notes.scan()

    page = plan.read(reply({"Items": [{"id": {"S": "a"}}], **last}))

    assert [note.id for note in page.items] == ["a"]
    assert plan.follow(page) is None


def test_created_keeps_every_digit_that_another_service_wrote() -> None:
    stored = {**STORED, "created": {"S": "2020-01-01T00:00:00.123456789Z"}}
    found = bookmarks.get("ana", "aws").read(reply({"Item": stored}))

    put = bookmarks.put(found).request["Item"]

    assert put["created"] == {"S": "2020-01-01T00:00:00.123456789Z"}
    assert OLD_TEXT not in str(put)


def test_every_verb_has_a_plan_that_needs_nothing_but_the_model() -> None:
    verbs = {
        bookmarks.get("a", "b").operation,
        bookmarks.find("a", "b").operation,
        bookmarks.create(fresh()).operation,
        bookmarks.put(fresh()).operation,
        bookmarks.save(fresh()).operation,
        bookmarks.upsert(fresh()).operation,
        bookmarks.update(("a", "b"), Bookmark.visits.add(1)).operation,
        bookmarks.delete("a", "b").operation,
        bookmarks.scan().operation,
    }

    assert verbs == {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Scan"}
