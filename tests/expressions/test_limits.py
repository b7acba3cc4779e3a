"""R30, R103: what the service would refuse is refused before anything is sent."""

from typing import Any

import pytest

from dynamorm_async.errors import InvalidExpression, LimitExceeded
from dynamorm_async.expressions import Condition, Request, compile_request
from dynamorm_async.wire import Limits
from tests.expressions.spelling import compiled, condition_text, field, resolve

a = field("a")


def test_in_without_operands_is_refused() -> None:
    with pytest.raises(InvalidExpression) as caught:
        compiled(a.is_in([]))

    assert str(caught.value) == (
        "a.is_in() got no values\n"
        "  why: nothing is in an empty list, and the service refuses one\n"
        "  fix: leave the call out where there is nothing to compare with\n"
        "  [expressions.empty-in]"
    )


def test_in_takes_a_hundred_operands() -> None:
    assert condition_text(a.is_in(range(100))).count(":dv") == 100


def test_in_with_a_hundred_and_one_operands_is_refused() -> None:
    with pytest.raises(LimitExceeded) as caught:
        compiled(a.is_in(range(101)))

    assert caught.value.what == "a.is_in() got 101 values"
    assert caught.value.code == "expressions.in-operands"


@pytest.mark.parametrize("values", [0, 101])
def test_what_would_be_refused_can_still_be_shown(values: int) -> None:
    assert repr(a.is_in(range(values))).startswith("<Condition a IN (")


def padded(size: int) -> Condition[Any]:
    """Return a condition whose text has as many bytes: `#dn0[111…] = :dv0`."""
    empty = len("#dn0[] = :dv0")
    return a[int("1" * (size - empty))] == 1


def test_a_text_of_4096_bytes_is_taken() -> None:
    assert len(condition_text(padded(4096))) == 4096


def test_a_text_of_4097_bytes_is_refused() -> None:
    with pytest.raises(LimitExceeded) as caught:
        compiled(padded(4097))

    assert caught.value.what == "an expression has 4097 bytes"
    assert caught.value.code == "expressions.too-long"


def test_each_expression_has_4096_bytes_of_its_own() -> None:
    texts = compiled(padded(4096), filter=padded(4096)).texts

    assert [len(text) for text in texts.values()] == [4096, 4096]


def chain(operators: int) -> Condition[Any]:
    # Two comparisons with the AND between them are three operators, and each more adds two.
    whole = a == 1
    for _ in range(operators // 2):
        whole = whole & (a == 1)
    return whole


LOOSE = Limits(expression_bytes=100_000)


def test_299_operators_are_taken() -> None:
    assert compile_request(Request(condition=chain(299)), resolve, limits=LOOSE).texts


def test_301_operators_are_refused() -> None:
    with pytest.raises(LimitExceeded) as caught:
        compile_request(Request(condition=chain(301)), resolve, limits=LOOSE)

    assert caught.value.what == "an expression has 301 operators and functions"
    assert caught.value.code == "expressions.too-many-operators"


@pytest.mark.parametrize(
    ("condition", "operators"),
    [
        pytest.param(a == 1, 1, id="comparison"),
        pytest.param(a == field("b"), 1, id="attributes"),
        pytest.param(a.between(1, 2), 1, id="between"),
        pytest.param(a.is_in(range(9)), 1, id="in"),
        pytest.param(a.contains(1), 1, id="function"),
        pytest.param(a.exists(), 1, id="exists"),
        pytest.param(a.is_type("S"), 1, id="type"),
        pytest.param(a.size() > 1, 2, id="size"),
        pytest.param(a.size().between(1, 2), 2, id="size between"),
        pytest.param(~(a == 1), 2, id="not"),
        pytest.param(a.is_null(), 3, id="null"),
    ],
)
def test_every_operator_and_function_counts(condition: Condition[Any], operators: int) -> None:
    fits, less = (Limits(expression_operators=most) for most in (operators, operators - 1))

    assert compile_request(Request(condition=condition), resolve, limits=fits)
    with pytest.raises(LimitExceeded, match=f"has {operators} operators"):
        compile_request(Request(condition=condition), resolve, limits=less)


@pytest.mark.parametrize(
    ("update", "operators"),
    [
        pytest.param(a.set(1), 0, id="the = of SET is free"),
        pytest.param(a.set_if_absent(1), 1, id="if_not_exists"),
        pytest.param(a.append([1]), 2, id="list_append and if_not_exists"),
        pytest.param(a.prepend([1]), 2, id="prepend"),
    ],
)
def test_functions_of_an_update_count(update: Any, operators: int) -> None:
    fits, less = (Limits(expression_operators=most) for most in (operators, operators - 1))

    assert compile_request(Request(updates=(update,)), resolve, limits=fits)
    with pytest.raises(LimitExceeded):
        compile_request(Request(updates=(update,)), resolve, limits=less)


def test_operators_of_one_expression_do_not_count_for_the_next() -> None:
    request = Request(condition=a == 1, filter=a == 2, updates=(a.set_if_absent(1),))

    assert len(compile_request(request, resolve, limits=Limits(expression_operators=1)).texts) == 3


@pytest.mark.parametrize("name", ["", "\ud800", "x" * 65_536], ids=["empty", "surrogate", "too long"])
def test_a_name_that_no_attribute_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        compiled(a[name].exists())

    assert caught.value.code == "expressions.attribute-name"
    assert len(str(caught.value)) < 250


def test_a_long_chain_needs_no_recursion() -> None:
    with pytest.raises(LimitExceeded, match="bytes"):
        compiled(chain(5001))
