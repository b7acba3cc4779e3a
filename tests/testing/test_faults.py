"""The server that fails on cue: what its answers look like, byte for byte."""

import asyncio
from zlib import crc32

import pytest

from dynamorm_async.testing.faults import (
    Behaviour,
    answer,
    faulty_server,
    forwarding,
    proxy_page,
    refuse,
    whole_answer,
)
from dynamorm_async.transport import http1

BODY = b'{"Item":{"id":{"S":"1"}}}'
# What lets the fast path take an answer by its length, without a parser.
OWN_HEAD = http1._PLAIN  # pyright: ignore[reportPrivateUsage]


async def received(behaviour: Behaviour) -> bytes:
    async with faulty_server(behaviour) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        rest = await reader.read(10_000)
        writer.close()
    return head + rest


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answer(BODY), id="answer"),
        pytest.param(refuse("ThrottlingException"), id="400"),
        pytest.param(refuse("SlowDown", status=429), id="429"),
        pytest.param(refuse("InternalServerError", status=500), id="500"),
        pytest.param(refuse("ServiceUnavailable", status=503), id="503"),
    ],
)
async def test_an_ordinary_answer_has_dynamodbs_own_head(behaviour: Behaviour) -> None:
    assert OWN_HEAD.match(await received(behaviour))


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answer(BODY, headers={"Via": "1.1 proxy"}), id="one header more"),
        pytest.param(answer(BODY, headers={"Server": ""}), id="one header less"),
        pytest.param(answer(BODY, chunk=7), id="chunked"),
        pytest.param(refuse("ThrottlingException", headers={"x-amz-retry-after": "5"}), id="a hint"),
        pytest.param(proxy_page(), id="a proxy's page"),
    ],
)
async def test_an_answer_with_other_headers_has_the_head_of_something_else(behaviour: Behaviour) -> None:
    assert not OWN_HEAD.match(await received(behaviour))


async def test_an_engines_answer_comes_with_dynamodbs_head_or_with_its_own() -> None:
    async with faulty_server(answer(BODY, headers={"Server": "engine"}, chunk=5)) as engine:
        own = await received(forwarding(engine.url, share=0.0, heads="engine"))
        dynamodbs = await received(forwarding(engine.url, share=0.0))

    assert b"server: engine\r\n" in own
    assert own.endswith(BODY)
    assert OWN_HEAD.match(dynamodbs)
    assert dynamodbs.endswith(BODY)


async def test_an_engines_wrong_checksum_is_not_put_right() -> None:
    wrong = str(crc32(BODY) ^ 1)
    async with faulty_server(answer(BODY, headers={"x-amz-crc32": wrong})) as engine:
        found = await received(forwarding(engine.url, share=0.0))

    assert f"x-amz-crc32: {wrong}\r\n".encode() in found


def test_an_answer_in_chunks_ends_with_an_empty_one() -> None:
    whole = whole_answer(b"12345", chunk=3)

    assert whole.endswith(b"\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n")
    assert b"Content-Length" not in whole
