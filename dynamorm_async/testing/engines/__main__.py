"""List the engines of this machine, or fetch some: `python -m dynamorm_async.testing.engines`."""

import argparse
import sys
from collections.abc import Sequence

import anyio

from dynamorm_async.errors import EngineUnavailable
from dynamorm_async.testing.engines import NAMES, install, installable, missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m dynamorm_async.testing.engines", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="show which engines can start here, and why others cannot")
    fetching = commands.add_parser("install", help="fetch engines into the folder of this user")
    fetching.add_argument("names", nargs="*", metavar="engine", help="default: all that can be fetched here")
    fetching.add_argument(
        "--if-possible", action="store_true", help="succeed also where some cannot be fetched"
    )
    options = parser.parse_args(arguments)

    if options.command == "install":
        failed = _install(options.names or list(installable()))
        return 1 if failed and not options.if_possible else 0
    for name in NAMES:
        why = missing(name)
        _say(f"{name:<15} {'ready' if why is None else f'missing: {why}'}")
    return 0


def _install(names: Sequence[str]) -> bool:
    failed = False
    for name in names:
        try:
            place = anyio.run(install, name)
        except EngineUnavailable as error:
            _say(f"{name:<15} missing: {error.why}; {error.fix}")
            failed = True
        else:
            _say(f"{name:<15} {place}")
    return failed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
