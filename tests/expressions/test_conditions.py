"""R21-R26, R28: the exact text, names and values of conditions."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dynamorm_async.expressions import Condition, Request, raw
from tests.expressions.spelling import compiled, field, members, names_and_values

a, b, c, d = field("a"), field("b"), field("c"), field("d")
A, B, C, D = a == 1, b == 2, c == 3, d == 4

CASES: dict[str, tuple[Condition[Any], str, list[str], list[Any]]] = {
    # Comparisons.
    "equal": (a == 1, "#dn0 = :dv0", ["a"], [1]),
    "eq": (a.eq(1), "#dn0 = :dv0", ["a"], [1]),
    "not equal": (a != 1, "#dn0 <> :dv0", ["a"], [1]),
    "ne": (a.ne(1), "#dn0 <> :dv0", ["a"], [1]),
    "less": (a < 1, "#dn0 < :dv0", ["a"], [1]),
    "at most": (a <= 1, "#dn0 <= :dv0", ["a"], [1]),
    "greater": (a > 1, "#dn0 > :dv0", ["a"], [1]),
    "at least": (a >= 1, "#dn0 >= :dv0", ["a"], [1]),
    "value on the left": (1 < a, "#dn0 > :dv0", ["a"], [1]),  # noqa: SIM300
    "true": (a.is_true(), "#dn0 = :dv0", ["a"], [True]),
    "false": (a.is_false(), "#dn0 = :dv0", ["a"], [False]),
    "between": (a.between(1, 2), "#dn0 BETWEEN :dv0 AND :dv1", ["a"], [1, 2]),
    "in one": (a.is_in(["x"]), "#dn0 IN (:dv0)", ["a"], ["x"]),
    "in three": (a.is_in(n for n in (1, 2, 3)), "#dn0 IN (:dv0, :dv1, :dv2)", ["a"], [1, 2, 3]),
    # None is no value that a comparison could hold for: it is absent, or NULL.
    "is null": (
        a.is_null(),
        _NULL := "attribute_not_exists(#dn0) OR attribute_type(#dn0, :dv0)",
        ["a"],
        ["NULL"],
    ),
    "equal to None": (a == None, _NULL, ["a"], ["NULL"]),  # noqa: E711
    "not equal to None": (a != None, f"NOT ({_NULL})", ["a"], ["NULL"]),  # noqa: E711
    "null and more": (a.is_null() & B, f"({_NULL}) AND #dn1 = :dv1", ["a", "b"], ["NULL", 2]),
    "null or more": (a.is_null() | B, f"{_NULL} OR #dn1 = :dv1", ["a", "b"], ["NULL", 2]),
    # Functions.
    "begins with": (a.begins_with("x"), "begins_with(#dn0, :dv0)", ["a"], ["x"]),
    "contains": (a.contains("x"), "contains(#dn0, :dv0)", ["a"], ["x"]),
    "exists": (a.exists(), "attribute_exists(#dn0)", ["a"], []),
    "not exists": (a.not_exists(), "attribute_not_exists(#dn0)", ["a"], []),
    "type": (a.is_type("SS"), "attribute_type(#dn0, :dv0)", ["a"], ["SS"]),
    "size equal": (a.size() == 3, "size(#dn0) = :dv0", ["a"], [3]),
    "size not equal": (a.size() != 3, "size(#dn0) <> :dv0", ["a"], [3]),
    "size less": (a.size() < 3, "size(#dn0) < :dv0", ["a"], [3]),
    "size at most": (a.size() <= 3, "size(#dn0) <= :dv0", ["a"], [3]),
    "size greater": (a.size() > 3, "size(#dn0) > :dv0", ["a"], [3]),
    "size at least": (a.size() >= 3, "size(#dn0) >= :dv0", ["a"], [3]),
    "size between": (a.size().between(1, 9), "size(#dn0) BETWEEN :dv0 AND :dv1", ["a"], [1, 9]),
    # Attribute against attribute.
    "attribute equal to attribute": (a == b, "#dn0 = #dn1", ["a", "b"], []),
    "attribute below attribute": (a < b, "#dn0 < #dn1", ["a", "b"], []),
    "attribute against itself": (a != a, "#dn0 <> #dn0", ["a"], []),
    "attribute against a part": (a >= b["x"][2], "#dn0 >= #dn1.#dn2[2]", ["a", "b", "x"], []),
    # Groups.
    "and": (A & B, "#dn0 = :dv0 AND #dn1 = :dv1", ["a", "b"], [1, 2]),
    "or": (A | B, "#dn0 = :dv0 OR #dn1 = :dv1", ["a", "b"], [1, 2]),
    "not": (~A, "NOT #dn0 = :dv0", ["a"], [1]),
    "not not": (~~A, "#dn0 = :dv0", ["a"], [1]),
    "not a group": (~(A & B), "NOT (#dn0 = :dv0 AND #dn1 = :dv1)", ["a", "b"], [1, 2]),
    "not in a group": (~A & B, "NOT #dn0 = :dv0 AND #dn1 = :dv1", ["a", "b"], [1, 2]),
    "not a function": (~a.exists(), "NOT attribute_exists(#dn0)", ["a"], []),
    "three and": (
        A & (B & C),
        "#dn0 = :dv0 AND #dn1 = :dv1 AND #dn2 = :dv2",
        ["a", "b", "c"],
        [1, 2, 3],
    ),
    "three or": ((A | B) | C, "#dn0 = :dv0 OR #dn1 = :dv1 OR #dn2 = :dv2", ["a", "b", "c"], [1, 2, 3]),
    "and within or": (A | B & C, "#dn0 = :dv0 OR #dn1 = :dv1 AND #dn2 = :dv2", ["a", "b", "c"], [1, 2, 3]),
    "or within and": (
        (A | B) & C,
        "(#dn0 = :dv0 OR #dn1 = :dv1) AND #dn2 = :dv2",
        ["a", "b", "c"],
        [1, 2, 3],
    ),
    "or of ands": (
        A & B | C & D,
        "#dn0 = :dv0 AND #dn1 = :dv1 OR #dn2 = :dv2 AND #dn3 = :dv3",
        ["a", "b", "c", "d"],
        [1, 2, 3, 4],
    ),
    "and of ors": (
        (A | B) & (C | D),
        "(#dn0 = :dv0 OR #dn1 = :dv1) AND (#dn2 = :dv2 OR #dn3 = :dv3)",
        ["a", "b", "c", "d"],
        [1, 2, 3, 4],
    ),
    "deep": (
        ~(A & ~(B | C)) | D,
        "NOT (#dn0 = :dv0 AND NOT (#dn1 = :dv1 OR #dn2 = :dv2)) OR #dn3 = :dv3",
        ["a", "b", "c", "d"],
        [1, 2, 3, 4],
    ),
    "between in a group": (
        a.between(1, 2) & B,
        "#dn0 BETWEEN :dv0 AND :dv1 AND #dn1 = :dv2",
        ["a", "b"],
        [1, 2, 2],
    ),
    "one attribute twice": ((a > 1) & (a < 9), "#dn0 > :dv0 AND #dn0 < :dv1", ["a"], [1, 9]),
    # Places.
    "map key": (a["k"] == 1, "#dn0.#dn1 = :dv0", ["a", "k"], [1]),
    "list index": (a[0] == 1, "#dn0[0] = :dv0", ["a"], [1]),
    "lists in lists": (a[0][12] == 1, "#dn0[0][12] = :dv0", ["a"], [1]),
    "mixed": (a["k"][3]["a"].exists(), "attribute_exists(#dn0.#dn1[3].#dn0)", ["a", "k"], []),
    "digits as a key": (a["0"] == 1, "#dn0.#dn1 = :dv0", ["a", "0"], [1]),
    # Odd names.
    "reserved word": (field("name") == 1, "#dn0 = :dv0", ["name"], [1]),
    "dot": (field("a.b") == 1, "#dn0 = :dv0", ["a.b"], [1]),
    "hash": (field("#dn0") == 1, "#dn0 = :dv0", ["#dn0"], [1]),
    "colon": (field(":dv0") == 1, "#dn0 = :dv0", [":dv0"], [1]),
    "space": (field("two words") == 1, "#dn0 = :dv0", ["two words"], [1]),
    "quotes": (field("\"'`\\") == 1, "#dn0 = :dv0", ["\"'`\\"], [1]),
    "brackets": (field("a[0]") == 1, "#dn0 = :dv0", ["a[0]"], [1]),
    "operators": (field("a OR b = b") == 1, "#dn0 = :dv0", ["a OR b = b"], [1]),
    "non-ASCII": (field("größe")["键"] == 1, "#dn0.#dn1 = :dv0", ["größe", "键"], [1]),
    # Values that look like expressions.
    "value as a placeholder": (a == ":dv0", "#dn0 = :dv0", ["a"], [":dv0"]),
    "value as a condition": (a == "x OR #dn0 = #dn0", "#dn0 = :dv0", ["a"], ["x OR #dn0 = #dn0"]),
    "value as JSON": (a == '"},"x":{"S":"', "#dn0 = :dv0", ["a"], ['"},"x":{"S":"']),
    "value as a comment": (a.begins_with("--"), "begins_with(#dn0, :dv0)", ["a"], ["--"]),
    # Raw.
    "raw": (raw("#x = :x", names={"#x": "n"}, values={":x": 1}), "#x = :x", ["n"], [1]),
    "raw without placeholders": (raw(" attribute_exists(n) "), "attribute_exists(n)", [], []),
    "raw and typed": (
        raw("#x = :x OR n = :y", names={"#x": "a"}, values={":y": 2, ":x": 1}) & B,
        "(#x = :x OR n = :y) AND #dn0 = :dv2",
        ["a", "b"],
        [1, 2, 2],
    ),
    "typed and raw": (
        B | raw("#x = :x", names={"#x": "a"}, values={":x": 1}),
        "#dn0 = :dv0 OR (#x = :x)",
        ["b", "a"],
        [2, 1],
    ),
    "raw in parentheses": (raw("(n = m)") & B, "(n = m) AND #dn0 = :dv0", ["b"], [2]),
    "raw of two groups": (raw("(n = m) OR (n = o)") & B, "((n = m) OR (n = o)) AND #dn0 = :dv0", ["b"], [2]),
    "not raw": (~raw("n = m"), "NOT (n = m)", [], []),
    "raw, one placeholder twice": (
        raw(":x = n OR :x = m", values={":x": 1}),
        ":x = n OR :x = m",
        [],
        [1],
    ),
}


@pytest.mark.parametrize(("condition", "text", "names", "values"), CASES.values(), ids=CASES)
def test_a_condition_has_one_text(
    condition: Condition[Any], text: str, names: list[str], values: list[Any]
) -> None:
    request = Request(condition=condition)

    assert compiled(condition).texts == {"ConditionExpression": text}
    assert names_and_values(request) == (names, values)


def test_placeholders_are_numbered_through_the_whole_request() -> None:
    request = Request(
        condition=A & (b == 5), filter=a > 6, updates=(b.set(7), a.add(8)), projection=(c.place, a.place)
    )

    body = members(request)

    assert body == {
        "UpdateExpression": "SET #dn0 = :dv0 ADD #dn1 :dv1",
        "ConditionExpression": "#dn1 = :dv2 AND #dn0 = :dv3",
        "FilterExpression": "#dn1 > :dv4",
        "ProjectionExpression": "#dn2, #dn1",
        "ExpressionAttributeNames": {"#dn0": "b", "#dn1": "a", "#dn2": "c"},
        "ExpressionAttributeValues": {
            ":dv0": {"value": 7},
            ":dv1": {"delta": 8},
            ":dv2": {"value": 1},
            ":dv3": {"value": 5},
            ":dv4": {"value": 6},
        },
    }


def test_a_request_without_expressions_adds_nothing_to_the_body() -> None:
    assert compiled().fragment == ""
    assert members(Request()) == {}


def test_each_operator_says_how_its_value_is_encoded() -> None:
    condition = (
        (a == 1) & a.begins_with("p") & a.contains("e") & (a.size() > 2) & a.is_type("S") & a.is_true()
    )

    values = members(Request(condition=condition))["ExpressionAttributeValues"].values()

    assert list(values) == [
        {"value": 1},
        {"prefix": "p"},
        {"element": "e"},
        {"count": 2},
        {"tag": "S"},
        {"plain": True},
    ]


PROGRAM = """
from tests.expressions.spelling import *
from dynamorm_async.expressions import Request
fields = {name: field(name) for name in sorted({"n%d" % i for i in range(40)})}
conditions = [p.is_in({"x", "y", "z"}) | (p == 1) for p in fields.values()]
both = conditions[0]
for other in conditions[1:]:
    both = both & other
changes = tuple(p.add(1) if i % 2 else p.set(i) for i, p in enumerate(fields.values()))
print(compiled(both, updates=changes).fragment)
"""


def test_the_text_is_the_same_in_every_process() -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]

    first, second = (process.communicate(timeout=50)[0] for process in running)

    assert [process.returncode for process in running] == [0, 0]
    assert first == second
    assert len(first) > 1000
