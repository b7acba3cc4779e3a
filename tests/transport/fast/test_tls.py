"""TLS: certificates are verified, against the bundle that is configured; time is limited."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiobotocore.config import AioConfig
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dynamorm_async.errors import EndpointUnreachable, InvalidRequest
from dynamorm_async.testing.faults import answer, faulty_server
from dynamorm_async.transport import open_waist
from dynamorm_async.transport.fast import FastTransport
from tests.transport.fast.test_fast import GET, ITEM, KEYS


@attrs.frozen
class Certificate:
    bundle: Path
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """One that nobody but a bundle of its own vouches for, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2090))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, private = folder / "bundle.pem", folder / "key.pem"
    bundle.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(bundle, private)
    return Certificate(bundle, server)


def transport_to(url: str, **options: Any) -> FastTransport:
    return FastTransport(region="eu-west-1", endpoint=url, credentials=KEYS, **options)


async def test_a_certificate_that_nobody_vouches_for_is_refused_and_nothing_is_sent(
    certificate: Certificate,
) -> None:
    async with faulty_server(answer(ITEM), tls=certificate.server) as server:
        transport = transport_to(server.url)
        with pytest.raises(EndpointUnreachable, match="certificate is not trusted"):
            await transport.attempt(GET, timeout=5.0)
        await transport.aclose()

        assert server.requests == []


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_a_bundle_from_the_environment_is_trusted(certificate: Certificate, variable: str) -> None:
    async with faulty_server(answer(ITEM), tls=certificate.server) as server:
        transport = transport_to(server.url, environ={variable: str(certificate.bundle)})
        found = [(await transport.attempt(GET, timeout=5.0)).body for _ in range(3)]
        await transport.aclose()

        assert found == [ITEM] * 3
        assert server.connections == 1


async def test_a_bundle_from_the_profile_is_trusted(certificate: Certificate, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"[default]\nca_bundle = {certificate.bundle}\n")
    async with faulty_server(answer(ITEM), tls=certificate.server) as server:
        transport = transport_to(server.url)
        found = await transport.attempt(GET, timeout=5.0)
        await transport.aclose()

    assert found.body == ITEM


@pytest.mark.parametrize("text", [None, b"no certificate"], ids=["missing", "empty of certificates"])
async def test_a_bundle_that_cannot_be_read_is_named_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes | None
) -> None:
    bundle = tmp_path / "nope.pem"
    if text is not None:
        bundle.write_bytes(text)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    transport = FastTransport(endpoint="https://127.0.0.1:9", region="eu-west-1", credentials=KEYS)
    try:
        with pytest.raises(InvalidRequest, match="check AWS_CA_BUNDLE") as caught:
            await open_waist(transport).send(GET)
    finally:
        await transport.aclose()

    assert "nope.pem" in str(caught.value)
    assert caught.value.attempts == 0


async def test_a_context_of_the_users_own_is_used(certificate: Certificate) -> None:
    own = ssl.create_default_context(cafile=certificate.bundle)
    async with faulty_server(answer(ITEM), tls=certificate.server) as server:
        transport = transport_to(server.url, config=AioConfig(connector_args={"ssl_context": own}))
        found = await transport.attempt(GET, timeout=5.0)
        await transport.aclose()

    assert found.body == ITEM


async def test_a_certificate_for_another_name_is_refused(certificate: Certificate) -> None:
    async with faulty_server(answer(ITEM), tls=certificate.server) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        transport = transport_to(url, environ={"AWS_CA_BUNDLE": str(certificate.bundle)})
        with pytest.raises(EndpointUnreachable):
            await transport.attempt(GET, timeout=5.0)
        await transport.aclose()

        assert server.requests == []


async def test_a_slow_handshake_ends_at_the_deadline(certificate: Certificate) -> None:
    async with faulty_server(answer(ITEM), tls=certificate.server, handshake_delay=5.0) as server:
        transport = transport_to(server.url, environ={"AWS_CA_BUNDLE": str(certificate.bundle)})
        started = asyncio.get_running_loop().time()
        with pytest.raises(EndpointUnreachable):
            await transport.attempt(GET, timeout=0.3)

        assert asyncio.get_running_loop().time() - started < 1.5
        assert transport.pools[0].open == 0
        await transport.aclose()


async def test_a_connect_timeout_of_the_config_ends_a_slow_handshake(certificate: Certificate) -> None:
    async with faulty_server(answer(ITEM), tls=certificate.server, handshake_delay=5.0) as server:
        transport = transport_to(server.url, config=AioConfig(connect_timeout=0.2))
        with pytest.raises(EndpointUnreachable):
            await transport.attempt(GET, timeout=4.0)
        await transport.aclose()


@pytest.mark.slow
async def test_plain_http_spoken_to_a_tls_client_is_unreachable() -> None:
    async with faulty_server(answer(ITEM)) as server:
        transport = transport_to(server.url.replace("http://", "https://"))
        with pytest.raises(EndpointUnreachable):
            await transport.attempt(GET, timeout=1.0)
        await transport.aclose()

        assert server.requests == []


@contextmanager
def threaded_server(certificate: Certificate, *, close: bool) -> Generator[str]:
    """Speak TLS 1.3 from threads, so that session tickets arrive whenever they like."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate.bundle, certificate.bundle.with_name("key.pem"))
    ending = b"Connection: close\r\n" if close else b""
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(ITEM), ending, ITEM)

    def serve(plain: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as sock:
            head = b""
            while more := sock.recv(65_536):
                head += more
                if head.endswith(GET.body):  # all requests here are the same
                    sock.sendall(reply)
                    head = b""
                    if close:
                        sock.unwrap().close()
                        return

    def accept() -> None:
        with suppress(OSError):
            while True:
                workers.submit(serve, listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener, ThreadPoolExecutor(80) as workers:
        workers.submit(accept)
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)


async def test_session_tickets_are_not_taken_for_the_end_of_a_connection(certificate: Certificate) -> None:
    with threaded_server(certificate, close=False) as url:
        for _ in range(5):
            transport = transport_to(url, environ={"AWS_CA_BUNDLE": str(certificate.bundle)})
            answers = await asyncio.gather(*(transport.attempt(GET, timeout=10.0) for _ in range(64)))
            assert [each.body for each in answers] == [ITEM] * 64
            await transport.aclose()


@pytest.mark.slow
async def test_a_tls_server_may_close_after_each_answer(certificate: Certificate) -> None:
    with threaded_server(certificate, close=True) as url:
        transport = transport_to(url, environ={"AWS_CA_BUNDLE": str(certificate.bundle)})
        for _ in range(100):
            assert (await transport.attempt(GET, timeout=10.0)).body == ITEM
        for _ in range(5):
            answers = await asyncio.gather(*(transport.attempt(GET, timeout=10.0) for _ in range(40)))
            assert [each.body for each in answers] == [ITEM] * 40
        await transport.aclose()
