"""R28, R32, R33: the exact text, names and values of updates, and what may be sent twice."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from dynamorm_async.errors import InvalidExpression
from dynamorm_async.expressions import Condition, Request, Update, raw
from tests.expressions.spelling import compiled, field, members, names_and_values, update_text

a, b, c = field("a"), field("b"), field("c")

CASES: dict[str, tuple[tuple[Update[Any], ...], str, list[str], list[Any]]] = {
    "set": ((a.set(1),), "SET #dn0 = :dv0", ["a"], [1]),
    "set a map key": ((a["k"].set(1),), "SET #dn0.#dn1 = :dv0", ["a", "k"], [1]),
    "set a list element": ((a[3].set(1),), "SET #dn0[3] = :dv0", ["a"], [1]),
    "set from an attribute": ((a.set(b),), "SET #dn0 = #dn1", ["a", "b"], []),
    "set from a part": ((a.set(b["k"][0]),), "SET #dn0 = #dn1.#dn2[0]", ["a", "b", "k"], []),
    "set if absent": ((a.set_if_absent(1),), "SET #dn0 = if_not_exists(#dn0, :dv0)", ["a"], [1]),
    "add": ((a.add(5),), "ADD #dn0 :dv0", ["a"], [5]),
    "add less": ((a.add(-5),), "ADD #dn0 :dv0", ["a"], [-5]),
    "add time": ((a.add(timedelta(1)),), "ADD #dn0 :dv0", ["a"], ["1 day, 0:00:00"]),
    "subtract": ((a.subtract(5),), "ADD #dn0 :dv0", ["a"], [-5]),
    "subtract a fraction": ((a.subtract(0.5),), "ADD #dn0 :dv0", ["a"], [-0.5]),
    "subtract all digits": (
        (a.subtract(Decimal("0." + "123456789" * 4)),),
        "ADD #dn0 :dv0",
        ["a"],
        ["-0." + "123456789" * 4],
    ),
    "add elements": ((a.add({"x"}),), "ADD #dn0 :dv0", ["a"], ["frozenset({'x'})"]),
    "add elements out of a list": ((a.add(["x", "x"]),), "ADD #dn0 :dv0", ["a"], ["frozenset({'x'})"]),
    "discard": ((a.discard({"x"}),), "DELETE #dn0 :dv0", ["a"], ["frozenset({'x'})"]),
    "remove": ((a.remove(),), "REMOVE #dn0", ["a"], []),
    "remove a list element": ((a[0].remove(),), "REMOVE #dn0[0]", ["a"], []),
    "remove a map key": ((a["k"].remove(),), "REMOVE #dn0.#dn1", ["a", "k"], []),
    "append": (
        (a.append([1, 2]),),
        "SET #dn0 = list_append(if_not_exists(#dn0, :dv0), :dv1)",
        ["a"],
        [[], [1, 2]],
    ),
    "prepend": (
        (a.prepend((1, 2)),),
        "SET #dn0 = list_append(:dv0, if_not_exists(#dn0, :dv1))",
        ["a"],
        [[1, 2], []],
    ),
    "append nothing": (
        (a.append([]),),
        "SET #dn0 = list_append(if_not_exists(#dn0, :dv0), :dv1)",
        ["a"],
        [[], []],
    ),
    "several of one clause": ((a.set(1), b.set(2)), "SET #dn0 = :dv0, #dn1 = :dv1", ["a", "b"], [1, 2]),
    "every clause": (
        (field("d").discard({1}), a.add(1), b.remove(), c.set("s")),
        "SET #dn0 = :dv0 REMOVE #dn1 ADD #dn2 :dv1 DELETE #dn3 :dv2",
        ["c", "b", "a", "d"],
        ["s", 1, "frozenset({1})"],
    ),
    "clauses keep the order within": (
        (a.set(1), b.add(2), c.set(3), field("d").add(4)),
        "SET #dn0 = :dv0, #dn1 = :dv1 ADD #dn2 :dv2, #dn3 :dv3",
        ["a", "c", "b", "d"],
        [1, 3, 2, 4],
    ),
    "neighbours in a list": ((a[0].set(1), a[1].remove()), "SET #dn0[0] = :dv0 REMOVE #dn0[1]", ["a"], [1]),
    "raw": (
        (raw("#x = #x + :x", names={"#x": "n"}, values={":x": 2}), a.set(1)),
        "SET #x = #x + :x, #dn0 = :dv1",
        ["n", "a"],
        [2, 1],
    ),
    "odd names": ((field("a.b")["#c d"].set(1),), "SET #dn0.#dn1 = :dv0", ["a.b", "#c d"], [1]),
    "value as an expression": ((a.set("#dn0 + :dv0"),), "SET #dn0 = :dv0", ["a"], ["#dn0 + :dv0"]),
}


@pytest.mark.parametrize(("updates", "text", "names", "values"), CASES.values(), ids=CASES)
def test_an_update_has_one_text(
    updates: tuple[Update[Any], ...], text: str, names: list[str], values: list[Any]
) -> None:
    assert compiled(updates=updates).texts == {"UpdateExpression": text}
    assert names_and_values(Request(updates=updates)) == (names, values)


def test_each_change_says_how_its_value_is_encoded() -> None:
    updates = (a.set(1), b.append([2]), c.add(3), field("d").add({"x"}))

    values = members(Request(updates=updates))["ExpressionAttributeValues"].values()

    assert [list(value) for value in values] == [["value"], ["items"], ["items"], ["delta"], ["value"]]


@pytest.mark.parametrize(
    ("update", "repeatable"),
    [
        pytest.param(a.set(1), True, id="set"),
        pytest.param(a["k"].set(1), True, id="set a map key"),
        pytest.param(a[9].set(1), False, id="a list index past the end appends"),
        pytest.param(a.set(b), False, id="the other attribute may change in between"),
        pytest.param(a.set_if_absent(1), True, id="set if absent"),
        pytest.param(a.add(1), False, id="add a number"),
        pytest.param(a.subtract(1), False, id="subtract"),
        pytest.param(a.add({1}), True, id="add elements"),
        pytest.param(a.discard({1}), True, id="discard"),
        pytest.param(a.remove(), True, id="remove"),
        pytest.param(a[0].remove(), False, id="the next element takes the place"),
        pytest.param(a.append([1]), False, id="append"),
        pytest.param(a.prepend([1]), False, id="prepend"),
        pytest.param(raw("n = m"), False, id="raw"),
    ],
)
def test_a_change_knows_whether_twice_is_once(update: Update[Any], repeatable: bool) -> None:
    assert update.repeatable is repeatable


@pytest.mark.parametrize(
    ("updates", "told"),
    [
        pytest.param((a.set(1), a.remove()), "one request changes a twice", id="the same"),
        pytest.param((a.set(1), a["k"].set(2)), "one request changes a and a['k']", id="a part of it"),
        pytest.param((a["k"][1].set(1), b.set(1), a.remove()), "changes a and a['k'][1]", id="far apart"),
        pytest.param(
            (a[10].set(1), a[2].set(1), a[10]["x"].set(2)), "changes a[10] and a[10]['x']", id="index"
        ),
        pytest.param(
            (a["x"].set(1), a["x"]["y"].remove(), a["x y"].set(1)), "a['x'] and a['x']['y']", id="key"
        ),
    ],
)
def test_overlapping_paths_are_refused(updates: tuple[Update[Any], ...], told: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        compiled(updates=updates)

    assert told in caught.value.what
    assert caught.value.code == "expressions.overlapping-paths"


def test_paths_that_only_look_alike_do_not_overlap() -> None:
    updates = (a["x"].set(1), a["x.y"].set(2), field("a.x").set(3), a[0].set(4), a["0"].set(5))

    assert compiled(updates=updates).texts["UpdateExpression"].count("=") == 5


def test_overlapping_paths_of_a_projection_are_refused() -> None:
    with pytest.raises(InvalidExpression, match=r"one request reads a and a\['k'\]"):
        compiled(projection=(a["k"].place, a.place))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda: a.append("abc"), "a.append('abc') takes several values", id="append"),
        pytest.param(lambda: a.prepend(b"abc"), "a.prepend(b'abc') takes several values", id="prepend"),
        pytest.param(lambda: a.add("abc"), "a.add('abc') takes several values", id="add"),
        pytest.param(lambda: a.discard("abc"), "a.discard('abc') takes several values", id="discard"),
        pytest.param(lambda: a.is_in("abc"), "a.is_in('abc') takes several values", id="is_in"),
        pytest.param(lambda: a.append(cast("Any", 3)), "a.append(3) takes several values", id="no iterable"),
        pytest.param(lambda: a.subtract(cast("Any", {1})), "a.subtract({1}) takes a number", id="subtract"),
        pytest.param(lambda: a.add(set()), "a.add() got no elements", id="add nothing"),
        pytest.param(lambda: a.discard([]), "a.discard() got no elements", id="discard nothing"),
    ],
)
def test_a_change_that_means_nothing_is_refused_where_it_is_written(make: Any, told: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        make()

    assert caught.value.what == told


def test_an_update_shows_what_it_changes() -> None:
    assert repr(a["k"][0].set("secret")) == "<Update SET a['k'][0]>"
    assert repr(raw("n = m", values={})) == "<Condition n = m>"


def test_a_counter_that_begins_where_it_is_absent_is_one_change() -> None:
    # Made by the plans of upsert, which begin a version at 0.
    change = Update[Any]("SET", a.place, ("next", a.place), (-1, 1), repeatable=False)

    assert update_text(change) == "SET #dn0 = if_not_exists(#dn0, :dv0) + :dv1"


def test_a_form_that_nobody_makes_is_refused() -> None:
    with pytest.raises(InvalidExpression, match="unknown form"):
        compiled(Condition(("odd", a.place)))
    with pytest.raises(InvalidExpression, match="unknown form"):
        compiled(updates=(Update("SET", a.place, ("odd", a.place), repeatable=True),))
