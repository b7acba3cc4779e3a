"""Rounds of calls over the fast path; also a program, for what a process must begin with.

python -m tests.transport.fast.calling URL PAUSE CALLS…
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from dynamorm_async.transport import open_waist
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.wire import Call

GET = Call(operation="GetItem", body=b'{"TableName":"users","Key":{"id":{"S":"1"}}}', tables=("users",))


async def rounds_of_calls(
    url: str, rounds: Sequence[int], *, session: Any = None, pause: float = 0.0
) -> list[int]:
    """Return the most attempts that a call of each round took; a round's calls run at once."""
    transport = FastTransport(endpoint=url, region="eu-west-1", session=session)
    waist = open_waist(transport)
    most: list[int] = []
    try:
        for number, calls in enumerate(rounds):
            if number:
                await asyncio.sleep(pause)
            replies = await asyncio.gather(*(waist.send(GET) for _ in range(calls)))
            most.append(max(reply.attempts for reply in replies))
        assert transport.name == "fast"
    finally:
        await transport.aclose()
    return most


if __name__ == "__main__":
    _, place, seconds, *several = sys.argv
    found = asyncio.run(rounds_of_calls(place, [int(calls) for calls in several], pause=float(seconds)))
    sys.stdout.write(" ".join(map(str, found)))
