"""Clients and the server of canned answers, each in a process of its own, and rounds that alternate.

Rounds alternate between the clients, so that a slower minute of the machine falls on all of them, and
a ratio is taken within a round.
"""

import json
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

from benchmarks.measure import ROOT, spread
from benchmarks.peers import CLIENTS

ROUND_SECONDS = 0.25


class Client:
    """One client in a process of its own, repeating one verb.

    Args:
        stack: Ends the process when it is closed.
        name: A name of `peers.CLIENTS`.
        verb: One of its verbs.
        loop: "asyncio" or "uvloop".
        url: Of the endpoint.
        tasks: How many repeat the verb at the same time.
    """

    def __init__(
        self, stack: ExitStack, name: str, verb: str, *, loop: str, url: str, tasks: int = 1
    ) -> None:
        self.name = name
        self.rounds: list[dict[str, float]] = []
        command = [sys.executable, "-m", "benchmarks.peers", name, verb, str(tasks), loop, url]
        self._process = piped(stack, command)
        self._operations = tasks
        while (spent := self._run())["wall"] < ROUND_SECONDS / 4:
            self._operations *= 2
        turns = self._operations * ROUND_SECONDS / spent["wall"] / tasks
        self._operations = max(1, round(turns)) * tasks

    def round(self) -> None:
        spent = self._run()
        self.rounds.append({key: value / self._operations * 1e6 for key, value in spent.items()})

    def summary(self) -> dict[str, float]:
        """Return CPU and wall time per operation in microseconds, `cpu_min_us` and so on."""
        found: dict[str, float] = {}
        for kind in ("cpu", "wall"):
            for name, value in spread([each[kind] for each in self.rounds], digits=1).items():
                found[f"{kind}_{name}_us"] = value
        return found

    def times(self, ours: "Client", kind: str) -> dict[str, float]:
        """Return how many times as much this client took as ours, round by round."""
        return spread([b[kind] / a[kind] for a, b in zip(ours.rounds, self.rounds, strict=True)])

    def _run(self) -> dict[str, float]:
        self._process.stdin.write(f"{self._operations}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended")
        return json.loads(line)


def alternated(clients: list[Client], rounds: int) -> None:
    for _ in range(rounds):
        for client in clients:
            client.round()


def installed(names: tuple[str, ...]) -> list[str]:
    """Return the clients whose packages are here, and say which are left out."""
    found = [name for name in names if find_spec(CLIENTS[name][2]) is not None]
    for name in names:
        if name not in found:
            print(f"{name} is left out: {CLIENTS[name][2]} is not installed")
    return found


def loops() -> list[str]:
    if find_spec("uvloop") is not None:
        return ["uvloop", "asyncio"]
    print("the rows on uvloop are left out: it is not installed")
    return ["asyncio"]


def started_server(stack: ExitStack) -> str:
    """Start the server of canned answers and return its URL."""
    server = piped(stack, [sys.executable, "-m", "benchmarks.peers.server"])
    return f"http://127.0.0.1:{int(server.stdout.readline())}"


def operations_seen(url: str) -> dict[str, int]:
    """Return how many requests of each operation the server got."""
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def piped(stack: ExitStack, command: list[str]) -> Any:
    """Start a process that ends when its standard input does, which is when the stack is closed."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    stack.callback(process.wait, 10)
    stack.callback(process.stdout.close)
    stack.callback(process.stdin.close)
    return process
