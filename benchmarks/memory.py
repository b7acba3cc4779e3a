"""What waits and what streams, in resident memory; each in a process of its own.

10,000 calls that wait for the only slot of a client, their tasks included, beside as many bare tasks
that wait for an event. And a million items read page by page, which may
not take more than a page does, give or take what the allocator keeps.
"""

import json
import subprocess
import sys
from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks.measure import ROOT, Options, verdict
from benchmarks.peers.items import SCANNED
from benchmarks.peers.memory import STATM, WAITING
from benchmarks.processes import started_server
from dynamorm_async.client import Table

ROUNDS = 3
MOST_BYTES_WAITING = 4096
MOST_MEGABYTES_ABOVE_FIRST = 40
# Title to what the process runs.
WAITING_ROWS = {"waiting calls": "calls", "waiting calls with a deadline": "timed"}
# Title to what the process runs, and the method that `Table` must have.
READING_ROWS = {"scan of 1,000,000": ("scan", "scan"), "stream of 1,000,000": ("stream", "where")}


def titles() -> list[str]:
    return [*WAITING_ROWS, *READING_ROWS]


def run(options: Options) -> dict[str, Any]:
    """Return bytes for each waiting call, and megabytes above the first page of a million items."""
    if not STATM.exists():
        print(f"nothing is measured: there is no {STATM} to read resident memory from")
        return {"results": {}}
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        url = started_server(stack)
        for title, what in WAITING_ROWS.items():
            if options.wants(title):
                results[title] = _waiting(title, what, url, options.rounds or ROUNDS)
        for title, (what, needs) in READING_ROWS.items():
            if not options.wants(title):
                continue
            if hasattr(Table, needs):
                results[title] = _reading(title, what, url)
            else:
                print(f"{title} is left out: Table has no {needs} yet")
    return {"results": results}


def _waiting(title: str, what: str, url: str, rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for how in ("rss", "traced"):
        each = {
            one: round(median(_run(one, url, how)["bytes"] for _ in range(rounds)) / WAITING)
            for one in (what, "tasks")
        }
        found[how] = {
            "bytes_per_call": each[what],
            "bytes_per_bare_task": each["tasks"],
            "bytes_above": each[what] - each["tasks"],
        }
    whole = found["rss"]["bytes_per_call"]
    told = verdict(met=whole < MOST_BYTES_WAITING)
    print(f"{WAITING:,} {title}, bytes each with its task (a bare waiting task; what is ours)")
    for how, name in (("rss", "resident"), ("traced", "allocated by Python")):
        numbers = found[how]
        print(f"  {name:20} {numbers['bytes_per_call']:>6}", end="")
        print(f" ({numbers['bytes_per_bare_task']}; {numbers['bytes_above']})")
    print(f"  resident: {whole} (below {MOST_BYTES_WAITING}: {told})")
    return {"calls": WAITING, **found, "below": MOST_BYTES_WAITING, "verdict": told}


def _reading(title: str, what: str, url: str) -> dict[str, Any]:
    found = _run(what, url, "rss")
    assert found["items"] == SCANNED
    first, most = (round(found[name] / 1e6, 1) for name in ("first", "most"))
    above = round(most - first, 1)
    told = verdict(met=above <= MOST_MEGABYTES_ABOVE_FIRST)
    print(f"{title}: {first} MB resident in the first page, at most {most} MB: ", end="")
    print(f"{above} above (at most {MOST_MEGABYTES_ABOVE_FIRST}: {told}); {found['seconds']} s")
    return {
        "first_mb": first,
        "most_mb": most,
        "above_mb": above,
        "seconds": found["seconds"],
        "at_most": MOST_MEGABYTES_ABOVE_FIRST,
        "verdict": told,
    }


def _run(what: str, url: str, how: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.peers.memory", what, url, how]
    return json.loads(subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout)
