"""Models of modules whose annotations are strings, at the top and inside of functions."""

from __future__ import annotations

import typing as t
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, cast

import attrs
import pytest

import dynamorm_async as dm
from dynamorm_async.errors import InvalidModel
from dynamorm_async.model import (
    Attr,
    attribute,
    created_at,
    evaluated,
    model,
    partition_key,
    spec_of,
    ttl,
    typed_fields,
    version,
)


@model(table="bookmarks")
class Bookmark:
    user: Attr[str] = partition_key()
    tags: Attr[set[str]] = attribute(factory=set)
    parent: Attr[Bookmark | None] = attribute(default=None)
    kind: Attr[Literal["int", "str"]] = attribute(default="int")
    later: Attr[list[Later]] = attribute(factory=list)
    short: dm.Attr[Annotated[int, "meters"]] = attribute(default=0)
    plain: str = ""
    created: Attr[datetime] = created_at()
    revision: Attr[int] = version()
    expires: Attr[datetime | None] = ttl(default=None)
    limit: ClassVar[int] = 3
    most: t.ClassVar[int] = 4


@attrs.define
class Later:
    name: str
    inner: list[Later] = attrs.field(factory=list["Later"])


def types_of(cls: type[Any]) -> dict[str, Any]:
    spec = spec_of(cls)
    return {name: evaluated(spec, field) for name, field in spec.fields.items()}


def test_annotations_that_are_strings_are_evaluated() -> None:
    assert types_of(Bookmark) == {
        "user": str,
        "tags": set[str],
        "parent": Bookmark | None,
        "kind": Literal["int", "str"],
        "later": list[Later],
        "short": Annotated[int, "meters"],
        "plain": str,
        "created": datetime,
        "revision": int,
        "expires": datetime | None,
    }


def test_nested_classes_refer_to_themselves() -> None:
    assert [field.type for field in typed_fields(Later)] == [str, list[Later]]


def test_paths_and_instances_work() -> None:
    one = Bookmark(user="a", tags={"x"})

    assert (one.tags, one.plain, Bookmark.limit, Bookmark.most) == ({"x"}, "", 3, 4)
    assert repr(Bookmark.tags) == "<Path Bookmark.tags>"


def test_a_model_inside_a_function_sees_the_function_s_names() -> None:
    @attrs.define
    class Local:
        name: str

    @model(table="inner")
    class Inner:
        id: Attr[str] = partition_key()
        one: Attr[Local]
        more: Attr[list[Inner]] = attribute(factory=list)

    assert types_of(Inner) == {"id": str, "one": Local, "more": list[Inner]}


def test_a_child_evaluates_what_its_base_wrote() -> None:
    class Marker:
        pass

    @model(table="children")
    class Child(Bookmark):
        extra: Attr[dict[str, Marker]] = attribute(factory=dict)

    types = types_of(Child)

    assert (types["tags"], types["extra"]) == (set[str], dict[str, Marker])


def test_a_version_of_a_wrong_type_is_refused_all_the_same() -> None:
    with pytest.raises(InvalidModel) as caught:

        @model(table="wrong")
        class Wrong:
            id: Attr[str] = partition_key()
            revision: Attr[str] = cast("Any", version())

    assert caught.value.what == "Wrong.revision: a version field is int, not str"


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        ("Attr[NotThere]", "name 'NotThere' is not defined"),
        ("Attr[", "Forward reference must be an expression"),
        ("attrs.nowhere", "nowhere"),
        ("Attr[int, str]", "Too many"),
        ("Attr[list['NotThere']]", "name 'NotThere' is not defined"),
    ],
)
def test_an_annotation_that_means_nothing_names_class_and_field(annotation: str, why: str) -> None:
    namespace = {"__annotations__": {"id": "Attr[str]", "odd": annotation}, "id": partition_key()}
    cls = model(table="odd")(type("Odd", (), {**namespace, "__module__": __name__}))

    with pytest.raises(InvalidModel) as caught:
        evaluated(spec_of(cls), spec_of(cls).fields["odd"])

    assert caught.value.what.startswith("Odd.odd: the annotation ")
    assert why in str(caught.value.why)
    assert caught.value.code == "model.unknown-annotation"
