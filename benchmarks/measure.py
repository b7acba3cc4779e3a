"""Time functions against each other: alternating rounds, CPU time of this process, no network.

Rounds alternate, so that a slower minute of the machine falls on all of them. What matters is the
ratio of the medians; absolute numbers are of this machine only.
"""

import gc
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"
ROUNDS = 15
ROUND_SECONDS = 0.03

Measured = dict[str, dict[str, float]]


def compare(functions: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS) -> Measured:
    """Return name to min, median and max CPU time of one call, in microseconds."""
    calls = {name: _calls_of_a_round(function) for name, function in functions.items()}
    times: dict[str, list[float]] = {name: [] for name in functions}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, function in functions.items():
                times[name].append(_timed(function, calls[name]) * 1e6)
    finally:
        gc.enable()
    return {
        name: {
            "min_us": round(min(found), 2),
            "median_us": round(median(found), 2),
            "max_us": round(max(found), 2),
        }
        for name, found in times.items()
    }


def show(title: str, measured: Measured, *, ours: str) -> dict[str, float]:
    """Print the times, and return how many times slower each other is than ours, by median."""
    ratios = {
        name: round(found["median_us"] / measured[ours]["median_us"], 2)
        for name, found in measured.items()
        if name != ours
    }
    print(f"\n{title}: microseconds of CPU per call\n{'':44}{'min':>10}{'median':>10}{'max':>10}{'ratio':>8}")
    for name, found in measured.items():
        numbers = "".join(f"{found[key]:>10.2f}" for key in ("min_us", "median_us", "max_us"))
        print(f"{name:44}{numbers}{ratios.get(name, 1):>8.1f}")
    return ratios


def write_result(name: str, result: dict[str, Any]) -> None:
    """Write a bench's result with what it ran on."""
    machine = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "packages": {name: version(name) for name in ("attrs", "boto3", "botocore", "cattrs", "msgspec")},
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"bench": name, "machine": machine, **result}, indent=2)
    (RESULTS / f"{name}.json").write_text(f"{text}\n")
    print(f"\nwritten to benchmarks/results/{name}.json", file=sys.stderr)


def _calls_of_a_round(function: Callable[[], object]) -> int:
    calls = 1
    while (spent := _timed(function, calls) * calls) < ROUND_SECONDS / 4:
        calls *= 4
    return max(1, round(calls * ROUND_SECONDS / spent))


def _timed(function: Callable[[], object], calls: int) -> float:
    before = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - before) / calls


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
