"""Which of a host's addresses is asked, and in which order, and how: real sockets that listen, or don't."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiobotocore.config import AioConfig

from dynamorm_async.errors import EndpointUnreachable
from dynamorm_async.testing.faults import answer, faulty_server, whole_answer
from dynamorm_async.transport.dialing import Address, Dialer
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.transport.http1 import Connection
from tests.transport.fast.test_fast import GET, ITEM, KEYS


def place(sock: socket.socket) -> Address:
    return (sock.family, socket.SOCK_STREAM, 0, sock.getsockname())


def forget(_: Connection) -> None:
    """Nobody keeps account of these."""


async def test_an_address_that_accepted_is_the_first_until_the_name_is_resolved_anew() -> None:
    with socket.create_server(("127.0.0.1", 0)) as good, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # and does not listen

        async def both(_host: str, _port: int) -> list[Address]:
            return [place(dead), place(good)]

        async def goes_to(dialer: Dialer, listener: socket.socket) -> bool:
            connection = await dialer.dial(forget)
            listener.settimeout(0.2)
            try:
                accepted, _ = await asyncio.to_thread(listener.accept)
            except TimeoutError:
                return False
            finally:
                connection.abort()
            accepted.close()
            return True

        keeping = Dialer("some.host", 80, resolve=both, dns_seconds=60.0)
        resolving = Dialer("some.host", 80, resolve=both, dns_seconds=0.0)
        assert await goes_to(keeping, good)
        assert await goes_to(resolving, good)
        dead.listen()

        assert await goes_to(keeping, good)
        assert await goes_to(resolving, dead)


@contextmanager
def refusing(host: str, family: socket.AddressFamily = socket.AF_INET) -> Generator[socket.socket]:
    """An address that nobody else gets, and where nobody listens."""
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        yield sock


@contextmanager
def silent(host: str) -> Generator[socket.socket]:
    """An address whose system takes no more connections, and says nothing: its queue is full."""
    with socket.create_server((host, 0), backlog=0) as sock, socket.socket() as waiting:
        waiting.connect(sock.getsockname())
        yield sock


@attrs.define
class Resolver:
    """Resolves every name to some addresses, after a moment, and counts."""

    addresses: list[Address]
    calls: int = 0

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.calls += 1
        await asyncio.sleep(0.01)
        return self.addresses


def peer(connection: Connection) -> Any:
    wire: Any = connection._transport  # pyright: ignore[reportPrivateUsage]
    return wire.get_extra_info("peername")


async def test_the_next_address_is_tried_where_one_refuses_of_either_family() -> None:
    with (
        refusing("127.0.0.1") as first,
        refusing("127.0.0.2") as second,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as third,
    ):
        dialer = Dialer("some.host", 80, resolve=Resolver([place(first), place(second), place(third)]))

        connection = await dialer.dial(forget)

        assert peer(connection)[:2] == third.getsockname()[:2]
        connection.abort()


@pytest.mark.parametrize(("host", "name"), [("127.0.0.1", "localhost"), ("::1", "[::1]")])
async def test_an_engine_on_either_family_of_addresses_is_reached(host: str, name: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole_answer(ITEM))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, host, 0) as server:
        url = f"http://{name}:{server.sockets[0].getsockname()[1]}"
        transport = FastTransport(endpoint=url, region="eu-west-1", credentials=KEYS)
        found = await transport.attempt(GET, timeout=5.0)
        await transport.aclose()

    assert found.body == ITEM


@pytest.mark.slow
async def test_an_address_that_stays_silent_leaves_time_for_the_next() -> None:
    with silent("127.0.0.1") as first, socket.create_server(("127.0.0.2", 0)) as second:
        dialer = Dialer("some.host", 80, resolve=Resolver([place(first), place(second)]))
        loop = asyncio.get_running_loop()

        started = loop.time()
        connection = await dialer.dial(forget)
        first_took = loop.time() - started
        again = await dialer.dial(forget)

        assert peer(connection) == peer(again) == second.getsockname()
        assert 1.9 < first_took < 4.0
        assert loop.time() - started - first_took < 1.0  # it is the first now
        connection.abort()
        again.abort()


async def test_where_every_address_refuses_the_host_is_unreachable_and_resolved_anew_next_time() -> None:
    with refusing("127.0.0.1") as first, refusing("::1", socket.AF_INET6) as second:
        resolver = Resolver([place(first), place(second)])
        dialer = Dialer("some.host", 80, resolve=resolver, dns_seconds=60.0)
        for _ in range(2):
            with pytest.raises(EndpointUnreachable, match="nothing accepted a connection"):
                await dialer.dial(forget)

        assert resolver.calls == 2


async def test_addresses_are_kept_for_their_time_and_resolved_once_for_all_who_wait() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listener:
        resolver = Resolver([place(listener)])
        dialer = Dialer("some.host", 80, resolve=resolver, dns_seconds=0.5)

        connections = await asyncio.gather(*(dialer.dial(forget) for _ in range(10)))
        assert resolver.calls == 1
        await asyncio.sleep(0.55)
        connections += [await dialer.dial(forget)]

        assert resolver.calls == 2
        for connection in connections:
            connection.abort()


@pytest.mark.parametrize(
    ("config", "file", "is_kept"),
    [
        pytest.param(None, "", False, id="not asked for"),
        pytest.param(AioConfig(tcp_keepalive=True), "", True, id="config"),
        pytest.param(None, "[default]\ntcp_keepalive = true\n", True, id="file"),
        pytest.param(
            AioConfig(tcp_keepalive=False), "[default]\ntcp_keepalive = true\n", False, id="config first"
        ),
    ],
)
async def test_the_system_probes_idle_connections_where_the_configuration_says_so(
    tmp_path: Path, config: AioConfig | None, file: str, is_kept: bool
) -> None:
    (tmp_path / "config").write_text(file)
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(endpoint=server.url, region="eu-west-1", credentials=KEYS, config=config)
        await transport.attempt(GET, timeout=10.0)
        (pool,) = transport.pools
        idle: Any = pool._idle[0]  # pyright: ignore[reportPrivateUsage]
        sock = idle._transport.get_extra_info("socket")
        option = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await transport.aclose()

    assert bool(option) is is_kept
