"""What is refused before anything is sent, and with which words."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

import pytest

from dynamorm_async import (
    InvalidExpression,
    InvalidKey,
    InvalidRequest,
    InvalidValue,
    Key,
    condition,
    raw,
)
from dynamorm_async.client import Plans
from tests.plan.given import bookmarks, fresh, held, notes, orders, target, users
from tests.shapes import Bookmark, Note, Order, User

# What type checkers refuse too is handed in through these.
anything: Any = object()
untyped_notes = cast("Any", notes)
untyped_bookmarks = cast("Any", bookmarks)
SURROGATE = "a\ud800"

KEYS = {
    "too few values": (lambda: bookmarks.get("ana"), "has 2 values (user, slug), and 1 came"),
    "too many values": (lambda: notes.get("a", "b"), "has 1 value (id), and 2 came"),
    "no value": (lambda: notes.get(), "has 1 value (id), and 0 came"),
    "a tuple of three": (lambda: bookmarks.get(("a", "b", "c")), "and 3 came"),
    "Key with too few values": (lambda: bookmarks.get(Key(Bookmark, "ana")), "and 1 came"),
    "Key of another model": (lambda: bookmarks.get(Key(Note, "a")), "Key(Note, 'a') is no key of Bookmark"),
    "instance of another model": (lambda: notes.get(fresh()), "a Bookmark is no key of Note"),
    "instance of another model, two keys": (
        lambda: bookmarks.delete(Note(id="a")),
        "a Note is no key of Bookmark",
    ),
    "None": (lambda: notes.get(None), "Note's key has no id"),
    "None in a tuple": (lambda: bookmarks.get("ana", None), "Bookmark's key has no slug"),
    "empty text": (lambda: notes.get(""), "Note.id: a key cannot be empty"),
    "empty sort key": (lambda: bookmarks.get("ana", ""), "Bookmark.slug: a key cannot be empty"),
    "too long": (lambda: notes.get("x" * 2049), "Note.id: a key of 2049 bytes"),
    "sort key too long": (lambda: bookmarks.get("a", "é" * 513), "Bookmark.slug: a key of 1026 bytes"),
    "number for text": (lambda: notes.get(3), "Note.id: expected str, got int"),
    "list for text": (lambda: notes.get(["a"]), "Note.id: expected str, got list"),
    "wrong part of a template": (lambda: users.get(3), "User.user: expected str, got int"),
    "wrong number in a template": (lambda: orders.get("ana", "7"), "Order.number: expected int, got str"),
    "empty key of an instance": (lambda: notes.delete(Note(id="")), "Note.id: a key cannot be empty"),
}

VALUES = {
    "create of another model": (lambda: untyped_notes.create(fresh()), "expected Note, got Bookmark"),
    "put of a text": (lambda: untyped_bookmarks.put("x"), "expected Bookmark, got str"),
    "save of a class": (lambda: untyped_notes.save(Note), "expected Note, got "),
    "upsert of None": (lambda: untyped_bookmarks.upsert(None), "expected Bookmark, got NoneType"),
    "wrong type in a field": (
        lambda: notes.put(Note(id="a", count=cast("int", "x"))),
        "Note.count: expected",
    ),
    "wrong type in a saved field": (lambda: notes.save(Note(id="a", count=cast("int", "x"))), "Note.count"),
    "wrong type in a change": (lambda: notes.update("a", Note.count.set(cast("int", "x"))), "Note.count"),
    "wrong type in a condition": (
        lambda: notes.delete("a", when=Note.count == cast("int", "x")),
        "Note.count: expected int, got str",
    ),
    "naive datetime": (
        lambda: bookmarks.update(("a", "b"), Bookmark.expires.set(datetime(2024, 1, 1))),  # noqa: DTZ001
        "Bookmark.expires",
    ),
    "surrogate in an item": (
        lambda: notes.put(Note(id="a", text=SURROGATE)),
        "Note.text: a text holds a lone",
    ),
    "surrogate in a key": (lambda: notes.get(SURROGATE), "Note.id: a text holds a lone surrogate"),
    "surrogate in a change": (lambda: notes.update("a", Note.text.set(SURROGATE)), "Note.text: a text holds"),
    "surrogate in a condition": (
        lambda: notes.scan(Note.text == SURROGATE),
        "Note.text: a text holds a lone",
    ),
    "surrogate in a map's key": (
        lambda: notes.update("a", Note.facts.set({SURROGATE: [1]})),
        "Note.facts: a text holds a lone",
    ),
    "surrogate in a raw value": (
        lambda: notes.scan(raw("#t = :t", names={"#t": "text"}, values={":t": SURROGATE})),
        "Note.:t: a text holds",
    ),
    "surrogate in a raw name": (
        lambda: notes.scan(raw("attribute_exists(#x)", names={"#x": SURROGATE})),
        "Note.#x: a text holds",
    ),
    "41 digits": (lambda: notes.put(Note(id="a", count=10**40 + 1)), "Note.count"),
}

EXPRESSIONS = {
    "no change": (lambda: notes.update("a"), "an update of Note changes nothing"),
    "a condition as change": (lambda: untyped_notes.update("a", Note.count == 3), "is no change"),
    "a dict as change": (lambda: untyped_notes.update("a", {"count": 3}), "is no change"),
    "two changes of one field": (
        lambda: notes.update("a", Note.count.set(1), Note.count.add(1)),
        "one request changes count twice",
    ),
    "overlapping changes": (
        lambda: notes.update("a", Note.facts.set({}), Note.facts["x"].set([1])),
        "one request changes facts and facts['x']",
    ),
    "change of a key": (lambda: notes.update("a", Note.id.set("b")), "an update cannot change Note.id"),
    "removal of a key": (lambda: bookmarks.update(("a", "b"), Bookmark.slug.remove()), "Bookmark.slug"),
    "change of a template's key": (lambda: users.update("ana", User.pk.set("x")), "cannot change User.pk"),
    "change of a part of the key": (
        lambda: users.update("ana", User.user.set("x")),
        "cannot change User.user",
    ),
    "change of created": (
        lambda: bookmarks.update(("a", "b"), Bookmark.created.remove()),
        "cannot change Bookmark.created",
    ),
    "change of the version": (
        lambda: bookmarks.update(("a", "b"), Bookmark.revision.add(1)),
        "cannot change Bookmark.revision",
    ),
    "change of a template": (
        lambda: orders.update(("a", 1), Order.by_state.set("x")),
        "cannot change Order.by_state",
    ),
    "change of a part of a template": (
        lambda: orders.update(("a", 1), Order.city.set("Rome")),
        "a change of city leaves Order.by_state wrong",
    ),
    "a template's part from another attribute": (
        lambda: orders.update(("a", 1), Order.city.set(Order.user), Order.status.set("x")),
        "leaves Order.by_state wrong",
    ),
    "another model's change": (
        lambda: untyped_notes.update("a", Bookmark.title.set("x")),
        "Bookmark.title is no field of Note",
    ),
    "another model's condition": (
        lambda: untyped_notes.delete("a", when=Bookmark.title == "x"),
        "Bookmark.title is no field of Note",
    ),
    "another model's filter": (lambda: untyped_notes.scan(Bookmark.visits > 3), "is no field of Note"),
    "True as condition": (lambda: untyped_notes.delete("a", when=True), "when=True is no condition"),
    "a change as condition": (
        lambda: untyped_bookmarks.put(held(), when=Bookmark.visits.add(1)),
        "is no condition",
    ),
    "a text as filter": (lambda: untyped_notes.scan("x"), "scan(...): 'x' is no condition"),
    "a surrogate in raw text": (lambda: notes.scan(raw(f"x = {SURROGATE}")), "a lone surrogate"),
    "a surrogate in a path": (lambda: notes.scan(Note.facts[SURROGATE].exists()), "is no attribute name"),
    "unknown returning": (
        lambda: untyped_notes.update("a", Note.count.set(1), returning="NEW"),
        "returning='NEW'",
    ),
    "None as returning": (
        lambda: untyped_notes.update("a", Note.count.set(1), returning=None),
        "returning=None",
    ),
    "empty is_in": (lambda: notes.scan(Note.count.is_in([])), "count.is_in() got no values"),
    "a path into a text": (lambda: untyped_notes.scan(cast("Any", Note.text)["x"] == 1), "Note.text"),
    "a field that is none": (lambda: notes.scan(condition(Note, "nope", "=", 1)), "Note has no field 'nope'"),
    "fields that are none": (lambda: notes.save(Note(id="a"), fields=["nope"]), "Note has no field 'nope'"),
    "no fields": (lambda: notes.save(Note(id="a"), fields=[]), "save of Note with no fields"),
    "a text as fields": (lambda: notes.save(Note(id="a"), fields="text"), "takes several fields"),
    "a path as fields": (lambda: untyped_notes.save(Note(id="a"), fields=Note.text), "takes several fields"),
    "None as a field": (lambda: untyped_notes.save(Note(id="a"), fields=[None]), "Note has no field None"),
    "another model's fields": (
        lambda: untyped_notes.save(Note(id="a"), fields=[Bookmark.title]),
        "Note has no field <Path Bookmark.title>",
    ),
    "another model's field of the same name": (
        lambda: untyped_bookmarks.save(fresh(), fields=[Order.user]),
        "Bookmark has no field <Path Order.user>",
    ),
    "a key as fields": (lambda: notes.save(Note(id="a"), fields=[Note.id]), "cannot write Note.id"),
    "a part of the key as fields": (lambda: users.save(User(user="a"), fields=["user"]), "part of the key"),
    "the version as fields": (lambda: bookmarks.save(fresh(), fields=["revision"]), "the library writes it"),
    "a part of a field as fields": (
        lambda: notes.save(Note(id="a"), fields=[Note.facts["x"]]),
        "cannot write Note.facts.x",
    ),
    "a template as fields": (
        lambda: orders.save(Order(user="a", number=1), fields=[Order.by_state]),
        "it is computed from status, city",
    ),
    "a template's part as fields": (
        lambda: orders.save(Order(user="a", number=1), fields=[Order.city]),
        "a change of city leaves Order.by_state wrong",
    ),
}


def _cases(table: Mapping[str, tuple[Callable[[], object], str]]) -> list[Any]:
    return [pytest.param(make, words, id=name) for name, (make, words) in table.items()]


@pytest.mark.parametrize(("make", "words"), _cases(KEYS))
def test_a_wrong_key_is_refused_by_name(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        make()

    assert words in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(("make", "words"), _cases(VALUES))
def test_a_wrong_value_is_refused_with_its_path(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make()

    assert isinstance(caught.value, (InvalidValue, InvalidKey))
    assert words in str(caught.value)


@pytest.mark.parametrize(("make", "words"), _cases(EXPRESSIONS))
def test_a_wrong_change_or_condition_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        make()

    assert words in str(caught.value)


def test_every_form_of_a_key_is_the_same_key() -> None:
    forms: list[tuple[object, ...]] = [
        ("ana", "aws"),
        (("ana", "aws"),),
        (Key(Bookmark, "ana", "aws"),),
        (fresh(),),
    ]

    texts = {bookmarks.get(*form).first.body for form in forms}

    assert len(texts) == 1


def test_a_key_is_equal_to_one_of_the_same_model_and_values() -> None:
    key = Key(Bookmark, "ana", "aws")

    assert key == Key(Bookmark, "ana", "aws")
    assert hash(key) == hash(Key(Bookmark, "ana", "aws"))
    assert key != Key(Bookmark, "ana", "gcp")
    assert key != ("ana", "aws")
    assert repr(key) == "Key(Bookmark, 'ana', 'aws')"


def test_shapes_made_of_data_do_not_fill_the_memory() -> None:
    here = target(Note, "notes")
    plans = Plans(here, datetime.now)

    for size in range(1100):
        plans.scan(Note.facts[f"k{size}"].exists())

    assert len(here._shapes) <= 1024  # pyright: ignore[reportPrivateUsage]
