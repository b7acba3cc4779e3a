"""Copies of instances: what they keep, and that what was never set stays so."""

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import attrs
import pytest

from dynamorm_async.errors import InvalidModel, InvalidValue
from dynamorm_async.model import (
    KEPT,
    UNSET,
    Attr,
    Kept,
    Unset,
    attribute,
    created_at,
    evolve,
    model,
    partition_key,
    updated_at,
    version,
    with_version,
)


@model(table="notes")
class Note:
    id: Attr[str] = partition_key()
    text: Attr[str] = attribute(default="", validator=attrs.validators.max_len(10))
    size: Attr[int] = attribute(default=0, converter=int)
    tags: Attr[list[str]] = attribute(factory=list)
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()


@model(table="frozen-notes", frozen=True)
class FrozenNote:
    id: Attr[str] = partition_key()
    text: Attr[str] = attribute(default="")
    revision: Attr[int] = version()


@model(table="keyed")
class Keyed:
    pk: Attr[str] = partition_key(template="USER#{user}")
    user: Attr[str]
    text: Attr[str] = attribute(default="")


NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
EXACT = Kept(unknown={"x": '{"S":"y"}'}, texts={"created": "2024-05-06T12:00:00.123456789Z"})


def stored(cls: type[Any] = Note) -> Any:
    """Return an instance as it is after reading: every field of the library's is set."""
    note = cls(id="a", text="b")
    values = {"created": NOON, "updated": NOON, "revision": 7, KEPT: EXACT}
    for name, value in values.items():
        if hasattr(note, name) or name == KEPT:
            object.__setattr__(note, name, value)
    return note


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


COPIES = [
    pytest.param(copy.copy, id="copy"),
    pytest.param(copy.deepcopy, id="deepcopy"),
    pytest.param(pickled, id="pickle"),
]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("cls", [Note, FrozenNote])
def test_a_copy_keeps_every_field_and_what_has_no_field(copied: Callable[[Any], Any], cls: type[Any]) -> None:
    note = stored(cls)

    other = copied(note)

    assert other == note
    assert other is not note
    assert other.revision == 7
    assert getattr(other, KEPT) == EXACT


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_of_a_new_instance_is_as_unset(copied: Callable[[Any], Any]) -> None:
    other = copied(Note(id="a"))

    assert (other.created, other.updated, other.revision) == (UNSET, UNSET, UNSET)
    assert other.revision is UNSET
    assert not hasattr(other, KEPT)


def test_a_deep_copy_shares_no_collection() -> None:
    note = Note(id="a", tags=["x"])

    assert copy.copy(note).tags is note.tags
    assert copy.deepcopy(note).tags is not note.tags


# UNSET


@pytest.mark.parametrize("copied", COPIES)
def test_unset_stays_itself(copied: Callable[[Any], Any]) -> None:
    assert copied(UNSET) is UNSET
    assert Unset() is UNSET


def test_unset_prints_so_is_false_and_equals_only_itself() -> None:
    assert repr(UNSET) == "<unset>"
    assert not UNSET
    assert Unset() == UNSET
    assert UNSET not in (None, 0, "", False)


# evolve


@pytest.mark.parametrize("cls", [Note, FrozenNote])
def test_evolve_changes_fields_and_keeps_what_the_library_filled(cls: type[Any]) -> None:
    note = stored(cls)

    other = evolve(note, text="c")

    assert (other.id, other.text, other.revision) == ("a", "c", 7)
    assert getattr(other, KEPT) == EXACT
    assert note.text == "b"


def test_evolve_keeps_created_and_updated() -> None:
    other = evolve(stored(), size=cast("Any", "3"))

    assert (other.created, other.updated, other.size) == (NOON, NOON, 3)


def test_evolve_of_a_new_instance_stays_unset() -> None:
    other = evolve(Note(id="a"), id="b")

    assert (other.id, other.revision) == ("b", UNSET)
    assert not hasattr(other, KEPT)


def test_evolve_runs_the_validators() -> None:
    with pytest.raises(ValueError, match="text"):
        evolve(Note(id="a"), text="x" * 11)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("title", "Note has no field 'title'", id="unknown"),
        pytest.param("revision", "the library fills this field", id="version"),
        pytest.param("created", "the library fills this field", id="created"),
    ],
)
def test_evolve_refuses_what_is_not_the_caller_s(name: str, told: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        evolve(Note(id="a"), **{name: 3})

    assert caught.value.what == told
    assert caught.value.path == f"Note.{name}"
    assert caught.value.code == "model.evolve"


def test_evolve_drops_a_computed_text_that_is_out_of_date() -> None:
    keyed = Keyed(user="ana")
    object.__setattr__(keyed, "pk", "USER#ana")

    assert evolve(keyed, text="x").pk == "USER#ana"
    assert cast("Any", evolve(keyed, user="bob").pk) is UNSET


def test_evolve_takes_models_only() -> None:
    with pytest.raises(InvalidModel, match="int is not a model"):
        evolve(3)


# with_version


@pytest.mark.parametrize("cls", [Note, FrozenNote])
def test_with_version_holds_another_version(cls: type[Any]) -> None:
    note = stored(cls)

    other = with_version(note, 9)

    assert (other.revision, note.revision) == (9, 7)
    assert getattr(other, KEPT) == EXACT


@pytest.mark.parametrize("held", [-1, True, 1.0, "7", None])
def test_with_version_takes_whole_numbers_from_zero(held: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        with_version(Note(id="a"), held)

    assert caught.value.what == f"{held!r} is no version"
    assert caught.value.path == "Note.revision"


def test_with_version_needs_a_version_field() -> None:
    with pytest.raises(InvalidModel, match="Keyed has no version field"):
        with_version(Keyed(user="a"), 1)
