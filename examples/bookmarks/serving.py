"""uvicorn on a free port of this machine, in the running event loop.

Takes an application, gives its address. The lifespan runs here and not in uvicorn, so that what
it raises reaches the caller instead of a log.
"""

import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import anyio
import uvicorn
from fastapi import FastAPI

_GRACE_S = 5


class _Server(uvicorn.Server):
    """uvicorn that says when it listens, and leaves it to others what Ctrl-C means."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[str]:
    """Serve `app` on 127.0.0.1 and give its URL; requests in flight are answered before it stops."""
    config = uvicorn.Config(
        app, lifespan="off", ws="none", log_level="warning", timeout_graceful_shutdown=_GRACE_S
    )
    server = _Server(config)
    # With the protocol named: asyncio sets TCP_NODELAY on no other socket, and an answer in two packets
    # waits 40 ms without it.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        async with app.router.lifespan_context(app), anyio.create_task_group() as tasks:
            tasks.start_soon(_serve, server, listener)
            try:
                await server.listening.wait()
                host, port = listener.getsockname()
                yield f"http://{host}:{port}"
            finally:
                server.should_exit = True


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    # Cancelled in the middle of a request it would drop the connection; it stops by `should_exit`.
    with anyio.CancelScope(shield=True):
        await server.serve([listener])
