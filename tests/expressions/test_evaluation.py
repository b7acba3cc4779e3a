"""R53: whether a condition holds, told here as DynamoDB would tell it.

That engines tell the same is in tests/client/test_conditional_keys.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dynamorm_async.expressions import Condition, Path, Place, holds, raw, unevaluable


class Thing:
    """The owner of the places."""


def path(name: str) -> Path[Any, Any]:
    return Path(Place(Thing, (name,)))


STORED: Mapping[str, Mapping[str, Any]] = {
    "text": {"S": "ab"},
    "wide": {"S": "\uff5a"},
    "number": {"N": "10"},
    "blob": {"B": "AAE="},
    "flag": {"BOOL": True},
    "null": {"NULL": True},
    "texts": {"SS": ["b", "a"]},
    "numbers": {"NS": ["1", "2.0"]},
    "list": {"L": [{"N": "1"}, {"S": "x"}]},
    "map": {"M": {"a": {"N": "1.0"}}},
}

text, number, blob, gone = path("text"), path("number"), path("blob"), path("gone")


CASES: dict[str, tuple[Condition[Any], list[dict[str, Any]], bool]] = {
    "equal": (text == "ab", [{"S": "ab"}], True),
    "numbers by value": (number == 10, [{"N": "1E+1"}], True),
    "other types differ": (number == "10", [{"S": "10"}], False),
    "unequal": (text != "b", [{"S": "b"}], True),
    "absent differs": (gone != "b", [{"S": "b"}], True),
    "absent equals nothing": (gone == "b", [{"S": "b"}], False),
    "numbers are ordered by value": (number > 9, [{"N": "9"}], True),
    "texts are ordered by bytes": (path("wide") < "😀", [{"S": "😀"}], True),
    "binary is ordered by bytes": (blob >= b"\x00\xff", [{"B": "AP8="}], False),
    "types have no order": (text < 5, [{"N": "5"}], False),
    "at most": (number <= 10, [{"N": "10"}], True),
    "truth has no order": (path("flag") < 1, [{"BOOL": False}], False),
    "absent has no order": (gone < "z", [{"S": "z"}], False),
    "between includes its ends": (number.between(10, 12), [{"N": "10"}, {"N": "12"}], True),
    "outside": (number.between(11, 12), [{"N": "11"}, {"N": "12"}], False),
    "one of": (text.is_in(["x", "ab"]), [{"S": "x"}, {"S": "ab"}], True),
    "none of": (gone.is_in(["x"]), [{"S": "x"}], False),
    "begins": (text.begins_with("a"), [{"S": "a"}], True),
    "binary begins": (blob.begins_with(b"\x00"), [{"B": "AA=="}], True),
    "a number begins with nothing": (number.begins_with("1"), [{"S": "1"}], False),
    "a part of a text": (text.contains("b"), [{"S": "b"}], True),
    "an element of a set": (path("texts").contains("a"), [{"S": "a"}], True),
    "an element of a set by value": (path("numbers").contains(2), [{"N": "2"}], True),
    "an element of a list": (path("list").contains("x"), [{"S": "x"}], True),
    "no element": (path("list").contains(7), [{"N": "7"}], False),
    "a number contains nothing": (number.contains(1), [{"N": "1"}], False),
    "sets in any order": (path("texts") == {"a", "b"}, [{"SS": ["a", "b"]}], True),
    "maps by value": (path("map") == {"a": 1}, [{"M": {"a": {"N": "1"}}}], True),
    "lists in order": (path("list") == ["x", 1], [{"L": [{"S": "x"}, {"N": "1"}]}], False),
    "NULL is stored": (path("null").exists(), [], True),
    "absent": (gone.not_exists(), [], True),
    "reads as None": (path("null").is_null(), [{"S": "NULL"}], True),
    "a type": (text.is_type("N"), [{"S": "N"}], False),
    "and": ((text == "ab") & (number == 1), [{"S": "ab"}, {"N": "1"}], False),
    "or takes the values of all": (
        ((text == "ab") | (text == "x")) & (number == 10),
        [{"S": "ab"}, {"S": "x"}, {"N": "10"}],
        True,
    ),
    "not": (~(gone == "b"), [{"S": "b"}], True),
}


@pytest.mark.parametrize(("condition", "values", "expected"), CASES.values(), ids=CASES)
def test_a_condition_holds_as_the_service_says(
    condition: Condition[Any], values: list[dict[str, Any]], expected: bool
) -> None:
    assert unevaluable(condition.form) is None

    found = holds(condition.form, values, lambda place: STORED.get(str(place.steps[0])))

    assert found is expected


@pytest.mark.parametrize(
    ("condition", "what"),
    [
        pytest.param(raw("size(a) > :n", values={":n": 1}), "text by hand", id="raw"),
        pytest.param(text.size() > 3, "a size", id="size"),
        pytest.param((text == "a") & text.size().between(1, 2), "a size", id="inside and"),
        pytest.param(~(text == path("wide")), "a comparison of two fields", id="two fields"),
        pytest.param(path("map")["a"].exists(), "a part of a field", id="part"),
    ],
)
def test_what_only_the_service_can_tell_is_named(condition: Condition[Any], what: str) -> None:
    assert unevaluable(condition.form) == what
