"""Paths on the wire, and how values at them are encoded in conditions and updates (R6, R25, R33)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest

from dynamorm_async.codecs import Record
from dynamorm_async.errors import InvalidExpression, InvalidValue
from dynamorm_async.expressions import Path, Place, Role
from dynamorm_async.model import Attr, attribute, created_at, model, partition_key
from tests.codecs.shapes import record_of


@attrs.frozen
class Part:
    size: int = 0
    tags: set[str] = attrs.field(factory=set[str])


@model(table="wide")
class Wide:
    id: Attr[str] = partition_key(name="PK")
    count: Attr[int | None] = attribute(default=None, name="n")
    price: Attr[Decimal] = attribute(default=Decimal(0))
    part: Attr[Part] = attribute(factory=Part, name="p.q")
    parts: Attr[list[Part]] = attribute(factory=list)
    pair: Attr[tuple[int, str]] = attribute(default=(0, ""))
    by_name: Attr[dict[str, int]] = attribute(factory=dict)
    by_number: Attr[dict[int, str]] = attribute(factory=dict)
    tags: Attr[set[UUID]] = attribute(factory=set)
    data: Attr[bytes] = attribute(default=b"")
    extra: Attr[Any] = attribute(default=None)
    either: Attr[str | int] = attribute(default=0)
    created: Attr[datetime] = created_at()


@model(table="wide")
class Wider(Wide):
    more: Attr[str] = attribute(default="")


def record() -> Record[Any]:
    return record_of(Wide)


def at(*steps: str | int) -> Place:
    return Place(Wide, steps)


@pytest.mark.parametrize(
    ("steps", "wire"),
    [
        pytest.param(("id",), ("PK",), id="field"),
        pytest.param(("part", "size"), ("p.q", "size"), id="field of a class"),
        pytest.param(("parts", 1, "tags"), ("parts", 1, "tags"), id="class in a list"),
        pytest.param(("pair", 1), ("pair", 1), id="place of a tuple"),
        pytest.param(("by_name", "a.b"), ("by_name", "a.b"), id="name with a dot"),
        pytest.param(("by_number", 5), ("by_number", "5"), id="key that is a number"),
        pytest.param(("extra", "a", 0, "b"), ("extra", "a", 0, "b"), id="anything"),
    ],
)
def test_a_place_is_spelled_so_on_the_wire(steps: Any, wire: Any) -> None:
    assert record().resolve(at(*steps)).steps == wire


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(("nope",), id="no field"),
        pytest.param(("part", "nope"), id="no field of a class"),
        pytest.param(("part", 0), id="number into a class"),
        pytest.param(("id", "x"), id="into a text"),
        pytest.param(("parts", "x"), id="text into a list"),
        pytest.param(("pair", 2), id="past a tuple"),
        pytest.param(("by_name", 0), id="number into a dict by texts"),
        pytest.param(("either", "x"), id="into a union"),
        pytest.param(("tags", 0), id="into a set"),
        pytest.param(("extra", *(["x"] * 40)), id="too deep"),
    ],
)
def test_a_place_that_is_not_there_is_refused(steps: Any) -> None:
    with pytest.raises(InvalidExpression):
        record().resolve(at(*steps))


def test_a_field_of_another_model_is_refused() -> None:
    with pytest.raises(InvalidExpression, match="no field of Wide"):
        record().resolve(Place(Wider, ("more",)))


def test_a_field_of_the_base_is_a_field_of_the_model() -> None:
    assert record_of(Wider).resolve(at("id")).steps == ("PK",)


ONE = UUID(int=1)


@pytest.mark.parametrize(
    ("steps", "role", "value", "text"),
    [
        pytest.param(("count",), Role.VALUE, 5, '{"N":"5"}', id="value"),
        pytest.param(("count",), Role.DELTA, 5, '{"N":"5"}', id="delta"),
        pytest.param(("price",), Role.DELTA, Decimal("0.10"), '{"N":"0.1"}', id="Decimal delta"),
        pytest.param(("id",), Role.PREFIX, "a", '{"S":"a"}', id="prefix"),
        pytest.param(("data",), Role.PREFIX, b"\x01", '{"B":"AQ=="}', id="binary prefix"),
        pytest.param(("id",), Role.ELEMENT, "a", '{"S":"a"}', id="part of a text"),
        pytest.param(("data",), Role.ELEMENT, b"\x01", '{"B":"AQ=="}', id="part of binary data"),
        pytest.param(("tags",), Role.ELEMENT, ONE, f'{{"S":"{ONE}"}}', id="element of a set"),
        pytest.param(("tags",), Role.VALUE, {ONE}, f'{{"SS":["{ONE}"]}}', id="elements of a set"),
        pytest.param(("parts",), Role.ELEMENT, Part(1), '{"M":{"size":{"N":"1"}}}', id="element of a list"),
        pytest.param(("parts",), Role.ITEMS, [], '{"L":[]}', id="items"),
        pytest.param(("parts", 0), Role.VALUE, Part(), '{"M":{"size":{"N":"0"}}}', id="place in a list"),
        pytest.param(("extra", "a"), Role.VALUE, {"b": 1}, '{"M":{"b":{"N":"1"}}}', id="anything"),
        pytest.param(("extra",), Role.ELEMENT, 1, '{"N":"1"}', id="element of anything"),
        pytest.param(("parts",), Role.COUNT, 3, '{"N":"3"}', id="size"),
        pytest.param(("parts",), Role.TAG, "L", '{"S":"L"}', id="tag"),
        pytest.param(("either",), Role.VALUE, "x", '{"S":"x"}', id="union"),
        pytest.param(
            ("created",),
            Role.VALUE,
            datetime(2024, 1, 1, tzinfo=UTC),
            '{"S":"2024-01-01T00:00:00.000000000Z"}',
            id="instant",
        ),
    ],
)
def test_a_value_at_a_place_is_encoded_as_in_the_item(
    steps: Any, role: Role, value: object, text: str
) -> None:
    assert record().resolve(at(*steps)).encoder(role)(value) == text


@pytest.mark.parametrize(
    ("steps", "role", "value", "path"),
    [
        pytest.param(("id",), Role.VALUE, "", "Wide.id", id="empty key"),
        pytest.param(("count",), Role.VALUE, "x", "Wide.count", id="value"),
        pytest.param(("parts",), Role.COUNT, 1.5, "Wide.parts", id="size"),
        pytest.param(("parts", 0, "size"), Role.VALUE, "x", "Wide.parts[0]['size']", id="place"),
        pytest.param(("parts",), Role.ITEMS, [Part(), 5], "Wide.parts[1]", id="items"),
    ],
)
def test_a_wrong_value_at_a_place_is_refused_with_its_path(
    steps: Any, role: Role, value: object, path: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        record().resolve(at(*steps)).encoder(role)(value)

    assert caught.value.path == path


@model(table="things")
class Sparse:
    id: Attr[str] = partition_key()
    note: Attr[str | None] = attribute(default=None)
    tags: Attr[set[str]] = attribute(factory=set)
    owner: Attr[str] = attribute(default="", omit_empty=True)


@pytest.mark.parametrize(("field", "value"), [("note", None), ("tags", set[str]()), ("owner", "")])
def test_a_value_that_is_never_stored_cannot_be_compared_with(field: str, value: object) -> None:
    compare = record_of(Sparse).resolve(Place(Sparse, (field,))).encoder(Role.VALUE)

    with pytest.raises(InvalidExpression, match="nothing is stored") as caught:
        compare(value)

    assert "exists()" in str(caught.value.fix)


def test_begins_with_of_a_number_is_refused() -> None:
    with pytest.raises(InvalidExpression, match="begins_with"):
        record().resolve(at("count")).encoder(Role.PREFIX)


@pytest.mark.parametrize("steps", [("count",), ("by_name",), ("pair",), ("either",)], ids=str)
def test_contains_in_a_value_without_elements_is_refused(steps: Any) -> None:
    with pytest.raises(InvalidExpression, match="no elements"):
        record().resolve(at(*steps)).encoder(Role.ELEMENT)


def test_a_value_of_a_raw_expression_is_encoded_by_its_own_type() -> None:
    raw = record().resolve(Place(object, ("(raw)",)))

    assert raw.encoder(Role.PLAIN)([1]) == '{"L":[{"N":"1"}]}'
    assert raw.encoder(Role.VALUE)("a") == '{"S":"a"}'
    with pytest.raises(InvalidValue):
        raw.encoder(Role.PLAIN)(object())


def test_an_item_reads_values_and_the_class_reads_paths() -> None:
    assert isinstance(Wide.part, Path)
    assert Wide(id="1").part == Part()
