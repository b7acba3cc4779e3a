"""One verb at a time, from call to result, over a socket: CPU and wall time per operation, and peers.

A server of canned answers and every client run in processes of their own. Rounds alternate between
the clients, so that a slower minute falls on all. Our side is the whole public verb: plan, limiter,
retry loop, deadline, signature, checksum, model instance. The peers do what they do: aiobotocore
gives dicts of tagged values, aiodynamo and boto3 dicts, pydynox instances.
"""

import json
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

NAME = "verbs"
HERE = Path(__file__).parent.parent
ROUNDS = 7
ROUND_SECONDS = 0.25
PEERS = ("aiobotocore", "aiodynamo", "pydynox", "boto3")
VERBS = ("get", "put", "64 gets")
# Peer ÷ ours: CPU per operation, and for the 64 gets wall time per operation.
TARGETS: dict[tuple[str, str], dict[str, float]] = {
    ("get", "uvloop"): {"aiobotocore": 14, "aiodynamo": 4, "pydynox": 4},
    ("get", "asyncio"): {"aiobotocore": 7, "aiodynamo": 3, "pydynox": 2.5},
    ("put", "uvloop"): {"aiobotocore": 12, "aiodynamo": 4, "pydynox": 3.5},
    ("64 gets", "uvloop"): {"aiobotocore": 12, "aiodynamo": 3, "pydynox": 2},
}
MOST_ABOVE_FLOOR = 2.5


class Client:
    """One client in a process of its own."""

    def __init__(self, stack: ExitStack, name: str, verb: str, loop: str, port: int) -> None:
        self.name = name
        self.rounds: list[dict[str, float]] = []
        command = [sys.executable, "-m", "benchmarks.peers.clients", name, verb, loop, str(port)]
        self._process = _process(stack, command)
        self._operations = 64
        while (spent := self._run())["wall"] < ROUND_SECONDS / 4:
            self._operations *= 2
        rounded = self._operations * ROUND_SECONDS / spent["wall"] / 64
        self._operations = max(1, round(rounded)) * 64

    def round(self) -> None:
        spent = self._run()
        self.rounds.append({key: value / self._operations * 1e6 for key, value in spent.items()})

    def summary(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for kind in ("cpu", "wall"):
            values = [each[kind] for each in self.rounds]
            for name, pick in (("min", min), ("median", median), ("max", max)):
                found[f"{kind}_{name}_us"] = round(pick(values), 1)
        return found

    def _run(self) -> dict[str, float]:
        self._process.stdin.write(f"{self._operations}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return json.loads(line)


def run() -> dict[str, Any]:
    """Return what every verb cost every client, and our ratios with their targets."""
    installed = [name for name in PEERS if find_spec(name) is not None]
    loops = ["asyncio", *(["uvloop"] if find_spec("uvloop") is not None else [])]
    results = {f"{verb}, {loop}": _measured(verb, loop, installed) for verb in VERBS for loop in loops}
    names = ["aiobotocore", "botocore", "httptools", *installed, *loops[1:]]
    return {"results": results, "versions": {name: version(name) for name in names}}


def _measured(verb: str, loop: str, installed: list[str]) -> dict[str, Any]:
    names = ["ours", "ours through aiobotocore", *installed]
    names += ["floor"] if verb == "get" else []
    if verb == "64 gets":
        names.remove("boto3")
    with ExitStack() as stack:
        server = _process(stack, [sys.executable, "-m", "benchmarks.peers.server"])
        port = int(server.stdout.readline())
        clients = [Client(stack, name, verb, loop, port) for name in names]
        for _ in range(ROUNDS):
            for client in clients:
                client.round()
        seen = _operations_seen(port)
        assert set(seen) == {"PutItem" if verb == "put" else "GetItem"}, seen
    costs = {client.name: client.summary() for client in clients}
    kind = "wall" if verb == "64 gets" else "cpu"
    ratios = {name: _ratios(clients[0], client, kind) for name, client in zip(names, clients, strict=True)}
    targets = TARGETS.get((verb, loop), {})
    _show(f"{verb}, {loop}", costs, ratios, targets)
    return {"costs": costs, "ratio_of": kind, "ratios": ratios, "targets": targets}


def _ratios(ours: Client, other: Client, kind: str) -> dict[str, float]:
    """Return peer ÷ ours, round by round."""
    values = [b[kind] / a[kind] for a, b in zip(ours.rounds, other.rounds, strict=True)]
    return {"min": round(min(values), 2), "median": round(median(values), 2), "max": round(max(values), 2)}


def _show(
    title: str,
    costs: dict[str, dict[str, float]],
    ratios: dict[str, dict[str, float]],
    targets: dict[str, float],
) -> None:
    print(f"\n{title}: microseconds per operation, and peer ÷ ours\n")
    print(f"{'':26}{'CPU min':>10}{'median':>10}{'max':>10}{'wall':>10}{'ratio':>8}  min-max      target")
    for name, cost in costs.items():
        ratio = ratios[name]
        numbers = "".join(f"{cost[f'cpu_{key}_us']:>10.1f}" for key in ("min", "median", "max"))
        told = f"{ratio['median']:>8.2f}  {ratio['min']:.2f}-{ratio['max']:.2f}"
        goal = targets.get(name)
        verdict = "" if goal is None else f"≥ {goal:g} {'met' if ratio['median'] >= goal else 'MISSED'}"
        print(f"{name:26}{numbers}{cost['wall_median_us']:>10.1f}{told:<22}{verdict}")
    if "floor" in ratios:
        above = 1 / ratios["floor"]["median"]
        verdict = "met" if above <= MOST_ABOVE_FLOOR else "MISSED"
        print(f"ours is {above:.2f} times the floor (at most {MOST_ABOVE_FLOOR}: {verdict})")


def _operations_seen(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        return json.load(answer)


def _process(stack: ExitStack, command: list[str]) -> Any:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
    stack.callback(process.wait, 10)
    stack.callback(process.stdout.close)
    stack.callback(process.stdin.close)
    return process
