"""A scan of 100,000 items on real engines, in 1, 4 and 8 segments: wall time, and client CPU."""

import asyncio
import time
from typing import Any

from benchmarks.measure import Options, spread
from dynamorm_async import Attr, attribute, model, partition_key
from dynamorm_async.testing import missing, started

ROUNDS = 3
ENGINES = ("dynoxide", "dynamodb-local")
ITEMS = 100_000
SEGMENTS = (1, 4, 8)


@model(table="scanned")
class Reading:
    """A small item, of some 60 bytes."""

    sensor: Attr[str] = partition_key()
    place: Attr[str]
    value: Attr[int] = attribute(default=0)


def titles() -> list[str]:
    return [f"{total} segments, {engine}" for engine in ENGINES for total in SEGMENTS]


def run(options: Options) -> dict[str, Any]:
    """Return the seconds that a whole scan took, by segments and engine."""
    results: dict[str, Any] = {}
    for engine in ENGINES:
        wanted = [total for total in SEGMENTS if options.wants(f"{total} segments, {engine}")]
        if lack := missing(engine):
            print(f"{engine} is left out: {lack}")
        elif wanted:
            results |= asyncio.run(_measured(engine, wanted, options.rounds or ROUNDS))
    return {"items": ITEMS, "results": results}


async def _measured(name: str, wanted: list[int], rounds: int) -> dict[str, Any]:
    print(f"\n{name}: seconds for a scan of {ITEMS:,} items\n")
    print(f"{'':12}{'wall min':>10}{'median':>10}{'max':>10}{'client CPU':>12}")
    found: dict[int, list[dict[str, float]]] = {total: [] for total in wanted}
    async with started(name) as engine, engine.connect() as db:
        await db.admin.ensure_table(Reading)
        readings = db.table(Reading)
        async with readings.batch_writer() as writer:
            for number in range(ITEMS):
                await writer.put(Reading(sensor=f"s{number:06}", place="north wing", value=number))
        for _ in range(rounds):
            for total in wanted:
                wall, cpu = time.perf_counter(), time.process_time()
                count = 0
                async with readings.scan().segments(total).stream() as items:
                    async for _item in items:
                        count += 1
                spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
                assert count == ITEMS, count
                found[total].append(spent)
    results: dict[str, Any] = {}
    for total, runs in found.items():
        wall = spread([each["wall"] for each in runs], digits=2)
        cpu = spread([each["cpu"] for each in runs], digits=2)
        results[f"{total} segments, {name}"] = {"wall": wall, "cpu": cpu}
        numbers = "".join(f"{wall[key]:>10.2f}" for key in ("min", "median", "max"))
        print(f"{f'{total} segments':12}{numbers}{cpu['median']:>12.2f}")
    return results
