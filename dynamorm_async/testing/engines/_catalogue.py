"""The engines by name: whether one can start here, how it is fetched, how it is started."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import attrs

from dynamorm_async.errors import quoted
from dynamorm_async.testing.engines import _docker, _dynamodb_local, _dynoxide, _given
from dynamorm_async.testing.engines._engine import Engine, Lack


@attrs.frozen
class _Kind:
    lack: Callable[[Mapping[str, str]], Lack | None]
    start: Callable[[Mapping[str, str]], AbstractAsyncContextManager[Engine]]
    lack_to_install: Callable[[Mapping[str, str]], Lack | None] | None = None
    install: Callable[[Mapping[str, str]], Awaitable[Path]] | None = None


_KINDS: Mapping[str, _Kind] = {
    "memory": _Kind(_given.memory_lack, _given.memory),
    "dynamodb-local": _Kind(
        _dynamodb_local.lack,
        _dynamodb_local.start,
        _dynamodb_local.lack_to_install,
        _dynamodb_local.install,
    ),
    "dynoxide": _Kind(_dynoxide.lack, _dynoxide.start, _dynoxide.lack_to_install, _dynoxide.install),
    "docker": _Kind(_docker.lack, _docker.start),
    "aws": _Kind(_given.aws_lack, _given.aws),
    "alternator": _Kind(_given.alternator_lack, _given.alternator),
}

NAMES: tuple[str, ...] = tuple(_KINDS)
"""Every engine that has a name; `started` takes a URL, too."""


@asynccontextmanager
async def started(name: str, *, environ: Mapping[str, str] | None = None) -> AsyncGenerator[Engine, None]:
    """Start an engine, give it once it answers, and stop it at the end of the block.

    What the engine needs is fetched where it is not there yet, which may take minutes once.

    Args:
        name: One of `NAMES`, or the URL of an engine that runs already.
        environ: Variables to read in place of the process's own, and to start the engine with.

    Raises:
        EngineUnavailable: It cannot start here; the text says what to install.
    """
    # A plain dict, because uvloop starts processes with nothing else.
    environ = dict(os.environ if environ is None else environ)
    starting = _given.at(name, environ) if _is_url(name) else _kind(name).start(environ)
    async with starting as engine:
        yield engine


def missing(name: str, *, environ: Mapping[str, str] | None = None) -> str | None:
    """Return in one line why an engine cannot start here and what to install, or None.

    Starts nothing and fetches nothing; asks Java for its version and Docker whether it answers.
    None is no promise: a fetch, credentials or a URL are only tried by `started`.
    """
    if _is_url(name):
        return None
    unable = _kind(name).lack(os.environ if environ is None else environ)
    return None if unable is None else str(unable)


def installable(*, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the engines that `install` can fetch on this machine, or has fetched."""
    environ = os.environ if environ is None else environ
    return tuple(
        name
        for name, kind in _KINDS.items()
        if kind.lack_to_install is not None and kind.lack_to_install(environ) is None
    )


async def install(name: str, *, environ: Mapping[str, str] | None = None) -> Path:
    """Fetch what an engine needs unless it is there, and return where it is.

    Raises:
        EngineUnavailable: What fetches it is missing, the fetch failed, or there is none.
    """
    kind = _kind(name)
    if kind.install is None:
        raise Lack("there is nothing to fetch for it", "start it as it is").error(name)
    return await kind.install(os.environ if environ is None else environ)


def _kind(name: str) -> _Kind:
    kind = _KINDS.get(name)
    if kind is None:
        raise Lack(f"{quoted(name)} is no engine", f"choose one of {', '.join(NAMES)}, or a URL").error(
            name[:80]
        )
    return kind


def _is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))
