"""Money moves from one account to another, or it does not: `python examples/transfer.py` needs no AWS."""

import asyncio

from dynamorm_async import (
    Attr,
    Client,
    Key,
    TransactionConditionFailed,
    attribute,
    connect,
    model,
    partition_key,
)


@model(table="accounts")
class Account:
    owner: Attr[str] = partition_key()
    balance: Attr[int] = attribute(default=0)


@model(table="receipts")
class Receipt:
    """What was moved; one for each transfer that happened."""

    id: Attr[str] = partition_key()
    source: Attr[str]
    to: Attr[str]
    amount: Attr[int]


class TransferRefused(Exception):
    """Nothing was moved."""


async def transfer(db: Client, number: str, source: str, to: str, amount: int) -> Receipt:
    """Move an amount and return its receipt; the same number moves it once."""
    receipt = Receipt(id=number, source=source, to=to, amount=amount)
    try:
        async with db.transaction() as tx:
            tx.create(receipt)
            tx.update(Key(Account, source), Account.balance.subtract(amount), when=Account.balance >= amount)
            tx.update(Key(Account, to), Account.balance.add(amount))
    except TransactionConditionFailed as error:
        raise TransferRefused(_why(error, receipt)) from error
    return receipt


def _why(error: TransactionConditionFailed, receipt: Receipt) -> str:
    if error.index == 0:
        return f"{receipt.id} was done before"
    if error.item is None:
        return f"{receipt.source if error.index == 1 else receipt.to} has no account"
    return f"{receipt.source} has {error.item.balance}, and not {receipt.amount}"


async def main() -> None:
    async with connect("memory://") as db:  # or connect(region="eu-west-1")
        await db.admin.ensure_table(Account)
        await db.admin.ensure_table(Receipt)
        accounts = db.table(Account)
        await accounts.batch_put([Account(owner="ana", balance=100), Account(owner="bob")])

        for number, source, to, amount in (
            ("t1", "ana", "bob", 70),
            ("t1", "ana", "bob", 70),
            ("t2", "ana", "bob", 31),
            ("t3", "ana", "cy", 30),
        ):
            try:
                await transfer(db, number, source, to, amount)
                print(f"{number}: {source} gave {to} {amount}")
            except TransferRefused as error:
                print(f"{number}: {error}")

        ana, bob = await db.transact_get(Key(Account, "ana"), Key(Account, "bob"))
        assert ana is not None
        assert bob is not None
        print(f"ana {ana.balance}, bob {bob.balance}")


if __name__ == "__main__":
    asyncio.run(main())
