"""Writes that were applied and whose answer was lost, on every engine. D-1, R101."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import pytest
import pytest_asyncio

from dynamorm_async import (
    Answer,
    Call,
    Client,
    ConditionFailed,
    ConnectionLost,
    OutcomeUnknown,
    Repeat,
    Retry,
    Table,
    Transport,
    VersionConflict,
    connect,
    evolve,
)
from tests.client.given import mark
from tests.shapes import Bookmark, Note


@attrs.define
class LosingAnswers:
    """A transport that carries each attempt out and loses the answers to the first ones."""

    inner: Transport
    lose: int = 0
    attempts: int = 0
    name: str = "losing"

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        answer = await self.inner.attempt(call, timeout=timeout)
        self.attempts += 1
        if self.lose:
            self.lose -= 1
            raise ConnectionLost("the line broke")
        return answer

    async def aclose(self) -> None:
        """Leave the inner transport to its owner."""


@attrs.define
class Losing:
    transport: LosingAnswers
    client: Client
    notes: Table[Note]
    bookmarks: Table[Bookmark]


@pytest_asyncio.fixture(loop_scope="session")
async def losing(db: Client, table_name: str) -> Losing:
    await db.admin.create_table(Note, name=f"{table_name}-notes")
    await db.admin.create_table(Bookmark, name=f"{table_name}-bookmarks")
    transport = LosingAnswers(db._waist._transport)  # pyright: ignore[reportPrivateUsage]
    client = connect(transport=transport, retry=Retry(transient_base=0.0))
    return Losing(
        transport,
        client,
        client.table(Note, name=f"{table_name}-notes"),
        client.table(Bookmark, name=f"{table_name}-bookmarks"),
    )


async def test_a_counter_is_counted_once_and_the_caller_is_told(losing: Losing) -> None:
    await losing.notes.put(Note(id="a"))
    losing.transport.lose = 1

    with pytest.raises(OutcomeUnknown) as caught:
        await losing.notes.update("a", Note.count.add(1))

    assert (await losing.notes.get("a")).count == 1
    assert caught.value.key == {"id": "a"}
    assert isinstance(caught.value.__cause__, ConnectionLost)


async def test_a_counter_is_counted_twice_where_the_caller_takes_the_risk(losing: Losing) -> None:
    await losing.notes.put(Note(id="a"))
    losing.transport.lose = 1

    new = await losing.notes.update("a", Note.count.add(1), returning="ALL_NEW", retry_ambiguous=True)

    assert new.count == 2


async def test_a_condition_that_fails_after_a_lost_answer_stays_unknown_at_any_risk(losing: Losing) -> None:
    await losing.notes.put(Note(id="a"))
    losing.transport.lose = 1

    with pytest.raises(OutcomeUnknown) as caught:
        await losing.notes.update("a", Note.count.add(1), when=Note.count == 0, retry_ambiguous=True)

    assert not isinstance(caught.value, ConditionFailed)
    assert (await losing.notes.get("a")).count == 1


async def test_an_idempotent_counter_is_counted_once_though_answers_are_lost(losing: Losing) -> None:
    await losing.notes.put(Note(id="a"))
    losing.transport.lose = 3

    await losing.notes.update("a", Note.count.add(1), idempotent=True)

    assert (await losing.notes.get("a")).count == 1
    assert losing.transport.attempts == 1 + 4 + 1


async def test_an_idempotent_create_whose_answer_is_lost_is_known_to_be_stored(losing: Losing) -> None:
    losing.transport.lose = 1

    stored = await losing.bookmarks.create(mark(title="mine"), idempotent=True)

    assert stored == await losing.bookmarks.get("ana", "aws")
    assert stored.revision == 0


async def test_idempotent_writes_change_and_delete_what_they_name(losing: Losing) -> None:
    first = await losing.bookmarks.create(mark(), idempotent=True)
    second = await losing.bookmarks.put(evolve(first, title="new"), idempotent=True)
    await losing.bookmarks.update(second, Bookmark.visits.add(2), idempotent=True)
    third = await losing.bookmarks.get("ana", "aws")
    await losing.bookmarks.delete(third, idempotent=True)

    assert (third.title, third.visits, third.revision) == ("new", 2, 2)
    assert await losing.bookmarks.find("ana", "aws") is None


async def test_an_idempotent_write_that_lost_its_version_meets_the_stored_item(losing: Losing) -> None:
    stale = await losing.bookmarks.create(mark())
    new = await losing.bookmarks.save(evolve(stale, title="new"))

    with pytest.raises(VersionConflict) as caught:
        await losing.bookmarks.update(stale, Bookmark.visits.add(1), idempotent=True)

    assert caught.value.item == new
    assert caught.value.key == {"user": "ana", "slug": "aws"}
    assert caught.value.attempts == 1


async def test_an_idempotent_update_of_an_absent_item_fails(losing: Losing) -> None:
    with pytest.raises(ConditionFailed) as caught:
        await losing.notes.update("nobody", Note.count.add(1), idempotent=True)

    assert type(caught.value) is ConditionFailed
    assert caught.value.item is None


async def test_what_is_harmless_is_repeated_until_it_is_answered(losing: Losing) -> None:
    losing.transport.lose = 3

    await losing.notes.put(Note(id="a", count=7))

    assert losing.transport.attempts == 4
    assert await losing.notes.get("a") == Note(id="a", count=7)


async def test_an_own_write_is_never_told_as_a_conflict(losing: Losing) -> None:
    held = await losing.bookmarks.create(mark())
    writes: list[Callable[[Bookmark], Awaitable[object]]] = [
        losing.bookmarks.save,
        losing.bookmarks.put,
        losing.bookmarks.upsert,
        lambda item: losing.bookmarks.update(item, Bookmark.visits.add(1)),
        losing.bookmarks.delete,
    ]
    held = await losing.bookmarks.save(held)

    for number, write in enumerate(writes, start=1):
        losing.transport.lose = 1
        with pytest.raises(OutcomeUnknown) as caught:
            await write(held)
        assert not isinstance(caught.value, ConditionFailed)
        stored = await losing.bookmarks.find(held)
        assert (stored is None) if number == 5 else (stored is not None)
        held = stored or held

    assert held.revision == 5
    assert held.visits == 1


async def test_a_create_whose_answer_is_lost_is_stored_and_unknown(losing: Losing) -> None:
    losing.transport.lose = 1

    with pytest.raises(OutcomeUnknown):
        await losing.bookmarks.create(mark(title="mine"))

    assert (await losing.bookmarks.get("ana", "aws")).title == "mine"


async def test_an_upsert_that_could_count_the_version_twice_is_not_repeated(losing: Losing) -> None:
    held = await losing.bookmarks.create(mark())
    await losing.bookmarks.delete("ana", "aws")
    losing.transport.lose = 1

    assert losing.bookmarks.plan.upsert(held).first.repeat is Repeat.NEVER
    with pytest.raises(OutcomeUnknown):
        await losing.bookmarks.upsert(held)

    assert (await losing.bookmarks.get("ana", "aws")).revision == 0


async def test_the_old_values_of_a_repeated_change_are_never_the_new_ones(losing: Losing) -> None:
    await losing.notes.put(Note(id="a", text="old"))
    losing.transport.lose = 1

    with pytest.raises(OutcomeUnknown):
        await losing.notes.update("a", Note.text.set("new"), returning="ALL_OLD")
    losing.transport.lose = 1
    new = await losing.notes.update("a", Note.text.set("newer"), returning="ALL_NEW")

    assert new == Note(id="a", text="newer")


async def test_a_conflict_after_answers_that_came_is_a_conflict(losing: Losing) -> None:
    stale = await losing.bookmarks.create(mark())
    await losing.bookmarks.save(stale)

    with pytest.raises(VersionConflict):
        await losing.bookmarks.save(evolve(stale, title="late"))


async def test_a_statement_that_writes_is_sent_once_and_one_that_reads_again(losing: Losing) -> None:
    await losing.notes.put(Note(id="a"))
    name, sent = losing.notes.name, losing.transport.attempts
    losing.transport.lose = 1

    with pytest.raises(OutcomeUnknown):
        await losing.client.execute(f'UPDATE "{name}" SET "count" = ? WHERE id = ?', [7, "a"])

    assert losing.transport.attempts == sent + 1
    losing.transport.lose = 1
    (found,) = await losing.client.execute(f'SELECT * FROM "{name}" WHERE id = ?', ["a"], model=Note)
    assert (found.count, losing.transport.attempts) == (7, sent + 3)
