"""Every operator on every engine, against the same test in Python. R21 to R23, R29, R30."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    Client,
    Condition,
    ConditionFailed,
    Table,
    attribute,
    condition,
    model,
    partition_key,
    raw,
)
from tests.shapes import Note


@model(table="things")
class Thing:
    id: Attr[str] = partition_key()
    n: Attr[int | None] = attribute(default=None)
    m: Attr[int] = attribute(default=0)
    text: Attr[str] = attribute(default="")
    on: Attr[bool] = attribute(default=False)
    price: Attr[Decimal | None] = attribute(default=None)
    names: Attr[set[str]] = attribute(factory=set[str])
    lines: Attr[list[int]] = attribute(factory=list[int])
    facts: Attr[dict[str, int]] = attribute(factory=dict[str, int])
    data: Attr[bytes] = attribute(default=b"")
    null: Attr[str | None] = attribute(default=None, null=True)


THINGS = [
    Thing(id="a", n=1, m=1, text="apple", on=True, names={"x", "y"}, lines=[1, 2], null="set"),
    Thing(id="b", n=2, m=1, text="banana", price=Decimal("1.50"), facts={"k": 1}),
    Thing(id="c", n=3, m=5, text="cherry pie", names={"y"}, data=b"\x00\x01"),
    Thing(id="d", m=2, text="", on=True, lines=[7], facts={"k": 2, "l": 3}),
    Thing(id="e", n=-4, m=-4, text="éclair", price=Decimal("1E+20"), data=b"\x00"),
]

Test = Callable[[Thing], bool]
T = Thing

OPERATORS: dict[str, tuple[Condition[Thing], Test]] = {
    "=": (T.n == 2, lambda t: t.n == 2),
    "<>, also where absent": (T.n != 2, lambda t: t.n != 2),
    "<": (T.m < 2, lambda t: t.m < 2),
    "<=": (T.m <= 2, lambda t: t.m <= 2),
    ">": (T.m > 1, lambda t: t.m > 1),
    ">=": (T.m >= 2, lambda t: t.m >= 2),
    "text <": (T.text < "b", lambda t: t.text.encode() < b"b"),
    "bytes >": (T.data > b"\x00", lambda t: t.data > b"\x00"),
    "decimal =": (T.price == Decimal("1.5"), lambda t: t.price == Decimal("1.5")),
    "decimal >": (T.price > Decimal(10) ** 19, lambda t: t.price is not None and t.price > 10**19),
    "set =": (T.names == {"y", "x"}, lambda t: t.names == {"x", "y"}),
    "list =": (T.lines == [7], lambda t: t.lines == [7]),
    "map =": (T.facts == {"k": 1}, lambda t: t.facts == {"k": 1}),
    "is_true": (T.on.is_true(), lambda t: t.on),
    "is_false": (T.on.is_false(), lambda t: not t.on),
    "== None": (T.n == None, lambda t: t.n is None),  # noqa: E711 - the operator is what is tested
    "!= None": (T.n != None, lambda t: t.n is not None),  # noqa: E711
    "is_null where NULL is stored": (T.null.is_null(), lambda t: t.null is None),
    "between": (T.m.between(1, 2), lambda t: 1 <= t.m <= 2),
    "is_in": (T.n.is_in([1, 3, 99]), lambda t: t.n in (1, 3, 99)),
    "is_in of 100": (T.m.is_in(range(100)), lambda t: t.m in range(100)),
    "begins_with": (T.text.begins_with("ch"), lambda t: t.text.startswith("ch")),
    "begins_with bytes": (T.data.begins_with(b"\x00"), lambda t: t.data.startswith(b"\x00")),
    "contains text": (T.text.contains("an"), lambda t: "an" in t.text),
    "contains set element": (T.names.contains("x"), lambda t: "x" in t.names),
    "contains list element": (T.lines.contains(2), lambda t: 2 in t.lines),
    "exists": (T.n.exists(), lambda t: t.n is not None),
    "not_exists": (T.n.not_exists(), lambda t: t.n is None),
    "exists where NULL is stored": (T.null.exists(), lambda t: True),
    "is_type": (T.null.is_type("NULL"), lambda t: t.null is None),
    "size of text": (T.text.size() > 5, lambda t: len(t.text) > 5),
    "size of bytes": (T.data.size() == 2, lambda t: len(t.data) == 2),
    "size of a list": (T.lines.size() >= 1, lambda t: len(t.lines) >= 1),
    "size of a map": (T.facts.size() != 0, lambda t: len(t.facts) != 0),
    "size between": (T.lines.size().between(1, 2), lambda t: 1 <= len(t.lines) <= 2),
    "attribute against attribute": (T.n == cast("Any", T.m), lambda t: t.n == t.m),
    "attribute less than attribute": (T.n < cast("Any", T.m), lambda t: t.n is not None and t.n < t.m),
    "map entry": (T.facts["k"] == 2, lambda t: t.facts.get("k") == 2),
    "list element": (T.lines[0] == 7, lambda t: t.lines[:1] == [7]),
    "map entry exists": (T.facts["l"].exists(), lambda t: "l" in t.facts),
    "from names": (condition(Thing, ("facts", "k"), ">=", 2), lambda t: t.facts.get("k", 0) >= 2),
    "raw": (
        raw("#t = :a OR #t = :b", names={"#t": "text"}, values={":a": "apple", ":b": "banana"}),
        lambda t: t.text in ("apple", "banana"),
    ),
}

GROUPS: dict[str, tuple[Condition[Thing], Test]] = {
    "and in or": (
        (T.m == 1) | (T.m == 5) & T.on.is_true(),
        lambda t: t.m == 1 or (t.m == 5 and t.on),
    ),
    "or in and": (
        ((T.m == 1) | (T.m == 5)) & T.on.is_false(),
        lambda t: t.m in (1, 5) and not t.on,
    ),
    "not of and": (~((T.m == 1) & T.on.is_true()), lambda t: not (t.m == 1 and t.on)),
    "not of or": (~((T.m == 1) | T.on.is_true()), lambda t: not (t.m == 1 or t.on)),
    "not binds closest": (~(T.m == 1) & T.on.is_true(), lambda t: t.m != 1 and t.on),
    "not of not": (~~(T.m == 1), lambda t: t.m == 1),
    "not of between": (~T.m.between(1, 2), lambda t: not 1 <= t.m <= 2),
    "between and and": (
        T.m.between(1, 5) & (T.text != "apple"),
        lambda t: 1 <= t.m <= 5 and t.text != "apple",
    ),
    "null beside and": ((T.n == None) & (T.m == 2), lambda t: t.n is None and t.m == 2),  # noqa: E711
    "not null in or": ((T.n != None) | (T.m == 2), lambda t: t.n is not None or t.m == 2),  # noqa: E711
    "three levels": (
        ((T.m == 1) & ((T.text == "apple") | ((T.text == "banana") & T.on.is_true()))) | (T.m == 5),
        lambda t: (t.m == 1 and (t.text == "apple" or (t.text == "banana" and t.on))) or t.m == 5,
    ),
    "raw or in and": (
        raw("#t = :a OR #t = :b", names={"#t": "text"}, values={":a": "apple", ":b": "banana"}) & (T.n == 2),
        lambda t: t.text in ("apple", "banana") and t.n == 2,
    ),
    "not of raw": (
        ~raw("#t = :a OR #t = :b", names={"#t": "text"}, values={":a": "apple", ":b": "banana"}),
        lambda t: t.text not in ("apple", "banana"),
    ),
    "long chain": (
        (T.m == 1) & (T.m == 1) & (T.n == 1) | (T.m == 5) | (T.id == "d") & ~(T.m != 2),
        lambda t: (t.m == 1 and t.n == 1) or t.m == 5 or t.id == "d",
    ),
}

CASES = [pytest.param(*case, id=name) for name, case in {**OPERATORS, **GROUPS}.items()]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def things(shared_client: Client) -> AsyncGenerator[Table[Thing]]:
    """The same five things for every case."""
    name = f"test-{uuid4().hex}"
    await shared_client.admin.create_table(Thing, name=name)
    table = shared_client.table(Thing, name=name)
    for thing in THINGS:
        await table.put(thing)
    yield table
    await shared_client.admin.delete_table(Thing, name=name)


@pytest.mark.parametrize(("asked", "test"), CASES)
async def test_a_filter_keeps_what_the_same_test_in_python_keeps(
    things: Table[Thing], asked: Condition[Thing], test: Test
) -> None:
    kept = await things.scan(asked).list()

    assert sorted(thing.id for thing in kept) == [thing.id for thing in THINGS if test(thing)]


async def test_a_condition_guards_every_write(notes: Table[Note]) -> None:
    stored = await notes.put(Note(id="a", count=3))
    unmet = Note.count > 3

    with pytest.raises(ConditionFailed):
        await notes.put(Note(id="a"), when=unmet)
    with pytest.raises(ConditionFailed):
        await notes.save(Note(id="a"), when=unmet)
    with pytest.raises(ConditionFailed):
        await notes.upsert(Note(id="a"), when=unmet)
    with pytest.raises(ConditionFailed):
        await notes.update("a", Note.count.set(0), when=unmet)
    with pytest.raises(ConditionFailed):
        await notes.delete("a", when=unmet)

    assert await notes.get("a") == stored


async def test_a_condition_that_holds_lets_every_write_pass(notes: Table[Note]) -> None:
    await notes.create(Note(id="a", count=3), when=Note.count.not_exists())
    await notes.put(Note(id="a", count=4), when=Note.count == 3)
    await notes.save(Note(id="a", count=5), when=Note.count == 4)
    await notes.upsert(Note(id="a", count=6), when=Note.count == 5)
    await notes.update("a", Note.count.set(7), when=Note.count == 6)
    await notes.delete("a", when=Note.count == 7)

    assert await notes.find("a") is None


@pytest.mark.parametrize("verb", ["put", "save", "update", "delete"])
async def test_a_failed_condition_carries_the_stored_item(notes: Table[Note], verb: str) -> None:
    stored = await notes.put(Note(id="a", count=3))
    unmet = Note.count > 3
    calls = {
        "put": lambda: notes.put(Note(id="a"), when=unmet),
        "save": lambda: notes.save(Note(id="a"), when=unmet),
        "update": lambda: notes.update("a", Note.count.set(0), when=unmet),
        "delete": lambda: notes.delete("a", when=unmet),
    }

    with pytest.raises(ConditionFailed) as caught:
        await calls[verb]()

    error = caught.value
    assert error.item == stored
    assert (error.table, error.key) == (notes.name, {"id": "a"})
    assert "count > 3" in str(error.condition)
    assert (error.request_id is not None, error.attempts) == (True, 1)
    assert getattr(error.__cause__, "service_code", None) == "ConditionalCheckFailedException"


async def test_user_input_changes_no_meaning(db: Client, notes: Table[Note]) -> None:
    text = "x OR attribute_exists(id) -- ) :dv0 #dn0"
    await notes.put(Note(id="a", text="other"))
    await notes.put(Note(id="b", text=text))

    assert await notes.scan(Note.text == text).list() == [Note(id="b", text=text)]
    assert await notes.scan(condition(Note, ("facts", text), "exists")).list() == []
