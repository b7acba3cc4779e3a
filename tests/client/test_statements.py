"""PartiQL on every engine: statements as they are, parameters, models, pages, and what fails (point 7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynamorm_async import Client, ConditionFailed, RequestRefused, Table, TableNotFound
from dynamorm_async.observe import CallFinished, Event
from dynamorm_async.testing import Engine
from tests.shapes import Note


async def fill(notes: Table[Note], count: int = 5) -> None:
    for number in range(count):
        await notes.put(Note(id=f"{number}", text="t", count=number, names={"x"}))


async def test_a_select_gives_instances_of_a_model(db: Client, notes: Table[Note]) -> None:
    await fill(notes)

    found = await db.execute(f'SELECT * FROM "{notes.name}" WHERE id = ?', ["3"], model=Note)

    assert found == [Note(id="3", text="t", count=3, names={"x"})]


async def test_without_a_model_items_are_dicts(db: Client, notes: Table[Note]) -> None:
    await fill(notes, 2)

    found = [item async for item in db.execute(f'SELECT * FROM "{notes.name}"')]

    assert sorted(found, key=lambda item: item["id"]) == [
        {"id": "0", "text": "t", "count": 0, "names": {"x"}, "lines": [], "facts": {}},
        {"id": "1", "text": "t", "count": 1, "names": {"x"}, "lines": [], "facts": {}},
    ]


async def test_some_attributes_are_dicts_of_these(db: Client, notes: Table[Note]) -> None:
    await fill(notes, 2)

    found = await db.execute(f'SELECT "count" FROM "{notes.name}" WHERE id = ?', ["1"], consistent=True)

    assert found == [{"count": 1}]


async def test_pages_are_followed(engine: Engine, notes: Table[Note]) -> None:
    await fill(notes)
    sent: list[str] = []

    class Calls:
        def on_event(self, event: Event) -> None:
            if isinstance(event, CallFinished):
                sent.append(event.operation)

    async with engine.connect(observers=[Calls()]) as db:
        statement = db.execute(f'SELECT * FROM "{notes.name}"', page_size=2, model=Note)
        found = sorted([note.count async for note in statement])

    assert found == [0, 1, 2, 3, 4]
    assert len(sent) >= 3


async def test_an_insert_stores_its_parameters(db: Client, notes: Table[Note]) -> None:
    text = f"INSERT INTO \"{notes.name}\" VALUE {{'id': ?, 'count': ?, 'names': ?, 'facts': ?}}"

    given = await db.execute(text, ["new", Decimal(7), {"a", "b"}, {"x": [1, 2]}])

    assert given == []
    assert await notes.get("new") == Note(id="new", count=7, names={"a", "b"}, facts={"x": [1, 2]})


async def test_an_insert_over_an_item_is_a_failed_condition(db: Client, notes: Table[Note]) -> None:
    await fill(notes, 1)

    with pytest.raises(ConditionFailed, match="already stored") as caught:
        await db.execute(f"INSERT INTO \"{notes.name}\" VALUE {{'id': ?}}", ["0"])

    assert (caught.value.operation, caught.value.table) == ("ExecuteStatement", notes.name)
    assert caught.value.__cause__ is not None
    assert (await notes.get("0")).text == "t"


async def test_an_update_changes_what_is_stored(db: Client, notes: Table[Note]) -> None:
    await fill(notes, 2)

    await db.execute(f'UPDATE "{notes.name}" SET "count" = ? WHERE id = ?', [40, "1"])

    assert [(await notes.get(each)).count for each in "01"] == [0, 40]


async def test_an_update_may_return_the_item(db: Client, notes: Table[Note]) -> None:
    await fill(notes, 1)

    text = f'UPDATE "{notes.name}" SET "count" = ? WHERE id = ? RETURNING ALL NEW *'
    found = await db.execute(text, [41, "0"], model=Note)

    assert [note.count for note in found] == [41]


async def test_an_update_whose_item_is_not_there_is_a_failed_condition(
    db: Client, notes: Table[Note]
) -> None:
    with pytest.raises(ConditionFailed, match="no item meets its WHERE"):
        await db.execute(f'UPDATE "{notes.name}" SET "count" = ? WHERE id = ?', [1, "ghost"])

    assert await notes.find("ghost") is None


async def test_a_delete_removes_an_item(db: Client, notes: Table[Note]) -> None:
    await fill(notes, 2)

    await db.execute(f'DELETE FROM "{notes.name}" WHERE id = ?', ["1"])

    assert await notes.find("1") is None
    assert await notes.find("0") is not None


async def test_a_missing_table_says_so(db: Client, table_name: str) -> None:
    with pytest.raises(TableNotFound) as caught:
        await db.execute(f'SELECT * FROM "{table_name}" WHERE id = ?', ["1"])

    assert caught.value.table == table_name


async def test_a_text_that_is_no_statement_is_refused_by_the_service(db: Client, notes: Table[Note]) -> None:
    with pytest.raises(RequestRefused):
        await db.execute(f'SELEKT * FROM "{notes.name}"')


async def test_a_parameter_never_becomes_a_part_of_the_statement(db: Client, notes: Table[Note]) -> None:
    await fill(notes, 2)

    found: list[Any] = await db.execute(f'SELECT * FROM "{notes.name}" WHERE id = ?', ["' OR '1'='1"])

    assert found == []
