"""What queries over several models, numbers, segments and statements give, as type checkers see it."""

from typing import Any, assert_type

from dynamorm_async import (
    Aggregation,
    Client,
    Collection,
    Group,
    Grouping,
    Segments,
    SegmentStream,
    Selection,
    Statement,
    Table,
    WorkUnit,
    count,
    sum_,
)
from tests.typing.models import Bookmark, Order


async def collections_are_typed_per_entity(db: Client) -> None:
    both = db.collection(Bookmark, Order)

    assert_type(both, Collection[Bookmark | Order])
    assert_type(await both.where(Order.id == "1").list(), list[Bookmark | Order])
    async for item in both.where(Order.id == "1").reverse():
        assert_type(item, Bookmark | Order)
        if isinstance(item, Order):
            assert_type(item, Order)
    db.collection(Bookmark, Order, unknown="keep")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def numbers_are_rows(bookmarks: Table[Bookmark]) -> None:
    grouping = bookmarks.scan().group_by(Bookmark.user)

    assert_type(grouping, Grouping)
    assert_type(grouping.aggregate(n=count()), Aggregation)
    assert_type(
        await grouping.aggregate(n=count(), s=sum_(Bookmark.visits)).having(lambda g: g.n > 1), list[Group]
    )
    bookmarks.scan().group_by(Order.count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    grouping.aggregate(n=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def segments_give_what_the_scan_gives(bookmarks: Table[Bookmark]) -> None:
    assert_type(bookmarks.scan().segments(8), Segments[Bookmark])
    async with bookmarks.scan().segments(8).stream() as stream:
        assert_type(stream, SegmentStream[Bookmark])
        async for mark in stream:
            assert_type(mark, Bookmark)
    async with bookmarks.scan().select(Bookmark.user).segments(8).stream() as stream_of_dicts:
        assert_type(stream_of_dicts, SegmentStream[dict[str, Any]])
    units = bookmarks.scan().split(8)
    assert_type(units, list[WorkUnit])
    assert_type(bookmarks.run(units[0]), Selection[Bookmark, Any])


async def statements_give_models_or_dicts(db: Client) -> None:
    assert_type(db.execute("SELECT …"), Statement[dict[str, Any]])
    assert_type(await db.execute("SELECT …", [1], model=Bookmark), list[Bookmark])
