"""One client for each engine, for all tests of this folder; tables under names of their own.

A client of its own for each test would take most of the time, so these tests share an event loop.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from dynamorm_async import Client, Table
from dynamorm_async.testing import Engine
from tests.client.given import answer
from tests.shapes import Bookmark, Note, Order, User

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_client(engine: Engine) -> AsyncGenerator[Client]:
    """One client of the engine for all tests."""
    async with engine.connect() as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def db(engine: Engine, shared_client: Client, table_name: str) -> AsyncGenerator[Client]:
    """The client of the engine; the test's tables go where the engine keeps them."""
    yield shared_client
    if not engine.disposable:
        await _delete_tables(shared_client, table_name)


async def _delete_tables(client: Client, prefix: str) -> None:
    # The names of the test's tables begin with the one that it was given.
    found = await answer(client, "ListTables", None, ExclusiveStartTableName=prefix[:-1] + "-")
    for name in found["TableNames"]:
        if name.startswith(prefix):
            await answer(client, "DeleteTable", name)


@pytest_asyncio.fixture(loop_scope="session")
async def bookmarks(db: Client, table_name: str) -> Table[Bookmark]:
    await db.admin.create_table(Bookmark, name=table_name)
    return db.table(Bookmark, name=table_name)


@pytest_asyncio.fixture(loop_scope="session")
async def notes(db: Client, table_name: str) -> Table[Note]:
    await db.admin.create_table(Note, name=table_name)
    return db.table(Note, name=table_name)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(db: Client, table_name: str) -> tuple[Table[User], Table[Order]]:
    await db.admin.create_table(User, Order, name=table_name)
    return db.table(User, name=table_name), db.table(Order, name=table_name)
