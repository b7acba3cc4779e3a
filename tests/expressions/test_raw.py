"""R23: hand-written expressions join typed ones, and never collide with them."""

from typing import Any

import pytest

from dynamorm_async.errors import InvalidExpression
from dynamorm_async.expressions import raw, readable
from tests.expressions.spelling import compiled, condition_text, field, update_text

a = field("a")


@pytest.mark.parametrize(
    ("text", "names", "values", "told", "code"),
    [
        pytest.param("", {}, {}, "a raw expression is empty", "empty-raw", id="empty"),
        pytest.param(" \n ", {}, {}, "a raw expression is empty", "empty-raw", id="blank"),
        pytest.param(
            "n = :x",
            {},
            {},
            "raw('n = :x') uses :x without a meaning",
            "undefined-placeholder",
            id="undefined",
        ),
        pytest.param(
            "#n = #m",
            {"#m": "m"},
            {},
            "raw('#n = #m') uses #n without a meaning",
            "undefined-placeholder",
            id="undefined name",
        ),
        pytest.param(
            "n = m",
            {"#n": "n"},
            {":x": 1},
            "raw('n = m') does not use #n, :x",
            "unused-placeholder",
            id="unused",
        ),
        pytest.param(
            "n = :xy",
            {},
            {":x": 1, ":xy": 1},
            "raw('n = :xy') does not use :x",
            "unused-placeholder",
            id="prefix",
        ),
        pytest.param(
            "#dn0 = :x",
            {"#dn0": "n"},
            {":x": 1},
            "raw('#dn0 = :x') uses #dn0",
            "reserved-placeholder",
            id="our name",
        ),
        pytest.param(
            "n = :dv_mine",
            {},
            {":dv_mine": 1},
            "raw('n = :dv_mine') uses :dv_mine",
            "reserved-placeholder",
            id="our value",
        ),
        pytest.param("n = :x", {}, {"x": 1}, "'x' is no placeholder", "placeholder", id="no colon"),
        pytest.param("#n = m", {"n": "n"}, {}, "'n' is no placeholder", "placeholder", id="no hash"),
        pytest.param(
            "n = :x", {":x": "n"}, {}, "':x' is no placeholder", "placeholder", id="a value as a name"
        ),
        pytest.param(
            "#n = m", {}, {"#n": 1}, "'#n' is no placeholder", "placeholder", id="a name as a value"
        ),
        pytest.param("n = :a-b", {}, {":a-b": 1}, "':a-b' is no placeholder", "placeholder", id="odd sign"),
        pytest.param(
            "(n = m", {}, {}, "raw('(n = m'): its parentheses do not match", "parentheses", id="open"
        ),
        pytest.param(
            "n = m) OR (n = o",
            {},
            {},
            "raw('n = m) OR (n = o'): its parentheses do not match",
            "parentheses",
            id="closes what others opened",
        ),
    ],
)
def test_a_raw_expression_that_contradicts_itself_is_refused(
    text: str, names: dict[str, str], values: dict[str, Any], told: str, code: str
) -> None:
    with pytest.raises(InvalidExpression) as caught:
        raw(text, names=names, values=values)

    assert caught.value.what == told
    assert caught.value.code == f"expressions.{code}"


def test_two_raw_expressions_may_not_give_a_name_two_meanings() -> None:
    one, other = (raw("#x = m", names={"#x": name}) for name in ("n", "o"))

    with pytest.raises(InvalidExpression, match="two raw expressions of one request give #x two meanings"):
        compiled(one & other)


def test_two_raw_expressions_may_not_share_a_value_placeholder() -> None:
    one, other = (raw("n = :x", values={":x": value}) for value in (1, 2))

    with pytest.raises(InvalidExpression) as caught:
        compiled(one, filter=other)

    assert caught.value.code == "expressions.placeholder-collision"


def test_two_raw_expressions_may_share_a_name_of_one_meaning() -> None:
    one, other = (raw(f"#x = {other}", names={"#x": "n"}) for other in ("m", "o"))

    assert condition_text(one & other) == "(#x = m) AND (#x = o)"


def test_an_attribute_called_like_our_placeholder_changes_nothing() -> None:
    both = raw("#x = m", names={"#x": "#dn0"}) & (field("#x") == 1)

    assert compiled(both).names == {"#x": "#dn0", "#dn0": "#x"}


def test_a_raw_change_is_one_of_the_set_clause() -> None:
    change = raw("n = n - :x", values={":x": 1})

    assert update_text(a.remove(), change, field("b").set(2)) == "SET n = n - :x, #dn0 = :dv1 REMOVE #dn1"


def test_a_raw_condition_reads_with_its_meanings() -> None:
    condition = raw("#n = :ab OR size(#n) > :a", names={"#n": "tags"}, values={":a": 3, ":ab": ":a"})

    assert readable(condition) == "tags = ':a' OR size(tags) > 3"
