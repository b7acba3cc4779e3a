"""Engines that nobody starts: in this process, at a URL, and the service itself."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

from anyio import to_thread

from dynamorm_async.errors import quoted
from dynamorm_async.testing.engines._engine import REGION, Engine, Lack
from dynamorm_async.testing.engines._process import status_of

AWS_SWITCH = "DYNAMORM_TEST_AWS"
ALTERNATOR_URL = "DYNAMORM_TEST_ALTERNATOR"


def memory_lack(_environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing for the engine in this process."""
    if find_spec("moto") is None:
        return Lack("moto is not installed", "pip install 'dynamorm-async[memory]'")
    return None


@asynccontextmanager
async def memory(environ: Mapping[str, str]) -> AsyncGenerator[Engine, None]:
    """Give a store of this process; every client of this engine sees the same one."""
    unable = memory_lack(environ)
    if unable is not None:
        raise unable.error("memory")
    yield Engine(name="memory", url=f"memory://{uuid4().hex}")


def aws_lack(environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing to use the service; credentials are looked for when it starts."""
    if environ.get(AWS_SWITCH) != "1":
        return Lack("nobody asked for it, and it costs money", f"set {AWS_SWITCH}=1 and have credentials")
    return None


@asynccontextmanager
async def aws(environ: Mapping[str, str]) -> AsyncGenerator[Engine, None]:
    """Give the service itself, with the region and credentials of this machine."""
    unable = aws_lack(environ) or await to_thread.run_sync(_lack_of_identity)
    if unable is not None:
        raise unable.error("aws")
    yield Engine(name="aws", region=None, access_key=None, secret_key=None, disposable=False)


def alternator_lack(environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing for ScyllaDB."""
    if not environ.get(ALTERNATOR_URL):
        return Lack("no endpoint is named", f"set {ALTERNATOR_URL} to its URL")
    return None


@asynccontextmanager
async def alternator(environ: Mapping[str, str]) -> AsyncGenerator[Engine, None]:
    """Give ScyllaDB's endpoint."""
    unable = alternator_lack(environ)
    if unable is not None:
        raise unable.error("alternator")
    async with at(environ[ALTERNATOR_URL], environ, name="alternator") as engine:
        yield engine


@asynccontextmanager
async def at(
    url: str, environ: Mapping[str, str], *, name: str | None = None
) -> AsyncGenerator[Engine, None]:
    """Give whatever answers at `url`, in any way: it may refuse our credentials for ListTables."""
    if await status_of(url) is None:
        raise Lack(f"nothing answers at {quoted(url)}", "start it, or correct the URL").error(
            name or "at a URL"
        )
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or REGION
    yield Engine(name=name or url, endpoint=url, region=region, disposable=False)


def _lack_of_identity() -> Lack | None:
    session: Any = import_module("botocore.session").Session()
    if session.get_credentials() is None:
        return Lack("there are no AWS credentials", "log in, or set AWS_PROFILE")
    if session.get_config_variable("region") is None:
        return Lack("there is no AWS region", "set AWS_REGION")
    return None
