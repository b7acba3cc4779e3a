"""R1-R3: what a class says as a model, read once."""

import abc
import functools
import gc
import weakref
from collections.abc import Callable, Iterator
from datetime import datetime
from types import MemberDescriptorType
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

import attrs
import pytest

from dynamorm_async.errors import InvalidModel
from dynamorm_async.expressions import Path, readable
from dynamorm_async.model import (
    UNSET,
    Attr,
    GlobalIndex,
    IndexSpec,
    LocalIndex,
    Role,
    attribute,
    created_at,
    evaluated,
    model,
    partition_key,
    path_of,
    registered_models,
    sort_key,
    spec_of,
    ttl,
    typed_fields,
    updated_at,
    version,
)

T = TypeVar("T")


@model(table="bookmarks")
class Bookmark:
    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key(name="SK")
    url: Attr[str]
    title: Attr[str] = attribute(default="", name="ti.tle")
    tags: Attr[set[str]] = attribute(factory=set)
    visits: Attr[int] = attribute(default=0)
    note: Attr[str | None] = attribute(default=None, null=True)
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()
    expires: Attr[datetime | None] = ttl(default=None)

    by_url = GlobalIndex("by-url", partition_key="url", sort_key=("visits", "created"), projection=["title"])
    by_age = LocalIndex("by-age", sort_key="created", projection="KEYS_ONLY")


@model(entity="admin")
class Admin(Bookmark):
    level: Attr[int] = attribute(default=1)
    title: Attr[str] = attribute(default="Dr.")

    by_level = GlobalIndex("by-level", partition_key="level")


def mark() -> Bookmark:
    return Bookmark(user="ana", slug="aws", url="https://aws")


# Fields.


def test_fields_keep_order_names_and_roles() -> None:
    fields = spec_of(Bookmark).fields

    assert [(field.name, field.attribute, field.role.value) for field in fields.values()] == [
        ("user", "user", "partition_key"),
        ("slug", "SK", "sort_key"),
        ("url", "url", "attribute"),
        ("title", "ti.tle", "attribute"),
        ("tags", "tags", "attribute"),
        ("visits", "visits", "attribute"),
        ("note", "note", "attribute"),
        ("created", "created", "created_at"),
        ("updated", "updated", "updated_at"),
        ("revision", "revision", "version"),
        ("expires", "expires", "ttl"),
    ]


def test_a_spec_finds_its_special_fields() -> None:
    spec = spec_of(Bookmark)

    found = (spec.partition_key, spec.sort_key, spec.created, spec.updated, spec.version, spec.ttl)

    names = [field.name for field in found if field]
    assert names == [
        "user",
        "slug",
        "created",
        "updated",
        "revision",
        "expires",
    ]
    assert [field.name for field in spec.key_fields] == ["user", "slug"]
    assert spec.key_arguments == ("user", "slug")
    assert (spec.name, spec.table, spec.entity, spec.unknown) == ("Bookmark", "bookmarks", None, "drop")


def test_a_model_without_special_fields_has_none() -> None:
    @model()
    class Plain:
        id: Attr[int] = partition_key()

    spec = spec_of(Plain)

    assert (spec.sort_key, spec.created, spec.updated, spec.version, spec.ttl) == (None,) * 5
    assert spec.key_fields == (spec.partition_key,)
    assert spec.role(Role.PLAIN) is None


def test_defaults_and_factories_are_called_per_instance() -> None:
    one, other = mark(), mark()

    assert (one.title, one.visits, one.note, one.expires) == ("", 0, None, None)
    assert one.tags == set()
    assert one.tags is not other.tags


def test_a_field_says_whether_it_has_a_default() -> None:
    fields = spec_of(Bookmark).fields

    assert not fields["url"].has_default
    assert fields["tags"].make_default() == set()
    assert fields["visits"].make_default() == 0
    with pytest.raises(LookupError):
        fields["url"].make_default()


def test_fields_of_the_library_are_unset_and_not_in_the_constructor() -> None:
    one = mark()

    assert (one.created, one.updated, one.revision) == (UNSET, UNSET, UNSET)
    assert [field.name for field in spec_of(Bookmark).fields.values() if not field.in_init] == [
        "created",
        "updated",
        "revision",
    ]
    with pytest.raises(TypeError):
        cast("Any", Bookmark)(user="a", slug="b", url="c", revision=3)


def test_the_constructor_takes_keywords_only() -> None:
    with pytest.raises(TypeError):
        cast("Any", Bookmark)("ana", "aws", "https://aws")


def test_a_plain_annotation_is_a_field() -> None:
    @model(table="plain")
    class Plain:
        id: Attr[str] = partition_key()
        title: str = "untitled"
        size: int
        limit: ClassVar[int] = 3

    one = Plain(id="a", size=2)

    assert (one.title, one.size, Plain.limit) == ("untitled", 2, 3)
    assert list(spec_of(Plain).fields) == ["id", "title", "size"]


def test_attrs_shows_the_inner_types() -> None:
    types = {field.name: field.type for field in attrs.fields(cast("Any", Bookmark))}

    assert types["user"] is str
    assert types["tags"] == set[str]
    assert types["expires"] == datetime | None


def test_validators_and_converters_run_in_the_constructor() -> None:
    @model(table="checked")
    class Checked:
        id: Attr[str] = partition_key()
        size: Attr[int] = attribute(default=1, validator=attrs.validators.gt(0), converter=int)

    assert Checked(id="a", size=cast("Any", "7")).size == 7
    with pytest.raises(ValueError, match="size"):
        Checked(id="a", size=0)


def test_repr_false_keeps_a_secret_out_of_what_people_read() -> None:
    @model(table="secrets")
    class Account:
        id: Attr[str] = partition_key()
        password: Attr[str] = attribute(repr=False)

    condition = (Account.password == "swordfish") & path_of(Account, ["password", "x"]).is_in(["swordfish"])

    assert repr(Account(id="a", password="swordfish")) == "Account(id='a')"
    assert readable(condition & (Account.id == "a")) == "password = … AND password['x'] IN (…) AND id = 'a'"


def test_an_instance_shows_what_the_library_has_not_filled() -> None:
    assert "revision=<unset>" in repr(mark())


# Tables.


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("Order", "order"),
        ("OrderLine", "order_line"),
        ("HTTPServer", "http_server"),
        ("MyHTTPServer2", "my_http_server2"),
        ("order_line", "order_line"),
    ],
)
def test_the_default_table_name_is_the_class_name_in_snake_case(name: str, table: str) -> None:
    made = model()(type(name, (), {"__annotations__": {"id": Attr[str]}, "id": partition_key()}))

    assert spec_of(made).table == table


@pytest.mark.parametrize(
    "name",
    ["abc", "a" * 255, "A-b_c.9", "arn:aws:dynamodb:eu-west-1:123456789012:table/shared-table"],
    ids=["shortest", "longest", "every sign", "ARN"],
)
def test_a_table_name_or_arn_is_taken(name: str) -> None:
    @model(table=name)
    class Named:
        id: Attr[str] = partition_key()

    assert spec_of(Named).table == name


# Class-level reads and instance reads.


def test_the_class_reads_paths_and_the_instance_values() -> None:
    assert repr(Bookmark.title) == "<Path Bookmark.title>"
    assert mark().url == "https://aws"
    assert Bookmark.title is Bookmark.title


def test_an_instance_has_slots_and_reads_them_directly() -> None:
    assert not hasattr(mark(), "__dict__")
    assert all(type(Bookmark.__dict__[name]) is MemberDescriptorType for name in spec_of(Bookmark).fields)
    with pytest.raises(AttributeError):
        cast("Any", mark()).misspelt = 1


def test_an_index_stays_readable_on_the_class() -> None:
    assert Bookmark.by_url.name == "by-url"
    assert Admin.by_url is Bookmark.by_url


def test_an_annotation_is_not_a_descriptor_at_run_time() -> None:
    with pytest.raises(TypeError, match="decorate the class with @model"):
        Attr[int]().__get__(None, Bookmark)
    with pytest.raises(TypeError, match="decorate the class with @model"):
        Attr[int]().__set__(mark(), 1)


# Indexes.


def test_indexes_are_read_in_field_names() -> None:
    assert spec_of(Bookmark).indexes == {
        "by-url": IndexSpec(
            name="by-url",
            kind="global",
            partition_key=("url",),
            sort_key=("visits", "created"),
            projection=("title",),
        ),
        "by-age": IndexSpec(
            name="by-age",
            kind="local",
            partition_key=("user",),
            sort_key=("created",),
            projection="KEYS_ONLY",
        ),
    }


def test_fields_know_that_an_index_has_them_as_a_key() -> None:
    fields = spec_of(Bookmark).fields

    assert [name for name, field in fields.items() if field.in_index] == ["user", "url", "visits", "created"]


# Inheritance.


def test_a_child_has_the_fields_indexes_and_table_of_its_base() -> None:
    spec = spec_of(Admin)

    assert list(spec.fields)[:3] == ["user", "slug", "url"]
    assert spec.fields["slug"].attribute == "SK"
    assert list(spec.indexes) == ["by-url", "by-age", "by-level"]
    assert (spec.table, spec.entity) == ("bookmarks", "admin")


def test_a_child_s_paths_are_its_own() -> None:
    assert repr(Admin.user) == "<Path Admin.user>"
    assert repr(Bookmark.user) == "<Path Bookmark.user>"


def test_a_field_declared_again_replaces_that_of_the_base() -> None:
    one = Admin(user="a", slug="b", url="c")

    one.title = "Prof."

    assert one.title == "Prof."
    assert Admin(user="a", slug="b", url="c").title == "Dr."
    assert spec_of(Admin).fields["title"].attribute == "title"
    assert repr(Admin.title) == "<Path Admin.title>"
    assert repr(Bookmark.title) == "<Path Bookmark.title>"


def test_a_child_says_otherwise() -> None:
    @model(table="others", unknown="drop")
    class Other(Keeper):
        pass

    spec = spec_of(Other)

    assert (spec.table, spec.entity, spec.unknown) == ("others", "keeper", "drop")


@model(table="keepers", entity="keeper", unknown="keep")
class Keeper:
    id: Attr[str] = partition_key()


def test_a_child_keeps_unknown_attributes_as_its_base_does() -> None:
    @model()
    class Child(Keeper):
        pass

    assert spec_of(Child).unknown == "keep"
    assert (spec_of(Child).table, spec_of(Child).entity) == ("keepers", "keeper")


def test_a_subclass_without_the_decorator_is_no_model_and_reads_its_base_s_paths() -> None:
    class Sub(Keeper):
        pass

    assert repr(Sub.id) == "<Path Keeper.id>"
    with pytest.raises(InvalidModel) as caught:
        spec_of(Sub)
    assert caught.value.what == "Sub is not a model"
    assert caught.value.code == "model.not-a-model"


@pytest.mark.parametrize("thing", [int, 3, "Bookmark", None])
def test_other_things_are_no_models(thing: Any) -> None:
    with pytest.raises(InvalidModel, match="is not a model"):
        spec_of(thing)


def test_models_mix_with_abstract_bases_and_plain_mixins() -> None:
    class Priced(abc.ABC):
        @abc.abstractmethod
        def price(self) -> int: ...

    class Greeting:
        __slots__ = ()

        def greet(self) -> str:
            return f"hello {cast('Any', self).id}"

    @model(table="mixed")
    class Mixed(Greeting, Priced):
        id: Attr[str] = partition_key()

        def price(self) -> int:
            return 3

    one = Mixed(id="x")

    assert (one.greet(), one.price()) == ("hello x", 3)
    assert isinstance(one, Priced)
    assert repr(Mixed.id) == "<Path Mixed.id>"


def test_an_abstract_model_has_no_instances() -> None:
    @model(table="shapes")
    class Shape(abc.ABC):
        id: Attr[str] = partition_key()

        @abc.abstractmethod
        def area(self) -> int: ...

    @model()
    class Square(Shape):
        side: Attr[int]

        def area(self) -> int:
            return self.side**2

    with pytest.raises(TypeError, match="abstract"):
        cast("Any", Shape)(id="x")
    assert Square(id="x", side=3).area() == 9


def test_a_generic_model_knows_its_types() -> None:
    @model(table="boxes")
    class Box(Generic[T]):
        id: Attr[str] = partition_key()
        content: Attr[T]

    @model()
    class IntBox(Box[int]):
        pass

    spec = spec_of(IntBox)

    assert Box(id="a", content=2.5).content == 2.5
    assert evaluated(spec, spec.fields["content"]) is int
    assert evaluated(spec_of(Box), spec_of(Box).fields["content"]) is Any
    assert repr(IntBox.content) == "<Path IntBox.content>"


def test_a_frozen_model_refuses_changes() -> None:
    @model(table="icy", frozen=True)
    class Frozen:
        id: Attr[str] = partition_key()

    @model(frozen=True)
    class Child(Frozen):
        size: Attr[int] = attribute(default=0)

    for one in (Frozen(id="a"), Child(id="a")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            cast("Any", one).id = "b"
    assert len({Frozen(id="a"), Frozen(id="a")}) == 1


def test_instances_compare_by_value_and_changeable_ones_are_unhashable() -> None:
    assert mark() == mark()
    assert mark() != Bookmark(user="ana", slug="aws", url="https://other")
    assert mark() != Admin(user="ana", slug="aws", url="https://aws")
    with pytest.raises(TypeError):
        hash(mark())


# What stands in the body keeps working.


def shouted(function: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(function)
    def wrapped(*arguments: Any) -> str:
        return function(*arguments).upper()

    return wrapped


class Described:
    __slots__ = ()
    calls: ClassVar[list[str]] = []

    def text(self) -> str:
        return "described"

    @classmethod
    def kind(cls) -> str:
        return f"kind {cls.__name__}"

    @property
    def label(self) -> str:
        return "label"

    @label.setter
    def label(self, value: str) -> None:
        self.calls.append(value)


@model(table="bodies")
class Body(Described):
    """What a body says."""

    id: Attr[str] = partition_key()
    size: Attr[int] = attribute(default=1)

    limit = 5

    def text(self) -> str:
        return f"{super().text()} {self.id}"

    @shouted
    def loud(self) -> str:
        return super().text()

    @classmethod
    def kind(cls) -> str:
        return f"{super().kind()} of {__class__.__name__}"

    @staticmethod
    def double(value: int) -> int:
        return value * 2

    @property
    def label(self) -> str:
        return f"{super().label} {self.id}"

    @label.setter
    def label(self, value: str) -> None:
        # The way by which a property's setter reaches its base's.
        cast("Any", super(__class__, type(self)).label).fset(self, value)

    @functools.cached_property
    def slow(self) -> str:
        return super().text() * 2

    def __attrs_post_init__(self) -> None:
        self.size += 1

    def __iter__(self) -> Iterator[str]:
        yield self.id


@model()
class Child(Body):
    def text(self) -> str:
        return f"{super().text()}!"


def test_super_means_the_model_in_every_kind_of_method() -> None:
    one = Body(id="x")
    one.label = "new"

    assert one.text() == "described x"
    assert one.loud() == "DESCRIBED"
    assert Body.kind() == "kind Body of Body"
    assert one.label == "label x"
    assert Described.calls.pop() == "new"
    assert one.slow == "describeddescribed"
    assert Child(id="y").text() == "described y!"


def test_other_things_of_the_body_stay() -> None:
    one = Body(id="x")

    assert (Body.limit, Body.double(2), one.size, list(one)) == (5, 4, 2, ["x"])
    assert Body.__doc__ == "What a body says."
    assert (Body.__name__, Body.__qualname__, Body.__module__) == ("Body", "Body", __name__)


# The registry.


def test_models_are_registered_while_they_live() -> None:
    @model(table="passing")
    class Passing:
        id: Attr[str] = partition_key()

    alive = Passing in registered_models()
    gone = weakref.ref(Passing)
    del Passing
    gc.collect()

    assert alive
    assert gone() is None
    assert Bookmark in registered_models()


def test_a_model_defined_again_replaces_the_earlier() -> None:
    def made() -> type[Any]:
        @model(table="again")
        class Again:
            id: Attr[str] = partition_key()

        return Again

    first, second = made(), made()

    assert second in registered_models()
    assert first not in registered_models()


def test_a_refused_model_is_not_registered() -> None:
    with pytest.raises(InvalidModel):

        @model(table="keyless")
        class Keyless:
            id: Attr[str]

    assert not any(cls.__name__ == "Keyless" for cls in registered_models())


# Types of nested classes.


def test_fields_of_a_nested_class_are_typed_through_its_bases() -> None:
    @attrs.define
    class Pair(Generic[T]):
        left: T
        right: "list[T]" = attrs.field(factory=list[Any])

    @attrs.define
    class Named(Pair[int]):
        kind: Literal["a", "b"] = attrs.field(default="a", init=False, alias="sort")

    fields = {field.name: field for field in typed_fields(Named)}

    assert {name: field.type for name, field in fields.items()} == {
        "left": int,
        "right": list[int],
        "kind": Literal["a", "b"],
    }
    assert not fields["left"].has_default
    assert fields["right"].make_default() == []
    assert fields["kind"].make_default() == "a"
    assert (fields["kind"].in_init, fields["kind"].alias) == (False, "sort")
    assert {field.name: field.type for field in typed_fields(Pair[str])} == {"left": str, "right": list[str]}


def test_paths_are_typed_objects() -> None:
    assert isinstance(Bookmark.user, Path)
