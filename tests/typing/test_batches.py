"""What batches are to a type checker: of one model typed by it, of several as its keys say."""

from collections.abc import AsyncIterable
from typing import Any, assert_type

import attrs

from dynamorm_async import (
    Batch,
    BatchFailure,
    BatchPlan,
    BatchRetry,
    BatchStream,
    BatchWriter,
    Client,
    Delete,
    Key,
    Loader,
    PartialBatch,
    Put,
    Table,
)
from tests.typing.models import Admin, Bookmark, Order


@attrs.frozen
class Card:
    url: str


def told(done: int, total: int) -> None: ...


def failed(failure: BatchFailure) -> None:
    assert_type(failure.error, Exception)
    raise failure.error


async def a_batch_of_one_model_gives_that_model(bookmarks: Table[Bookmark], mark: Bookmark) -> None:
    keys = [("ana", "aws"), Key(Bookmark, "ana", "gcp"), mark]

    found = await bookmarks.batch_get(keys, consistent=True, on_progress=told, on_error=failed)

    assert_type(found, list[Bookmark | None])
    assert_type(await bookmarks.batch_put([mark], duplicates="last", unchecked=True), list[Bookmark])
    await bookmarks.batch_delete(keys)
    assert_type(bookmarks.plan.batch_get(keys), BatchPlan[list[Bookmark | None]])
    assert_type(bookmarks.plan.batch_put([mark]), BatchPlan[list[Bookmark]])
    assert_type(bookmarks.plan.batch_delete(keys), BatchPlan[None])


async def the_builder_gives_the_model_as_well(bookmarks: Table[Bookmark]) -> None:
    begun = bookmarks.batch().consistent().concurrency(16).retry(BatchRetry(rounds=5)).timeout(3)

    assert_type(begun, Batch[Bookmark, Bookmark])
    assert_type(await begun.keys([("ana", "aws")]).on_error(failed).execute(), list[Bookmark | None])


async def what_is_selected_is_what_comes(bookmarks: Table[Bookmark], db: Client) -> None:
    keys = [("ana", "aws")]

    assert_type(await bookmarks.batch_get(keys, select=Card), list[Card | None])
    assert_type(await bookmarks.batch_get(keys, select=[Bookmark.url]), list[dict[str, Any] | None])
    assert_type(await bookmarks.batch().keys(keys).select(Card).execute(), list[Card | None])
    assert_type(bookmarks.batch().select(Bookmark.url, "visits"), Batch[Bookmark, dict[str, Any]])
    assert_type(bookmarks.plan.batch_get(keys, select=Card), BatchPlan[list[Card | None]])
    async with bookmarks.batch_stream(keys, select=Card) as found:
        assert_type(found, BatchStream[tuple[str, str], Card])
    one = [Key(Bookmark, "ana", "aws")]
    assert_type(await db.batch_get(one, select={Bookmark: Card}), list[Card | None])
    assert_type(await db.batch_get(one, select={Bookmark: [Bookmark.url]}), list[Any])
    assert_type(await db.batch_get([*one, Key(Order, 7)], select={Bookmark: Card, Order: ["id"]}), list[Any])
    async with db.batch_stream(one, select={Bookmark: Card}) as of_one:
        assert_type(of_one, BatchStream[Key[Bookmark], Card])
    await bookmarks.batch_get(keys, select=[Order.count])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def a_stream_gives_each_key_as_it_was_handed_in(
    bookmarks: Table[Bookmark], later: AsyncIterable[tuple[str, str]], db: Client
) -> None:
    async with bookmarks.batch_stream(later, concurrency=4, on_error=failed) as found:
        assert_type(found, BatchStream[tuple[str, str], Bookmark])
        async for key, mark in found:
            assert_type(key, tuple[str, str])
            assert_type(mark, Bookmark | None)
    async with bookmarks.batch().keys([("ana", "aws")]).stream() as same:
        assert_type(same, BatchStream[object, Bookmark])
    async with db.batch_stream([Key(Bookmark, "ana", "aws")]) as of_one:
        assert_type(of_one, BatchStream[Key[Bookmark], Bookmark])


async def a_batch_of_a_client_gives_what_its_keys_say(db: Client, mark: Bookmark, order: Order) -> None:
    assert_type(await db.batch_get([Key(Bookmark, "ana", "aws")]), list[Bookmark | None])
    assert_type(await db.batch_get([Key(Bookmark, "ana", "aws"), Key(Order, 7)]), list[Any])
    assert_type(await db.batch_get([mark, order], names={Order: "orders-2"}), list[Any])
    await db.batch_write([Put(mark), Put(order), Delete(Key(Admin, "ana", "aws")), Delete(mark)])


async def a_loader_gives_the_model(db: Client) -> None:
    loader = db.loader(Bookmark, consistent=True)

    assert_type(loader, Loader[Bookmark])
    assert_type(await loader.find("ana", "aws"), Bookmark | None)


async def what_a_partial_batch_holds(error: PartialBatch) -> None:
    assert_type(error.failed, tuple[BatchFailure, ...])
    assert_type(error.succeeded, tuple[Any, ...])


async def refused(db: Client, bookmarks: Table[Bookmark], order: Order) -> None:
    await bookmarks.batch_put([order])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await bookmarks.batch_put(order)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await bookmarks.batch_put([], duplicates="first")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await bookmarks.batch_get([], on_progress=failed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await db.batch_write([order])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


async def a_writer_takes_the_model(bookmarks: Table[Bookmark], mark: Bookmark, order: Order) -> None:
    async with bookmarks.batch_writer(concurrency=2) as writer:
        assert_type(writer, BatchWriter[Bookmark])
        await writer.put(mark)
        await writer.delete("ana", "aws")
        await writer.put(order)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
