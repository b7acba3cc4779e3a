"""One verb at a time, from call to result, over a socket: CPU and wall time per operation, and peers.

A server of canned answers and every client run in processes of their own. Our side is the whole
public verb: plan, limiter, retry loop, deadline, signature, checksum, model instance. The peers do
what they do: aiobotocore gives dicts of tagged values, and of plain ones for many items, aiodynamo
and boto3 plain dicts, pydynox and PynamoDB instances. pydynox has many items as plain dicts too, and
several times as fast, so the targets hold against both of its ways.
"""

from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

import attrs

from benchmarks.measure import Options, verdict
from benchmarks.peers import CLIENTS, MANY, ONLY_MANY, SYNCHRONOUS
from benchmarks.peers.items import IN_FLIGHT
from benchmarks.peers.items import OPERATIONS as TRANSACTED
from benchmarks.processes import Client, alternated, installed, loops, operations_seen, started_server
from dynamorm_async.client import Table

PEERS = tuple(name for name in CLIENTS if name not in {"ours", "ours through aiobotocore", "floor"})
OPERATIONS = {
    "get": "GetItem",
    "put": "PutItem",
    "query": "Query",
    "batch_get": "BatchGetItem",
    "stream": "Query",
    "get_many_1": "BatchGetItem",
    "get_many_4": "BatchGetItem",
    "get_many_16": "BatchGetItem",
    "put_many": "BatchWriteItem",
    "transact": "TransactWriteItems",
    "transact_25": "TransactWriteItems",
    "transact_100": "TransactWriteItems",
}
MOST_ABOVE_FLOOR = 2.5


@attrs.frozen
class Row:
    """One row of the table.

    Attributes:
        name: With the loop, its title.
        verb: What each client repeats.
        tasks: At the same time; what counts of several is wall time, of one CPU.
        needs: A method that `Table` must have for this row.
        loops: On which it is measured.
        peers: The only ones that do it, where not all of them do.
        rounds: How many; fewer where one operation takes a second.
        floor: Whether there is a floor of it.
        targets: Loop to peer to the least that peer ÷ ours should be.
    """

    name: str
    verb: str
    tasks: int = 1
    needs: str = "get"
    loops: tuple[str, ...] = ("uvloop", "asyncio")
    peers: tuple[str, ...] = PEERS
    rounds: int = 7
    floor: bool = False
    targets: dict[str, dict[str, float]] = attrs.Factory(dict)

    @property
    def kind(self) -> str:
        return "cpu" if self.tasks == 1 else "wall"


ROWS = (
    Row(
        "get",
        "get",
        floor=True,
        targets={
            "uvloop": {"aiobotocore": 14, "aiodynamo": 4, "pydynox": 4},
            "asyncio": {"aiobotocore": 7, "aiodynamo": 3, "pydynox": 2.5},
        },
    ),
    Row("put", "put", targets={"uvloop": {"aiobotocore": 12, "aiodynamo": 4, "pydynox": 3.5}}),
    Row(
        "query of 100",
        "query",
        needs="where",
        floor=True,
        targets={"uvloop": {"aiobotocore": 20, "aiodynamo": 3.5, "pydynox": 2.8, "pydynox, dicts": 2.8}},
    ),
    Row(
        "batch_get of 100",
        "batch_get",
        needs="batch_get",
        targets={"uvloop": {"aiobotocore": 18, "aiodynamo": 3.5, "pydynox": 3, "pydynox, dicts": 3}},
    ),
    Row(
        "64 gets",
        "get",
        tasks=64,
        targets={"uvloop": {"aiobotocore": 12, "aiodynamo": 3, "pydynox": 2}},
    ),
    *(
        Row(
            f"batch_get of 10,000, {in_flight} in flight",
            f"get_many_{in_flight}",
            needs="batch_get",
            loops=("uvloop",),
            peers=("aiobotocore", "pydynox", "pydynox, dicts", *(("PynamoDB",) if in_flight == 1 else ())),
            rounds=5,
            targets={"uvloop": {"aiobotocore": 12}},
        )
        for in_flight in IN_FLIGHT
    ),
    Row(
        "batch_put of 10,000",
        "put_many",
        needs="batch_put",
        loops=("uvloop",),
        peers=("aiobotocore", "pydynox", "PynamoDB"),
        rounds=5,
        targets={"uvloop": {"aiobotocore": 8}},
    ),
    Row(
        "transaction of 2 puts",
        "transact",
        peers=("aiobotocore", "pydynox", "PynamoDB"),
        targets={"uvloop": {"aiobotocore": 5}},
    ),
    *(
        Row(
            f"transaction of {operations} puts",
            f"transact_{operations}",
            loops=("uvloop",),
            peers=("aiobotocore", "pydynox", "PynamoDB"),
        )
        for operations in TRANSACTED
    ),
    Row(
        "500 transactions of 2 puts",
        "transact",
        tasks=500,
        loops=("uvloop",),
        peers=("aiobotocore", "pydynox"),
    ),
    Row("stream of 10,000", "stream", needs="where", loops=("uvloop",), rounds=3),
)


def titles() -> list[str]:
    return [f"{row.name}, {loop}" for row in ROWS for loop in row.loops]


def run(options: Options) -> dict[str, Any]:
    """Return what every verb cost every client, and our ratios with their targets."""
    peers, present = installed(PEERS), loops()
    results: dict[str, Any] = {}
    for row in ROWS:
        wanted = [loop for loop in row.loops if loop in present and options.wants(f"{row.name}, {loop}")]
        if wanted and not hasattr(Table, row.needs):
            print(f"{row.name} is left out: Table has no {row.needs} yet")
            continue
        for loop in wanted:
            results[f"{row.name}, {loop}"] = _measured(row, loop, peers, options.rounds or row.rounds)
    packages = {CLIENTS[name][2] for name in peers} | ({"uvloop"} & set(present))
    return {"results": results, "versions": {name: version(name) for name in sorted(packages)}}


def _measured(row: Row, loop: str, peers: list[str], rounds: int) -> dict[str, Any]:
    names = ["ours", "ours through aiobotocore", *peers, *(["floor"] if row.floor else [])]
    names = [name for name in names if name not in PEERS or name in row.peers]
    if row.tasks > 1:
        names = [name for name in names if name not in SYNCHRONOUS]
    if row.verb not in MANY:
        names = [name for name in names if name not in ONLY_MANY]
    with ExitStack() as stack:
        url = started_server(stack)
        clients = [Client(stack, name, row.verb, loop=loop, url=url, tasks=row.tasks) for name in names]
        alternated(clients, rounds)
        # What a client asks to prepare itself is one item.
        seen = set(operations_seen(url)) - {"GetItem"}
        assert seen | {"GetItem"} == {OPERATIONS[row.verb], "GetItem"}, seen
    costs = {client.name: client.summary() for client in clients}
    ratios = {client.name: client.times(clients[0], row.kind) for client in clients}
    targets = row.targets.get(loop, {})
    verdicts = {
        name: verdict(met=ratios[name]["median"] >= goal) for name, goal in targets.items() if name in ratios
    }
    result = {
        "costs": costs,
        "ratio_of": row.kind,
        "ratios": ratios,
        "targets": targets,
        "verdicts": verdicts,
    }
    if row.floor:
        above = round(1 / ratios["floor"]["median"], 2)
        told = verdict(met=above <= MOST_ABOVE_FLOOR)
        result["floor"] = {"ours_above": above, "at_most": MOST_ABOVE_FLOOR, "verdict": told}
    _show(f"{row.name}, {loop}", result)
    return result


def _show(title: str, result: dict[str, Any]) -> None:
    print(f"\n{title}: microseconds per operation, and peer ÷ ours in {result['ratio_of']} time\n")
    print(f"{'':29}{'CPU min':>10}{'median':>10}{'max':>10}{'wall':>10}{'ratio':>8}  min-max        target")
    for name, cost in result["costs"].items():
        ratio = result["ratios"][name]
        numbers = "".join(f"{cost[f'cpu_{key}_us']:>10.1f}" for key in ("min", "median", "max"))
        told = f"{ratio['median']:>8.2f}  {ratio['min']:.2f}-{ratio['max']:.2f}"
        goal = (
            f"≥ {result['targets'][name]:g} {result['verdicts'][name]}" if name in result["verdicts"] else ""
        )
        print(f"{name:29}{numbers}{cost['wall_median_us']:>10.1f}{told:<25}{goal}".rstrip())
    if found := result.get("floor"):
        print(
            f"ours is {found['ours_above']} times the floor (at most {found['at_most']}: {found['verdict']})"
        )
