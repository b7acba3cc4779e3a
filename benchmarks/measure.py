"""What every bench has in common: what was asked for, verdicts, results with what they ran on.

And `compare`, which times functions against each other in this process, without a network. Rounds
alternate, so that a slower minute of the machine falls on all. What matters is the ratio of the
medians; absolute numbers are of this machine only.
"""

import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import attrs

ROOT = Path(__file__).parent.parent
SAVED = ROOT / "benchmarks" / "results"
UNSAVED = ROOT / "build" / "benchmarks"
ROUNDS = 15
ROUND_SECONDS = 0.03
MISSED = "MISSED"

Measured = dict[str, dict[str, float]]


@attrs.frozen
class Options:
    """What a run was asked for.

    Attributes:
        only: Titles of rows, or the words that they begin with; nothing for all rows.
        rounds: How many rounds each row takes; None for what its bench thinks right.
    """

    only: tuple[str, ...] = ()
    rounds: int | None = None

    def wants(self, title: str) -> bool:
        return not self.only or any(
            title == name or title.startswith((f"{name},", f"{name} ")) for name in self.only
        )


def verdict(*, met: bool) -> str:
    return "met" if met else MISSED


def spread(values: list[float], digits: int = 2) -> dict[str, float]:
    """Return the least, the middle and the largest."""
    found = {"min": min(values), "median": median(values), "max": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def missed(result: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield where in a result a target was missed."""
    if result == MISSED:
        yield " / ".join(path)
    elif isinstance(result, dict):
        for name, value in result.items():
            yield from missed(value, (*path, name))


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


def write_result(folder: Path, name: str, result: dict[str, Any]) -> None:
    """Write a bench's result with what it ran on, and when."""
    packages = ("aiobotocore", "attrs", "botocore", "cattrs", "httptools", "msgspec")
    machine = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "packages": {package: version(package) for package in packages},
    }
    folder.mkdir(parents=True, exist_ok=True)
    date = datetime.now(UTC).date().isoformat()
    text = json.dumps({"bench": name, "date": date, "machine": machine, **result}, indent=2)
    path = folder / f"{name}.json"
    path.write_text(f"{text}\n")
    print(f"\nwritten to {path.relative_to(ROOT)}", file=sys.stderr)


def read_result(folder: Path, name: str) -> dict[str, Any] | None:
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


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
