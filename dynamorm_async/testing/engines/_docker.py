"""DynamoDB Local in a container, by testcontainers.

testcontainers and docker are of the test dependencies and blocking, so they are imported on
request and run in a thread.
"""

import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import anyio
from anyio import to_thread

from dynamorm_async.testing.engines._engine import Engine, Lack
from dynamorm_async.testing.engines._process import POLL_S, READY_S, status_of

NAME = "docker"
IMAGE = "amazon/dynamodb-local:2.6.1"
PORT = 8000
ASK_S = 10
GET_DOCKER = "start Docker, or point DOCKER_HOST at an engine"

_ASK = "from testcontainers.core.docker_client import DockerClient; DockerClient(timeout=3).client.ping()"


def lack(environ: Mapping[str, str]) -> Lack | None:
    """Return what is missing to start it: the package, or an engine that answers."""
    if find_spec("testcontainers") is None:
        return Lack("testcontainers is not installed", "pip install testcontainers")
    try:
        # In a process of its own: docker 7.2 leaves its socket open where no engine answers, and a
        # test run that turns warnings into errors would trip over it.
        subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", _ASK], env=environ, capture_output=True, timeout=ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return Lack("no Docker engine answers", GET_DOCKER)
    return None


@asynccontextmanager
async def start(environ: Mapping[str, str], *, name: str = NAME) -> AsyncGenerator[Engine, None]:
    """Run the container under the name of an engine; the image is pulled where it is not there.

    Raises:
        EngineUnavailable: No Docker engine, the image can't be pulled, or it doesn't answer.
    """
    unable = await to_thread.run_sync(lack, environ)
    if unable is not None:
        raise unable.error(name)
    container = await to_thread.run_sync(_container)
    try:
        endpoint = await to_thread.run_sync(_endpoint, container, name)
        if not await _answers_in_time(endpoint):
            raise Lack(f"{IMAGE} gave no answer within {READY_S:.0f} seconds", GET_DOCKER).error(name)
        yield Engine(name=name, endpoint=endpoint)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(container.stop)


def _container() -> Any:
    container_type = import_module("testcontainers.core.container").DockerContainer
    # The image's entry point is java, in the folder of the jar.
    command = "-jar DynamoDBLocal.jar -inMemory -sharedDb -disableTelemetry"
    return container_type(IMAGE, command=command).with_exposed_ports(PORT)


def _endpoint(container: Any, name: str) -> str:
    docker = import_module("docker")
    try:
        container.start()
        return f"http://{container.get_container_host_ip()}:{container.get_exposed_port(PORT)}"
    # testcontainers' own errors are RuntimeErrors; StopIteration is how it says that the container ended.
    except (docker.errors.DockerException, OSError, RuntimeError, StopIteration) as error:
        raise Lack(f"{IMAGE} did not start: {str(error)[:200]}", GET_DOCKER).error(name) from error


async def _answers_in_time(endpoint: str) -> bool:
    for _ in range(int(READY_S / POLL_S)):
        if await status_of(endpoint) == 200:
            return True
        await anyio.sleep(POLL_S)
    return False
