"""R28, R31: what holds for every expression."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async.expressions import Condition, Request, compile_request
from tests.expressions.spelling import compiled, field, members, resolve
from tests.expressions.strategies import (
    Claim,
    Truths,
    claims,
    conditions,
    names,
    requests,
    truths,
    typed_claims,
    values,
)


@given(requests)
def test_every_placeholder_that_is_used_is_defined_and_the_reverse(request: Request) -> None:
    whole = compile_request(request, resolve)

    used = set(re.findall(r"[#:][A-Za-z0-9_]+", " ".join(whole.texts.values())))

    assert used == {*whole.names, *(slot.name for slot in whole.slots)}


@given(requests)
def test_each_slot_gets_its_own_value(request: Request) -> None:
    whole = compile_request(request, resolve)
    bound = members(request).get("ExpressionAttributeValues", {})

    assert len(whole.slots) == len(request.values()) == len(bound)
    assert [next(iter(value.values())) for value in bound.values()] == json.loads(
        json.dumps(request.values(), default=str)
    )


@given(requests)
def test_requests_of_one_shape_have_one_text(request: Request) -> None:
    again = Request(
        condition=_revalued(request.condition),
        filter=_revalued(request.filter),
        updates=request.updates,
        projection=request.projection,
    )

    assert again.shape() == request.shape()
    assert hash(again.shape()) == hash(request.shape())
    assert compile_request(again, resolve).fragment == compile_request(request, resolve).fragment


def _revalued(condition: Condition[Any] | None) -> Condition[Any] | None:
    return None if condition is None else Condition(condition.form, ("other",) * len(condition.values))


@given(names, values)
def test_no_name_and_no_value_changes_the_text(name: str, value: object) -> None:
    assert compiled((field(name) == value) & field(name)[name].exists()).texts == {
        "ConditionExpression": "#dn0 = :dv0 AND attribute_exists(#dn0.#dn0)"
    }


@given(conditions)
def test_a_condition_joined_with_itself_means_and_binds_the_same(condition: Condition[Any]) -> None:
    assert (condition | condition).values == condition.values * 2
    assert (~~condition).form == condition.form


# A reader of the text, made from the service's grammar alone.


@attrs.define
class Reader:
    """Read OR over AND over NOT over facts and groups; note the groups that binding did not need."""

    tokens: list[str]
    fact: Callable[[str], bool]
    needless: list[str] = attrs.field(factory=list[str])
    at: int = 0

    def either(self) -> tuple[bool, int]:
        return self._chain("OR", self._both, 1)

    def _both(self) -> tuple[bool, int]:
        return self._chain("AND", self._one, 2)

    def _chain(self, word: str, part: Callable[[], tuple[bool, int]], strength: int) -> tuple[bool, int]:
        parts = [part()]
        while self._next() == word:
            self.at += 1
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        held = [result for result, _ in parts]
        # A group is (result, -strength of what it holds): needed only where that binds more weakly.
        self.needless += [word for _, own in parts if own < 0 and -own >= strength]
        return any(held) if word == "OR" else all(held), strength

    def _one(self) -> tuple[bool, int]:
        token = self._next()
        self.at += 1
        if token == "NOT":
            result, own = self._one()
            self.needless += ["NOT"] if own < 0 and -own >= 3 else []
            return not result, 3
        if token == "(":
            result, own = self.either()
            assert self._next() == ")"
            assert own > 0, "two pairs of parentheses"
            self.at += 1
            return result, -own
        return self.fact(token), 4

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""


def _read(claim: Claim, given: Truths) -> tuple[bool, Reader]:
    whole = compiled(claim.condition)
    meaning = dict(zip((slot.name for slot in whole.slots), claim.condition.values, strict=True))

    def fact(token: str) -> bool:
        found = re.fullmatch(r"(?:#dn0|fact) = (:\w+)", token)
        assert found, token
        number: Any = meaning[found[1]]
        return given[number]

    reader = Reader(list(_tokens(whole.texts["ConditionExpression"])), fact)
    result, own = reader.either()
    assert reader.at == len(reader.tokens)
    reader.needless += ["whole"] if own < 0 else []
    return result, reader


def _tokens(text: str) -> Iterator[str]:
    for found in re.finditer(r"\(|\)|AND|OR|NOT|[#\w]+ = :\w+", text):
        yield found[0]


@given(claims, truths)
def test_the_text_means_what_the_tree_means(claim: Claim, given: Truths) -> None:
    read, _ = _read(claim, given)

    assert read == claim.holds(given)


@given(typed_claims, st.just(dict.fromkeys(range(6), True)))
def test_no_pair_of_parentheses_is_redundant(claim: Claim, given: Truths) -> None:
    _, reader = _read(claim, given)

    assert reader.needless == []
