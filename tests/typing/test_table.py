"""What a table handle is to a type checker: it takes and gives its own model alone."""

from typing import Any, assert_type

from dynamorm_async import Client, Key, MendedClaims, Plan, Query, Table, UniqueViolation
from tests.typing.models import Admin, Bookmark, Keyholder, Order


async def verbs_give_the_model(db: Client, mark: Bookmark) -> None:
    bookmarks = db.table(Bookmark)

    assert_type(bookmarks, Table[Bookmark])
    assert_type(await bookmarks.get("ana", "aws"), Bookmark)
    assert_type(await bookmarks.find("ana", "aws"), Bookmark | None)
    assert_type(await bookmarks.create(mark, when=Bookmark.visits == 0), Bookmark)
    assert_type(await bookmarks.put(mark), Bookmark)
    assert_type(await bookmarks.save(mark, fields=[Bookmark.title]), Bookmark)
    assert_type(await bookmarks.upsert(mark), Bookmark)
    assert_type(bookmarks.scan(Bookmark.visits > 3), Query[Bookmark])


async def claims_are_mended(keyholders: Table[Keyholder]) -> None:
    found = await keyholders.mend_claims(concurrency=4)
    assert_type(found, MendedClaims)
    assert_type(found.conflicts, tuple[tuple[str, Key[Any]], ...])
    try:
        await keyholders.create(Keyholder(id="1", email="ana@x"))
    except UniqueViolation as error:
        assert_type(error.fields, tuple[str, ...])


async def the_result_of_an_update_is_in_returning(bookmarks: Table[Bookmark]) -> None:
    key, change = ("ana", "aws"), Bookmark.visits.add(1)

    assert_type(await bookmarks.update(key, change, returning="ALL_NEW"), Bookmark)
    assert_type(await bookmarks.update(key, change, returning="ALL_OLD"), Bookmark)
    assert_type(await bookmarks.update(key, change, returning="UPDATED_NEW"), dict[str, Any])
    again = await bookmarks.update(key, change, returning="ALL_NEW", retry_ambiguous=True)
    assert_type(again, Bookmark)
    await bookmarks.update(key, change, idempotent=True)
    await bookmarks.update(key, change, returning="NONE", idempotent=True)
    assert_type(bookmarks.plan.update(key, change, idempotent=True), Plan[None])
    assert_type(await bookmarks.put(await bookmarks.get("ana", "aws"), idempotent=True), Bookmark)
    await bookmarks.update(key, change, Bookmark.title.set("AWS"), when=Bookmark.tags.contains("cloud"))


async def a_child_takes_what_its_base_says(admins: Table[Admin]) -> None:
    assert_type(await admins.get("ana", "aws"), Admin)
    await admins.update(("ana", "aws"), Bookmark.visits.add(1), Admin.level.set(3), when=Bookmark.visits < 3)


async def wrong_models(bookmarks: Table[Bookmark], order: Order) -> None:
    await bookmarks.put(order)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await bookmarks.delete("a", when=Order.count < 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bookmarks.scan(Order.count < 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bookmarks.scan(Bookmark.user == 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await bookmarks.update("a", Order.count.add(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await bookmarks.update("a", Bookmark.visits.add(1), returning="NEW")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def a_transaction_returns_no_values(bookmarks: Table[Bookmark], mark: Bookmark) -> None:
    await bookmarks.update("a", Bookmark.visits.add(1), returning="ALL_NEW", idempotent=True)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    await bookmarks.save(mark, idempotent=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
