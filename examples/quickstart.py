"""The example of the README, word for word: `python examples/quickstart.py` needs no AWS."""

import asyncio

from dynamorm_async import Attr, attribute, connect, model, partition_key


@model(table="pages")
class Page:
    url: Attr[str] = partition_key()
    visits: Attr[int] = attribute(default=0)


async def main() -> None:
    async with connect("memory://") as db:  # or connect(region="eu-west-1")
        await db.admin.ensure_table(Page)
        pages = db.table(Page)
        await pages.create(Page(url="https://example.com"))
        await pages.update("https://example.com", Page.visits.add(1), when=Page.visits < 100)
        print(await pages.get("https://example.com"))  # → Page(url='https://example.com', visits=1)


asyncio.run(main())
