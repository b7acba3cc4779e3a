"""From a question to its first request: CPU time of shapes that were planned before.

What is timed begins at the conditions, as a handler of a web service writes them for each request,
and ends at the call with its bytes.
"""

from typing import Any

from benchmarks.measure import ROUNDS, Options, compare, verdict
from benchmarks.peers.items import AMOUNT_ABOVE, KEY
from benchmarks.peers.model import ORDER, Order
from dynamorm_async import connect

QUERY, FILTERED = "query by key", "query by key and range, filtered"
MOST_MICROSECONDS = 15.0


def titles() -> list[str]:
    return [QUERY, FILTERED, "get", "put"]


def run(options: Options) -> dict[str, Any]:
    """Return microseconds for each plan, and whether queries are planned fast enough."""
    # Plans send nothing, so that it does not matter where to.
    orders = connect("http://127.0.0.1:1", region="eu-west-1").table(Order)
    customer, order = KEY["customer"], KEY["order"]
    functions = {
        QUERY: lambda: orders.where(Order.customer == customer).plan().first,
        FILTERED: lambda: (
            orders.where(Order.customer == customer, Order.order > order, Order.amount > AMOUNT_ABOVE)
            .plan()
            .first
        ),
        "get": lambda: orders.plan.get(customer, order).first,
        "put": lambda: orders.plan.put(ORDER).first,
    }
    wanted = {title: function for title, function in functions.items() if options.wants(title)}
    results: dict[str, Any] = {}
    print("microseconds of CPU for a plan, first call included\n")
    for title, cost in compare(wanted, rounds=options.rounds or ROUNDS).items():
        results[title] = dict(cost)
        told = ""
        if title in {QUERY, FILTERED}:
            results[title] |= {
                "below_us": MOST_MICROSECONDS,
                "verdict": verdict(met=cost["median_us"] < MOST_MICROSECONDS),
            }
            told = f"  (below {MOST_MICROSECONDS:g}: {results[title]['verdict']})"
        print(f"{title:34}{cost['median_us']:>8.2f}  {cost['min_us']:.2f}-{cost['max_us']:.2f}{told}")
    return {"results": results}
