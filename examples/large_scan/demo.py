"""Scan a table in several processes: `python -m examples.large_scan.demo --on dask`.

It starts an engine, fills a table, splits a scan into work units, runs them on Dask workers (or,
with `--on processes`, on the standard library's process pool) and checks the sums.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import anyio

from dynamorm_async import DynamormError, Table, WorkUnit
from dynamorm_async.testing import started
from examples.large_scan.work import Visit, pages_by_country

COUNTRIES = ("de", "fr", "jp")


class Unexpected(Exception):
    """The scan gave something else than it must; the text says what."""


Runner = Callable[[Sequence[str], Mapping[str, Any]], list[Counter[str]]]


def on_dask(units: Sequence[str], options: Mapping[str, Any]) -> list[Counter[str]]:
    """Run work units on the workers of a Dask cluster, here one of two processes on this machine."""
    distributed: Any = import_module("distributed")  # it has no types that a checker could use
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster) as dask:
        # Not pure: the same unit may give another answer tomorrow. Dask repeats a unit whose worker died.
        tasks = dask.map(pages_by_country, units, options=options, pure=False, retries=2)
        results: list[Counter[str]] = dask.gather(tasks)
    return results


def on_processes(units: Sequence[str], options: Mapping[str, Any]) -> list[Counter[str]]:
    """Run work units on a pool of two processes; spawned, since a client does not survive a fork."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(pages_by_country, units, [options] * len(units)))


RUNNERS: Mapping[str, Runner] = {"dask": on_dask, "processes": on_processes}


async def fill(visits: Table[Visit], count: int) -> None:
    """Store visits, a few at a time."""
    async with anyio.create_task_group() as tasks:
        for begin in range(8):
            tasks.start_soon(_some, visits, range(begin, count, 8))


async def _some(visits: Table[Visit], numbers: range) -> None:
    for number in numbers:
        await visits.put(Visit(id=f"{number:05}", country=COUNTRIES[number % 3], pages=number))


async def run(engine_name: str, on: str, count: int, pieces: int) -> None:
    """Tell the whole story; raises Unexpected where the sums are others than they must be."""
    async with started(engine_name) as engine:
        if engine.url is not None:
            raise Unexpected(f"the engine {engine_name} lives in this process, and others can't reach it")
        async with engine.connect() as db:
            await db.admin.ensure_table(Visit)
            visits = db.table(Visit)
            await fill(visits, count)
            units: list[WorkUnit] = visits.scan().select(Visit.country, Visit.pages).split(pieces)
        texts = [unit.to_json() for unit in units]
        print(f"{count} items, {pieces} work units of {len(texts[0])} characters, on {on}")
        results = await anyio.to_thread.run_sync(RUNNERS[on], texts, dict(engine.options))
    total = sum(results, Counter[str]())
    for country, pages in sorted(total.items()):
        print(f"{country}: {pages} pages")
    expected = Counter({c: sum(range(n, count, 3)) for n, c in enumerate(COUNTRIES)})
    if total != expected:
        raise Unexpected(f"expected {dict(expected)}, got {dict(total)}")
    print("All as expected.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.large_scan.demo", description=__doc__)
    parser.add_argument("--engine", default="dynoxide", help="dynoxide, dynamodb-local, or a URL")
    parser.add_argument("--on", default="dask", choices=sorted(RUNNERS))
    parser.add_argument("--items", type=int, default=900)
    parser.add_argument("--pieces", type=int, default=8)
    options = parser.parse_args(arguments)
    try:
        anyio.run(run, options.engine, options.on, options.items, options.pieces)
    except (DynamormError, Unexpected) as error:
        sys.stderr.write(f"demo: {str(error).splitlines()[0]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
