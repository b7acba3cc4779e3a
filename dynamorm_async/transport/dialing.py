"""Make connections to one host: resolve its name, connect, shake hands.

Takes host, port and TLS settings; gives connections, or EndpointUnreachable with the reason. The
addresses of a name are kept for some seconds, and tried in the order in which they were resolved,
but for one that accepted a connection after others had not: it is the first then. Certificates are
verified, always, and against the bundle that the AWS configuration names.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from dynamorm_async.errors import EndpointUnreachable, InvalidRequest
from dynamorm_async.transport.http1 import Connection

Address = tuple[int, int, int, Any]
"""Family, kind, protocol and place of a socket."""

_PER_ADDRESS = 2.0
_UNVERIFIED = (ssl.SSLCertVerificationError, ssl.CertificateError)


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How to speak TLS.

    Attributes:
        bundle: File or folder of certificates to trust, instead of the system's; None for those.
        context: A context of the caller's own, taken as it is.
    """

    bundle: str | None = None
    context: ssl.SSLContext | None = None

    def made(self) -> ssl.SSLContext:
        """Return the context; reads files, for some 20 ms.

        Raises:
            InvalidRequest: The bundle can't be read.
        """
        if self.context is not None:
            return self.context
        if self.bundle is not None:
            return _trusting(self.bundle)
        places: Any = ssl.get_default_verify_paths()  # typed as if both were always there
        if places.cafile is None and places.capath is None:
            return ssl.create_default_context(cafile=_botocore_bundle())
        return ssl.create_default_context()


async def _resolved(host: str, port: int) -> list[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, kind, proto, address) for family, kind, proto, _, address in found]


def _trusting(bundle: str) -> ssl.SSLContext:
    is_folder = Path(bundle).is_dir()
    try:
        return ssl.create_default_context(
            cafile=None if is_folder else bundle, capath=bundle if is_folder else None
        )
    except (OSError, ValueError) as error:  # no file, no certificates, or no name of a file
        raise InvalidRequest(
            f"the certificates to trust cannot be read from {bundle!r}, and nothing was sent",
            why=str(error),
            fix="check AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or ca_bundle in the AWS configuration",
            code="transport.configuration",
        ) from error


class Dialer:
    """Makes connections to one host.

    Args:
        host: Name or address, without brackets.
        port: TCP port.
        tls: None for plain HTTP.
        connect_timeout: Seconds for one connection, or None for what the attempt has.
        keepalive: Whether the system probes idle connections.
        dns_seconds: How long resolved addresses are kept.
        resolve: Gives the addresses of host and port; by default the loop asks the system.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Tls | None = None,
        connect_timeout: float | None = None,
        keepalive: bool = False,
        dns_seconds: float = 10.0,
        resolve: Callable[[str, int], Awaitable[list[Address]]] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._connect_timeout = connect_timeout
        self._keepalive = keepalive
        self._dns_seconds = dns_seconds
        self._resolve = resolve or _resolved
        self._context: ssl.SSLContext | None = None
        self._addresses: list[Address] = []
        self._resolved_at = float("-inf")
        # One look-up, and one reading of certificates, for all who wait for it.
        self._preparing = asyncio.Lock()

    async def dial(self, gone: Callable[[Connection], None]) -> Connection:
        """Return a new connection.

        Args:
            gone: Called when the connection is closed, with it.

        Raises:
            EndpointUnreachable: No name, no address that answers, no trust, no time.
            InvalidRequest: The certificates to trust can't be read.
        """
        try:
            async with asyncio.timeout(self._connect_timeout):
                async with self._preparing:
                    addresses = await self._prepared()
                return await self._first_of(addresses, gone)
        except (OSError, UnicodeError) as error:  # no time, no trust, or a name that is none
            raise self._unreachable(error) from error

    async def _prepared(self) -> list[Address]:
        if self._tls is not None and self._context is None:
            self._context = await asyncio.to_thread(self._tls.made)
        loop = asyncio.get_running_loop()
        if loop.time() - self._resolved_at >= self._dns_seconds:
            self._addresses = await self._resolve(self._host, self._port)
            self._resolved_at = loop.time()
        return self._addresses

    async def _first_of(self, addresses: list[Address], gone: Callable[[Connection], None]) -> Connection:
        last: OSError = OSError("the name has no address")
        for index, address in enumerate(addresses):
            try:
                # A silent address must not use up the time of those behind it.
                async with asyncio.timeout(_PER_ADDRESS if index + 1 < len(addresses) else None):
                    sock = await self._connected(address)
            except OSError as error:
                last = error
            else:
                if index and address in self._addresses:
                    # Those before it may stay silent; who comes next need not wait for them again.
                    self._addresses = [address, *(each for each in self._addresses if each != address)]
                return await self._spoken_for(sock, gone)
        # It may have moved: the next one asks again.
        self._resolved_at = float("-inf")
        raise last

    async def _connected(self, address: Address) -> socket.socket:
        family, kind, proto, place = address
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await asyncio.get_running_loop().sock_connect(sock, place)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _spoken_for(self, sock: socket.socket, gone: Callable[[Connection], None]) -> Connection:
        loop = asyncio.get_running_loop()
        connection = Connection(loop, gone)
        try:
            await loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=self._context,
                server_hostname=self._host if self._context is not None else None,
            )
        except BaseException:
            connection.abort()
            sock.close()
            raise
        return connection

    def _unreachable(self, error: OSError | UnicodeError) -> EndpointUnreachable:
        where = f"{self._host}:{self._port}"
        if isinstance(error, _UNVERIFIED):
            return EndpointUnreachable(
                f"{where}: its certificate is not trusted, so nothing was sent",
                why=str(error),
                fix="give AWS_CA_BUNDLE the certificate's authority, or check the endpoint's name",
            )
        return EndpointUnreachable(
            f"{where}: nothing accepted a connection",
            why=str(error) or "it took too long",
            fix="check endpoint, region, network and proxies",
        )


def _botocore_bundle() -> str | None:
    spec = find_spec("botocore")
    places = spec.submodule_search_locations if spec is not None else None
    return str(Path(places[0]) / "cacert.pem") if places else None
