"""What may be done when an answer is lost: the three classes of writes, verb by verb."""

from typing import Any

import pytest

from dynamorm_async import Key, Plan, Repeat, raw
from tests.plan.given import STORED, bookmarks, fresh, held, notes, read, users
from tests.shapes import Bookmark, Note, User

NOTE = Note(id="a")
NEW = read(Bookmark, {**STORED, "revision": {"N": "0"}})

HARMLESS = {
    "get": notes.get("a"),
    "find": notes.find("a"),
    "scan": notes.scan(Note.count > 1),
    "put": notes.put(NOTE),
    "put of a model with a version": bookmarks.put(fresh()),
    "delete": notes.delete("a"),
    "upsert without a version field": notes.upsert(NOTE),
    "upsert of an entity": users.upsert(User(user="ana")),
}

GUARDED = {
    "create": notes.create(NOTE),
    "put under a condition": notes.put(NOTE, when=Note.count == 0),
    "put of a held version": bookmarks.put(held()),
    "delete under a condition": notes.delete("a", when=Note.count == 0),
    "delete of a held version": bookmarks.delete(held()),
    "save without a version field": notes.save(NOTE),
    "save of a held version": bookmarks.save(held()),
    "save where no version may be stored": bookmarks.save(fresh()),
    "upsert of a held version": bookmarks.upsert(held()),
    "upsert under a condition": notes.upsert(NOTE, when=Note.count == 0),
    "update, set to a constant": notes.update("a", Note.text.set("x")),
    "update, set to empty": notes.update("a", Note.names.set(set())),
    "update, set if absent": notes.update("a", Note.text.set_if_absent("x")),
    "update, remove": notes.update("a", Note.text.remove()),
    "update, remove a map's entry": notes.update("a", Note.facts["x"].remove()),
    "update, add set elements": notes.update("a", Note.names.add({"x"})),
    "update, discard set elements": notes.update("a", Note.names.discard({"x"})),
    "update, set, the new item": notes.update("a", Note.text.set("x"), returning="ALL_NEW"),
    "update of an instance without a version field": notes.update(NOTE, Note.text.set("x")),
    "update of a held version": bookmarks.update(held(), Bookmark.title.set("x")),
    "update of a held version, add": bookmarks.update(held(), Bookmark.visits.add(1)),
    "update of a held version, the old item": bookmarks.update(
        held(), Bookmark.visits.add(1), returning="ALL_OLD"
    ),
}

NEVER = {
    "update, add a number": notes.update("a", Note.count.add(1)),
    "update, subtract": notes.update("a", Note.count.subtract(1)),
    "update, add under a condition": notes.update("a", Note.count.add(1), when=Note.count < 100),
    "update, append": notes.update("a", Note.lines.append(["x"])),
    "update, prepend": notes.update("a", Note.lines.prepend(["x"])),
    "update, set a list element": notes.update("a", Note.lines[0].set("x")),
    "update, remove a list element": notes.update("a", Note.lines[0].remove()),
    "update, from another attribute": notes.update("a", Note.text.set(Note.id)),
    "update, raw": notes.update("a", raw("#c = :one", names={"#c": "count"}, values={":one": 1})),
    "update, one of two adds": notes.update("a", Note.text.set("x"), Note.count.add(1)),
    "update of an instance without a version field, add": notes.update(NOTE, Note.count.add(1)),
    # A second application would answer with what the first one wrote.
    "update, the old item": notes.update("a", Note.text.set("x"), returning="ALL_OLD"),
    "update, the old fields": notes.update("a", Note.text.set("x"), returning="UPDATED_OLD"),
    # Every update by key alone raises the version.
    "update by key of a model with a version": bookmarks.update(("ana", "aws"), Bookmark.title.set("x")),
    "update by Key of a model with a version": bookmarks.update(
        Key(Bookmark, "ana", "aws"), Bookmark.title.set("x")
    ),
    "update of an instance that holds no version": bookmarks.update(fresh(), Bookmark.title.set("x")),
    "upsert of a model with a version": bookmarks.upsert(fresh()),
    "upsert of a model with a version, under a condition": bookmarks.upsert(
        fresh(), when=Bookmark.visits < 3
    ),
    # Where the item is gone, it is created at version 0, which meets the condition once more.
    "upsert of version 0": bookmarks.upsert(NEW),
}

# The caller takes the risk of a second application; where there is none, nothing changes.
ACCEPTED = {
    "update, add a number": notes.update("a", Note.count.add(1), retry_ambiguous=True),
    "update, the old item": notes.update("a", Note.text.set("x"), returning="ALL_OLD", retry_ambiguous=True),
    "upsert of version 0": bookmarks.upsert(NEW, retry_ambiguous=True),
}

UNCHANGED = {
    "put": (notes.put(NOTE, retry_ambiguous=True), Repeat.HARMLESS),
    "delete": (notes.delete("a", retry_ambiguous=True), Repeat.HARMLESS),
    "create": (notes.create(NOTE, retry_ambiguous=True), Repeat.GUARDED),
    "save": (bookmarks.save(held(), retry_ambiguous=True), Repeat.GUARDED),
    "upsert": (bookmarks.upsert(held(), retry_ambiguous=True), Repeat.GUARDED),
    "update": (notes.update("a", Note.text.set("x"), retry_ambiguous=True), Repeat.GUARDED),
}

CASES = [
    pytest.param(plan, repeat, id=name)
    for repeat, plans in ((Repeat.HARMLESS, HARMLESS), (Repeat.GUARDED, GUARDED), (Repeat.NEVER, NEVER))
    for name, plan in plans.items()
]
ASKED = [
    *(pytest.param(plan, Repeat.ACCEPTED, id=name) for name, plan in ACCEPTED.items()),
    *(pytest.param(plan, repeat, id=f"{name}, as it was") for name, (plan, repeat) in UNCHANGED.items()),
]


@pytest.mark.parametrize(("plan", "repeat"), CASES)
def test_a_call_carries_what_a_lost_answer_allows(plan: Plan[Any], repeat: Repeat) -> None:
    assert plan.first.repeat is repeat


@pytest.mark.parametrize(("plan", "repeat"), ASKED)
def test_the_risk_of_a_second_application_is_taken_where_there_is_one(
    plan: Plan[Any], repeat: Repeat
) -> None:
    assert plan.first.repeat is repeat
