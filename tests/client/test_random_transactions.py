"""Random transactions against a dictionary that says what they mean, on every engine. R71 to R81."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal
from uuid import uuid4

import attrs
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamorm_async import (
    UNSET,
    Attr,
    Client,
    ConditionFailed,
    Key,
    Table,
    Transaction,
    TransactionFailed,
    VersionConflict,
    attribute,
    evolve,
    model,
    partition_key,
    version,
)
from dynamorm_async.testing import Engine

IDS = ("one", "two", "three", "four")


@model(table="tallies")
class Tally:
    id: Attr[str] = partition_key()
    n: Attr[int] = attribute(default=0)
    revision: Attr[int] = version()


Told = Literal["lost", "unmet"] | None
Verb = Literal["create", "put", "save", "upsert", "update", "update held", "delete", "delete held", "check"]
VERBS: list[Verb] = [
    "create",
    "put",
    "save",
    "upsert",
    "update",
    "update held",
    "delete",
    "delete held",
    "check",
]


@attrs.frozen
class Step:
    """One operation; `fresh` makes an instance anew, otherwise the last one seen is used."""

    verb: Verb
    id: str
    n: int
    fresh: bool
    below: int | None


steps = st.builds(
    Step,
    verb=st.sampled_from(VERBS),
    id=st.sampled_from(IDS),
    n=st.integers(0, 5),
    fresh=st.booleans(),
    # Seldom in the way, so that many transactions are committed.
    below=st.none() | st.integers(2, 12),
)
transactions = st.lists(steps, min_size=1, max_size=4, unique_by=lambda step: step.id)

Stored = dict[str, tuple[int, int]]
"""Id to n and revision."""


@attrs.define
class Program:
    """The same transactions on a table and on a dictionary."""

    db: Client
    table: Table[Tally]
    items: Stored = attrs.field(factory=Stored)
    seen: dict[str, Tally] = attrs.field(factory=dict[str, Tally])

    async def run(self, steps: list[Step]) -> None:
        told: list[Told] = [self.told(step) for step in steps]
        transaction = self.db.transaction()
        for step in steps:
            self.add(transaction, step)

        error = await self.failure(transaction)

        if any(told):
            self.check_told(steps, told, error)
        else:
            assert error is None, steps
            for step in steps:
                self.apply(step)
        stored = {item.id: item async for item in self.table.scan().consistent()}
        assert {id: plain(item) for id, item in stored.items()} == self.items, steps
        if steps[0].n % 2:
            self.seen = stored

    async def failure(self, transaction: Transaction) -> TransactionFailed | None:
        try:
            await transaction.commit()
        except TransactionFailed as error:
            return error
        return None

    def check_told(self, steps: list[Step], told: list[Told], error: TransactionFailed | None) -> None:
        assert isinstance(error, ConditionFailed), steps
        assert isinstance(error, VersionConflict) is ("lost" in told), steps
        blamed = [number for number, each in enumerate(told) if each is not None]
        assert [each.index for each in error.failed] == blamed, steps
        assert [plain(each.item) for each in error.failed] == [
            self.items.get(steps[number].id) for number in blamed
        ], steps
        about = told.index("lost" if "lost" in told else "unmet")
        assert (error.index, error.key) == (about, {"id": steps[about].id}), steps

    def item(self, step: Step) -> Tally:
        last = None if step.fresh else self.seen.get(step.id)
        return Tally(id=step.id, n=step.n) if last is None else evolve(last, n=step.n)

    def held(self, step: Step) -> int | None:
        item = self.item(step)
        is_by_key = step.verb in ("create", "update", "delete") or (step.verb == "check" and step.n > 2)
        return None if is_by_key or item.revision is UNSET else item.revision

    def told(self, step: Step) -> Told:
        """Return what stops the operation, or None."""
        stored, held, below = self.items.get(step.id), self.held(step), step.below
        if held is not None:
            is_lost = stored[1] != held if stored is not None else step.verb != "upsert"
            if is_lost:
                return "lost"
        must_be_there = step.verb in ("save", "update", "update held") or (
            step.verb == "check" and below is None
        )
        is_met = below is None or (stored is not None and stored[0] < below)
        if step.verb == "create":
            is_met = is_met and stored is None
        if must_be_there:
            is_met = is_met and stored is not None
        if step.verb == "save" and held is None:
            is_met = False  # every stored item has a version
        return None if is_met else "unmet"

    def apply(self, step: Step) -> None:
        stored, held = self.items.get(step.id), self.held(step)
        n, revision = stored or (0, -1)
        match step.verb:
            case "check":
                return
            case "delete" | "delete held":
                self.items.pop(step.id, None)
                return
            case "update" | "update held":
                new = (n + step.n, revision + 1)
            case "upsert":
                new = (step.n, revision + 1)
            case _:
                new = (step.n, 0 if held is None else held + 1)
        self.items[step.id] = new

    def add(self, transaction: Transaction, step: Step) -> None:
        item, key = self.item(step), Key(Tally, step.id)
        options: dict[str, Any] = {"name": self.table.name}
        when = None if step.below is None else Tally.n < step.below
        match step.verb:
            case "check":
                transaction.check(key if step.n > 2 else item, when, **options)
            case "create" | "put" | "save" | "upsert":
                getattr(transaction, step.verb)(item, when=when, **options)
            case "update":
                transaction.update(key, Tally.n.add(step.n), when=when, **options)
            case "update held":
                transaction.update(item, Tally.n.add(step.n), when=when, **options)
            case "delete":
                transaction.delete(key, when=when, **options)
            case "delete held":
                transaction.delete(item, when=when, **options)


def plain(item: Tally | None) -> tuple[int, int] | None:
    return None if item is None else (item.n, item.revision)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tallies(shared_client: Client) -> AsyncGenerator[Table[Tally]]:
    name = f"test-{uuid4().hex}"
    await shared_client.admin.create_table(Tally, name=name)
    yield shared_client.table(Tally, name=name)
    await shared_client.admin.delete_table(Tally, name=name)


@settings(max_examples=30, deadline=None, database=None)
@given(program=st.lists(transactions, min_size=3, max_size=12))
async def test_random_transactions_mean_what_the_dictionary_says(
    shared_client: Client, tallies: Table[Tally], engine: Engine, program: list[list[Step]]
) -> None:
    await tallies.batch_delete(IDS)
    running = Program(shared_client, tallies)

    for transaction in program if engine.name == "memory" else program[:6]:
        await running.run(transaction)
