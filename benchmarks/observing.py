"""What watching a call costs, and what it costs that nobody watches: a whole verb, without a network.

A transport answers at once from memory, so that a verb runs from call to instance with nothing that
waits, and its events are all that differs. A client without observers still asks whether it has any:
that question is timed by itself, as nothing could be seen of it in the whole.
"""

import json
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from zlib import crc32

from benchmarks.measure import ROUNDS, Options, compare, verdict
from benchmarks.peers.items import KEY, WIRE
from benchmarks.peers.model import Order
from dynamorm_async import connect
from dynamorm_async.observe import Event, Observers
from dynamorm_async.wire import Answer, Call

WATCHED, UNWATCHED, ASKED = "get, one observer", "get, no observer", "asking whether there is one"
# Of a verb without a network, whose runs differ by more than that from each other.
MOST_SHARE = 0.02
_BODY = json.dumps({"Item": WIRE}, separators=(",", ":")).encode()
_HEADERS = {"content-length": str(len(_BODY)), "x-amz-crc32": str(crc32(_BODY))}


class Canned:
    """A transport that has the answer."""

    name = "canned"

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        del call, timeout
        return Answer(status=200, headers=_HEADERS, body=_BODY)

    async def aclose(self) -> None: ...


class Counting:
    """An observer that does the least that one can do."""

    events = 0

    def on_event(self, event: Event) -> None:
        del event
        self.events += 1


def titles() -> list[str]:
    return [UNWATCHED, WATCHED, ASKED]


def run(options: Options) -> dict[str, Any]:
    """Return microseconds of each, and whether the question is nothing beside the verb."""
    customer, order = KEY["customer"], KEY["order"]
    plain, watched = connect(transport=Canned()).table(Order), Counting()
    observed = connect(transport=Canned(), observers=[watched]).table(Order)
    nobody = Observers()
    functions = {
        UNWATCHED: lambda: _at_once(plain.get(customer, order)),
        WATCHED: lambda: _at_once(observed.get(customer, order)),
        ASKED: lambda: bool(nobody),
    }
    wanted = {title: function for title, function in functions.items() if options.wants(title)}
    costs = compare(wanted, rounds=options.rounds or ROUNDS)
    assert WATCHED not in wanted or watched.events
    results: dict[str, Any] = {title: dict(cost) for title, cost in costs.items()}
    print("microseconds of CPU\n")
    for title, cost in costs.items():
        print(f"{title:34}{cost['median_us']:>8.2f}  {cost['min_us']:.2f}-{cost['max_us']:.2f}")
    if set(costs) == set(functions):
        whole = costs[UNWATCHED]["median_us"]
        share = costs[ASKED]["median_us"] / whole  # once for each call
        ratio = costs[WATCHED]["median_us"] / whole
        results[WATCHED]["ratio"] = round(ratio, 2)
        results[ASKED] |= {
            "share": round(share, 4),
            "at_most_percent": MOST_SHARE * 100,
            "verdict": verdict(met=share <= MOST_SHARE),
        }
        told = f"(at most {MOST_SHARE:.0%}: {results[ASKED]['verdict']})"
        print(f"\none observer ÷ none: {ratio:.2f}; asking is {share:.2%} of a get {told}")
    return {"results": results}


def _at_once(call: Coroutine[Any, Any, object]) -> None:
    """Run what never waits, without a loop around it."""
    with suppress(StopIteration):
        call.send(None)
        raise AssertionError("the call waited")
