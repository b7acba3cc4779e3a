"""What a path is beside what it makes: no container, no truth value, a name of its own."""

import pickle
from collections.abc import Callable
from copy import deepcopy
from operator import and_, or_  # pyright: ignore[reportUnknownVariableType]
from typing import Any, cast

import pytest

from dynamorm_async.errors import InvalidExpression
from dynamorm_async.expressions import Condition, Place, readable
from tests.expressions.spelling import Thing, field

a, b = field("a"), field("b")


def test_a_path_shows_owner_and_steps() -> None:
    assert repr(a["k"][0]) == "<Path Thing.a['k'][0]>"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        pytest.param(-1, "a[-1]: the service counts list elements from 0, not from the end", id="negative"),
        pytest.param(True, "a[True]: a path takes names and whole numbers", id="bool"),
        pytest.param(1.0, "a[1.0]: a path takes names and whole numbers", id="float"),
        pytest.param(slice(1, 2), "a[slice(1, 2, None)]: a path takes names and whole numbers", id="slice"),
        pytest.param(b, "a[<Path Thing.b>]: a path takes names and whole numbers", id="path"),
    ],
)
def test_a_step_is_a_name_or_a_whole_number(key: Any, told: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        a[key]

    assert caught.value.what == told


def test_a_path_is_no_container() -> None:
    with pytest.raises(TypeError):
        cast("Any", "x" in cast("Any", a))
    with pytest.raises(TypeError):
        list(cast("Any", a))


@pytest.mark.parametrize(
    ("thing", "what"),
    [
        pytest.param(a == 1, "a condition", id="condition"),
        pytest.param(a, "a field of a model class", id="path"),
        pytest.param(a.size(), "a size", id="size"),
    ],
)
def test_what_only_the_service_can_test_has_no_truth_value(thing: Any, what: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        bool(thing)

    assert caught.value.what == f"{what} has no truth value in Python"
    assert caught.value.code == "expressions.truth-value"


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda: (a == 1) and (b == 2), id="and"),
        pytest.param(lambda: a or (b == 2), id="or"),
        pytest.param(lambda: not cast("Any", a), id="not"),
        pytest.param(lambda: 1 < a < 3, id="chained comparison"),
        pytest.param(lambda: a in [b, a], id="in a list"),
        pytest.param(lambda: [b].index(a), id="index"),
        pytest.param(lambda: 1 if cast("Any", a == 1) else 2, id="if"),
    ],
)
def test_python_s_own_logic_over_conditions_is_refused(use: Any) -> None:
    with pytest.raises(InvalidExpression):
        use()


def test_paths_are_keys_of_a_dict_by_identity() -> None:
    assert {a: 1}[a] == 1
    with pytest.raises(TypeError):
        hash(a.size())


def test_conditions_join_conditions_only() -> None:
    for other in (a.set(1), True, "x = y", None):
        with pytest.raises(TypeError):
            and_(a == 1, other)
        with pytest.raises(TypeError):
            or_(a == 1, other)


@pytest.mark.parametrize(
    ("slip", "fix"),
    [
        pytest.param(lambda: eval("a > 3 & a", {"a": a}), "parentheses", id="no parentheses"),
        pytest.param(lambda: eval("(a == 1) & a", {"a": a}), "parentheses", id="a field for a condition"),
        pytest.param(lambda: eval("a + 1", {"a": a}), ".add(...)", id="arithmetic"),
        pytest.param(lambda: eval("len(a)", {"a": a}), ".size()", id="length"),
    ],
)
def test_a_slip_with_a_field_says_what_was_meant(slip: Callable[[], object], fix: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        slip()

    assert fix in str(caught.value.fix)


def test_a_part_of_a_value_is_no_attribute_of_its_path() -> None:
    with pytest.raises(AttributeError, match=r"\['city'\]"):
        eval("a.city", {"a": a})


def test_joining_leaves_both_sides_as_they_were() -> None:
    left, right = a == 1, b == 2

    both = left & right

    assert (left.values, right.values, both.values) == ((1,), (2,), (1, 2))
    assert readable(left) == "a = 1"


def test_a_type_tag_is_one_of_the_service_s() -> None:
    with pytest.raises(InvalidExpression) as caught:
        a.is_type(cast("Any", "string"))

    assert caught.value.what == "a.is_type('string'): no type tag"
    assert caught.value.fix == "use one of S, N, B, BOOL, NULL, SS, NS, BS, L, M"


def test_a_condition_reads_in_field_names_and_values() -> None:
    condition = (a["k"] == "x") & ~(b.is_in([1, 2]) | (b.size() > 3)) & a.between(1, b"2")

    assert readable(condition) == "a['k'] = 'x' AND NOT (b IN (1, 2) OR size(b) > 3) AND a BETWEEN 1 AND b'2'"
    assert repr(condition) == f"<Condition {readable(condition)}>"


def test_a_condition_with_a_long_value_stays_short() -> None:
    assert len(readable(a == "x" * 10_000)) == len("a = ") + 80


def test_places_are_equal_by_owner_and_steps() -> None:
    assert Place(Thing, ("a", 0)) == Place(Thing, ("a", 0))
    assert Place(Thing, ("a",)) != Place(Condition, ("a",))
    assert len({Place(Thing, ("a",)), Place(Thing, ("a",))}) == 1


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize(
    "copied", [pytest.param(deepcopy, id="deepcopy"), pytest.param(pickled, id="pickle")]
)
def test_conditions_and_updates_survive_copies(copied: Callable[[Any], Any]) -> None:
    condition, update = copied((a == 1) & b.exists()), copied(a.append([1]))

    assert readable(condition) == "a = 1 AND attribute_exists(b)"
    assert (update.place, update.values, update.repeatable) == (a.place, ([], [1]), False)
