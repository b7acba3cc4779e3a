"""Run every bench, or those named."""

import sys
from importlib import import_module
from pathlib import Path

from benchmarks.measure import write_result

HERE = Path(__file__).parent


def main(chosen: list[str]) -> int:
    names = sorted(
        path.stem for path in HERE.glob("*.py") if path.stem not in ("__init__", "__main__", "measure")
    )
    if unknown := sorted(set(chosen) - set(names)):
        print(f"no bench called {', '.join(unknown)}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    for name in chosen or names:
        print(f"\n== {name}")
        write_result(name, import_module(f"benchmarks.{name}").run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
