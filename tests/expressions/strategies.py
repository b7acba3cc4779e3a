"""Random conditions and updates, for the properties of this room and of those above it.

`claims` gives conditions with a Python function that says when they hold; `conditions`
and `updates` draw every operator. All are over `spelling.Thing`; raw placeholders are unique.
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import attrs
from hypothesis import strategies as st

from dynamorm_async.expressions import Condition, Path, Request, Update, raw
from tests.expressions.spelling import Thing, field

Truths = Mapping[int, bool]
FACTS = 6

_numbers = count()

names = st.sampled_from(["a", "b", "name", "a.b", "#dn0", ":dv0", "x y", "größe", "(", "AND"])
steps = st.one_of(names, st.integers(0, 5))
paths = st.tuples(names, st.lists(steps, max_size=3)).map(lambda drawn: field(drawn[0], *drawn[1]))
values = st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.just(":dv1"), st.just("#dn0 = #dn1"))


@attrs.frozen
class Claim:
    """A condition over facts 0 to FACTS - 1: a comparison with `n` stands for fact `n`."""

    condition: Condition[Any]
    holds: Callable[[Truths], bool]


def _fact(number: int) -> Claim:
    return Claim(field("fact") == number, lambda truths: truths[number])


def _raw_facts(left: int, right: int) -> Claim:
    first, second = f":r{next(_numbers)}", f":r{next(_numbers)}"
    text = f"fact = {first} OR fact = {second}"
    return Claim(raw(text, values={first: left, second: right}), lambda truths: truths[left] or truths[right])


def _both(left: Claim, right: Claim) -> Claim:
    return Claim(left.condition & right.condition, lambda truths: left.holds(truths) and right.holds(truths))


def _either(left: Claim, right: Claim) -> Claim:
    return Claim(left.condition | right.condition, lambda truths: left.holds(truths) or right.holds(truths))


def _opposite(claim: Claim) -> Claim:
    return Claim(~claim.condition, lambda truths: not claim.holds(truths))


def _joined(parts: st.SearchStrategy[Claim]) -> st.SearchStrategy[Claim]:
    return st.builds(_both, parts, parts) | st.builds(_either, parts, parts) | st.builds(_opposite, parts)


facts = st.integers(0, FACTS - 1)
typed_facts = st.builds(_fact, facts)
typed_claims = st.recursive(typed_facts, _joined, max_leaves=12)
claims = st.recursive(st.one_of(typed_facts, st.builds(_raw_facts, facts, facts)), _joined, max_leaves=12)
truths = st.fixed_dictionaries({number: st.booleans() for number in range(FACTS)})


def _raw(value: Any) -> Condition[Any]:
    number = next(_numbers)
    return raw(
        f"#n{number} = :n{number} OR :n{number} = #n{number}",
        names={f"#n{number}": "a"},
        values={f":n{number}": value},
    )


Made = Callable[[Path[Thing, Any], list[Any]], Condition[Any]]

# Every kind of condition, from a path and 2 to 4 values.
_ATOMS: list[Made] = [
    lambda path, given: path == given[0],
    lambda path, given: path != given[0],
    lambda path, given: path < given[0],
    lambda path, given: path <= given[0],
    lambda path, given: path > given[0],
    lambda path, given: path >= given[0],
    lambda path, _: path == field("other", 0),
    lambda path, _: path < field("other")["key"],
    lambda path, given: path.between(given[0], given[1]),
    lambda path, given: path.is_in(given),
    lambda path, given: path.begins_with(given[0]),
    lambda path, given: path.contains(given[0]),
    lambda path, _: path.exists(),
    lambda path, _: path.not_exists(),
    lambda path, _: path.is_null(),
    lambda path, _: path.is_true(),
    lambda path, _: path.is_type("SS"),
    lambda path, given: path.size() < given[0],
    lambda path, given: path.size().between(given[0], given[1]),
    lambda _, given: _raw(given[0]),
]


def _atom(kind: int, path: Path[Thing, Any], given: list[Any]) -> Condition[Any]:
    return _ATOMS[kind](path, given)


def _groups(parts: st.SearchStrategy[Condition[Any]]) -> st.SearchStrategy[Condition[Any]]:
    pairs = st.tuples(parts, parts)
    return (
        pairs.map(lambda pair: pair[0] & pair[1])
        | pairs.map(lambda pair: pair[0] | pair[1])
        | parts.map(lambda part: ~part)
    )


several = st.lists(values, min_size=2, max_size=4)
conditions = st.recursive(
    st.builds(_atom, st.integers(0, len(_ATOMS) - 1), paths, several), _groups, max_leaves=6
)


# Every kind of change.
_CHANGES: list[Callable[[Path[Thing, Any], list[Any]], Update[Any]]] = [
    lambda path, given: path.set(given[0]),
    lambda path, _: path.set(field("other")["key"]),
    lambda path, given: path.set_if_absent(given[0]),
    lambda path, given: path.add(len(given)),
    lambda path, given: path.add(given),
    lambda path, given: path.subtract(len(given)),
    lambda path, given: path.discard(given),
    lambda path, given: path.append(given),
    lambda path, given: path.prepend(given),
    lambda path, _: path.remove(),
]


def _changed(drawn: dict[int, tuple[int, list[Any]]]) -> tuple[Update[Any], ...]:
    # Fields of their own, so that no two changes overlap.
    return tuple(_CHANGES[kind](field(f"field {number}"), given) for number, (kind, given) in drawn.items())


updates = st.dictionaries(
    st.integers(0, 30), st.tuples(st.integers(0, len(_CHANGES) - 1), several), max_size=4
).map(_changed)
requests = st.builds(
    Request,
    condition=st.none() | conditions,
    filter=st.none() | conditions,
    updates=updates,
    projection=st.lists(st.integers(0, 9), unique=True, max_size=4).map(
        lambda chosen: tuple(field(f"field {number}").place for number in chosen)
    ),
)
