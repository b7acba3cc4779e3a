"""R1, R47: what a class may not say; each refusal names class and field when the class is defined."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import attrs
import pytest

from dynamorm_async.errors import InvalidModel
from dynamorm_async.expressions import raw
from dynamorm_async.model import (
    Attr,
    GlobalIndex,
    LocalIndex,
    attribute,
    created_at,
    is_empty,
    model,
    partition_key,
    sort_key,
    spec_of,
    ttl,
    updated_at,
    version,
)

loose = cast("Any", attribute)


def declared(_bases: tuple[type, ...] = (), **body: tuple[Any, Any] | Any) -> type[Any]:
    """Return a class Thing with a partition key `id`; a pair is annotation and declaration."""
    fields: dict[str, tuple[Any, Any]] = {"id": (Attr[str], partition_key())}
    fields |= {name: value for name, value in body.items() if isinstance(value, tuple)}
    others = {name: value for name, value in body.items() if not isinstance(value, tuple)}
    namespace = {
        "__annotations__": {name: annotation for name, (annotation, _) in fields.items()},
        **{name: value for name, (_, value) in fields.items() if value is not None},
        **others,
    }
    return type("Thing", _bases, namespace)


def refused(make: Callable[[], Any]) -> InvalidModel:
    with pytest.raises(InvalidModel) as caught:
        make()
    return caught.value


def test_a_refusal_says_what_why_and_how_to_fix_it() -> None:
    error = refused(
        lambda: model()(declared(a=(Attr[str], attribute(name="x")), b=(Attr[str], attribute(name="x"))))
    )

    assert str(error) == (
        "Thing: a and b share 'x'\n"
        "  why: two fields cannot be stored in one attribute\n"
        "  fix: give one of them another name=\n"
        "  [model.duplicate-attribute]"
    )


@attrs.define
class Address:
    city: str = ""


FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    # Roles.
    "two partition keys": (
        {"a": (Attr[str], partition_key())},
        "Thing: id and a are both declared partition_key()",
        "duplicate-role",
    ),
    "two sort keys": (
        {"a": (Attr[str], sort_key()), "b": (Attr[str], sort_key())},
        "Thing: a and b are both declared sort_key()",
        "duplicate-role",
    ),
    "two versions": (
        {"a": (Attr[int], version()), "b": (Attr[int], version())},
        "Thing: a and b are both declared version()",
        "duplicate-role",
    ),
    "two created": (
        {"a": (Attr[datetime], created_at()), "b": (Attr[datetime], created_at())},
        "Thing: a and b are both declared created_at()",
        "duplicate-role",
    ),
    "two updated": (
        {"a": (Attr[datetime], updated_at()), "b": (Attr[datetime], updated_at())},
        "Thing: a and b are both declared updated_at()",
        "duplicate-role",
    ),
    "two ttls": (
        {"a": (Attr[int], ttl()), "b": (Attr[int], ttl())},
        "Thing: a and b are both declared ttl()",
        "duplicate-role",
    ),
    # Unique fields.
    "unique list": (
        {"a": (Attr[list[str]], attribute(unique=True))},
        "Thing.a cannot be unique",
        "unique",
    ),
    "unique set or None": (
        {"a": (Attr[set[str] | None], attribute(default=None, unique=True))},
        "Thing.a cannot be unique",
        "unique",
    ),
    "unique truth": ({"a": (Attr[bool], attribute(unique=True))}, "Thing.a cannot be unique", "unique"),
    "unique with a default that all share": (
        {"a": (Attr[str], attribute(default="", unique=True))},
        "Thing.a cannot be unique",
        "unique",
    ),
    "unique and expiring": (
        {"a": (Attr[str], attribute(unique=True)), "b": (Attr[int], ttl())},
        "Thing.a cannot be unique",
        "unique",
    ),
    "unique and all of the key": (
        {"id": (Attr[str], partition_key(template="A#{a}")), "a": (Attr[str], attribute(unique=True))},
        "Thing.a cannot be unique",
        "unique",
    ),
    "unique key": (
        {"id": (Attr[str], cast("Any", partition_key)(unique=True))},
        "Thing.id: partition_key() has no option unique",
        "unknown-option",
    ),
    "unique expiry": (
        {"a": (Attr[int], cast("Any", ttl)(unique=True))},
        "Thing.a: ttl() has no option unique",
        "unknown-option",
    ),
    # Options.
    "misspelt option": (
        {"a": (Attr[str], loose(nam="x"))},
        "Thing.a: attribute() has no option nam",
        "unknown-option",
    ),
    "several unknown options": (
        {"a": (Attr[str], loose(x=1, b=2))},
        "Thing.a: attribute() has no option b, x",
        "unknown-option",
    ),
    "option of another role": (
        {"id": (Attr[str], cast("Any", partition_key)(default="x"))},
        "Thing.id: partition_key() has no option default",
        "unknown-option",
    ),
    "version with init": (
        {"a": (Attr[int], cast("Any", version)(init=True))},
        "Thing.a: version() has no option init",
        "unknown-option",
    ),
    "ttl with a factory": (
        {"a": (Attr[int], cast("Any", ttl)(factory=int))},
        "Thing.a: ttl() has no option factory",
        "unknown-option",
    ),
    "no annotation": ({"a": attribute(default=1)}, "Thing.a has no annotation", "no-annotation"),
    "underscore": (
        {"_a": (Attr[str], attribute(default=""))},
        "Thing._a begins with an underscore",
        "private-field",
    ),
    # Defaults.
    "default and factory": (
        {"a": (Attr[str], loose(default="", factory=str))},
        "Thing.a has both a default and a factory",
        "default",
    ),
    "shared list": (
        {"a": (Attr[list[str]], attribute(default=[]))},
        "Thing.a: its default is a list, which can be changed",
        "shared-default",
    ),
    "shared plain set": (
        {"a": (set[str], set[str]())},
        "Thing.a: its default is a set, which can be changed",
        "shared-default",
    ),
    "shared structure": (
        {"a": (Attr[Address], attribute(default=Address()))},
        "Thing.a: its default is a Address, which can be changed",
        "shared-default",
    ),
    "attrs.field": (
        {"a": (Attr[str], attrs.field(default=""))},
        "Thing.a: attrs' own declarations are not read",
        "default",
    ),
    "attrs.Factory": (
        {"a": (Attr[str], attribute(default=attrs.Factory(str)))},
        "Thing.a: attrs' own declarations are not read",
        "default",
    ),
    "omit_empty with a default": (
        {"a": (Attr[int], attribute(default=1, omit_empty=True))},
        "Thing.a: omit_empty without an empty default",
        "omit-empty-default",
    ),
    "omit_empty without a default": (
        {"a": (Attr[int], attribute(omit_empty=True))},
        "Thing.a: omit_empty without an empty default",
        "omit-empty-default",
    ),
    # Types of the library's own fields.
    "version is a str": (
        {"a": (Attr[str], version())},
        "Thing.a: a version field is int, not str",
        "role-type",
    ),
    "version is a bool": (
        {"a": (Attr[bool], version())},
        "Thing.a: a version field is int, not bool",
        "role-type",
    ),
    "version may be None": (
        {"a": (Attr[int | None], version())},
        "Thing.a: a version field is int, not int | None",
        "role-type",
    ),
    "created is a date": (
        {"a": (Attr[date], created_at())},
        "Thing.a: a created_at field is datetime, not date",
        "role-type",
    ),
    "created is a float": (
        {"a": (Attr[float], created_at())},
        "Thing.a: a created_at field is datetime, not float",
        "role-type",
    ),
    "updated is text": (
        {"a": (Attr[str], updated_at())},
        "Thing.a: a updated_at field is datetime, not str",
        "role-type",
    ),
    "ttl is a str": (
        {"a": (Attr[str], ttl())},
        "Thing.a: a ttl field is datetime or int, not str",
        "role-type",
    ),
    "ttl is a float": (
        {"a": (Attr[float | None], ttl(default=None))},
        "Thing.a: a ttl field is datetime or int, not float | None",
        "role-type",
    ),
    "ttl is both": (
        {"a": (Attr[datetime | int], ttl())},
        "Thing.a: a ttl field is datetime or int, not datetime.datetime | int",
        "role-type",
    ),
    "template is an int": (
        {"a": (Attr[int], attribute(template="{id}"))},
        "Thing.a: a template's field is str, not int",
        "role-type",
    ),
    # Names.
    "empty name": (
        {"a": (Attr[str], attribute(name=""))},
        "Thing.a: '' is no attribute name",
        "attribute-name",
    ),
    "surrogate": (
        {"a": (Attr[str], attribute(name="\ud800"))},
        r"Thing.a: '\ud800' is no attribute name",
        "attribute-name",
    ),
    "long name": ({"a": (Attr[str], attribute(name="ä" * 32_768))}, "is no attribute name", "attribute-name"),
    "long key name": (
        {"id": (Attr[str], partition_key(name="x" * 256))},
        "is no attribute name",
        "attribute-name",
    ),
    "long index key name": (
        {"a": (Attr[str], attribute(name="x" * 256)), "by_a": GlobalIndex("by-a", partition_key="a")},
        "is no attribute name",
        "attribute-name",
    ),
    "name of another field": (
        {"a": (Attr[str], attribute(name="id"))},
        "Thing: id and a share 'id'",
        "duplicate-attribute",
    ),
    # Templates.
    "template of nothing": (
        {"a": (Attr[str], attribute(template="{b}"))},
        "Thing.a: its template names 'b'",
        "template-field",
    ),
    "template of itself": (
        {"a": (Attr[str], attribute(template="{a}"))},
        "Thing.a: its template names 'a'",
        "template-field",
    ),
    "template of the library's field": (
        {"a": (Attr[str], attribute(template="{v}")), "v": (Attr[int], version())},
        "Thing.a: its template names v, which the library fills",
        "template-field",
    ),
    "open brace": (
        {"a": (Attr[str], attribute(template="{id}#{x"))},
        "Thing.a: a brace is not closed in '{id}#{x'",
        "template",
    ),
    "open brace inside": (
        {"a": (Attr[str], attribute(template="A{B#{id}"))},
        "Thing.a: a brace is not closed in 'A{B#{id}'",
        "template",
    ),
    "stray brace": (
        {"a": (Attr[str], attribute(template="A}B#{id}"))},
        "Thing.a: a brace is not closed in 'A}B#{id}'",
        "template",
    ),
    "fields that touch": (
        {"a": (Attr[str], attribute(template="{id}{b}")), "b": (Attr[str], None)},
        "Thing.a: two fields touch in '{id}{b}'",
        "template",
    ),
    "template and default": (
        {"a": (Attr[str], loose(template="{id}", default=""))},
        "Thing.a: a template together with default",
        "template",
    ),
    "constant partition key": (
        {"id": (Attr[str], partition_key(template="USERS"))},
        "Thing.id: a partition key template names no field",
        "template",
    ),
    # Indexes.
    "annotated index": (
        {"by": (GlobalIndex, GlobalIndex("by-id", partition_key="id"))},
        "Thing.by is an index with an annotation",
        "annotated-index",
    ),
    "unknown index key": (
        {"by": GlobalIndex("by-a", partition_key="a")},
        "Thing, index 'by-a': Thing has no field 'a'",
        "index-field",
    ),
    "unknown projection": (
        {"by": GlobalIndex("by-a", partition_key="id", projection=["b"])},
        "Thing, index 'by-a': Thing has no field 'b'",
        "index-field",
    ),
    "misspelt projection": (
        {"by": GlobalIndex("by-a", partition_key="id", projection=cast("Any", "all"))},
        "Thing, index 'by-a': Thing has no field 'all'",
        "index-field",
    ),
    "short index name": (
        {"by": GlobalIndex("by", partition_key="id")},
        "Thing, index 'by': no index name",
        "index-name",
    ),
    "odd index name": (
        {"by": GlobalIndex("by id", partition_key="id")},
        "Thing, index 'by id': no index name",
        "index-name",
    ),
    "index without a key": (
        {"by": GlobalIndex("by-a", partition_key=())},
        "Thing, index 'by-a': no partition key",
        "index-key",
    ),
    "index key twice": (
        {"by": GlobalIndex("by-a", partition_key="id", sort_key="id")},
        "Thing, index 'by-a': a field stands twice in its key",
        "index-key",
    ),
    "five index keys": (
        {
            **dict.fromkeys("abcde", (Attr[str], None)),
            "by": GlobalIndex("by-a", partition_key=("a", "b", "c", "d", "e")),
        },
        "Thing, index 'by-a': 5 fields in one key",
        "index-key",
    ),
    "local index without a sort key": (
        {"a": (Attr[str], None), "by": LocalIndex("by-a", sort_key="a")},
        "Thing, index 'by-a': a local index needs a table with a sort key",
        "local-index",
    ),
    "two indexes of one name": (
        {
            "a": (Attr[str], None),
            "one": GlobalIndex("by-a", partition_key="a"),
            "two": GlobalIndex("by-a", partition_key="id"),
        },
        "Thing has two indexes called 'by-a'",
        "duplicate-index",
    ),
    "21 global indexes": (
        {f"by{n}": GlobalIndex(f"by-{n}", partition_key="id") for n in range(21)},
        "Thing has 21 global indexes",
        "index-count",
    ),
    "six local indexes": (
        {
            "a": (Attr[str], sort_key()),
            "b": (Attr[str], None),
            **{f"by{n}": LocalIndex(f"by-{n}", sort_key="b") for n in range(6)},
        },
        "Thing has 6 local indexes",
        "index-count",
    ),
    "101 projected fields": (
        {
            **{f"f{n}": (Attr[str], None) for n in range(51)},
            "one": GlobalIndex("by-1", partition_key="id", projection=[f"f{n}" for n in range(51)]),
            "two": GlobalIndex("by-2", partition_key="id", projection=[f"f{n}" for n in range(50)]),
        },
        "Thing has indexes that project 101 fields by name",
        "projected-fields",
    ),
}


@pytest.mark.parametrize(("body", "told", "code"), FIELDS.values(), ids=FIELDS)
def test_a_declaration_that_contradicts_itself_is_refused(body: dict[str, Any], told: str, code: str) -> None:
    error = refused(lambda: model(table="things")(declared(**body)))

    assert told in error.what
    assert error.code == f"model.{code}"
    assert len(str(error)) < 700


def test_a_class_without_a_partition_key_is_refused() -> None:
    error = refused(lambda: model()(declared(id=(Attr[str], None))))

    assert error.what == "Thing has no partition key"
    assert error.fix == "declare one field as partition_key(): id: Attr[str] = partition_key()"


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 256, "a b", "größe", "a/b", "arn:aws:s3:::bucket", "a\n" * 3]
)
def test_what_is_no_table_name_is_refused(name: str) -> None:
    error = refused(lambda: model(table=name)(declared()))

    assert error.what == f"Thing: {name!r} is no table name" or len(name) > 80
    assert error.code == "model.table-name"


def test_a_class_name_too_short_for_a_table_name_asks_for_one() -> None:
    error = refused(
        lambda: model()(type("A", (), {"__annotations__": {"id": Attr[str]}, "id": partition_key()}))
    )

    assert error.what == "A: 'a' is no table name"


def test_the_entity_attribute_is_taken_where_there_is_an_entity() -> None:
    body = {"kind": (Attr[str], attribute(name="_entity"))}

    error = refused(lambda: model(table="things", entity="thing")(declared(**body)))

    assert error.what == "Thing: the entity attribute and kind share '_entity'"
    assert model(table="things")(declared(**body))


def test_an_index_of_a_model_without_an_entity_projects_no_entity() -> None:
    index = GlobalIndex("by-url", partition_key="url", projection=["_entity"])

    error = refused(lambda: model(table="things")(declared(url=(Attr[str], None), by_url=index)))

    assert error.what == "Thing, index 'by-url': Thing has no field '_entity'"
    assert model(table="things", entity="thing")(declared(url=(Attr[str], None), by_url=index))


def _is_x(thing: Any) -> Any:
    return thing.a == "x"


CONDITIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "no condition": (lambda _: True, "Thing.t: when= gives True, which is no condition"),
    "a size": (lambda thing: thing.a.size() > 3, "Thing.t: when= has a size in it"),
    "text by hand": (lambda _: raw("a > b"), "Thing.t: when= has text by hand in it"),
    "a time of ours": (
        lambda thing: thing.made > datetime(2026, 1, 1, tzinfo=UTC),
        "Thing.t: when= reads made, which the library fills",
    ),
    "a template": (lambda thing: thing.t == "x", "Thing.t: when= reads t, which the library fills"),
}


@pytest.mark.parametrize(("when", "what"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_that_cannot_be_told_before_the_write_is_refused(
    when: Callable[[Any], Any], what: str
) -> None:
    fields: Any = {
        "a": (Attr[str], None),
        "made": (Attr[datetime], created_at()),
        "t": (Attr[str], loose(template="{a}", when=when)),
    }

    assert refused(lambda: model()(declared(**fields))).what == what


def test_a_condition_on_a_field_without_a_template_is_refused() -> None:
    error = refused(lambda: model()(declared(a=(Attr[str], loose(when=_is_x)))))

    assert (error.what, error.code) == ("Thing.a: when= without a template", "model.when-template")


def test_a_condition_is_of_the_class_that_inherits_it() -> None:
    base = model()(declared(a=(Attr[str], None), t=(Attr[str], loose(template="{a}", when=_is_x))))

    heir: Any = model()(type("Heir", (base,), {"__module__": __name__}))

    condition = spec_of(heir).fields["t"].condition
    assert condition is not None
    assert condition.form == (heir.a == "x").form


def test_an_unknown_way_with_unknown_attributes_is_refused() -> None:
    error = refused(lambda: model(unknown=cast("Any", "ignore"))(declared()))

    assert error.what == "Thing: unknown='ignore'"
    assert error.fix == "use 'drop', 'keep' or 'refuse'"


@pytest.mark.parametrize("decorate", [attrs.define, attrs.frozen, dataclasses.dataclass])
def test_a_class_that_is_an_attrs_class_already_is_refused(decorate: Any) -> None:
    plain = type("Thing", (), {"__annotations__": {"id": str}})

    error = refused(lambda: model()(decorate(plain)))

    assert error.what == "Thing is an attrs class or a dataclass already"


def test_fields_of_a_base_that_is_no_model_are_refused() -> None:
    class Timestamps:
        created: Attr[datetime] = created_at()
        updated: Attr[datetime] = updated_at()

    error = refused(lambda: model()(declared((Timestamps,))))

    assert error.what == "Thing: its base Timestamps declares created, updated and is no model"


def test_an_attrs_base_that_is_no_model_is_refused() -> None:
    error = refused(lambda: model()(declared((Address,))))

    assert error.what == "Thing: its base Address declares city and is no model"


def test_what_the_service_takes_at_most_is_taken() -> None:
    @model(table="full")
    class Full:
        id: Attr[str] = partition_key(name="x" * 255)
        sort: Attr[str] = sort_key()
        a: Attr[str]
        b: Attr[str]
        c: Attr[str]
        d: Attr[str]
        long: Attr[str] = attribute(name="x" * 65_535)
        wide = GlobalIndex("wide", partition_key=("a", "b", "c", "d"), sort_key=("sort", "id", "e", "f"))
        e: Attr[str]
        f: Attr[str]

    assert len(spec_of(Full).indexes["wide"].partition_key) == 4


def test_a_type_that_is_not_there_yet_is_asked_for_later() -> None:
    cls = model(table="things")(declared(a=("Attr[NotYet]", version())))

    assert spec_of(cls).fields["a"].annotation == "Attr[NotYet]"


def test_an_empty_default_goes_with_omit_empty() -> None:
    for default in (
        None,
        "",
        0,
        0.0,
        False,
        b"",
        Decimal(0),
        (),
        frozenset[str](),
        datetime(1, 1, 1, tzinfo=UTC),
    ):
        body: dict[str, Any] = {"a": (Attr[Any], attribute(default=default, omit_empty=True))}
        assert spec_of(model(table="things")(declared(**body))).fields["a"].omit_empty
    made = model(table="things")(declared(a=(Attr[Address], attribute(factory=Address, omit_empty=True))))
    assert spec_of(made).fields["a"].omit_empty


@pytest.mark.parametrize(
    "value", [1, "x", True, [0], datetime(1, 1, 2, tzinfo=UTC), date(1, 2, 1), Address("x"), object()]
)
def test_what_holds_something_is_not_empty(value: object) -> None:
    assert not is_empty(value)


def test_the_decorator_without_parentheses_says_so() -> None:
    with pytest.raises(InvalidModel, match="without parentheses over Bare") as caught:
        # As `@model` does it.
        model(type("Bare", (), {}))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert "@model()" in str(caught.value.fix)
