"""The engine in a container, against a Docker engine of which only the protocol is there."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

pytestmark = pytest.mark.slow

START = """
import anyio
from dynamorm_async.errors import EngineUnavailable
from dynamorm_async.testing import started

async def main():
    try:
        async with started({name!r}) as engine:
            print(engine.name, engine.endpoint)
    except EngineUnavailable as error:
        print(error.what, error.why, sep=" | ")

anyio.run(main)
"""


class FakeDocker(BaseHTTPRequestHandler):
    """A Docker engine that has the image, and whose one container answers where Docker itself does."""

    port: ClassVar[int] = 0
    state: ClassVar[str] = "running"
    asked: ClassVar[list[str]] = []
    created: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.endswith("/version"):
            self._answer(200, {"ApiVersion": "1.44"})
        elif "/containers/" in path:
            port = str(self.port)
            ports = {"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": port}]}
            state = {"Status": self.state}
            self._answer(200, {"Id": "c0ffee", "State": state, "NetworkSettings": {"Ports": ports}})
        else:
            self._answer(200, {"Id": "sha256:1a6e"} if "/images/" in path else "OK")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/":  # what the container would answer
            self._answer(200, {"TableNames": []})
            return
        self.asked.append(self.path.partition("?")[0].partition("/containers/")[2])
        if self.path.partition("?")[0].endswith("/create"):
            self.created.update(json.loads(body))
            self._answer(201, {"Id": "c0ffee"})
        else:
            self._answer(204, None)

    def do_DELETE(self) -> None:
        self.asked.append("delete " + self.path.partition("?")[0].partition("/containers/")[2])
        self._answer(204, None)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def docker() -> Generator[type[FakeDocker], None, None]:
    class Docker(FakeDocker):
        asked: ClassVar[list[str]] = []
        created: ClassVar[dict[str, Any]] = {}

    with ThreadingHTTPServer(("127.0.0.1", 0), Docker) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        Docker.port = server.server_address[1]
        yield Docker
        server.shutdown()
        thread.join()


def start(name: str, docker: type[FakeDocker], **variables: str) -> str:
    environ = {
        **os.environ,
        "DOCKER_HOST": f"tcp://127.0.0.1:{docker.port}",
        "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
        "TESTCONTAINERS_RYUK_DISABLED": "true",
        "PYTHONPATH": os.pathsep.join(sys.path),
        **variables,
    }
    command = [sys.executable, "-W", "error", "-c", START.format(name=name)]
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_the_container_is_created_started_found_and_removed(docker: type[FakeDocker]) -> None:
    told = start("docker", docker)

    assert told == f"docker http://127.0.0.1:{docker.port}"
    assert docker.asked == ["create", "c0ffee/start", "delete c0ffee"]
    assert docker.created["Image"] == "amazon/dynamodb-local:2.6.1"
    command = "-jar DynamoDBLocal.jar -inMemory -sharedDb -disableTelemetry"
    assert docker.created["Cmd"] == command.split()
    assert docker.created["HostConfig"]["PortBindings"] == {"8000/tcp": [{"HostIp": "", "HostPort": ""}]}


def test_dynamodb_local_runs_in_a_container_where_there_is_no_java(docker: type[FakeDocker]) -> None:
    told = start("dynamodb-local", docker, PATH="/nowhere", JAVA_HOME="")

    assert told == f"dynamodb-local http://127.0.0.1:{docker.port}"


def test_a_container_that_ends_at_once_is_unavailable_and_removed(docker: type[FakeDocker]) -> None:
    docker.state = "exited"

    told = start("docker", docker)

    assert told.startswith("engine docker cannot start | amazon/dynamodb-local:2.6.1 did not start: ")
    assert docker.asked[-1] == "delete c0ffee"
