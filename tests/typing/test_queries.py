"""What a query is to a type checker: of one model, giving instances, views or dicts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, assert_type

import attrs

from dynamorm_async import BudgetSpent, Client, Explanation, Page, Query, Selection, Table
from tests.typing.models import Admin, Bookmark, Order


@attrs.frozen
class Card:
    slug: str
    title: str


async def endings_give_the_model(db: Client) -> None:
    bookmarks = db.table(Bookmark)
    query = bookmarks.where(Bookmark.user == "ana", Bookmark.slug.begins_with("a"), Bookmark.visits > 3)

    assert_type(query, Query[Bookmark])
    assert_type(await query.list(), list[Bookmark])
    assert_type(await query.first(), Bookmark | None)
    assert_type(await query.one(), Bookmark)
    assert_type(await query.count(), int)
    assert_type(query.explain(), Explanation)
    assert_type(query.cursor_after(await query.one()), str)
    assert_type(aiter(query), AsyncIterator[Bookmark])
    async for mark in query:
        assert_type(mark, Bookmark)


async def what_a_budget_stopped_is_counted(query: Query[Bookmark]) -> int:
    try:
        return await query.budget(requests=3).count()
    except BudgetSpent as error:
        assert_type(error.items, list[Any])
        assert_type(error.count, int | None)
        return error.count or 0


async def pages_hold_the_model(query: Query[Bookmark], cursor: str | None) -> None:
    page = await query.page(size=10, cursor=cursor)

    assert_type(page, Page[Bookmark])
    assert_type(page.items, list[Bookmark])
    assert_type((page.next, page.previous), tuple[str | None, str | None])
    async for each in query.pages(size=3):
        assert_type(each, Page[Bookmark])


def refining_keeps_the_type(query: Query[Bookmark]) -> None:
    refined = query.filter(Bookmark.visits < 9).reverse().order_by(Bookmark.slug).limit(3).offset(1)

    assert_type(refined, Query[Bookmark])
    assert_type(refined.page_size(2).consistent().using("by-url").avoid("x").allow_scan(), Query[Bookmark])
    assert_type(refined.hydrate().hydrate(consistent=True), Query[Bookmark])
    assert_type(refined.not_expired().budget(requests=3, read_units=0.5).start("…"), Query[Bookmark])


async def a_view_is_what_comes(query: Query[Bookmark]) -> None:
    cards = query.select(Card)

    assert_type(cards, Selection[Bookmark, Card])
    assert_type(await cards.list(), list[Card])
    assert_type(await cards.reverse().first(), Card | None)
    assert_type(await cards.page(size=3), Page[Card])
    assert_type(await query.select(Bookmark.slug, "title").list(), list[dict[str, Any]])
    async for card in cards:
        assert_type(card, Card)


async def a_child_takes_what_its_base_says(admins: Table[Admin]) -> None:
    assert_type(await admins.where(Bookmark.user == "ana", Admin.level > 3).first(), Admin | None)


async def wrong_models(bookmarks: Table[Bookmark], query: Query[Bookmark], order: Order) -> None:
    bookmarks.where(Order.count < 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bookmarks.where(Bookmark.user == 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bookmarks.where(True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    query.filter(Order.count < 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    query.order_by(Order.count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    query.cursor_after(order)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    query.select(Order.count)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    query.limit("3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await query.page(cursor=b"x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
