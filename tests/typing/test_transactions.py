"""What transactions are to a type checker: each operation typed by its model, reads by their keys."""

from typing import Any, assert_type

from dynamorm_async import (
    CancellationReason,
    Client,
    ConditionFailed,
    Key,
    Transaction,
    TransactionFailed,
    TransactionOutcome,
    TransactionVersionConflict,
    VersionConflict,
)
from tests.typing.models import Bookmark, Order


async def a_block_and_a_chain(db: Client, mark: Bookmark, order: Order) -> None:
    async with db.transaction(token="t", timeout=3) as transaction:
        assert_type(transaction, Transaction)
        transaction.create(mark, when=Bookmark.visits < 3)
        transaction.update(Key(Bookmark, "ana", "aws"), Bookmark.visits.add(1), when=Bookmark.title == "x")
        transaction.update(order, Order.count.add(1))
        transaction.save(mark, fields=[Bookmark.title], name="other")
        transaction.check(Key(Order, 7), Order.count > 3)
        transaction.check(mark)
    assert_type(transaction.results, list[Any])

    assert_type(await db.transaction().put(mark).upsert(order).delete(mark).commit(timeout=1), list[Any])


async def a_function_fills_one(db: Client, mark: Bookmark) -> None:
    def fill(transaction: Transaction) -> None:
        transaction.put(mark)

    async def fill_slowly(transaction: Transaction) -> None:
        transaction.put(mark)

    assert_type(await db.transact(fill), list[Any])
    assert_type(await db.transact(fill_slowly, token="t"), list[Any])
    assert_type(await db.transact(lambda transaction: transaction.put(mark)), list[Any])


async def reads_are_typed_by_their_keys(db: Client) -> None:
    mark, order = Key(Bookmark, "ana", "aws"), Key(Order, 7)

    assert_type(await db.transact_get(mark), tuple[Bookmark | None])
    assert_type(await db.transact_get(mark, order), tuple[Bookmark | None, Order | None])
    assert_type(
        await db.transact_get(order, mark, order, names={Order: "orders-2"}),
        tuple[Order | None, Bookmark | None, Order | None],
    )
    assert_type(await db.transact_get(mark, order, mark, order), tuple[Any, ...])
    assert_type(await db.transact_get(*[order, order]), tuple[Any, ...])


async def many_tell_their_outcomes(db: Client) -> None:
    outcomes = await db.transact_many([db.transaction(), db.transaction()], concurrency=4)

    assert_type(outcomes, list[TransactionOutcome])
    assert_type(outcomes[0].is_committed, bool)
    assert_type(outcomes[0].results, list[Any] | None)
    assert_type(outcomes[0].error, Exception | None)


def a_failure_is_both(error: TransactionVersionConflict) -> tuple[TransactionFailed, ConditionFailed]:
    conflict: VersionConflict = error
    assert_type(error.reasons, tuple[CancellationReason, ...])
    assert_type(error.failed, tuple[CancellationReason, ...])
    assert_type(error.index, int | None)
    return error, conflict


def refused(tx: Transaction, mark: Bookmark) -> None:
    tx.update(Key(Order, 7), Bookmark.visits.add(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.put(mark, when=Order.count > 3)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    tx.delete(("ana", "aws"), when=Order.count > 3)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    tx.check(Key(Order, 7), Order.count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def refused_reads(db: Client) -> None:
    await db.transact_get("ana")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    await db.transact_many(["ana"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
