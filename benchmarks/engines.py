"""One verb at a time on real engines: wall time per operation, against raw aiobotocore.

Here the engine takes most of the time, and what is left of ours is the latency of a call. The delete
is of an item that is not there; get_many_16 is a batch of 10,000 keys, 16 calls in flight.
"""

import asyncio
from contextlib import ExitStack
from typing import Any

from benchmarks.measure import Options, spread, verdict
from benchmarks.peers.items import ACCESS_KEY, KEYS, MANY_KEYS, SECRET_KEY
from benchmarks.peers.model import Order, order_of
from benchmarks.processes import Client, alternated, loops
from dynamorm_async import Credentials
from dynamorm_async.client import Table
from dynamorm_async.testing import missing, started

ROUNDS = 9
WARM_UP_TIMES = 20
ENGINES = ("dynamodb-local", "dynoxide")
# Verb of the clients to the method that `Table` must have.
VERBS = {
    "get": "get",
    "put": "put",
    "update": "update",
    "delete": "delete",
    "query": "where",
    "batch_get": "batch_get",
    "get_many_16": "batch_get",
}
LEAST = 1.0
# Wall seconds that our whole operation may take, where that is a target of its own.
MOST_SECONDS = {"get_many_16, dynoxide": 2.0}


def titles() -> list[str]:
    return [f"{verb}, {engine}" for engine in ENGINES for verb in VERBS]


def run(options: Options) -> dict[str, Any]:
    """Return wall time per operation by verb and engine, and aiobotocore ÷ ours."""
    results: dict[str, Any] = {}
    loop = loops()[0]
    for engine in ENGINES:
        verbs = [verb for verb in VERBS if options.wants(f"{verb}, {engine}")]
        if lack := missing(engine):
            print(f"{engine} is left out: {lack}")
            continue
        for verb in [verb for verb in verbs if not hasattr(Table, VERBS[verb])]:
            print(f"{verb}, {engine} is left out: Table has no {VERBS[verb]} yet")
            verbs.remove(verb)
        if verbs:
            results |= asyncio.run(_measured(engine, verbs, loop, options.rounds or ROUNDS))
    return {"loop": loop, "results": results}


async def _measured(name: str, verbs: list[str], loop: str, rounds: int) -> dict[str, Any]:
    print(f"\n{name}, {loop}: microseconds of wall time per operation, and aiobotocore ÷ ours\n")
    heads = "".join(
        f"{head:>10}" for head in ("ours min", "median", "max", "aio min", "median", "max", "ratio")
    )
    print(f"{'':12}{heads}")
    results: dict[str, Any] = {}
    async with started(name) as engine:
        async with engine.connect(credentials=Credentials(ACCESS_KEY, SECRET_KEY)) as db:
            await db.admin.ensure_table(Order)
            orders = db.table(Order)
            # Often, because a JVM is slow in its first thousands of calls.
            for _ in range(WARM_UP_TIMES):
                for key in KEYS:
                    await orders.put(order_of(key))
                    await orders.get(key["customer"], key["order"])
        assert engine.endpoint is not None
        for verb in verbs:
            if verb == "get_many_16":  # not before: the query would give them, too
                async with engine.connect(credentials=Credentials(ACCESS_KEY, SECRET_KEY)) as db:
                    await db.table(Order).batch_put([order_of(key) for key in MANY_KEYS])
            # In a thread, as the loop still reads what the engine says.
            found = await asyncio.to_thread(_rounds, verb, engine.endpoint, loop, rounds)
            results[f"{verb}, {name}"] = found
            if most := MOST_SECONDS.get(f"{verb}, {name}"):
                met = found["ours"]["median"] < most * 1e6
                found["wall"] = {"below_s": most, "verdict": verdict(met=met)}
            numbers = [found[who][key] for who in ("ours", "aiobotocore") for key in ("min", "median", "max")]
            columns = "".join(f"{number:>10.0f}" for number in numbers)
            ratio = found["ratio"]
            print(f"{verb:12}{columns}{ratio['median']:>10.2f}", end="")
            print(f"  {ratio['min']:.2f}-{ratio['max']:.2f}  ≥ {LEAST:g} {found['verdict']}", end="")
            print(f"  below {most:g} s {found['wall']['verdict']}" if most else "")
    return results


def _rounds(verb: str, url: str, loop: str, rounds: int) -> dict[str, Any]:
    with ExitStack() as stack:
        clients = [Client(stack, name, verb, loop=loop, url=url) for name in ("ours", "aiobotocore")]
        alternated(clients, rounds)
    ours, theirs = clients
    ratio = theirs.times(ours, "wall")
    costs = {client.name: spread([each["wall"] for each in client.rounds], digits=1) for client in clients}
    return {**costs, "ratio": ratio, "at_least": LEAST, "verdict": verdict(met=ratio["median"] >= LEAST)}
