"""What the network benches run in processes of their own: a server of canned answers, and each client.

A client is a function that opens it for a URL and gives its verbs by name:

    get, put, update, delete    one item
    query, batch_get            a list of 100 items
    get_many_1, _4, _16         a list of 10,000 items, so many calls in flight
    put_many                    10,000 puts in batches, eight calls in flight
    transact, _25, _100         two puts in one transaction, and 25, and 100
    stream                      how many items a filtered query of 10,000 gave, page by page

Each is in its client's own words and gives what its users get; what a client lacks is left out.
"""

from collections.abc import Awaitable, Callable

Verb = Callable[[], Awaitable[object]]

# Name of a client to the module and the function that open it, and the package that it needs. Each
# module imports its own packages only, so that no client's process pays for another's.
CLIENTS = {
    "ours": ("ours", "fast", "dynamorm_async"),
    "ours through aiobotocore": ("ours", "through_aiobotocore", "dynamorm_async"),
    "floor": ("floor", "floor", "dynamorm_async"),
    "aiobotocore": ("aws", "aiobotocore", "aiobotocore"),
    "aiobotocore, resource style": ("aws", "resource_style", "boto3"),
    "aiodynamo": ("dicts", "aiodynamo", "aiodynamo"),
    "pydynox": ("models", "pydynox", "pydynox"),
    "pydynox, dicts": ("models", "pydynox_dicts", "pydynox"),
    "boto3": ("aws", "boto3", "boto3"),
    "PynamoDB": ("models", "pynamodb", "pynamodb"),
}
# They block their thread, so that nothing is concurrent; CPU per operation is still theirs.
SYNCHRONOUS = frozenset({"boto3", "PynamoDB"})
# Verbs of many items, and clients that are another way to have many and no client of their own.
MANY = ("query", "batch_get", "stream", "get_many_1", "get_many_4", "get_many_16")
ONLY_MANY = frozenset({"pydynox, dicts"})
