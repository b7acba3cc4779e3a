"""Transactions on every engine: all together or not at all. R71 to R81, N6."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import attrs
import pytest
import pytest_asyncio

from dynamorm_async import (
    Answer,
    Attr,
    Call,
    Client,
    ConditionFailed,
    ConnectionLost,
    IdempotencyMismatch,
    Key,
    Retry,
    Table,
    TableNotFound,
    Transaction,
    TransactionConditionFailed,
    TransactionFailed,
    TransactionVersionConflict,
    Transport,
    VersionConflict,
    attribute,
    connect,
    evolve,
    model,
    partition_key,
)
from tests.client.given import mark, raw_item
from tests.shapes import Bookmark, Note, Order, User


@model(table="accounts")
class Account:
    id: Attr[str] = partition_key()
    balance: Attr[int] = attribute(default=0)


@attrs.define
class Counting:
    """A transport that writes down each attempt, and loses the answers to the first ones on request."""

    inner: Transport
    operations: list[str] = attrs.field(factory=list[str])
    lose: int = 0
    name: str = "counting"

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        self.operations.append(call.operation)
        answer = await self.inner.attempt(call, timeout=timeout)
        if self.lose:
            self.lose -= 1
            raise ConnectionLost("the line broke")
        return answer

    async def aclose(self) -> None:
        """Leave the inner transport to its owner."""


@attrs.define
class Desk:
    """A client whose tables are the test's own, and what it sends."""

    db: Client
    transport: Counting

    @property
    def notes(self) -> Table[Note]:
        return self.db.table(Note)

    @property
    def bookmarks(self) -> Table[Bookmark]:
        return self.db.table(Bookmark)

    @property
    def users(self) -> Table[User]:
        return self.db.table(User)

    @property
    def accounts(self) -> Table[Account]:
        return self.db.table(Account)

    async def sent_by(self, work: Awaitable[object]) -> list[str]:
        """Return the operations of what is awaited."""
        before = len(self.transport.operations)
        await work
        return self.transport.operations[before:]


@pytest_asyncio.fixture(loop_scope="session")
async def at(db: Client, table_name: str) -> AsyncGenerator[Desk]:
    transport = Counting(db._waist._transport)  # pyright: ignore[reportPrivateUsage]
    client = connect(transport=transport, table_prefix=f"{table_name}-", retry=Retry(transient_base=0.0))
    for models in ((Note,), (Bookmark,), (User, Order), (Account,)):
        await client.admin.create_table(*models)
    transport.operations.clear()
    yield Desk(client, transport)


async def failed(transaction: Transaction) -> TransactionFailed:
    with pytest.raises(TransactionFailed) as caught:
        await transaction.commit()
    return caught.value


# All together.


async def test_all_verbs_over_several_models_and_tables_happen_together(at: Desk) -> None:
    """R71, R72."""
    held = await at.bookmarks.create(mark())
    await at.bookmarks.create(Bookmark(user="bob", slug="x", url="u"))
    await at.notes.put(Note(id="old"))
    await at.notes.put(Note(id="checked", count=3))
    await at.users.create(User(user="ana"))

    async with at.db.transaction() as transaction:
        transaction.save(evolve(held, title="saved"))
        transaction.create(Bookmark(user="ana", slug="new", url="u"))
        transaction.put(Note(id="put", count=1))
        transaction.update(Key(User, "ana"), User.name.set("Ana"))
        transaction.upsert(Order(user="ana", number=7, city="Rome"))
        transaction.delete(Key(Note, "old"))
        transaction.delete(Key(Bookmark, "bob", "x"))
        transaction.check(Key(Note, "checked"), Note.count == 3)
        before = list(at.transport.operations)

    assert at.transport.operations == [*before, "TransactWriteItems"]
    assert (await at.bookmarks.get("ana", "aws")).title == "saved"
    assert await at.bookmarks.get("ana", "new") == transaction.results[1]
    assert await at.notes.get("put") == transaction.results[2] == Note(id="put", count=1)
    assert (await at.users.get("ana")).name == "Ana"
    assert (await at.db.table(Order).get("ana", 7)).city == "Rome"
    assert await at.notes.find("old") is None
    assert await at.bookmarks.find("bob", "x") is None
    assert (await at.notes.get("checked")).count == 3


async def test_a_hundred_operations_are_one_request(at: Desk) -> None:
    """R79."""
    transaction = at.db.transaction()
    for number in range(100):
        transaction.put(Note(id=f"n{number}"))

    assert await at.sent_by(transaction.commit()) == ["TransactWriteItems"]
    assert await at.notes.scan().count() == 100


async def test_another_table_of_a_model_takes_part_by_its_name(at: Desk, table_name: str) -> None:
    other = f"{table_name}-others"
    await at.db.admin.create_table(Note, name=other)

    await at.db.transaction().put(Note(id="a", count=1)).put(Note(id="a", count=2), name=other).commit()

    found = await at.db.transact_get(Key(Note, "a"), names={Note: other})
    assert (await at.notes.get("a")).count == 1
    assert found == (Note(id="a", count=2),)


# Or not at all.


async def test_an_exception_in_the_block_changes_and_sends_nothing(at: Desk) -> None:
    """R72."""

    async def block() -> None:
        async with at.db.transaction() as transaction:
            transaction.put(Note(id="a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await block()

    assert at.transport.operations == []
    assert await at.notes.find("a") is None


async def waited(transaction: Transaction) -> None:
    await anyio.sleep(30)


async def ended_by_task(transaction: Transaction) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


@pytest.mark.parametrize("ending", [waited, ended_by_task])
async def test_a_task_that_is_cancelled_in_the_block_commits_nothing(
    at: Desk, ending: Callable[[Transaction], Awaitable[None]]
) -> None:
    """R80; even where the cancellation comes with the last statement of the block."""

    async def block() -> None:
        async with at.db.transaction() as transaction:
            transaction.put(Note(id="a"))
            await ending(transaction)

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert at.transport.operations == []
    assert await at.notes.find("a") is None


async def test_a_scope_that_is_cancelled_at_the_end_of_the_block_commits_nothing(at: Desk) -> None:
    """R80."""
    with anyio.CancelScope() as scope:
        async with at.db.transaction() as transaction:
            transaction.put(Note(id="a"))
            scope.cancel()

    assert scope.cancelled_caught
    assert at.transport.operations == []
    assert await at.notes.find("a") is None


async def test_a_condition_for_each_operation_is_met_or_stops_all(at: Desk) -> None:
    """R73."""
    await at.notes.batch_put([Note(id="a", count=1), Note(id="b", count=1)])

    def both(limit: int) -> Transaction:
        return (
            at.db.transaction()
            .update(Key(Note, "a"), Note.count.add(1), when=Note.count < 5)
            .put(Note(id="b", text="new"), when=Note.count < limit)
        )

    await both(5).commit()
    error = await failed(both(0))

    assert (await at.notes.get("a")).count == 2
    assert await at.notes.get("b") == Note(id="b", text="new")
    assert (error.index, error.item) == (1, Note(id="b", text="new"))


async def test_a_bookmark_and_its_count_are_written_both_or_none(at: Desk) -> None:
    """R74."""
    await at.notes.put(Note(id="ana"))

    def added(slug: str) -> Transaction:
        new = Bookmark(user="ana", slug=slug, url="u")
        return at.db.transaction().create(new).update(Key(Note, "ana"), Note.count.add(1))

    await added("aws").commit()
    await added("gcp").commit()
    error = await failed(added("aws"))

    assert isinstance(error, ConditionFailed)
    assert "already stored" in str(error)
    assert (await at.notes.get("ana")).count == 2
    assert await at.bookmarks.where(Bookmark.user == "ana").count() == 2


def transfer(db: Client, amount: int) -> Transaction:
    return (
        db.transaction()
        .update(Key(Account, "ana"), Account.balance.subtract(amount), when=Account.balance >= amount)
        .update(Key(Account, "bob"), Account.balance.add(amount))
    )


async def test_a_transfer_changes_both_accounts_and_one_without_funds_neither(at: Desk) -> None:
    """R75."""
    await at.accounts.batch_put([Account(id="ana", balance=100), Account(id="bob")])

    await transfer(at.db, 70).commit()
    error = await failed(transfer(at.db, 31))

    assert (await at.accounts.get("ana")).balance == 30
    assert (await at.accounts.get("bob")).balance == 70
    assert (error.index, error.item) == (0, Account(id="ana", balance=30))
    assert error.condition == "attribute_exists(id) AND balance >= 31"


async def test_a_check_stops_the_update_beside_it(at: Desk) -> None:
    """R76."""
    await at.notes.put(Note(id="switch", text="on"))
    await at.accounts.put(Account(id="ana"))

    def booked() -> Transaction:
        return (
            at.db.transaction()
            .check(Key(Note, "switch"), Note.text == "on")
            .update(Key(Account, "ana"), Account.balance.add(5))
        )

    await booked().commit()
    await at.notes.update("switch", Note.text.set("off"))
    error = await failed(booked())

    assert (await at.accounts.get("ana")).balance == 5
    assert (error.index, error.item) == (0, Note(id="switch", text="off"))


async def test_a_check_of_what_is_not_there_stops_the_transaction(at: Desk) -> None:
    """R76."""
    error = await failed(at.db.transaction().put(Note(id="a")).check(Key(Note, "absent")))

    assert (error.index, error.item) == (1, None)
    assert "no item with this key is stored" in str(error)
    assert await at.notes.find("a") is None


async def test_a_check_of_an_instance_demands_its_version(at: Desk) -> None:
    """R76, R81."""
    stale = await at.bookmarks.create(mark())
    await at.db.transaction().check(stale).put(Note(id="a")).commit()
    new = await at.bookmarks.save(stale)

    error = await failed(at.db.transaction().check(stale).put(Note(id="b")))

    assert isinstance(error, TransactionVersionConflict)
    assert error.item == new
    assert await at.notes.find("b") is None


# What a failure says. R77.


async def test_the_operation_that_failed_is_named_with_all_that_is_known_of_it(at: Desk) -> None:
    stored = await at.bookmarks.create(mark(title="old"))
    transaction = (
        at.db.transaction()
        .put(Note(id="a"))
        .check(Key(Bookmark, "ana", "aws"))
        .update(Key(Account, "nobody"), Account.balance.add(1), when=Account.balance > 3)
    )
    await at.accounts.put(Account(id="nobody", balance=2))

    error = await failed(transaction)

    assert type(error) is TransactionConditionFailed
    assert "operation 2 of 3, update of Account 'nobody'" in str(error)
    assert [(each.index, each.verb, each.model, each.code) for each in error.reasons] == [
        (0, "put", "Note", "None"),
        (1, "check", "Bookmark", "None"),
        (2, "update", "Account", "ConditionalCheckFailed"),
    ]
    assert error.failed == (error.reasons[2],)
    assert (error.index, error.key) == (2, {"id": "nobody"})
    assert error.item == error.failed[0].item == Account(id="nobody", balance=2)
    assert error.failed[0].message
    assert error.condition == error.failed[0].condition == "attribute_exists(id) AND balance > 3"
    assert error.attempts == 1
    assert error.elapsed is not None
    assert await at.bookmarks.get("ana", "aws") == stored


async def test_all_that_failed_are_told_in_order(at: Desk) -> None:
    await at.notes.put(Note(id="b", count=7))

    error = await failed(
        at.db.transaction()
        .update(Key(Note, "absent"), Note.count.add(1))
        .put(Note(id="free"))
        .put(Note(id="b"), when=Note.count < 7)
    )

    assert [each.code for each in error.reasons] == [
        "ConditionalCheckFailed",
        "None",
        "ConditionalCheckFailed",
    ]
    assert [each.item for each in error.reasons] == [None, None, Note(id="b", count=7)]
    assert error.index == 0


async def test_a_lost_version_is_a_version_conflict(at: Desk) -> None:
    """R77, R81."""
    stale = await at.bookmarks.create(mark())
    new = await at.bookmarks.save(evolve(stale, title="new"))

    error = await failed(at.db.transaction().put(Note(id="a")).save(evolve(stale, title="mine")))

    assert isinstance(error, TransactionVersionConflict)
    assert isinstance(error, VersionConflict)
    assert (error.index, error.item) == (1, new)
    assert "version 0 is held, and version 1 is stored" in str(error)


async def test_a_table_that_is_not_there_is_told_as_such(at: Desk) -> None:
    with pytest.raises(TableNotFound):
        await at.db.transaction().put(Note(id="a")).put(Note(id="b"), name="no-such-table").commit()

    assert await at.notes.find("a") is None


# Special fields. R81.


async def test_times_and_versions_are_kept_inside(at: Desk) -> None:
    moment = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    (new,) = await at.db.transaction().create(mark(expires=moment)).commit()
    await at.db.transaction().update(Key(Bookmark, "ana", "aws"), Bookmark.visits.add(1)).commit()
    await at.db.transaction().save(evolve(await at.bookmarks.get("ana", "aws"), title="t")).commit()

    stored = await at.bookmarks.get("ana", "aws")
    item = await raw_item(at.db, at.bookmarks.name, user={"S": "ana"}, slug={"S": "aws"})

    assert (stored.revision, stored.visits, stored.title) == (2, 1, "t")
    assert stored.created == new.created == new.updated < stored.updated
    assert item["expires"] == {"N": "1700000000"}
    assert new.revision == 0


async def test_a_put_of_a_held_version_raises_it_and_an_upsert_too(at: Desk) -> None:
    held = await at.bookmarks.create(mark())

    (put,) = await at.db.transaction().put(evolve(held, title="put")).commit()
    await at.db.transaction().upsert(evolve(put, title="upserted")).commit()

    stored = await at.bookmarks.get("ana", "aws")
    assert put.revision == 1
    assert (stored.revision, stored.title, stored.created) == (2, "upserted", held.created)


async def test_templates_and_entities_are_filled_inside(at: Desk) -> None:
    order = Order(user="ana", number=7, status="new", city="Rome")

    await at.db.transaction().create(User(user="ana")).create(order).commit()
    await (
        at.db.transaction()
        .update(Key(Order, "ana", 7), Order.status.set("sent"), Order.city.set("Oslo"))
        .commit()
    )

    key: dict[str, Any] = {"pk": {"S": "USER#ana"}, "sk": {"S": "ORDER#7"}}
    item = await raw_item(at.db, at.db.table(Order).name, **key)
    assert item["by_state"] == {"S": "sent#Oslo"}
    assert "order" in [value.get("S") for value in item.values()]
    found = [type(each) async for each in at.db.collection(User, Order).where(User.user == "ana")]
    assert found == [Order, User]


# Tokens. R78.


async def test_an_answer_that_is_lost_is_asked_for_again_and_applied_once(at: Desk) -> None:
    await at.accounts.batch_put([Account(id="ana", balance=100), Account(id="bob")])
    at.transport.lose = 3

    sent = await at.sent_by(transfer(at.db, 10).commit())

    assert sent == ["TransactWriteItems"] * 4
    assert (await at.accounts.get("ana")).balance == 90
    assert (await at.accounts.get("bob")).balance == 10


async def test_a_token_of_the_callers_applies_a_transaction_once(at: Desk) -> None:
    await at.accounts.put(Account(id="ana"))
    add = Account.balance.add(5)

    await at.db.transaction(token="order-7").update(Key(Account, "ana"), add).commit()
    await at.db.transaction(token="order-7").update(Key(Account, "ana"), add).commit()

    assert (await at.accounts.get("ana")).balance == 5


async def test_a_token_of_another_transaction_is_a_mismatch(at: Desk) -> None:
    await at.accounts.put(Account(id="ana"))
    await at.db.transaction(token="order-8").update(Key(Account, "ana"), Account.balance.add(5)).commit()
    other = at.db.transaction(token="order-8").update(Key(Account, "ana"), Account.balance.add(6))

    with pytest.raises(IdempotencyMismatch):
        await other.commit()

    assert (await at.accounts.get("ana")).balance == 5


# Reading. N6.


async def test_items_of_several_models_are_read_at_one_moment(at: Desk) -> None:
    marked = await at.bookmarks.create(mark())
    await at.notes.put(Note(id="a"))
    at.transport.operations.clear()

    found = await at.db.transact_get(
        Key(Note, "a"), Key(Bookmark, "ana", "aws"), Key(Note, "absent"), Key(Note, "a"), Key(User, "ana")
    )

    assert found == (Note(id="a"), marked, None, Note(id="a"), None)
    assert at.transport.operations == ["TransactGetItems"]


async def test_a_hundred_keys_are_read_in_order(at: Desk) -> None:
    await at.notes.batch_put([Note(id=f"n{number}", count=number) for number in range(0, 100, 2)])

    found = await at.db.transact_get(*[Key(Note, f"n{number}") for number in range(99, -1, -1)])

    assert [each and each.count for each in found] == [
        None if number % 2 else number for number in range(99, -1, -1)
    ]


async def test_a_read_of_a_table_that_is_not_there_is_told_as_such(at: Desk) -> None:
    with pytest.raises(TableNotFound):
        await at.db.transact_get(Key(Note, "a"), names={Note: "no-such-table"})


# Many. N6.


async def test_many_independent_transactions_are_committed_or_not_each_by_itself(at: Desk) -> None:
    await at.notes.batch_put([Note(id=f"n{number}", count=number) for number in range(20)])
    many = [
        at.db.transaction()
        .update(Key(Note, f"n{number}"), Note.text.set("odd"), when=Note.count.is_in([1, 3, 5, 7, 9]))
        .put(Account(id=f"a{number}"))
        for number in range(20)
    ]

    outcomes = await at.db.transact_many(many, concurrency=5)

    committed = [number for number, each in enumerate(outcomes) if each.is_committed]
    assert committed == [1, 3, 5, 7, 9]
    assert {type(each.error) for each in outcomes if not each.is_committed} == {TransactionConditionFailed}
    assert {each.id async for each in at.accounts.scan()} == {f"a{number}" for number in committed}


async def test_transfers_at_the_same_time_lose_and_make_no_money(at: Desk) -> None:
    """R75: every balance is that of the transfers that were told as committed."""
    names = [f"a{number}" for number in range(5)]
    await at.accounts.batch_put([Account(id=name, balance=20) for name in names])
    moves = [(names[n % 5], names[(n * 3 + 1) % 5], n % 7 + 1) for n in range(40)]
    moves = [move for move in moves if move[0] != move[1]]

    def moved(source: str, to: str, amount: int) -> Transaction:
        return (
            at.db.transaction()
            .update(Key(Account, source), Account.balance.subtract(amount), when=Account.balance >= amount)
            .update(Key(Account, to), Account.balance.add(amount))
        )

    outcomes = await at.db.transact_many([moved(*move) for move in moves], concurrency=8)

    expected = dict.fromkeys(names, 20)
    for (source, to, amount), outcome in zip(moves, outcomes, strict=True):
        assert outcome.is_committed or isinstance(outcome.error, TransactionConditionFailed)
        if outcome.is_committed:
            expected[source] -= amount
            expected[to] += amount
    assert {each.id: each.balance async for each in at.accounts.scan()} == expected
    assert min(expected.values()) >= 0
