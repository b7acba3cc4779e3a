"""Run a server on a free port: wait until it answers, stop it, and say why it died.

Takes a command for a port, gives the endpoint. Never leaves a process behind, also when the body
raises or is cancelled. Output goes to a file without a name, so a full pipe cannot stop the server.
"""

import socket
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import IO
from urllib.parse import urlsplit

import anyio
import anyio.abc
import attrs

from dynamorm_async.testing.engines._engine import ACCESS_KEY, REGION, Lack

READY_S = 30.0
STOP_S = 5.0
PROBE_S = 2.0
POLL_S = 0.03
# A port that was free a moment ago may be taken before the server binds it.
PORT_ATTEMPTS = 3
TAIL_BYTES = 4000
TAIL_LINES = 4
TAIL_LENGTH = 400

# DynamoDB Local and dynoxide want the header to be complete, and check nothing in it.
_PROBE = "\r\n".join(
    [
        "POST / HTTP/1.1",
        "Host: {host}",
        "Content-Type: application/x-amz-json-1.0",
        "X-Amz-Target: DynamoDB_20120810.ListTables",
        "X-Amz-Date: 20260101T000000Z",
        f"Authorization: AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/dynamodb/aws4_request, "
        "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + "0" * 64,
        "Content-Length: 2",
        "Connection: close",
        "",
        "{{}}",
    ]
)


@asynccontextmanager
async def serving(
    engine: str, command: Callable[[int], Sequence[str]], *, environ: Mapping[str, str], fix: str
) -> AsyncGenerator[str, None]:
    """Run `command(port)` for a free port and give its endpoint once ListTables answers there.

    Args:
        engine: The engine's name, for the error.
        command: Port to program and arguments.
        environ: The whole environment of the process.
        fix: What to do when it does not start.

    Raises:
        EngineUnavailable: It ended, or did not answer within 30 seconds.
    """
    why = ""
    for _ in range(PORT_ATTEMPTS):
        port = _free_port()
        endpoint = f"http://127.0.0.1:{port}"
        async with _running(command(port), environ) as server:
            if await _answers_in_time(server, endpoint):
                yield endpoint
                return
            why = server.complaint()
        if "in use" not in why:
            break
    raise Lack(why, fix).error(engine)


async def status_of(endpoint: str) -> int | None:
    """Return the HTTP status of one ListTables at `endpoint`, or None where nothing speaks HTTP."""
    parts = urlsplit(endpoint)
    tls = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    # What the server says while it starts or ends is no answer: refused, reset, cut short.
    with (
        anyio.move_on_after(PROBE_S),
        suppress(OSError, anyio.BrokenResourceError, anyio.EndOfStream, ValueError),
    ):
        async with await (
            anyio.connect_tcp(host, port, tls=True, tls_standard_compatible=False)
            if tls
            else anyio.connect_tcp(host, port)
        ) as stream:
            await stream.send(_PROBE.format(host=parts.netloc).encode())
            head = b""
            while len(head) < len(b"HTTP/1.1 200"):
                head += await stream.receive()
            return int(head.split(b" ", 2)[1][:3]) if head.startswith(b"HTTP/") else None
    return None


@attrs.frozen
class _Server:
    process: anyio.abc.Process
    log: IO[bytes]

    def complaint(self) -> str:
        """Return one line: how it ended, or that it hangs, and the last it said."""
        code = self.process.returncode
        end = f"no answer within {READY_S:.0f} seconds" if code is None else f"it ended with status {code}"
        size = self.log.seek(0, 2)
        self.log.seek(max(0, size - TAIL_BYTES))
        lines = [line.strip() for line in self.log.read().decode(errors="replace").splitlines()]
        # A Java stack trace hides the reason under its frames.
        said = [line for line in lines if line and not line.startswith(("at ", "SLF4J:", "..."))]
        tail = " | ".join(said[-TAIL_LINES:])
        return f"{end}: {tail[-TAIL_LENGTH:]}" if tail else end


@asynccontextmanager
async def _running(command: Sequence[str], environ: Mapping[str, str]) -> AsyncGenerator[_Server, None]:
    with tempfile.TemporaryFile() as log:
        process = await anyio.open_process(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environ
        )
        try:
            yield _Server(process, log)
        finally:
            with anyio.CancelScope(shield=True):
                await _stop(process)


async def _stop(process: anyio.abc.Process) -> None:
    for end in (process.terminate, process.kill):
        if process.returncode is None:
            with suppress(ProcessLookupError):
                end()
            with anyio.move_on_after(STOP_S):
                await process.wait()
    await process.aclose()


async def _answers_in_time(server: _Server, endpoint: str) -> bool:
    with anyio.move_on_after(READY_S):
        while server.process.returncode is None:
            # Alive after the answer, too: before it ends on a taken port, the answer is another's.
            if await status_of(endpoint) == 200 and server.process.returncode is None:
                return True
            await anyio.sleep(POLL_S)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
