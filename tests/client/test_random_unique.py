"""Random programs of verbs on unique fields against a dictionary, on every engine. N10."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any, Literal, get_args
from uuid import uuid4

import attrs
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamorm_async import (
    Attr,
    Client,
    ConditionFailed,
    InvalidRequest,
    Key,
    Table,
    Transaction,
    UniqueViolation,
    attribute,
    model,
    partition_key,
)
from dynamorm_async.testing import Engine
from tests.client.given import answer

Verb = Literal["create", "put", "save", "upsert", "update", "delete", "delete held"]
IDS = ("one", "two", "three")


@model(table="entries")
class Entry:
    id: Attr[str] = partition_key()
    word: Attr[str] = attribute(unique=True)
    number: Attr[int | None] = attribute(default=None, unique=True)


Values = tuple[str, int | None]


@attrs.frozen
class Step:
    """One write; the values are those that it leaves."""

    verb: Verb
    id: str
    word: str
    number: int | None

    @property
    def item(self) -> Entry:
        return Entry(id=self.id, word=self.word, number=self.number)

    def is_stopped(self, items: dict[str, Values]) -> bool:
        """Whether the item is there and must not be, or the other way round."""
        must_be_there = {"create": False, "save": True, "update": True}.get(self.verb)
        return must_be_there is not None and must_be_there is not (self.id in items)


steps = st.builds(
    Step,
    verb=st.sampled_from(get_args(Verb)),
    id=st.sampled_from(IDS),
    word=st.sampled_from(["a", "b", "c", 'a"]']),
    number=st.sampled_from([None, None, 1, 2]),
)
writes = st.lists(steps, min_size=1, max_size=3, unique_by=lambda step: step.id)


@attrs.define
class Program:
    """The same writes on a table and on a dictionary."""

    db: Client
    table: Table[Entry]
    items: dict[str, Values] = attrs.field(factory=dict[str, Values])

    async def clear(self) -> None:
        """Take everything away, also what a failed example left behind."""
        for table, key in ((self.table.name, "id"), (f"{self.table.name}-unique", "unique")):
            for item in (await answer(self.db, "Scan", table, ConsistentRead=True))["Items"]:
                await answer(self.db, "DeleteItem", table, Key={key: item[key]})

    async def run(self, steps: list[Step], *, alone: bool) -> None:
        after = dict(self.items)
        for step in steps:
            after.pop(step.id, None)
            if not step.verb.startswith("delete"):
                after[step.id] = (step.word, step.number)
        shared = self.shared(after)
        is_stopped = any(step.is_stopped(self.items) for step in steps)

        error = await self.failure(steps, alone=alone)

        if is_stopped:
            # Two operations of one transaction that take one value are refused before anything is sent.
            assert isinstance(error, (ConditionFailed, InvalidRequest)), steps
            assert not isinstance(error, UniqueViolation), steps
        elif shared:
            assert isinstance(error, (UniqueViolation, InvalidRequest)), steps
            if isinstance(error, UniqueViolation):
                assert set(error.fields) <= shared, steps
        else:
            assert error is None, steps
            self.items = after
        assert await self.stored() == self.items, steps
        assert await self.claimed() == self.values(), steps

    def shared(self, items: dict[str, Values]) -> set[str]:
        """Return the fields of which two items have one value."""
        words = [word for word, _ in items.values()]
        numbers = [number for _, number in items.values() if number is not None]
        found = {"word": words, "number": numbers}
        return {name for name, values in found.items() if len(set(values)) < len(values)}

    def values(self) -> dict[tuple[str, str], str]:
        words = {("word", word): id for id, (word, _) in self.items.items()}
        numbers = {("number", str(n)): id for id, (_, n) in self.items.items() if n is not None}
        return words | numbers

    async def stored(self) -> dict[str, Values]:
        return {item.id: (item.word, item.number) async for item in self.table.scan(consistent=True)}

    async def claimed(self) -> dict[tuple[str, str], str]:
        found = await answer(self.db, "Scan", f"{self.table.name}-unique", ConsistentRead=True)
        claims = [
            (json.loads(item["unique"]["S"]), json.loads(item["owner"]["S"])) for item in found["Items"]
        ]
        return {(name, *value.values()): owner["id"]["S"] for (_, name, value), owner in claims}

    async def failure(self, steps: list[Step], *, alone: bool) -> Exception | None:
        try:
            if alone:
                await self.write(steps[0])
            else:
                transaction = self.db.transaction()
                for step in steps:
                    self.add(transaction, step)
                await transaction.commit()
        except (ConditionFailed, InvalidRequest) as error:
            return error
        return None

    async def write(self, step: Step) -> None:
        table, item = self.table, step.item
        match step.verb:
            case "create" | "put" | "save" | "upsert":
                assert await getattr(table, step.verb)(item) == item
            case "update":
                await table.update(step.id, *changes(step))
            case "delete":
                await table.delete(step.id)
            case "delete held":
                await table.delete(item)

    def add(self, transaction: Transaction, step: Step) -> None:
        key = Key(Entry, step.id)
        options: dict[str, Any] = {"name": self.table.name}
        match step.verb:
            case "create" | "put" | "save" | "upsert":
                getattr(transaction, step.verb)(step.item, **options)
            case "update":
                transaction.update(key, *changes(step), **options)
            case "delete":
                transaction.delete(key, **options)
            case "delete held":
                transaction.delete(step.item, **options)


def changes(step: Step) -> Any:
    number = Entry.number.remove() if step.number is None else Entry.number.set(step.number)
    return Entry.word.set(step.word), number


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def entries(shared_client: Client) -> AsyncGenerator[Table[Entry]]:
    name = f"test-{uuid4().hex}"
    await shared_client.admin.create_table(Entry, name=name)
    yield shared_client.table(Entry, name=name)
    await shared_client.admin.delete_table(Entry, name=name)


@settings(max_examples=20, deadline=None, database=None)
@given(program=st.lists(st.tuples(writes, st.booleans()), min_size=4, max_size=10))
async def test_no_two_items_share_a_value_and_claims_are_those_of_live_items(
    shared_client: Client, entries: Table[Entry], engine: Engine, program: list[tuple[list[Step], bool]]
) -> None:
    running = Program(shared_client, entries)
    await running.clear()

    for steps, alone in program if engine.name == "memory" else program[:5]:
        await running.run(steps[:1] if alone else steps, alone=alone)
