"""The same verbs on trio, where aiobotocore carries every call, over httpx."""

import pytest
import trio

from dynamorm_async import Client, ConditionFailed
from dynamorm_async.testing import Engine
from tests.shapes import Note


def note(name: str) -> Note:
    return Note(id=name, text=f"text of {name}")


async def verbs(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(Note, name=table_name)
    notes = db.table(Note, name=table_name)
    a = await notes.create(note("a"))
    with pytest.raises(ConditionFailed):
        await notes.create(note("a"))
    await notes.batch_put([note("b"), note("c")])
    await db.transaction().put(note("d"), name=table_name).commit()

    assert await notes.get("a") == a
    assert [each.id if each else None for each in await notes.batch_get(["b", "x", "c"])] == ["b", None, "c"]
    assert sorted([each.id async for each in notes.scan()]) == ["a", "b", "c", "d"]
    async with notes.scan().segments(3).stream() as stream:
        assert sorted([each.id async for each in stream]) == ["a", "b", "c", "d"]
    await notes.delete("a")
    assert await notes.find("a") is None


def test_the_verbs_run_on_trio(engine: Engine, table_name: str) -> None:
    async def run() -> str:
        async with engine.connect() as db:
            await verbs(db, table_name)
            return db.transport

    assert trio.run(run) == ("memory" if engine.name == "memory" else "aiobotocore")
