"""R75: the transfer of the examples moves money once, or not at all."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from dynamorm_async import Client, connect
from examples.transfer import Account, Receipt, TransferRefused, transfer


@pytest.fixture
async def db() -> AsyncGenerator[Client]:
    async with connect("memory://") as client:
        await client.admin.ensure_table(Account)
        await client.admin.ensure_table(Receipt)
        await client.table(Account).batch_put([Account(owner="ana", balance=100), Account(owner="bob")])
        yield client


async def balances(db: Client) -> dict[str, int]:
    return {account.owner: account.balance async for account in db.table(Account).scan()}


async def test_a_transfer_moves_money_and_leaves_a_receipt(db: Client) -> None:
    receipt = await transfer(db, "t1", "ana", "bob", 70)

    assert await balances(db) == {"ana": 30, "bob": 70}
    assert await db.table(Receipt).get("t1") == receipt


@pytest.mark.parametrize(
    ("id", "source", "to", "amount", "why"),
    [
        ("done", "ana", "bob", 1, "done was done before"),
        ("t2", "ana", "bob", 100, "ana has 99, and not 100"),
        ("t3", "eve", "bob", 1, "eve has no account"),
        ("t4", "ana", "eve", 1, "eve has no account"),
    ],
    ids=["done before", "too little", "no source", "no target"],
)
async def test_a_transfer_that_is_refused_moves_nothing(
    db: Client, id: str, source: str, to: str, amount: int, why: str
) -> None:
    await transfer(db, "done", "ana", "bob", 1)

    with pytest.raises(TransferRefused, match=why):
        await transfer(db, id, source, to, amount)

    assert await balances(db) == {"ana": 99, "bob": 1}
    assert [receipt.id async for receipt in db.table(Receipt).scan()] == ["done"]


async def test_transfers_at_the_same_time_spend_nothing_twice(db: Client) -> None:
    refused: list[int] = []

    async def move(number: int) -> None:
        try:
            await transfer(db, f"t{number}", "ana", "bob", 30)
        except TransferRefused:
            refused.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(move, number)

    assert len(refused) == 7
    assert await balances(db) == {"ana": 10, "bob": 90}
