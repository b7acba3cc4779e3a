"""Which of a host's addresses is asked, and in which order."""

import asyncio
import socket

from dynamorm_async.transport.dialing import Address, Dialer
from dynamorm_async.transport.http1 import Connection


def place(sock: socket.socket) -> Address:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, sock.getsockname())


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
