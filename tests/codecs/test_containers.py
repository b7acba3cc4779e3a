"""R6: lists, tuples, sets, maps, unions and JSON-like values, with the exact JSON."""

import enum
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict
from uuid import UUID

import attrs
import pytest

from dynamorm_async.errors import InvalidModel, InvalidValue
from tests.codecs.shapes import field

ID = UUID(int=1)
WRONG: Any = b"of another type"
Tags = NewType("Tags", set[str])


class Kind(enum.Enum):
    A = "a"
    B = "b"


@attrs.frozen
class Point:
    x: int
    y: int = 0


@pytest.mark.parametrize(
    ("tp", "value", "text"),
    [
        pytest.param(list[str], ["b", "a"], '{"L":[{"S":"b"},{"S":"a"}]}', id="list"),
        pytest.param(list[str], [], '{"L":[]}', id="empty list"),
        pytest.param(list, [1, "x"], '{"L":[{"N":"1"},{"S":"x"}]}', id="bare list"),
        pytest.param(Sequence[int], [1], '{"L":[{"N":"1"}]}', id="Sequence"),
        pytest.param(list[str | None], ["a", None], '{"L":[{"S":"a"},{"NULL":true}]}', id="None in a list"),
        pytest.param(list[list[int]], [[1], []], '{"L":[{"L":[{"N":"1"}]},{"L":[]}]}', id="list of lists"),
        pytest.param(tuple[int, ...], (1, 2), '{"L":[{"N":"1"},{"N":"2"}]}', id="tuple"),
        pytest.param(tuple, (1,), '{"L":[{"N":"1"}]}', id="bare tuple"),
        pytest.param(tuple[str, int], ("a", 1), '{"L":[{"S":"a"},{"N":"1"}]}', id="tuple of places"),
        pytest.param(set[str], {"b", "a"}, '{"SS":["a","b"]}', id="set of texts"),
        pytest.param(set[str], {'"'}, '{"SS":["\\""]}', id="set with escapes"),
        pytest.param(set[int], {10, 9}, '{"NS":["10","9"]}', id="set of numbers"),
        pytest.param(set[Decimal], {Decimal("1.50")}, '{"NS":["1.5"]}', id="set of Decimals"),
        pytest.param(set[bytes], {b"\x01"}, '{"BS":["AQ=="]}', id="set of bytes"),
        pytest.param(frozenset[str], frozenset({"a"}), '{"SS":["a"]}', id="frozenset"),
        pytest.param(AbstractSet[str], {"a"}, '{"SS":["a"]}', id="abstract set"),
        pytest.param(set[UUID], {ID}, f'{{"SS":["{ID}"]}}', id="set of UUIDs"),
        pytest.param(set[Kind], {Kind.A}, '{"SS":["a"]}', id="set of Enums"),
        pytest.param(set[date], {date(2024, 1, 2)}, '{"SS":["2024-01-02"]}', id="set of dates"),
        pytest.param(Tags, {"a"}, '{"SS":["a"]}', id="NewType of a set"),
        pytest.param(
            list[set[str]], [set[str](), {"a"}], '{"L":[{"NULL":true},{"SS":["a"]}]}', id="sets in a list"
        ),
        pytest.param(dict[str, int], {"b": 1, "a": 2}, '{"M":{"b":{"N":"1"},"a":{"N":"2"}}}', id="dict"),
        pytest.param(dict, {"a": 1}, '{"M":{"a":{"N":"1"}}}', id="bare dict"),
        pytest.param(Mapping[str, int], {"a": 1}, '{"M":{"a":{"N":"1"}}}', id="Mapping"),
        pytest.param(dict[str, int], {'"': 1}, '{"M":{"\\"":{"N":"1"}}}', id="name with escapes"),
        pytest.param(dict[int, str], {1: "a"}, '{"M":{"1":{"S":"a"}}}', id="dict by numbers"),
        pytest.param(dict[UUID, int], {ID: 1}, f'{{"M":{{"{ID}":{{"N":"1"}}}}}}', id="dict by UUIDs"),
        pytest.param(dict[Kind, int], {Kind.B: 1}, '{"M":{"b":{"N":"1"}}}', id="dict by Enums"),
        pytest.param(
            dict[date, int], {date(2024, 1, 2): 1}, '{"M":{"2024-01-02":{"N":"1"}}}', id="dict by dates"
        ),
        pytest.param(str | int, "1", '{"S":"1"}', id="union, text"),
        pytest.param(str | int, 1, '{"N":"1"}', id="union, number"),
        pytest.param(int | list[int], [1], '{"L":[{"N":"1"}]}', id="union, list"),
        pytest.param(set[int] | list[int], [1], '{"L":[{"N":"1"}]}', id="union of set and list, list"),
        pytest.param(set[int] | list[int], {1}, '{"NS":["1"]}', id="union of set and list, set"),
        pytest.param(set[str] | str, set[str](), '{"NULL":true}', id="union, empty set"),
        pytest.param(Point | str, Point(1), '{"M":{"x":{"N":"1"},"y":{"N":"0"}}}', id="union, class"),
        pytest.param(str | int | None, 5, '{"N":"5"}', id="union with None"),
        pytest.param(Literal["a"] | int, 1, '{"N":"1"}', id="union with a Literal"),
        pytest.param(Annotated[str, "note"], "a", '{"S":"a"}', id="Annotated"),
        pytest.param(
            Any,
            {"a": [1, None, True]},
            '{"M":{"a":{"L":[{"N":"1"},{"NULL":true},{"BOOL":true}]}}}',
            id="anything",
        ),
        pytest.param(object, b"\x01", '{"B":"AQ=="}', id="object"),
        pytest.param(Any, {"b", "a"}, '{"SS":["a","b"]}', id="anything, set of texts"),
        pytest.param(
            Any,
            {1, 2.5, Decimal("0.12345678901234567")},
            '{"NS":["0.12345678901234567","1","2.5"]}',
            id="anything, set of numbers",
        ),
        pytest.param(Any, {b"\x01"}, '{"BS":["AQ=="]}', id="anything, set of bytes"),
        pytest.param(
            Any, Decimal("0.12345678901234567"), '{"N":"0.12345678901234567"}', id="anything, Decimal"
        ),
        pytest.param(Any, 0.5, '{"N":"0.5"}', id="anything, float"),
        pytest.param(Any, 9007199254740993, '{"N":"9007199254740993"}', id="anything, int"),
    ],
)
def test_a_container_is_stored_as_this_text_and_read_back_equal(tp: Any, value: object, text: str) -> None:
    values = field(tp)

    assert values.encode(value) == text
    found = values.decode(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("tp", "text", "value"),
    [
        pytest.param(
            set[int], '{"L":[{"N":"1"},{"N":"2"}]}', {1, 2}, id="number set that Go stored as a list"
        ),
        pytest.param(set[bytes], '{"L":[{"B":"AQ=="}]}', {b"\x01"}, id="byte set that Go stored as a list"),
        pytest.param(set[str], '{"L":[{"S":"a"}]}', {"a"}, id="text set as a list"),
        pytest.param(set[bytes], '{"L":[{"L":[{"N":"1"}]}]}', {b"\x01"}, id="bytes in it as a list too"),
        pytest.param(set[str], '{"NULL":true}', set[str](), id="empty set"),
        pytest.param(frozenset[int], '{"NULL":true}', frozenset[int](), id="empty frozenset"),
        pytest.param(list[set[str]], '{"L":[{"NULL":true}]}', [set[str]()], id="empty set in a list"),
    ],
)
def test_a_set_of_another_service_is_read(tp: Any, text: str, value: object) -> None:
    assert field(tp).decode(text) == value


@pytest.mark.parametrize(
    ("tp", "value", "path"),
    [
        pytest.param(list[int], [1, "x"], "Thing.value[1]", id="list"),
        pytest.param(list[int], "12", "Thing.value", id="text for a list"),
        pytest.param(list[int], {1}, "Thing.value", id="set for a list"),
        pytest.param(tuple[int, str], (1, 2), "Thing.value[1]", id="tuple"),
        pytest.param(tuple[int, str], (1,), "Thing.value", id="short tuple"),
        pytest.param(set[int], [1, 2], "Thing.value", id="list for a set"),
        pytest.param(set[int], {1, "x"}, "Thing.value", id="set"),
        pytest.param(set[int], {True}, "Thing.value", id="bool in a number set"),
        pytest.param(dict[str, int], {"a": {}}, "Thing.value['a']", id="dict"),
        pytest.param(dict[str, int], [("a", 1)], "Thing.value", id="pairs for a dict"),
        pytest.param(dict[str, int], {1: 1}, "Thing.value", id="number for a name"),
        pytest.param(dict[int, int], {"1": 1}, "Thing.value", id="text for a number"),
        pytest.param(str | int, 1.5, "Thing.value", id="union"),
        pytest.param(str | list[int], [1, "x"], "Thing.value[1]", id="union, inside a member"),
        pytest.param(str | int, 10**38 + 1, "Thing.value", id="union, refused by its member"),
        pytest.param(list[Point], [Point(1), Point(1, WRONG)], "Thing.value[1].y", id="class in a list"),
        pytest.param(dict[str, list[Point]], {"a": [Point(WRONG)]}, "Thing.value['a'][0].x", id="deep"),
        pytest.param(Any, [0, {"a": object()}], "Thing.value[1]['a']", id="anything"),
        pytest.param(Any, {1: "x"}, "Thing.value", id="anything, name"),
        pytest.param(Any, {1, "x"}, "Thing.value", id="anything, mixed set"),
        pytest.param(Any, {True}, "Thing.value", id="anything, set of bool"),
        pytest.param(Any, {("a",)}, "Thing.value", id="anything, set of tuples"),
        pytest.param(Any, [float("nan")], "Thing.value[0]", id="anything, NaN"),
        pytest.param(Any, ID, "Thing.value", id="anything, UUID"),
    ],
)
def test_a_wrong_element_is_refused_with_its_path(tp: Any, value: object, path: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).encode(value)

    assert caught.value.path == path


@pytest.mark.parametrize(
    ("tp", "text", "path"),
    [
        pytest.param(list[int], '{"L":[{"N":"1"},{"N":"x"}]}', "Thing.value[1]", id="list"),
        pytest.param(list[int], '{"L":[{"N":"1"},{"S":"x"}]}', "Thing.value[1]", id="list, tag"),
        pytest.param(list[int], '{"L":[{}]}', "Thing.value[0]", id="list, no tag"),
        pytest.param(list[int], '{"NULL":true}', "Thing.value", id="NULL for a list"),
        pytest.param(set[int], '{"NS":["1","x"]}', "Thing.value[1]", id="set"),
        pytest.param(set[int], '{"NS":["1",2]}', "Thing.value[1]", id="set, JSON number"),
        pytest.param(set[int], "{}", "Thing.value", id="set, no tag"),
        pytest.param(set[bytes], '{"BS":["!"]}', "Thing.value[0]", id="set, no base64"),
        pytest.param(
            tuple[int, str], '{"L":[{"N":"1"},{"S":"x"},{"S":"y"}]}', "Thing.value", id="long tuple"
        ),
        pytest.param(tuple[int, str], '{"L":[{"N":"x"},{"S":"x"}]}', "Thing.value[0]", id="tuple"),
        pytest.param(tuple[int, str], "{}", "Thing.value", id="tuple, no tag"),
        pytest.param(dict[str, int], '{"M":{"a":{"N":"x"}}}', "Thing.value['a']", id="dict"),
        pytest.param(dict[str, int], '{"M":{"a":{"S":"x"}}}', "Thing.value[...]", id="dict, tag"),
        pytest.param(dict[str, int], "{}", "Thing.value", id="dict, no tag"),
        pytest.param(dict[UUID, int], '{"M":{"x":{"N":"1"}}}', "Thing.value['x']", id="dict, name"),
        pytest.param(list[Point], '{"L":[{"M":{"x":{"N":"x"}}}]}', "Thing.value[0].x", id="class in a list"),
        pytest.param(
            list[Point], '{"L":[{"M":{"x":{"S":"x"}}}]}', "Thing.value[0].x", id="class in a list, tag"
        ),
        pytest.param(Point, '{"S":"x"}', "Thing.value", id="text for a class"),
        pytest.param(Point, "{}", "Thing.value", id="no tag for a class"),
        pytest.param(Any, '{"L":[{"S":"a"},{"M":{"b":{"N":"x"}}}]}', "Thing.value[1]['b']", id="anything"),
        pytest.param(Any, '{"NS":["1","x"]}', "Thing.value[1]", id="anything, set"),
        pytest.param(str | int, '{"NULL":true}', "Thing.value", id="NULL for a union"),
        pytest.param(str | int, '{"BOOL":true}', "Thing.value", id="bool for a union"),
    ],
)
def test_a_wrong_stored_element_is_refused_with_its_path(tp: Any, text: str, path: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).decode(text)

    assert caught.value.path == path


class Pair(NamedTuple):
    x: int
    y: str


class Options(TypedDict):
    x: int


@pytest.mark.parametrize(
    ("tp", "value", "text"),
    [
        pytest.param(Pair, Pair(1, "a"), '{"L":[{"N":"1"},{"S":"a"}]}', id="NamedTuple"),
        pytest.param(Options, {"x": 1}, '{"M":{"x":{"N":"1"}}}', id="TypedDict"),
        pytest.param(Path, Path("/x"), '{"S":"/x"}', id="path"),
        pytest.param(
            OrderedDict[str, int], OrderedDict([("a", 1)]), '{"M":{"a":{"N":"1"}}}', id="OrderedDict"
        ),
        pytest.param(Counter[str], Counter("aa"), '{"M":{"a":{"N":"2"}}}', id="Counter"),
    ],
)
def test_a_type_that_only_cattrs_knows_is_stored_as_cattrs_says(tp: Any, value: object, text: str) -> None:
    values = field(tp)

    assert values.encode(value) == text
    assert values.decode(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"N":"3"}', 3, id="whole"),
        pytest.param('{"N":"3.0"}', 3, id="whole with a point"),
        pytest.param('{"N":"0.1"}', 0.1, id="what a float says"),
        pytest.param('{"N":"0.12345678901234567"}', Decimal("0.12345678901234567"), id="what no float says"),
        pytest.param('{"N":"1E-130"}', 1e-130, id="small"),
        pytest.param('{"M":{"a":{"L":[{"NULL":true},{"BOOL":false}]}}}', {"a": [None, False]}, id="nested"),
        pytest.param('{"NS":["1","0.5"]}', {1, 0.5}, id="set of numbers"),
    ],
)
def test_a_value_without_a_declared_type_is_read_exactly(text: str, value: object) -> None:
    found = field(Any).decode(text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "tp",
    [
        pytest.param(str | UUID, id="text and UUID"),
        pytest.param(int | float, id="int and float"),
        pytest.param(Point | dict[str, int], id="class and dict"),
        pytest.param(list[int] | tuple[int, ...], id="list and tuple"),
        pytest.param(str | Any, id="text and anything"),
        pytest.param(Any | str, id="anything and text"),
        pytest.param(list[str | UUID], id="inside a list"),
    ],
)
def test_a_union_that_could_not_be_read_back_is_refused_with_class_and_field(tp: Any) -> None:
    with pytest.raises(InvalidModel, match=r"Thing\.value") as caught:
        field(tp)

    assert caught.value.code == "codecs.ambiguous-union"


class Unknown:
    pass


@pytest.mark.parametrize(
    ("tp", "code"),
    [
        pytest.param(Unknown, "codecs.unknown-type", id="plain class"),
        pytest.param(list[Unknown], "codecs.unknown-type", id="in a list"),
        pytest.param(complex, "codecs.unknown-type", id="complex"),
        pytest.param(set, "codecs.set-element", id="bare set"),
        pytest.param(set[Point], "codecs.set-element", id="set of classes"),
        pytest.param(set[bool], "codecs.set-element", id="set of bool"),
        pytest.param(set[tuple[int, int]], "codecs.set-element", id="set of tuples"),
        pytest.param(dict[bytes, int], "codecs.map-key", id="dict by bytes"),
        pytest.param(dict[bool, int], "codecs.map-key", id="dict by bool"),
        pytest.param(dict[str | None, int], "codecs.map-key", id="dict by None"),
        pytest.param("NoSuchName", "model.unknown-annotation", id="unknown name"),
    ],
)
def test_a_type_without_a_stored_form_is_refused_with_class_and_field(tp: Any, code: str) -> None:
    with pytest.raises(InvalidModel, match=r"Thing\.value") as caught:
        field(tp)

    assert caught.value.code == code


def test_an_error_deep_in_nested_lists_is_found_in_one_pass() -> None:
    value: Any = object()
    for _ in range(31):
        value = [value]

    with pytest.raises(InvalidValue) as caught:
        field(Any).encode(value)

    assert caught.value.path == "Thing.value" + "[0]" * 31
