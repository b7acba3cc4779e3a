"""Run every bench, or those named; or draw the chart and the tables of what was measured.

    python -m benchmarks [verbs cold …] [--only ROW] [--rounds N] [--save]
    python -m benchmarks chart|tables [--save]

Results are written to build/benchmarks, or with --save to benchmarks/results, which is tracked.
"""

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import SAVED, UNSAVED, Options, missed, write_result

# From the quickest to the longest.
BENCHES = ("planning", "observing", "codec", "cold", "memory", "scans", "engines", "verbs")
DRAWN = ("chart", "tables")


def main(arguments: list[str]) -> int:
    parser = _parser()
    asked = parser.parse_args(arguments)
    folder = SAVED if asked.save else UNSAVED
    if asked.names and set(asked.names) <= set(DRAWN):
        return _draw(asked.names, folder)
    if unknown := sorted(set(asked.names) - set(BENCHES)):
        parser.error(f"no bench called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    if asked.save and (asked.only or asked.rounds):
        parser.error("what is saved is a whole run: leave --only and --rounds out")
    if asked.rounds is not None and asked.rounds < 1:
        parser.error("--rounds takes at least 1")
    modules = {name: import_module(f"benchmarks.{name}") for name in asked.names or BENCHES}
    titles = [title for module in modules.values() for title in module.titles()]
    for name in asked.only:
        if not any(map(Options(only=(name,)).wants, titles)):
            parser.error(f"no row is or begins with {name!r}; there are {'; '.join(titles)}")
    options = Options(only=tuple(asked.only), rounds=asked.rounds)
    wanted = {name: module for name, module in modules.items() if any(map(options.wants, module.titles()))}
    return _run(wanted, options, folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and show.")
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"{', '.join(BENCHES)}; or {', '.join(DRAWN)}"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ROW",
        help='a row, as "get" or "get, uvloop"; repeatable',
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each row, for a quick look")
    parser.add_argument(
        "--save",
        action="store_true",
        help="write into benchmarks/results and docs/performance.md, which are tracked, not into build/",
    )
    return parser


def _run(modules: dict[str, object], options: Options, folder: Path) -> int:
    misses: list[str] = []
    for name, module in modules.items():
        print(f"\n== {name}")
        result = module.run(options)
        write_result(folder, name, result)
        misses += [f"{name}: {miss}" for miss in missed(result)]
    drawn = {"chart": "verbs" in modules, "tables": folder == SAVED}
    _draw([name for name in DRAWN if drawn[name]], folder)
    print("\nmissed targets:", *(misses or ["none"]), sep="\n  ")
    return 0


def _draw(names: list[str], folder: Path) -> int:
    for name in names:
        if name == "chart" and find_spec("matplotlib") is None:
            print("no chart: matplotlib is not installed", file=sys.stderr)
            continue
        import_module(f"benchmarks.{name}").draw(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
