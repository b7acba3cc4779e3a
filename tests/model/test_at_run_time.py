"""R3, R12: paths and conditions from names that come from outside."""

from typing import Any

import pytest

from dynamorm_async.errors import InvalidExpression, InvalidModel
from dynamorm_async.expressions import Condition, readable
from dynamorm_async.model import Attr, attribute, condition, model, partition_key, path_of


@model(table="orders")
class Order:
    id: Attr[str] = partition_key()
    status: Attr[str] = attribute(default="", name="st")
    size: Attr[int] = attribute(default=0)
    lines: Attr[list[dict[str, int]]] = attribute(factory=list)


@pytest.mark.parametrize(
    ("operator", "value", "same"),
    [
        ("=", "x", Order.status == "x"),
        ("==", "x", Order.status == "x"),
        ("!=", "x", Order.status != "x"),
        ("<>", "x", Order.status != "x"),
        ("<", "x", Order.status < "x"),
        ("<=", "x", Order.status <= "x"),
        (">", "x", Order.status > "x"),
        (">=", "x", Order.status >= "x"),
        ("=", None, Order.status.is_null()),
        ("!=", None, ~Order.status.is_null()),
        ("between", ("a", "b"), Order.status.between("a", "b")),
        ("between", ["a", "b"], Order.status.between("a", "b")),
        ("in", ["a", "b"], Order.status.is_in(["a", "b"])),
        ("IN", ("a",), Order.status.is_in(["a"])),
        ("begins_with", "x", Order.status.begins_with("x")),
        ("begins with", "x", Order.status.begins_with("x")),
        ("contains", "x", Order.status.contains("x")),
        ("exists", None, Order.status.exists()),
        ("not_exists", None, Order.status.not_exists()),
        ("NOT  EXISTS", None, Order.status.not_exists()),
        ("is_null", None, Order.status.is_null()),
        ("is_not_null", None, ~Order.status.is_null()),
        ("type", "S", Order.status.is_type("S")),
        ("size =", 3, Order.status.size() == 3),
        ("size !=", 3, Order.status.size() != 3),
        ("size <", 3, Order.status.size() < 3),
        ("size <=", 3, Order.status.size() <= 3),
        ("size >", 3, Order.status.size() > 3),
        ("size_>=", 3, Order.status.size() >= 3),
        ("size between", (1, 3), Order.status.size().between(1, 3)),
    ],
)
def test_a_condition_by_name_is_the_one_by_path(operator: str, value: Any, same: Condition[Any]) -> None:
    made = condition(Order, "status", operator, value)

    assert (made.form, made.values) == (same.form, same.values)


def test_a_sequence_names_a_part() -> None:
    assert repr(path_of(Order, ["lines", 0, "price"])) == "<Path Order.lines[0]['price']>"
    assert readable(condition(Order, ("lines", 0, "a.b"), ">", 3)) == "lines[0]['a.b'] > 3"


@pytest.mark.parametrize("field", ["st", "nope", "", "lines.0", "__class__", 3, None, [], [0, "id"], b"id"])
def test_what_is_no_field_s_name_is_refused(field: Any) -> None:
    with pytest.raises(InvalidExpression) as caught:
        condition(Order, field, "=", 1)

    assert caught.value.what.startswith("Order has no field ")
    assert caught.value.fix == "use one of id, status, size, lines"


@pytest.mark.parametrize("step", [-1, True, 1.5, None])
def test_what_is_no_step_is_refused(step: Any) -> None:
    with pytest.raises(InvalidExpression, match=r"lines\["):
        path_of(Order, ["lines", step])


@pytest.mark.parametrize(
    "operator", ["", "like", "size", "size in", "size exists", "= 1 OR a", "&", 3, None, ["="]]
)
def test_what_is_no_operator_is_refused(operator: Any) -> None:
    with pytest.raises(InvalidExpression) as caught:
        condition(Order, "size", operator, 1)

    assert caught.value.what == f"{operator!r} is no operator"
    assert caught.value.code == "model.unknown-operator"


@pytest.mark.parametrize(
    ("operator", "value", "told"),
    [
        ("between", 3, "between takes a pair, not 3"),
        ("between", "ab", "between takes a pair, not 'ab'"),
        ("between", (1, 2, 3), "between takes a pair, not (1, 2, 3)"),
        ("size between", None, "between takes a pair, not None"),
        ("in", "abc", "size.is_in('abc') takes several values"),
        ("in", 3, "size.is_in(3) takes several values"),
        ("in", None, "size.is_in(None) takes several values"),
        ("type", "text", "size.is_type('text'): no type tag"),
    ],
)
def test_an_operand_that_does_not_fit_its_operator_is_refused(operator: str, value: Any, told: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        condition(Order, "size", operator, value)

    assert caught.value.what == told


def test_conditions_are_for_models() -> None:
    with pytest.raises(InvalidModel):
        condition(int, "real", "=", 1)
