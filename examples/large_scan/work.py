"""What one process does with one piece of a scan: read it, sum it up, return a small result.

A task runner (Dask, Celery, Ray, `concurrent.futures`) sends the text of a work unit and gets the
sums back. A client belongs to one event loop of one process, so each task opens its own.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import anyio

from dynamorm_async import Attr, WorkUnit, attribute, connect, model, partition_key


@model(table="visits")
class Visit:
    id: Attr[str] = partition_key()
    country: Attr[str]
    pages: Attr[int] = attribute(default=0)


def pages_by_country(unit: str, options: Mapping[str, Any]) -> Counter[str]:
    """Return the pages read by visitors of each country in one piece of the table.

    Args:
        unit: What `WorkUnit.to_json` gave.
        options: Arguments for `connect`. On AWS a worker has credentials of its own, and none are sent.
    """
    return anyio.run(_summed_up, WorkUnit.from_json(unit), options)


async def _summed_up(unit: WorkUnit, options: Mapping[str, Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    async with connect(**options) as db:
        # The unit says which fields are read; dicts of them come.
        async for visit in db.table(Visit, name=unit.table).run(unit):
            found[visit["country"]] += visit["pages"]
    return found
