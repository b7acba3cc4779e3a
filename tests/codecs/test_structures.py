"""R6: nested attrs classes and dataclasses, generic, frozen, holding themselves."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

import attr
import attrs
import pytest
from attrs import validators

from dynamorm_async.codecs import Codecs
from dynamorm_async.errors import InvalidModel, InvalidValue
from dynamorm_async.model import Attr, evolve, model, partition_key, version
from tests.codecs.shapes import NOTHING, field, model_of, record_of

T = TypeVar("T")


@attrs.frozen
class Point:
    x: int
    y: int = 0


@attrs.define
class Person:
    name: str
    home: Point | None = None
    tags: set[str] = attrs.field(factory=set[str])
    since: datetime = datetime(2024, 1, 1, tzinfo=UTC)


@attrs.define
class Employee(Person):
    salary: int = attrs.field(kw_only=True)


@attrs.define
class Box(Generic[T]):
    content: T


@attrs.define
class Boxes(Box[list[T]], Generic[T]):
    label: str = ""


@attrs.define
class Tree:
    value: int
    children: list[Tree] = attrs.field(factory=list["Tree"])
    parent: Tree | None = None


@attrs.define
class Chapter:
    title: str
    notes: list[Note] = attrs.field(factory=list["Note"])


@attrs.define
class Note:
    text: str
    about: Chapter | None = None


@attrs.define
class Private:
    _secret: int


@attrs.frozen(cache_hash=True)
class Hashed:
    x: int


@attrs.define
class Derived:
    x: int
    double: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.double = self.x * 2


@attrs.define
class Written:
    x: int

    def __init__(self, x: int) -> None:
        self.x = x
        created.append(x)


@attrs.define(auto_exc=True)
class Failure(Exception):
    reason: str


@dataclasses.dataclass
class Plain:
    x: int
    items: list[int] = dataclasses.field(default_factory=list[int])
    size: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        self.size = len(self.items)


@dataclasses.dataclass(frozen=True, slots=True)
class Still:
    x: int = 1


@attrs.define
class Nothing:
    pass


Old: Any = attr.s(type("Old", (), {"x": attr.ib(type=int)}))
Untyped: Any = attrs.make_class("Untyped", {"x": attrs.field(type=int)})

created: list[int] = []
WRONG: Any = b"of another type"

EPOCH = '"since":{"S":"2024-01-01T00:00:00.000000000Z"}'


@pytest.mark.parametrize(
    ("tp", "value", "text"),
    [
        pytest.param(Point, Point(1, 2), '{"M":{"x":{"N":"1"},"y":{"N":"2"}}}', id="frozen class"),
        pytest.param(
            Person,
            Person("Ana", Point(1), {"a"}),
            '{"M":{"name":{"S":"Ana"},"home":{"M":{"x":{"N":"1"},"y":{"N":"0"}}},"tags":{"SS":["a"]},'
            + EPOCH
            + "}}",
            id="class in a class",
        ),
        pytest.param(
            Person, Person("Ana"), '{"M":{"name":{"S":"Ana"},' + EPOCH + "}}", id="empty parts left out"
        ),
        pytest.param(
            Employee,
            Employee("Ana", salary=3),
            '{"M":{"name":{"S":"Ana"},' + EPOCH + ',"salary":{"N":"3"}}}',
            id="inheritance",
        ),
        pytest.param(Box[int], Box(1), '{"M":{"content":{"N":"1"}}}', id="generic"),
        pytest.param(
            Box[Box[str]], Box(Box("a")), '{"M":{"content":{"M":{"content":{"S":"a"}}}}}', id="generic twice"
        ),
        pytest.param(
            Boxes[int],
            Boxes([1], "l"),
            '{"M":{"content":{"L":[{"N":"1"}]},"label":{"S":"l"}}}',
            id="generic base",
        ),
        pytest.param(
            Box, Box({"a": 1}), '{"M":{"content":{"M":{"a":{"N":"1"}}}}}', id="generic without arguments"
        ),
        pytest.param(
            Tree,
            Tree(1, [Tree(2)], Tree(3)),
            '{"M":{"value":{"N":"1"},"children":{"L":[{"M":{"value":{"N":"2"},"children":{"L":[]}}}]},'
            '"parent":{"M":{"value":{"N":"3"},"children":{"L":[]}}}}}',
            id="class that holds itself",
        ),
        pytest.param(
            Chapter,
            Chapter("a", [Note("n", Chapter("b"))]),
            '{"M":{"title":{"S":"a"},"notes":{"L":[{"M":{"text":{"S":"n"},"about":{"M":{"title":{"S":"b"},'
            '"notes":{"L":[]}}}}}]}}}',
            id="classes that hold each other",
        ),
        pytest.param(Private, Private(1), '{"M":{"_secret":{"N":"1"}}}', id="private field"),
        pytest.param(Hashed, Hashed(1), '{"M":{"x":{"N":"1"}}}', id="cached hash"),
        pytest.param(Derived, Derived(2), '{"M":{"x":{"N":"2"}}}', id="field without argument"),
        pytest.param(Plain, Plain(1, [5]), '{"M":{"x":{"N":"1"},"items":{"L":[{"N":"5"}]}}}', id="dataclass"),
        pytest.param(Still, Still(2), '{"M":{"x":{"N":"2"}}}', id="frozen dataclass with slots"),
        pytest.param(Nothing, Nothing(), '{"M":{}}', id="no fields"),
        pytest.param(Untyped, Untyped(x=1), '{"M":{"x":{"N":"1"}}}', id="made without annotations"),
        pytest.param(Old, Old(1), '{"M":{"x":{"N":"1"}}}', id="attr.s without annotations"),
        pytest.param(
            dict[str, tuple[Point, ...]],
            {"a": (Point(1),)},
            '{"M":{"a":{"L":[{"M":{"x":{"N":"1"},"y":{"N":"0"}}}]}}}',
            id="in containers",
        ),
    ],
)
def test_a_nested_class_is_stored_as_this_text_and_read_back_equal(tp: Any, value: object, text: str) -> None:
    values = field(tp)

    assert values.encode(value) == text
    found = values.decode(text)
    assert found == value
    assert type(found) is type(value)


def test_a_generic_class_that_cattrs_cannot_generate_code_for_is_stored_all_the_same() -> None:
    assert field(Box[set[Literal["a", "b"]] | None]).round_trip(Box({"a"})) == Box({"a"})


def test_a_nested_class_with_a_cached_hash_can_be_hashed_after_reading() -> None:
    assert hash(field(Hashed).decode('{"M":{"x":{"N":"1"}}}')) == hash(Hashed(1))


def test_a_nested_exception_class_is_made_by_its_constructor() -> None:
    found = field(Failure).decode('{"M":{"reason":{"S":"late"}}}')

    assert found.args == ("late",)


def test_a_constructor_written_by_hand_runs_on_reading() -> None:
    created.clear()

    field(Written).decode('{"M":{"x":{"N":"7"}}}')

    assert created == [7]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"M":{"name":{"S":"Ana"}}}', Person("Ana"), id="missing"),
        pytest.param('{"M":{"name":{"S":"Ana"},"home":{"NULL":true}}}', Person("Ana"), id="NULL for None"),
        pytest.param(
            '{"M":{"name":{"S":"Ana"},"since":{"NULL":true}}}', Person("Ana"), id="NULL for the default"
        ),
        pytest.param('{"M":{"name":{"S":"Ana"},"age":{"N":"1"}}}', Person("Ana"), id="unknown"),
    ],
)
def test_the_fields_of_a_nested_class_take_their_defaults(text: str, value: object) -> None:
    assert field(Person).decode(text) == value


@attrs.define
class Fresh:
    x: list[int] = attrs.field(factory=list[int])
    n: str = attrs.field(factory=lambda: f"id-{next(numbers)}")


numbers = iter(range(1000))


def test_a_factory_is_asked_for_each_missing_attribute() -> None:
    values = field(Fresh)

    one, other = values.decode('{"M":{}}'), values.decode('{"M":{}}')

    assert one.x is not other.x
    assert one.n != other.n


@attrs.define
class OfItself:
    x: int
    y: int = attrs.field(default=attrs.Factory(lambda self: self.x + 1, takes_self=True))


def test_a_default_made_from_the_instance_does_not_stand_for_a_missing_attribute() -> None:
    values = field(OfItself)

    assert values.round_trip(OfItself(1, 5)) == OfItself(1, 5)
    with pytest.raises(InvalidValue) as caught:
        values.decode('{"M":{"x":{"N":"1"}}}')
    assert caught.value.path == "Thing.value.y"


def test_a_subclass_is_refused_because_its_own_fields_would_be_lost() -> None:
    with pytest.raises(InvalidValue, match="expected Person, got Employee") as caught:
        field(Person).encode(Employee("Ana", salary=3))

    assert caught.value.path == "Thing.value"


@pytest.mark.parametrize(
    ("tp", "value", "path"),
    [
        pytest.param(Person, Person(WRONG), "Thing.value.name", id="field"),
        pytest.param(Person, Person("Ana", Point(WRONG)), "Thing.value.home.x", id="nested"),
        pytest.param(Tree, Tree(1, [Tree(2), Tree(WRONG)]), "Thing.value.children[1].value", id="in itself"),
        pytest.param(Plain, Plain(WRONG), "Thing.value.x", id="dataclass"),
        pytest.param(Person, {"name": "Ana"}, "Thing.value", id="dict for a class"),
        pytest.param(Person, None, "Thing.value", id="None for a class"),
    ],
)
def test_a_wrong_part_is_refused_with_its_path(tp: Any, value: object, path: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).encode(value)

    assert caught.value.path == path


@pytest.mark.parametrize(
    ("tp", "text", "path"),
    [
        pytest.param(Person, '{"M":{}}', "Thing.value.name", id="missing"),
        pytest.param(Person, '{"M":{"name":{"N":"1"}}}', "Thing.value.name", id="tag"),
        pytest.param(Person, '{"M":{"name":{"NULL":true}}}', "Thing.value.name", id="NULL"),
        pytest.param(
            Person, '{"M":{"name":{"S":"a"},"home":{"M":{}}}}', "Thing.value.home.x", id="missing in a part"
        ),
        pytest.param(
            Person, '{"M":{"name":{"S":"a"},"tags":{"SS":[1]}}}', "Thing.value.tags[0]", id="in a set"
        ),
        pytest.param(
            Tree,
            '{"M":{"value":{"N":"1"},"children":{"L":[{"M":{"value":{"S":"x"}}}]}}}',
            "Thing.value.children[0].value",
            id="tag in itself",
        ),
        pytest.param(
            Tree,
            '{"M":{"value":{"N":"1"},"parent":{"M":{"value":{"N":"x"}}}}}',
            "Thing.value.parent.value",
            id="value in itself",
        ),
        pytest.param(
            Tree, '{"M":{"value":{"N":"1"},"parent":{"S":"x"}}}', "Thing.value.parent", id="text for itself"
        ),
        pytest.param(
            Tree, '{"M":{"value":{"N":"1"},"parent":{"M":[]}}}', "Thing.value.parent", id="list for itself"
        ),
    ],
)
def test_a_wrong_stored_part_is_refused_with_its_path(tp: Any, text: str, path: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).decode(text)

    assert caught.value.path == path


# What the user's classes check and change also runs on reading.


@attrs.define
class Checked:
    age: int = attrs.field(validator=validators.ge(0))
    name: str = attrs.field(default="", converter=str.strip)


def test_the_converter_of_a_nested_class_runs_on_reading() -> None:
    assert field(Checked).decode('{"M":{"age":{"N":"1"},"name":{"S":" a "}}}').name == "a"


def test_the_validator_of_a_nested_class_refuses_what_is_stored() -> None:
    with pytest.raises(InvalidValue, match="must be >= 0") as caught:
        field(list[Checked]).decode('{"L":[{"M":{"age":{"N":"1"}}},{"M":{"age":{"N":"-1"}}}]}')

    assert (caught.value.code, caught.value.path) == ("codecs.validator", "Thing.value[1]")
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_validator_of_a_model_refuses_what_is_stored() -> None:
    with pytest.raises(InvalidValue, match="must be >= 0") as caught:
        field(int, validator=validators.ge(0)).decode('{"N":"-1"}')

    assert (caught.value.code, caught.value.path) == ("codecs.validator", "Thing")


def test_the_converter_of_a_model_runs_on_reading() -> None:
    assert field(str, converter=str.strip).decode('{"S":" a "}') == "a"


def test_the_hook_of_a_model_runs_on_reading_and_its_refusal_has_a_path() -> None:
    def refuse(self: Any) -> None:
        if self.value == "no":
            raise InvalidValue("no is no", path="value")

    values = record_of(model_of(str, namespace={"__attrs_post_init__": refuse}))

    with pytest.raises(InvalidValue, match="no is no") as caught:
        values.decode_item('{"Item":{"id":{"S":"1"},"value":{"S":"no"}}}')

    assert caught.value.path == "Thing.value"


@model(table="notes", frozen=True, unknown="keep")
class Frozen:
    id: str = partition_key()
    title: str = ""
    revision: Attr[int] = version()


def pickled(item: Frozen) -> Any:
    return pickle.loads(pickle.dumps(item))


def retitled(item: Frozen) -> Any:
    return evolve(item, title="t")


def read_frozen() -> Any:
    return record_of(Frozen).decode_item(
        '{"Item":{"id":{"S":"1"},"title":{"S":"t"},"revision":{"N":"2"},"more":{"S":"x"}}}'
    )


def test_a_frozen_model_is_read() -> None:
    found = read_frozen()

    assert (found.id, found.title, found.revision) == ("1", "t", 2)


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deep copy"),
        pytest.param(pickled, id="pickle"),
        pytest.param(retitled, id="evolve"),
    ],
)
def test_a_copy_writes_back_what_was_kept(copied: Any) -> None:
    found = copied(read_frozen())

    assert record_of(Frozen).encode_item(found, NOTHING) == (
        '{"id":{"S":"1"},"title":{"S":"t"},"more":{"S":"x"}}'
    )
    assert found.revision == 2


# Refusals when the codec is made.


@attrs.define
class Bad:
    thing: object = None
    worse: complex = 0j


def test_a_class_with_an_unknown_type_is_refused_with_class_and_field_each_time() -> None:
    codecs = Codecs(converter=record_of(Frozen)._types.converter)  # pyright: ignore[reportPrivateUsage]
    cls = model_of(Bad)

    for _ in range(2):
        with pytest.raises(InvalidModel, match=r"Thing\.value: Bad\.worse: complex cannot be stored"):
            codecs.record(cls)


def test_a_value_of_another_model_is_refused() -> None:
    with pytest.raises(InvalidValue, match="expected Thing, got Frozen") as caught:
        field(str).record.encode_item(Frozen(id="1"), NOTHING)

    assert caught.value.code == "codecs.wrong-model"


def test_the_generated_source_holds_no_defaults() -> None:
    import linecache

    field(str, default="s3cret-default")

    sources = [
        entry[2]
        for name, entry in linecache.cache.items()
        if "dynamorm_async generated" in name and len(entry) > 2
    ]
    assert sources
    assert not any("s3cret-default" in line for lines in sources for line in lines)
