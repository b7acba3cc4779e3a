"""Keep fetched engines in one folder per user: what is in it is whole, or it is not there.

A fetch goes into a folder of its own, which is then renamed: two processes may fetch at once, the
first wins, the second throws its copy away.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio

from dynamorm_async.testing.engines._engine import Lack

FETCH_S = 300.0
COMPLAINT_LENGTH = 300


def engines_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of fetched engines: `DYNAMORM_ENGINES_DIR`, or one in the user's cache."""
    named = environ.get("DYNAMORM_ENGINES_DIR")
    if named:
        return Path(named)
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if sys.platform == "win32":
        cache = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        cache = home / "Library" / "Caches"
    else:
        cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "dynamorm-async" / "engines"


async def fetch(
    engine: str,
    into: Path,
    command: Callable[[Path], Sequence[str]],
    result: str,
    *,
    environ: Mapping[str, str],
) -> None:
    """Run `command(folder)` in a new folder and move `folder / result` to `into`.

    Args:
        engine: The engine's name, for the error.
        into: Where the result shall be; does not exist yet.
        command: An empty folder to program and arguments; it may write files there first.
        result: What the command leaves in the folder.
        environ: The whole environment of the command.

    Raises:
        EngineUnavailable: The command failed, took over five minutes, or left no result.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".fetch-", ignore_cleanup_errors=True) as folder:
        why = await _run(command(Path(folder)), environ)
        fetched = Path(folder) / result
        if why is None and not fetched.is_dir():
            why = f"the fetch left no {result}"
        if why is not None:
            raise Lack(f"it could not be fetched: {why}", "check the network, then try again").error(engine)
        _place(fetched, into)


def _place(fetched: Path, into: Path) -> None:
    try:
        fetched.rename(into)
    except OSError:
        if not into.is_dir():  # otherwise another process was first, and its copy is whole
            raise


async def _run(command: Sequence[str], environ: Mapping[str, str]) -> str | None:
    with anyio.move_on_after(FETCH_S) as scope:
        done = await anyio.run_process(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, check=False, env=environ
        )
        if done.returncode == 0:
            return None
        said = " | ".join(
            line.strip() for line in done.stdout.decode(errors="replace").splitlines() if line.strip()
        )
        return f"{Path(command[0]).name} ended with status {done.returncode}: {said[:COMPLAINT_LENGTH]}"
    assert scope.cancelled_caught  # noqa: S101 - for the checkers: the block above returns
    return f"{Path(command[0]).name} took over {FETCH_S:.0f} seconds"
